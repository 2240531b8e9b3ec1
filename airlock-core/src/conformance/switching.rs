//! The operator's switch, and the health of what is guarded (G19, G20).

use std::time::Duration;

use super::bench::{Bench, LONG, MICRO, ROOM, SECOND, heavy, invalid, lock, person, refused, secs, semaphore, soon};
use super::{SHORT, Subject};
use crate::admission::FairShare;
use crate::gate::{Micros, OnMissed, SwitchState, Switched};
use crate::{Entrant, Error, Line, Rate, Reason, Seal, Switch, Whom};

/// Whose switch a rule is about.
#[derive(Clone, Copy, Debug)]
enum Of {
    Airlock,
    Resource,
}

impl Of {
    const BOTH: [(&'static str, Of); 2] = [("an airlock's", Of::Airlock), ("a resource's", Of::Resource)];

    async fn set(self, bench: &Bench, switch: Switch) {
        match self {
            Of::Airlock => set(bench, switch).await,
            Of::Resource => set_at(bench, ROOM, Some(switch)).await,
        }
    }
}

async fn set(bench: &Bench, switch: Switch) {
    bench.airlock.switch(switch).await.expect("a store that works");
}

async fn set_at(bench: &Bench, resource: &str, switch: Option<Switch>) {
    bench.airlock.switch_resource(resource, switch).await.expect("a store that works");
}

async fn feels(bench: &Bench, score: f64) {
    bench.airlock.report_health(score).await.expect("a store that works");
}

/// Newcomers are turned away in every way to come, and are told all alike when it reopens.
async fn closed(bench: &Bench, resource: &'static str) -> Option<Duration> {
    let errors = [
        bench.airlock.try_enter(resource).await.expect_err("trying"),
        bench.airlock.enter(Entrant::new(resource).identity("zoe")).await.expect_err("taking a place"),
        soon("an answer", bench.airlock.acquire(resource).into_future()).await.expect_err("waiting"),
    ];
    let told = errors.map(|error| match error {
        Error::Refused(refusal) if refusal.reason == Reason::Closed => refusal.retry_after(),
        other => panic!("should be closed, not {other:?}"),
    });
    assert!(told.iter().all(|after| *after == told[0]), "{told:?}");
    told[0]
}

/// G19, G20: what is set can be seen, of one resource and of all, whether anybody is there or not, for as long as it lasts.
pub async fn g20_what_is_set_can_be_seen(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(semaphore(3)).health(0.5, secs(30))).await;
    let seen = bench.inspect().await;
    assert_eq!((seen.switch, seen.airlock_switch, seen.unwell_for), (None, Switched::default(), None));
    let micros = |span: Duration| Some(span.as_micros() as Micros);
    let closed = Switched { state: SwitchState::Closed, reopens_in: micros(secs(60)), because: Some("Lunch.".into()) };
    let held = Switched { state: SwitchState::Hold, ..Switched::default() };
    set(&bench, Switch::closed().because("Lunch.").reopen_in(secs(60))).await;
    feels(&bench, 0.1).await;
    set_at(&bench, "pressed", Some(Switch::hold())).await;
    bench.airlock.resize("pressed", Some(2)).await.expect("a store that works");
    let seen = bench.inspect().await;
    assert_eq!((seen.switch_in_force(), seen.unwell_for), (&closed, micros(secs(30))));
    assert_eq!((seen.limit, seen.configured, seen.switch), (3, 3, None));
    let seen = bench.airlock.inspect("pressed").await.expect("a store that works");
    assert_eq!((seen.switch_in_force(), &seen.airlock_switch), (&held, &closed));
    assert_eq!((seen.limit, seen.configured, seen.limit_override), (2, 3, Some(2)));
    let survey = bench.airlock.survey(0, 10).await.expect("a store that works");
    assert_eq!((survey.total, &survey.switch, survey.unwell_for), (1, &closed, micros(secs(30))));
    let pressed = &survey.resources[0];
    assert_eq!((pressed.limit, pressed.configured, pressed.limit_override), (2, 3, Some(2)));
    assert_eq!(pressed.switch.as_ref(), Some(&held));
    subject.advance(secs(20)).await;
    assert_eq!(bench.inspect().await.airlock_switch.reopens_in, micros(secs(40)));
    subject.advance(secs(40)).await;
    let seen = bench.inspect().await;
    assert_eq!((seen.airlock_switch, seen.unwell_for), (Switched::default(), None));
}

/// G20: closed refuses newcomers, and the line is frozen: who is inside stays inside, and who waits stays where it is.
pub async fn g20_closed_refuses_newcomers_and_freezes_the_line(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        let bench = Bench::named(subject, name, |b| b.seal(lock())).await;
        let inside = bench.inside(ROOM).await;
        let here = bench.waits(ROOM).await;
        let away = bench.queued(person("ada")).await;
        of.set(&bench, Switch::closed()).await;
        assert_eq!(closed(&bench, ROOM).await, None, "nobody knows when it reopens");
        assert!(inside.is_lost().is_none());
        inside.renew().await.expect("a lease");
        inside.release().await.expect("a lease");
        assert_eq!(bench.still_waiting(&away).await, 2);
        // Who is in line already is no newcomer.
        assert_eq!(bench.queued(person("ada")).await.place.position, 2);
        let seen = bench.inspect().await;
        assert_eq!((seen.in_use, seen.offered, seen.waiting), (0, 0, 2));
        assert!(here.is_waiting());
        of.set(&bench, Switch::open()).await;
        drop(here.gets_in().await);
    }
}

