//! Deadlines, numbers that only grow, and what vanishes (G1, G2).

use std::time::{Duration, UNIX_EPOCH};

use super::bench::{Bench, LONG, MICRO, ROOM, SECOND, builder, invalid, lock, lost, person, secs, semaphore};
use super::{SHORT, Subject};
use crate::gate::Key;
use crate::{Line, OnReentry, Seal, Standing};

/// G1: a lease is over at exactly its deadline, and not a microsecond before.
pub async fn g01_a_lease_is_over_at_exactly_its_deadline(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let token = bench.inside(ROOM).await.detach().expect("a lease");
    subject.advance(secs(10) - MICRO).await;
    bench.turned_away(ROOM).await;
    assert!(matches!(bench.airlock.poll(&token).await, Ok(Standing::Inside { .. })));
    subject.advance(MICRO).await;
    assert_eq!(bench.airlock.poll(&token).await.expect("a store that works"), Standing::Unknown);
    bench.passes(ROOM).await;
}

/// G1: what is past its deadline is over for everybody who asks, whichever command comes first.
pub async fn g01_an_expired_lease_is_over_for_every_command(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::semaphore(4).ttl(secs(10))).await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(bench.inside(ROOM).await.detach().expect("a lease"));
    }
    subject.advance(secs(10)).await;
    lost(bench.airlock.release(&tokens[0]).await);
    lost(bench.airlock.renew(&tokens[1]).await);
    lost(bench.airlock.restore(&tokens[2]).await);
    assert!(!bench.airlock.leave(&tokens[3]).await.expect("a store that works"));
    assert_eq!(bench.inspect().await.in_use, 0);
}

/// G1: a time to live that is zero, or too long to count, is refused when the seal is built or the call is made.
pub async fn g01_a_lease_without_end_or_length_is_refused(subject: &impl Subject) {
    let years = secs(366 * 24 * 60 * 60);
    for bad in [Duration::ZERO, Duration::from_nanos(999), years, Duration::MAX] {
        for (field, seal) in [("seal.ttl", lock().ttl(bad)), ("seal.max_hold", lock().max_hold(bad))] {
            let refused = builder("conformance").seal(seal).store(subject.store().await).build();
            assert_eq!(refused.expect_err("no such lease").field(), field, "{bad:?}");
        }
    }
    let bench = Bench::new(subject, lock()).await;
    let permit = bench.inside(ROOM).await;
    for bad in [Duration::ZERO, Duration::from_nanos(999), years, Duration::MAX] {
        invalid(permit.renew_for(bad).await);
    }
    // None of which has cost it its place.
    bench.turned_away(ROOM).await;
    permit.release().await.expect("a lease");
}

/// RX-9, G1: a time to live that is no whole number of seconds, or of milliseconds, ends like any other.
pub async fn rx_09_a_fractional_ttl_leaks_nothing(subject: &impl Subject) {
    for ttl in [MICRO, Duration::from_micros(1_500_001), Duration::from_nanos(2_000_000_700), Duration::from_millis(1)]
    {
        let bench = Bench::named(subject, &format!("{ttl:?}"), |b| b.seal(Seal::lock().ttl(ttl))).await;
        let token = bench.inside(ROOM).await.detach().expect("a lease");
        let until = bench.airlock.poll(&token).await.expect("a store that works");
        assert!(matches!(until, Standing::Inside { until: Some(_), .. }), "{ttl:?}: {until:?}");
        subject.advance(Duration::from_micros(ttl.as_micros() as u64)).await;
        assert_eq!(bench.inspect().await.in_use, 0, "{ttl:?}");
        bench.until_nothing_is_left().await;
    }
}

/// G2: fences only grow, also at one moment, also after the gate vanished, and are never below the clock.
pub async fn g02_fences_only_grow(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(3)).await;
    let mut last = 0;
    for round in 0..4 {
        let permits = [bench.inside(ROOM).await, bench.inside(ROOM).await, bench.inside(ROOM).await];
        for permit in permits {
            assert!(permit.fence() > last, "round {round}: {} after {last}", permit.fence());
            last = permit.fence();
            permit.release().await.expect("a lease");
        }
        bench.until_nothing_is_left().await;
        subject.advance(MICRO).await;
    }
    subject.advance(secs(5)).await;
    let token = bench.inside(ROOM).await.detach().expect("a lease");
    let Ok(Standing::Inside { fence, until: Some(until), .. }) = bench.airlock.poll(&token).await else {
        panic!("should be inside")
    };
    let now = until.duration_since(UNIX_EPOCH).expect("after 1970") - LONG;
    assert!(u128::from(fence) >= now.as_micros(), "fence {fence} is below the clock, {now:?}");
}