/// G20: who is refused is told when it reopens, to the microsecond, and then it does.
pub async fn g20_who_is_refused_is_told_when_it_reopens(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        for (kind, switch) in [("closed", Switch::closed()), ("drain", Switch::drain())] {
            let bench = Bench::named(subject, &format!("{name} {kind}"), |b| b.seal(lock())).await;
            of.set(&bench, switch.reopen_in(secs(10))).await;
            assert_eq!(closed(&bench, ROOM).await, Some(secs(10)));
            subject.advance(secs(4)).await;
            assert_eq!(closed(&bench, ROOM).await, Some(secs(6)));
            subject.advance(secs(6) - MICRO).await;
            assert_eq!(closed(&bench, ROOM).await, Some(Duration::from_millis(1)), "rounded up");
            subject.advance(MICRO).await;
            bench.passes(ROOM).await;
            bench.until_nothing_is_left().await;
        }
    }
}

/// G20: an offer stays an offer while it is closed. One that is not taken goes to nobody.
pub async fn g20_closed_keeps_offers_claimable(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(3)).await;
    let inside = bench.inside(heavy(3)).await;
    let [claims, misses] = [bench.queued(ROOM).await, bench.queued(ROOM).await];
    bench.queued(person("ada")).await;
    let next = bench.queued(heavy(3)).await;
    inside.release().await.expect("a lease");
    let offer = bench.offered(&claims).await;
    set(&bench, Switch::closed()).await;
    assert_eq!(bench.offered(&claims).await, offer);
    let claimed = bench.airlock.claim(&claims.token, offer.nonce).await.expect("an offer");
    let ada = bench.inside(person("ada")).await;
    assert!(claimed.is_lost().is_none() && ada.is_lost().is_none());
    subject.advance(secs(20)).await;
    bench.gone(&misses).await;
    bench.still_waiting(&next).await;
    claimed.release().await.expect("a lease");
    ada.release().await.expect("a lease");
    bench.still_waiting(&next).await;
    assert_eq!(bench.inspect().await.in_use, 0);
    set(&bench, Switch::open()).await;
    bench.offered(&next).await;
}

/// G20: on hold everybody joins the line, and nobody is let in.
pub async fn g20_hold_queues_everybody_and_lets_nobody_in(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        let bench = Bench::named(subject, name, |b| b.seal(semaphore(2))).await;
        let inside = bench.inside(ROOM).await;
        of.set(&bench, Switch::hold()).await;
        assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
        let here = bench.waits(ROOM).await;
        let away = bench.queued(ROOM).await;
        inside.release().await.expect("nobody is put out");
        assert_eq!(bench.still_waiting(&away).await, 2);
        let seen = bench.inspect().await;
        assert_eq!((seen.in_use, seen.offered, seen.waiting), (0, 0, 2));
        assert!(here.is_waiting());
        of.set(&bench, Switch::open()).await;
        let _here = here.gets_in().await;
        bench.offered(&away).await;
    }
}

/// G20: drain refuses newcomers, and serves the line in its order until nobody is left.
pub async fn g20_drain_serves_the_line_until_it_is_empty(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        let bench = Bench::named(subject, name, |b| b.seal(lock())).await;
        let inside = bench.inside(ROOM).await;
        let here = bench.waits(ROOM).await;
        let away = bench.queued(person("ada")).await;
        let last = bench.waits(ROOM).await;
        of.set(&bench, Switch::drain()).await;
        assert_eq!(closed(&bench, ROOM).await, None);
        inside.release().await.expect("a lease");
        let first = here.gets_in().await;
        assert_eq!(bench.still_waiting(&away).await, 1);
        assert_eq!(closed(&bench, ROOM).await, None);
        first.release().await.expect("a lease");
        let offer = bench.offered(&away).await;
        let second = bench.airlock.claim(&away.token, offer.nonce).await.expect("an offer");
        assert!(last.is_waiting());
        second.release().await.expect("a lease");
        last.gets_in().await.release().await.expect("a lease");
        bench.until_empty().await;
        assert_eq!(closed(&bench, ROOM).await, None, "empty, and still no newcomers");
        of.set(&bench, Switch::open()).await;
        bench.passes(ROOM).await;
    }
}

/// G20, G2: bypass lets everybody in, uncounted; numbers grow all the same.
pub async fn g20_bypass_lets_everybody_in_uncounted(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        let bench = Bench::named(subject, name, |b| b.seal(semaphore(2))).await;
        let before = bench.inside(heavy(2)).await;
        of.set(&bench, Switch::bypass()).await;
        let beside = soon("an answer", bench.airlock.acquire(heavy(2)).into_future()).await.expect("bypassed");
        let crate::Entered::Admitted(away) = bench.airlock.enter(ROOM).await.expect("bypassed") else {
            panic!("nobody waits at a bypassed gate");
        };
        let passed = [bench.inside(ROOM).await, beside, away];
        let seen = bench.inspect().await;
        assert_eq!((seen.in_use, seen.offered, seen.waiting), (2, 0, 0), "only who was inside before counts");
        // Nor does the limit mean anything.
        bench.airlock.resize(ROOM, Some(0)).await.expect("a store that works");
        let last = bench.inside(ROOM).await;
        bench.airlock.resize(ROOM, None).await.expect("a store that works");
        let mut fences = vec![before.fence(), last.fence()];
        fences.extend(passed.iter().map(|permit| permit.fence()));
        fences.sort_unstable();
        fences.dedup();
        assert!(fences.len() == 5 && fences[0] == before.fence() && fences[4] == last.fence(), "{fences:?}");
        drop(passed);
        assert_eq!(bench.inspect().await.in_use, 2, "it gives no room back that it did not take");
        of.set(&bench, Switch::open()).await;
        assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
        before.release().await.expect("a lease");
        bench.passes(heavy(2)).await;
    }
}

/// G20: bypass lets in those who wait beside the gate, and offers those who are away a place that takes no room.
pub async fn g20_bypass_lets_in_who_waits(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        let bench = Bench::named(subject, name, |b| b.seal(semaphore(2))).await;
        let inside = bench.inside(heavy(2)).await;
        let here = bench.waits(heavy(2)).await;
        let away = bench.queued(person("ada").weight(2)).await;
        let misses = bench.queued(ROOM).await;
        of.set(&bench, Switch::bypass()).await;
        let here = here.gets_in().await;
        let offer = bench.offered(&away).await;
        let seen = bench.inspect().await;
        assert_eq!((seen.in_use, seen.offered, seen.waiting), (2, 2, 0));
        let claimed = bench.airlock.claim(&away.token, offer.nonce).await.expect("an offer");
        assert_eq!(bench.inspect().await.in_use, 2, "nor does it take any once it is claimed");
        assert!(inside.fence() < here.fence() && here.fence() < claimed.fence());
        of.set(&bench, Switch::open()).await;
        here.release().await.expect("nothing to release");
        claimed.release().await.expect("a lease");
        bench.offered(&misses).await;
        subject.advance(secs(20)).await;
        bench.gone(&misses).await;
        let seen = bench.inspect().await;
        assert_eq!((seen.in_use, seen.offered), (2, 0));
        assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
        inside.release().await.expect("a lease");
        bench.passes(heavy(2)).await;
    }
}