/// G2: a fence grows in the order of admission, whoever offers, claims or waits.
pub async fn g02_fences_follow_the_order_of_admission(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let first = bench.inside(ROOM).await;
    let second = bench.queued(person("second")).await;
    let third = bench.waits(person("third")).await;
    let mut fences = vec![first.fence()];
    first.release().await.expect("a lease");
    let offer = bench.offered(&second).await;
    let second = bench.airlock.claim(&second.token, offer.nonce).await.expect("an offer");
    fences.push(second.fence());
    second.release().await.expect("a lease");
    let third = third.gets_in().await;
    fences.push(third.fence());
    third.release().await.expect("a lease");
    fences.push(bench.inside(ROOM).await.fence());
    assert!(fences.is_sorted_by(|a, b| a < b), "{fences:?}");
}

/// RX-30, G2: nothing is left of those who are gone, whichever way they went.
pub async fn rx_30_nothing_is_left_of_those_who_are_gone(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(60))).await;
    for tenant in 0..20 {
        let room = format!("tenant:{tenant}");
        let entrant = |who: &str| crate::Entrant::new(room.clone()).identity(format!("{who}:{tenant}"));
        let permit = bench.inside(entrant("holder")).await;
        let left = bench.queued(entrant("leaves")).await;
        let missed = bench.queued(entrant("misses")).await;
        bench.queued(entrant("is absent")).await;
        assert!(bench.airlock.leave(&left.token).await.expect("a store that works"));
        if tenant % 2 == 0 {
            permit.release().await.expect("a lease");
            bench.offered(&missed).await;
        } else {
            // Lapses.
            permit.detach().expect("a lease");
        }
    }
    assert_eq!(bench.airlock.survey(0, 100).await.expect("a store that works").total, 20);
    subject.advance(secs(60)).await;
    bench.until_nothing_is_left().await;
}

/// G2: an operator's limit outlives everybody, and once it is cleared nothing is left.
pub async fn g02_an_override_stays_until_it_is_cleared(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(5)).await;
    bench.airlock.resize(ROOM, Some(1)).await.expect("a store that works");
    bench.inside(ROOM).await.release().await.expect("a lease");
    subject.advance(LONG + LONG).await;
    let permit = bench.inside(ROOM).await;
    bench.turned_away(ROOM).await;
    permit.release().await.expect("a lease");
    bench.airlock.resize(ROOM, None).await.expect("a store that works");
    assert_eq!(bench.inspect().await.limit, 5);
    bench.until_nothing_is_left().await;
}

/// G6: every answer says when something will change by itself.
pub async fn g06_answers_say_when_something_changes_by_itself(subject: &impl Subject) {
    use super::bench::{admitted, enter};
    use crate::gate::{Stay, Verb};
    use crate::token::Secret;

    let line = Line::new().presence(secs(30)).claim_window(secs(20));
    let seal = Seal::lock().ttl(secs(100));
    let bench = Bench::with(subject, |b| b.seal(seal).line(line).on_reentry(OnReentry::Share)).await;
    // A session's lease has a deadline on every store.
    let session = Secret::random();
    let answer = bench.apply(enter(session, Some("ada"), Stay::Away)).await;
    let lapses = admitted(&answer).until;
    assert_eq!(answer.next_at, Some(lapses));
    let waiter = Secret::random();
    let answer = bench.apply(enter(waiter, Some("bob"), Stay::Away)).await;
    assert_eq!(answer.next_at, Some(lapses - 70_000_000), "the waiter's presence");
    subject.advance(secs(20)).await;
    let key = Key::Token(waiter);
    let answer = bench.apply(Verb::Poll { key }).await;
    assert!(answer.next_at.is_some_and(|at| at <= lapses - 50_000_000), "no later than its presence, moved by 20 s");
    assert!(!answer.more);
}

/// G1, G6: a gate that was empty in between keeps its deadlines as well as a new one.
pub async fn g06_a_gate_that_comes_back_keeps_its_deadlines(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(SHORT)).await;
    let lapses_first = bench.inside(ROOM).await.detach().expect("a lease");
    bench.airlock.release(&lapses_first).await.expect("a lease");
    bench.until_nothing_is_left().await;
    subject.advance(SECOND / 2).await;
    bench.inside(ROOM).await.detach().expect("a lease");
    let waiter = bench.waits(ROOM).await;
    // The first lease's deadline comes and goes; the second's is what lets the waiter in.
    subject.advance(SECOND / 2).await;
    assert!(waiter.is_waiting());
    assert_eq!(bench.inspect().await.in_use, 1);
    let waiter_alone = waiter;
    subject.advance(SECOND / 2).await;
    drop(waiter_alone.gets_in().await);
}