/// G20, G10: who misses an offer that takes no room is out, and never gets in past the limit from the back of the line.
pub async fn g20_who_misses_a_bypass_is_out(subject: &impl Subject) {
    let line = Line::new().presence(secs(60)).claim_window(secs(45)).on_missed(OnMissed::Requeue);
    let bench = Bench::with(subject, |b| b.seal(lock()).line(line)).await;
    let inside = bench.inside(ROOM).await;
    let misses = bench.queued(ROOM).await;
    set(&bench, Switch::bypass()).await;
    bench.offered(&misses).await;
    set(&bench, Switch::open()).await;
    subject.advance(secs(45)).await;
    bench.gone(&misses).await;
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.offered, seen.waiting), (1, 0, 0));
    inside.release().await.expect("a lease");
}

/// G20: neither a group's cap nor its turn keeps anybody of it from passing; nor is it charged for that.
pub async fn g20_bypass_knows_no_shares(subject: &impl Subject) {
    let shares = FairShare::new().share("ada", 1.0).cap("ada", 1);
    let bench = Bench::with(subject, |b| b.seal(semaphore(2)).admission(shares)).await;
    let of = |group: &'static str| Entrant::new(ROOM).group(group);
    let _both = [bench.inside(of("ada")).await, bench.inside(of("bob")).await];
    let waiters = [bench.waits(of("ada")).await, bench.waits(of("bob")).await, bench.waits(of("ada")).await];
    let away = bench.queued(of("ada")).await;
    set(&bench, Switch::bypass()).await;
    for waiter in waiters {
        drop(waiter.gets_in().await);
    }
    let offer = bench.offered(&away).await;
    let claimed = bench.airlock.claim(&away.token, offer.nonce).await.expect("an offer");
    assert_eq!(bench.inspect().await.in_use, 2);
    set(&bench, Switch::open()).await;
    claimed.release().await.expect("a lease");
    assert_eq!(bench.inspect().await.in_use, 2);
}

/// G20: under fair shares those who wait pass by turns, and by arrival where caps hold everybody back.
pub async fn g20_bypass_keeps_the_order_of_fair_shares(subject: &impl Subject) {
    let of = |group: &'static str| Entrant::new(ROOM).group(group);
    for (name, shares) in
        [("turns", FairShare::new().share("bob", 10.0)), ("caps", FairShare::new().cap("ada", 1).cap("bob", 1))]
    {
        let bench = Bench::named(subject, name, |b| b.seal(semaphore(2)).admission(shares)).await;
        let _both = [bench.inside(of("ada")).await, bench.inside(of("bob")).await];
        let (ada, bob) = if name == "turns" {
            let ada = bench.waits(of("ada")).await;
            (ada, bench.waits(of("bob")).await)
        } else {
            let bob = bench.waits(of("bob")).await;
            (bench.waits(of("ada")).await, bob)
        };
        set(&bench, Switch::bypass()).await;
        let (ada, bob) = (ada.gets_in().await, bob.gets_in().await);
        assert!(bob.fence() < ada.fence(), "{name}");
    }
}

/// G20: who is heavier than a lowered limit passes as well, instead of being put out.
pub async fn g20_bypass_lets_in_the_heaviest(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        let bench = Bench::named(subject, name, |b| b.seal(semaphore(2))).await;
        let inside = bench.inside(heavy(2)).await;
        let light = bench.waits(ROOM).await;
        let heavy = bench.waits(heavy(2)).await;
        of.set(&bench, Switch::hold()).await;
        bench.airlock.resize(ROOM, Some(1)).await.expect("a store that works");
        assert_eq!(bench.inspect().await.waiting, 2);
        of.set(&bench, Switch::bypass()).await;
        let (light, heavy) = (light.gets_in().await, heavy.gets_in().await);
        assert!(light.fence() < heavy.fence());
        drop(inside);
    }
}

/// G20, G4: a permit of a bypassed gate is no lease: nobody is a duplicate, nothing can be put out, and nothing is lost.
pub async fn g20_a_bypassed_permit_is_never_lost(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        let bench = Bench::named(subject, name, |b| b.seal(Seal::semaphore(3).ttl(secs(5)).max_hold(secs(10)))).await;
        of.set(&bench, Switch::bypass()).await;
        let permits = [bench.inside(person("ada")).await, bench.inside(person("ada")).await];
        let waited = soon("an answer", bench.airlock.acquire(person("ada")).into_future()).await.expect("bypassed");
        assert!(!bench.airlock.evict(ROOM, Whom::Identity("ada")).await.expect("a store that works"));
        assert!(!bench.airlock.evict(ROOM, Whom::Fence(waited.fence())).await.expect("a store that works"));
        subject.advance(LONG).await;
        of.set(&bench, Switch::open()).await;
        // Nor does it stand in the way of the lease of the same name.
        let ada = bench.inside(person("ada")).await;
        assert_eq!(bench.turned_away(person("ada")).await, Reason::Duplicate);
        subject.advance(SECOND).await;
        for permit in permits.into_iter().chain([waited]) {
            assert!(permit.is_lost().is_none());
            permit.renew().await.expect("nothing to renew");
            permit.release().await.expect("nothing to release");
        }
        assert_eq!(bench.inspect().await.in_use, 1);
        ada.release().await.expect("a lease");
        of.set(&bench, Switch::bypass()).await;
        bench.passes(person("ada")).await;
    }
}

/// G20, G4: who is inside is no duplicate at a bypassed gate, and keeps its own lease.
pub async fn g20_nobody_is_a_duplicate_at_a_bypassed_gate(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let ada = bench.inside(person("ada")).await;
    assert_eq!(bench.turned_away(person("ada")).await, Reason::Duplicate);
    set(&bench, Switch::bypass()).await;
    let again = bench.inside(person("ada")).await;
    assert!(again.fence() > ada.fence());
    again.release().await.expect("nothing to release");
    assert!(ada.is_lost().is_none());
    set(&bench, Switch::open()).await;
    assert_eq!(bench.turned_away(person("ada")).await, Reason::Duplicate);
    ada.release().await.expect("its own lease");
}

/// G20: a resource's own switch wins over the airlock's, whatever either says, until it is cleared.
pub async fn g20_a_resources_own_switch_wins_until_it_is_cleared(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    set_at(&bench, "press", Some(Switch::open())).await;
    set(&bench, Switch::closed()).await;
    bench.passes("press").await;
    assert_eq!(closed(&bench, ROOM).await, None);
    set_at(&bench, "press", None).await;
    assert_eq!(closed(&bench, "press").await, None);
    // One that comes later does as well.
    set_at(&bench, "press", Some(Switch::open())).await;
    bench.passes("press").await;

    set(&bench, Switch::bypass()).await;
    set_at(&bench, ROOM, Some(Switch::closed())).await;
    assert_eq!(closed(&bench, ROOM).await, None);
    set_at(&bench, ROOM, Some(Switch::hold())).await;
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
    let waiter = bench.waits(ROOM).await;
    set(&bench, Switch::open()).await;
    assert!(bench.inspect().await.waiting == 1 && waiter.is_waiting());
    set_at(&bench, ROOM, None).await;
    drop(waiter.gets_in().await);

    // Past its own, the airlock's is in force again, and that says when it ends.
    set_at(&bench, ROOM, Some(Switch::open().reopen_in(secs(5)))).await;
    set(&bench, Switch::closed().reopen_in(secs(60))).await;
    bench.passes(ROOM).await;
    subject.advance(secs(5)).await;
    assert_eq!(closed(&bench, ROOM).await, Some(secs(55)));
}

/// G20: of two switches the later one is in force, and so is its end.
pub async fn g20_a_switch_set_twice_is_the_later_one(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        let bench = Bench::named(subject, name, |b| b.seal(lock())).await;
        of.set(&bench, Switch::closed().reopen_in(secs(5))).await;
        of.set(&bench, Switch::closed().reopen_in(secs(20))).await;
        subject.advance(secs(5)).await;
        assert_eq!(closed(&bench, ROOM).await, Some(secs(15)));
        of.set(&bench, Switch::closed()).await;
        subject.advance(secs(20)).await;
        assert_eq!(closed(&bench, ROOM).await, None);
        of.set(&bench, Switch::closed().reopen_in(SECOND)).await;
        assert_eq!(closed(&bench, ROOM).await, Some(SECOND), "an earlier end");
        of.set(&bench, Switch::hold().reopen_in(secs(9))).await;
        subject.advance(SECOND).await;
        assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
        of.set(&bench, Switch::bypass()).await;
        let _uncounted = [bench.inside(ROOM).await, bench.inside(ROOM).await];
        for _ in 0..2 {
            of.set(&bench, Switch::open()).await;
            let _inside = bench.inside(ROOM).await;
            assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
        }
    }
}

/// G20, G6: who waits when it reopens is let in, although nobody asks.
pub async fn g20_who_waits_is_let_in_when_it_reopens(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        for (kind, switch) in [("closed", Switch::closed()), ("hold", Switch::hold())] {
            let bench = Bench::named(subject, &format!("{name} {kind}"), |b| b.seal(lock())).await;
            let inside = bench.inside(ROOM).await;
            let waiter = bench.waits(ROOM).await;
            of.set(&bench, switch.reopen_in(SHORT)).await;
            inside.release().await.expect("a lease");
            subject.advance(SHORT - MICRO).await;
            let seen = bench.inspect().await;
            assert_eq!((seen.in_use, seen.waiting), (0, 1));
            assert!(waiter.is_waiting());
            subject.advance(MICRO).await;
            drop(waiter.gets_in().await);
            bench.until_nothing_is_left().await;
        }
    }
}

/// G20, G18: limits may be set meanwhile, and count from when it is open again.
pub async fn g20_a_limit_raised_on_hold_lets_nobody_in(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        for (kind, switch) in [("closed", Switch::closed()), ("hold", Switch::hold())] {
            let bench = Bench::named(subject, &format!("{name} {kind}"), |b| b.seal(lock())).await;
            let _inside = bench.inside(ROOM).await;
            let here = bench.waits(ROOM).await;
            let away = bench.queued(ROOM).await;
            let last = bench.queued(ROOM).await;
            of.set(&bench, switch).await;
            bench.airlock.resize(ROOM, Some(3)).await.expect("a store that works");
            let seen = bench.inspect().await;
            assert_eq!((seen.limit, seen.in_use, seen.waiting), (3, 1, 3));
            assert!(here.is_waiting());
            bench.still_waiting(&away).await;
            of.set(&bench, Switch::open()).await;
            let _here = here.gets_in().await;
            bench.offered(&away).await;
            assert_eq!(bench.still_waiting(&last).await, 1);
        }
    }
}

/// G20: a resource's switch acts at its next step on every node, an airlock's within a second.
pub async fn g20_every_node_is_told(subject: &impl Subject) {
    let one = Bench::new(subject, lock()).await;
    let other = Bench::new(subject, lock()).await;
    set_at(&one, "press", Some(Switch::drain())).await;
    assert_eq!(closed(&other, "press").await, None);
    set_at(&other, "press", None).await;
    one.passes("press").await;
    set(&one, Switch::closed()).await;
    subject.advance(SECOND).await;
    assert_eq!(closed(&other, ROOM).await, None);
    set(&other, Switch::open()).await;
    subject.advance(SECOND).await;
    one.passes(ROOM).await;
}

/// G20: a process that is only there for one entry, such as a cron job, obeys what was set before it began.
pub async fn g20_a_new_node_obeys_at_once(subject: &impl Subject) {
    let one = Bench::new(subject, lock()).await;
    one.passes(ROOM).await;
    set(&one, Switch::closed()).await;
    let new = Bench::new(subject, lock()).await;
    assert_eq!(closed(&new, ROOM).await, None);
    set(&one, Switch::open()).await;
    Bench::new(subject, lock()).await.passes(ROOM).await;
}

/// RX-3, G19: at health 0.0 the head was still admitted.
pub async fn rx_03_nobody_is_let_in_while_it_is_unwell(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let head = bench.waits(ROOM).await;
    feels(&bench, 0.0).await;
    assert!(inside.is_lost().is_none());
    inside.release().await.expect("nobody is put out");
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.waiting), (0, 1));
    assert!(head.is_waiting());
    // It is a hold of the whole airlock: everybody may join the line.
    assert_eq!(bench.turned_away("elsewhere").await, Reason::Full);
    let away = bench.queued("elsewhere").await;
    bench.still_waiting(&away).await;
    feels(&bench, 0.9).await;
    drop(head.gets_in().await);
    let offer = bench.offered(&away).await;
    // Offers stay.
    feels(&bench, 0.0).await;
    drop(bench.airlock.claim(&away.token, offer.nonce).await.expect("an offer"));
}

/// G19: it is unwell below the threshold, and not at it; the last report counts.
pub async fn g19_it_is_unwell_below_the_threshold(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).health(0.3, secs(10))).await;
    for (score, unwell) in [(0.3, false), (0.299, true), (1.0, false), (-1.0, true), (7.0, false), (0.0, true)] {
        feels(&bench, score).await;
        match bench.airlock.try_enter(ROOM).await {
            Ok(_) => assert!(!unwell, "let in at {score}"),
            refusal => assert!(unwell && refused(refusal) == Reason::Full, "kept out at {score}"),
        }
    }
    // Each report counts from when it is made.
    subject.advance(secs(6)).await;
    feels(&bench, 0.1).await;
    subject.advance(secs(10) - MICRO).await;
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
    subject.advance(MICRO).await;
    bench.passes(ROOM).await;
    bench.until_nothing_is_left().await;
}

/// G19, G6: a report that is too old does not count, and who waits is let in then, although nobody asks.
pub async fn g19_a_report_that_is_too_old_does_not_count(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).health(0.5, SHORT)).await;
    feels(&bench, 0.1).await;
    let waiter = bench.waits(ROOM).await;
    subject.advance(SHORT - MICRO).await;
    assert_eq!(bench.inspect().await.waiting, 1);
    subject.advance(MICRO).await;
    drop(waiter.gets_in().await);
}

/// G19, G20: unwell and switched at once: nobody is let in until both allow it.
pub async fn g19_unwell_and_switched_let_nobody_in(subject: &impl Subject) {
    for (name, of) in Of::BOTH {
        let bench = Bench::named(subject, name, |b| b.seal(lock())).await;
        let inside = bench.inside(ROOM).await;
        let waiter = bench.waits(ROOM).await;
        of.set(&bench, Switch::drain()).await;
        feels(&bench, 0.0).await;
        inside.release().await.expect("a lease");
        assert_eq!(closed(&bench, ROOM).await, None);
        assert_eq!(bench.inspect().await.waiting, 1);
        of.set(&bench, Switch::hold()).await;
        feels(&bench, 1.0).await;
        assert_eq!(bench.inspect().await.waiting, 1);
        feels(&bench, 0.0).await;
        of.set(&bench, Switch::open()).await;
        assert_eq!(bench.inspect().await.waiting, 1);
        assert!(waiter.is_waiting());
        feels(&bench, 1.0).await;
        drop(waiter.gets_in().await);
        // What an operator has let everybody past is not guarded.
        feels(&bench, 0.0).await;
        of.set(&bench, Switch::bypass()).await;
        bench.passes(ROOM).await;
    }
}

/// G20: who is refused hears why, by the switch in force and by no other.
pub async fn g20_who_is_refused_hears_why(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let why = async || {
        let error = bench.airlock.try_enter(ROOM).await.expect_err("closed");
        let refusal = error.refusal().expect("a refusal");
        assert_eq!(refusal.reason, Reason::Closed);
        assert_eq!(refusal.retry_after(), refusal.reopens_in());
        (refusal.because().map(str::to_owned), refusal.reopens_in())
    };
    let said = |why: &str| Some(why.to_owned());
    let year = secs(365 * 24 * 60 * 60);

    set(&bench, Switch::closed()).await;
    assert_eq!(why().await, (None, None));
    set(&bench, Switch::drain().because("sold out").reopen_in(year)).await;
    assert_eq!(why().await, (said("sold out"), Some(year)));
    // The resource's own wins, whether or not it has something to say.
    set_at(&bench, ROOM, Some(Switch::closed().because("broken"))).await;
    assert_eq!(why().await, (said("broken"), None));
    set_at(&bench, ROOM, Some(Switch::closed().reopen_in(secs(5)))).await;
    assert_eq!(why().await, (None, Some(secs(5))));
    subject.advance(secs(5)).await;
    assert_eq!(why().await, (said("sold out"), Some(year - secs(5))));
    set(&bench, Switch::open().because("done")).await;

    // There is no room, which has nothing to do with it.
    let inside = bench.inside(ROOM).await;
    let error = bench.airlock.try_enter(ROOM).await.expect_err("somebody is inside");
    let refusal = error.refusal().expect("a refusal");
    assert_eq!((refusal.reason, refusal.because(), refusal.reopens_in()), (Reason::Full, None, None));
    drop(inside);
    bench.until_nothing_is_left().await;
}

/// G20: who only tries at a gate on hold hears how long it lasts, if that is known: the rate alone may be sooner.
pub async fn g20_a_hold_is_told_to_who_only_tries(subject: &impl Subject) {
    let rate = Rate::per_minute(30).burst(1);
    let bench = Bench::new(subject, semaphore(1).with_rate(rate)).await;
    let told = async || match bench.airlock.try_enter(ROOM).await {
        Err(Error::Refused(refusal)) => (refusal.reason, refusal.retry_after()),
        other => panic!("should be refused, not {other:?}"),
    };
    set(&bench, Switch::hold()).await;
    assert_eq!(told().await, (Reason::Full, None));
    set(&bench, Switch::hold().reopen_in(secs(9))).await;
    assert_eq!(told().await, (Reason::Full, Some(secs(9))));
    set(&bench, Switch::open()).await;
    bench.inside(ROOM).await.release().await.expect("a lease");
    assert_eq!(told().await, (Reason::Limited, Some(secs(2))));
    set(&bench, Switch::hold().reopen_in(secs(1))).await;
    assert_eq!(told().await, (Reason::Limited, Some(secs(2))), "the rate takes longer");
    set(&bench, Switch::hold().reopen_in(secs(9))).await;
    assert_eq!(told().await, (Reason::Limited, Some(secs(9))), "the hold takes longer");
    set(&bench, Switch::hold()).await;
    assert_eq!(told().await, (Reason::Limited, None));
}

/// G2: nothing is left of a switch that is cleared or over, nor of those it let in or turned away.
pub async fn g02_nothing_is_left_of_a_switch(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let kept = async || bench.airlock.survey(0, 1).await.expect("a store that works").total;
    set_at(&bench, ROOM, None).await;
    assert_eq!(kept().await, 0, "there was none");
    for switch in [Switch::open(), Switch::closed(), Switch::hold(), Switch::drain(), Switch::bypass()] {
        set(&bench, switch.clone()).await;
        drop(bench.airlock.try_enter(ROOM).await);
        bench.until_nothing_is_left().await;
        set(&bench, Switch::open()).await;

        set_at(&bench, ROOM, Some(switch.clone())).await;
        drop(bench.airlock.try_enter(ROOM).await);
        bench.until_empty().await;
        assert_eq!(kept().await, 1, "it stays until it is cleared: {switch:?}");
        set_at(&bench, ROOM, None).await;
        bench.until_nothing_is_left().await;

        set_at(&bench, ROOM, Some(switch.clone().reopen_in(secs(5)))).await;
        subject.advance(secs(5) - MICRO).await;
        assert_eq!(kept().await, 1, "not over yet: {switch:?}");
        subject.advance(MICRO).await;
        bench.until_nothing_is_left().await;
    }
    // Nor of those who gave up waiting.
    set(&bench, Switch::hold()).await;
    drop(bench.waits(ROOM).await);
    bench.until_nothing_is_left().await;
}

/// G22: what cannot be switched or reported is refused, and changes nothing.
pub async fn g22_what_is_no_switch_is_refused(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    for never in [Duration::ZERO, Duration::from_nanos(1), secs(365 * 24 * 60 * 60 + 1), Duration::MAX] {
        let switch = Switch::closed().reopen_in(never);
        invalid(bench.airlock.switch(switch.clone()).await);
        invalid(bench.airlock.switch_resource(ROOM, Some(switch)).await);
    }
    for why in [String::new(), "line\nbreak".to_owned(), "x".repeat(513)] {
        let switch = Switch::closed().because(why);
        invalid(bench.airlock.switch(switch.clone()).await);
        invalid(bench.airlock.switch_resource(ROOM, Some(switch)).await);
    }
    for wrong in ["", "line\nbreak"] {
        invalid(bench.airlock.switch_resource(wrong, Some(Switch::hold())).await);
        invalid(bench.airlock.switch_resource(wrong, None).await);
    }
    invalid(bench.airlock.report_health(f64::NAN).await);
    bench.passes(ROOM).await;
    bench.until_nothing_is_left().await;
}
