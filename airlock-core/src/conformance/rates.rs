//! What a rate lets through, alone and beside a semaphore (G17).

use std::time::Duration;

use super::bench::{
    Bench, LONG, MICRO, ROOM, SECOND, admitted, enter, give_up, heavy, person, refused, secs, semaphore,
};
use super::{SHORT, Subject};
use crate::gate::{Ending, Key, OnReentry, Outcome, Stay, SwitchState, Verb};
use crate::token::Secret;
use crate::{Entrant, Error, Line, Rate, Reason, Seal, Standing, Switch, Whom};

/// One in two seconds, and four at once after a quiet.
fn slow() -> Rate {
    Rate::new(4, secs(8))
}

/// One in the time by which a test may move the clock while somebody waits.
fn ticking(burst: u32) -> Rate {
    Rate::new(1, SHORT).burst(burst)
}

/// Somebody who only tries is not let in by the rate, and is told how long it takes.
async fn limited<'a>(bench: &Bench, entrant: impl Into<Entrant<'a>>) -> Option<Duration> {
    match bench.airlock.try_enter(entrant).await {
        Err(Error::Refused(refusal)) if refusal.reason == Reason::Limited => refusal.retry_after(),
        other => panic!("should be limited, not {other:?}"),
    }
}

/// G17: after a quiet the burst comes at once, then one each interval, to the microsecond.
pub async fn g17_a_rate_lets_in_so_many_in_a_time(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::rate(slow())).await;
    for _ in 0..4 {
        bench.passes(ROOM).await;
    }
    for _ in 0..3 {
        assert_eq!(limited(&bench, ROOM).await, Some(secs(2)));
        subject.advance(secs(2) - MICRO).await;
        assert_eq!(limited(&bench, ROOM).await, Some(Duration::from_millis(1)), "rounded up");
        subject.advance(MICRO).await;
        bench.passes(ROOM).await;
    }
    // Half a quiet is worth half a burst, and a long one no more than one.
    for (quiet, worth) in [(4, 2), (5, 2), (3600, 4)] {
        subject.advance(secs(quiet)).await;
        for _ in 0..worth {
            bench.passes(ROOM).await;
        }
        limited(&bench, ROOM).await;
    }
    bench.passes("another room").await;
}

/// G17: what weighs more uses more of the rate up.
pub async fn g17_weight_counts(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::rate(slow())).await;
    bench.passes(heavy(3)).await;
    assert_eq!(limited(&bench, heavy(2)).await, Some(secs(2)));
    assert_eq!(limited(&bench, heavy(4)).await, Some(secs(6)));
    bench.passes(heavy(1)).await;
    assert_eq!(limited(&bench, heavy(4)).await, Some(secs(8)));
    subject.advance(secs(8)).await;
    bench.passes(heavy(4)).await;
    for too_much in [0, 5, u32::MAX] {
        super::bench::invalid(bench.airlock.acquire(heavy(too_much)).await);
    }
}

/// RX-5, G17: looking whether there is room, however often and in whichever way, uses nothing of a rate up.
pub async fn rx_05_asking_uses_nothing_up(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::rate(slow())).await;
    for _ in 0..20 {
        bench.inspect().await;
    }
    for _ in 0..4 {
        bench.passes(ROOM).await;
    }
    let ticket = bench.queued(person("ada")).await;
    for _ in 0..20 {
        limited(&bench, ROOM).await;
        limited(&bench, person("bob")).await;
        bench.still_waiting(&ticket).await;
        bench.airlock.position(&ticket.token).await.expect("a store that works");
        bench.inspect().await;
    }
    subject.advance(secs(2)).await;
    let offer = bench.offered(&ticket).await;
    let permit = bench.airlock.claim(&ticket.token, offer.nonce).await.expect("an offer");
    permit.release().await.expect("nothing to release");
    // The next one comes as if nobody had asked.
    subject.advance(secs(2) - MICRO).await;
    limited(&bench, ROOM).await;
    subject.advance(MICRO).await;
    bench.passes(ROOM).await;
}

/// G17: a refusal by one part leaves no trace on the other.
pub async fn g17_all_parts_or_none(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2).with_rate(slow())).await;
    let first = bench.inside(ROOM).await;
    let second = bench.inside(ROOM).await;
    // Full: the rate has two left, and keeps them.
    for _ in 0..10 {
        let refusal = bench.airlock.try_enter(ROOM).await.expect_err("two are inside");
        let refusal = refusal.refusal().cloned().expect("a refusal");
        assert_eq!((refusal.reason, refusal.retry_after()), (Reason::Full, None));
    }
    first.release().await.expect("a lease");
    second.release().await.expect("a lease");
    let first = bench.inside(heavy(2)).await;
    first.release().await.expect("a lease");
    // Limited: nobody is inside, and stays so.
    for _ in 0..10 {
        assert_eq!(limited(&bench, ROOM).await, Some(secs(2)));
        assert_eq!(bench.inspect().await.in_use, 0);
    }
    subject.advance(secs(8)).await;
    let _both = bench.inside(heavy(2)).await;
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
    // Both: that of the semaphore is said, for how long nobody knows.
    subject.advance(secs(3600)).await;
    bench.turned_away(heavy(2)).await;
}

/// G17: what a rate has given it never gets back: neither by a release, nor from who misses, declines or is put out.
pub async fn g17_what_was_given_is_never_given_back(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(1).with_rate(ticking(2))).await;
    bench.inside(ROOM).await.release().await.expect("a lease");
    let evicted = bench.inside(person("ada")).await;
    assert!(bench.airlock.evict(ROOM, Whom::Identity("ada")).await.expect("a store that works"));
    drop(evicted);
    assert_eq!(bench.inspect().await.in_use, 0);
    assert_eq!(limited(&bench, ROOM).await, Some(SHORT), "the room is empty, and the rate is spent");
    // Offered and declined.
    let ticket = bench.queued(ROOM).await;
    subject.advance(SHORT).await;
    bench.offered(&ticket).await;
    assert!(bench.airlock.leave(&ticket.token).await.expect("a store that works"));
    assert_eq!(limited(&bench, ROOM).await, Some(SHORT));
    // Offered and missed.
    let rate = Seal::rate(Rate::new(1, secs(60)));
    let bench = Bench::named(subject, "missed", |b| b.seal(rate)).await;
    bench.passes(ROOM).await;
    subject.advance(secs(59)).await;
    let ticket = bench.queued(ROOM).await;
    subject.advance(secs(1)).await;
    bench.offered(&ticket).await;
    subject.advance(secs(20)).await;
    bench.gone(&ticket).await;
    assert_eq!(limited(&bench, ROOM).await, Some(secs(40)));
    subject.advance(secs(40)).await;
    bench.passes(ROOM).await;
}

/// G17: who is let in by a rate alone holds nothing: it cannot be released early, need not be renewed, and is never
/// lost.
pub async fn g17_a_rates_permit_holds_nothing(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::rate(slow()).ttl(SECOND).max_hold(SECOND)).await;
    let permits = [bench.inside(ROOM).await, bench.inside(ROOM).await, bench.inside(ROOM).await];
    let last = bench.inside(person("ada")).await;
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.holders.len()), (0, 0), "{seen:?}");
    for permit in permits {
        permit.renew().await.expect("nothing to renew");
        permit.release().await.expect("nothing to release");
    }
    assert_eq!(limited(&bench, ROOM).await, Some(secs(2)));
    // Nobody can put out who is not inside.
    for whom in [Whom::Identity("ada"), Whom::Fence(last.fence())] {
        assert!(!bench.airlock.evict(ROOM, whom).await.expect("a store that works"));
    }
    subject.advance(LONG).await;
    bench.inspect().await;
    assert_eq!((last.is_lost(), last.deadline()), (None, None));
    last.renew_for(SECOND).await.expect("nothing to renew");
    assert!(last.token().is_err(), "there is nothing to keep");
    drop(last);
    bench.passes(heavy(4)).await;
}

/// G17, G4: under a rate nobody is a duplicate of somebody who is inside, for nobody is.
pub async fn g17_a_rate_knows_no_duplicates(subject: &impl Subject) {
    for on_reentry in [OnReentry::Refuse, OnReentry::Share] {
        let name = format!("{on_reentry:?}");
        let configure = |b: crate::Builder| b.seal(Seal::rate(slow())).on_reentry(on_reentry);
        let bench = Bench::named(subject, &name, configure).await;
        let mut fences = Vec::new();
        let mut permits = Vec::new();
        for _ in 0..4 {
            let permit = bench.inside(person("ada")).await;
            fences.push(permit.fence());
            permits.push(permit);
        }
        assert!(fences.is_sorted_by(|a, b| a < b), "an admission each: {fences:?}");
        limited(&bench, person("ada")).await;
    }
}

/// G3, G17: who asks again with the same token, because the reply was lost, is told the same and uses up nothing more.
pub async fn g03_a_lost_reply_costs_no_cell(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::rate(slow())).await;
    let token = Secret::random();
    let first = admitted(&bench.apply(enter(token, Some("ada"), Stay::No)).await);
    for stay in [Stay::No, Stay::Away] {
        let again = admitted(&bench.apply(enter(token, Some("ada"), stay)).await);
        assert_eq!((again.fence, again.leased), (first.fence, false));
    }
    let poll = Verb::Poll { key: Key::Token(token) };
    assert_eq!(admitted(&bench.apply(poll).await).fence, first.fence);
    // Nobody is inside: the same person may come again, at the price of a cell.
    let other = admitted(&bench.apply(enter(Secret::random(), Some("ada"), Stay::No)).await);
    assert!(other.fence > first.fence);
    for _ in 0..2 {
        bench.passes(ROOM).await;
    }
    assert_eq!(limited(&bench, ROOM).await, Some(secs(2)));
    // The answer is the same although a newcomer would be refused by now.
    assert_eq!(admitted(&bench.apply(enter(token, Some("ada"), Stay::No)).await).fence, first.fence);
    let released = bench.apply(give_up(token, false)).await.outcome;
    assert!(matches!(released, Outcome::NotHeld), "there is nothing to release: {released:?}");
    subject.advance(secs(60)).await;
    bench.until_nothing_is_left().await;
}

/// G11, G17: a claim is the same twice where only a rate lets in, and costs one cell.
pub async fn g11_a_claim_on_a_rate_is_the_same_twice(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::rate(slow())).await;
    bench.passes(heavy(4)).await;
    let ticket = bench.queued(person("ada")).await;
    subject.advance(secs(2)).await;
    let offer = bench.offered(&ticket).await;
    let first = bench.airlock.claim(&ticket.token, offer.nonce).await.expect("an offer");
    let again = bench.airlock.claim(&ticket.token, offer.nonce).await.expect("the same answer");
    assert_eq!(first.fence(), again.fence());
    assert_eq!(refused(bench.airlock.claim(&ticket.token, offer.nonce ^ 1).await), Reason::Missed);
    assert_eq!(bench.airlock.poll(&ticket.token).await.expect("a store"), Standing::Over(Ending::Admitted));
    drop((first, again));
    assert_eq!(limited(&bench, ROOM).await, Some(secs(2)));
}

/// G17: at most one in that time, counted from its admission, for each resource.
pub async fn g17_a_cooldown_counts_from_the_admission(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::cooldown(secs(60))).await;
    let permit = bench.inside(ROOM).await;
    subject.advance(secs(20)).await;
    permit.release().await.expect("nothing to release");
    assert_eq!(limited(&bench, ROOM).await, Some(secs(40)));
    bench.passes("another room").await;
    subject.advance(secs(40) - MICRO).await;
    limited(&bench, ROOM).await;
    subject.advance(MICRO).await;
    bench.passes(ROOM).await;
    assert_eq!(limited(&bench, ROOM).await, Some(secs(60)));
}

/// G17, G6: who waits for a rate is let in as it is replenished, in order, although nobody asks.
pub async fn g17_who_waits_for_a_rate_gets_in_by_itself(subject: &impl Subject) {
    for (name, seal) in [("alone", Seal::rate(ticking(1))), ("both", semaphore(3).with_rate(ticking(1)))] {
        let bench = Bench::named(subject, name, |b| b.seal(seal)).await;
        let first = bench.inside(ROOM).await;
        let second = bench.waits(ROOM).await;
        let third = bench.waits(ROOM).await;
        // Nobody barges, and nobody knows how long it takes behind a line.
        assert_eq!(limited(&bench, ROOM).await, None);
        subject.advance(SHORT - MICRO).await;
        assert_eq!(bench.inspect().await.waiting, 2);
        subject.advance(MICRO).await;
        let second = second.gets_in().await;
        assert!(third.is_waiting());
        assert_eq!(bench.inspect().await.waiting, 1);
        subject.advance(SHORT).await;
        let third = third.gets_in().await;
        assert!(first.fence() < second.fence() && second.fence() < third.fence());
        assert!(third.waited() >= SHORT, "{:?}", third.waited());
    }
}

/// G17, G10: who is away is offered what comes next, and has it only when it claims.
pub async fn g17_who_is_away_claims(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::rate(Rate::new(1, secs(10)))).await;
    bench.passes(ROOM).await;
    let first = bench.queued(ROOM).await;
    let second = bench.queued(ROOM).await;
    subject.advance(secs(10)).await;
    let offer = bench.offered(&first).await;
    assert_eq!(bench.still_waiting(&second).await, 1);
    let permit = bench.airlock.claim(&first.token, offer.nonce).await.expect("an offer");
    assert_eq!(bench.airlock.poll(&first.token).await.expect("a store that works"), Standing::Over(Ending::Admitted));
    permit.release().await.expect("nothing to release");
    assert_eq!(bench.still_waiting(&second).await, 1, "the next in ten seconds");
    subject.advance(secs(10)).await;
    bench.offered(&second).await;
}

/// G17, G6: the rate says when something will change by itself, if it alone is in the way of the next.
pub async fn g17_answers_say_when_the_rate_lets_go(subject: &impl Subject) {
    let line = Line::new().presence(secs(30)).claim_window(secs(20));
    let seal = Seal::lock().ttl(secs(100)).with_rate(ticking(1));
    let bench = Bench::with(subject, |b| b.seal(seal).line(line).on_reentry(OnReentry::Share)).await;
    let (session, waiter) = (Secret::random(), Secret::random());
    // A session's lease has a deadline on every store.
    let answer = bench.apply(enter(session, Some("ada"), Stay::Away)).await;
    let now = admitted(&answer).until - 100_000_000;
    assert_eq!(answer.next_at, Some(now + 100_000_000), "nobody waits for the rate");
    let answer = bench.apply(enter(waiter, Some("bob"), Stay::Away)).await;
    assert_eq!(answer.next_at, Some(now + 30_000_000), "the room is full: only presence ends by itself");
    let answer = bench.apply(give_up(session, false)).await;
    assert_eq!(answer.next_at, Some(now + 1_000_000), "the rate alone is in the way");
    let hold = Verb::Switch { state: Some(SwitchState::Hold), reopen_in: None, because: None };
    assert_eq!(bench.apply(hold).await.next_at, Some(now + 30_000_000), "the operator is in the way as well");
    let open = Verb::Switch { state: None, reopen_in: None, because: None };
    assert_eq!(bench.apply(open).await.next_at, Some(now + 1_000_000), "the rate alone again");
    let answer = bench.apply(give_up(waiter, false)).await;
    assert!(answer.next_at.is_none_or(|at| at == now + 1_000_000), "{answer:?}");
}

/// G17, G20: who passes a bypassed gate uses nothing of its rate up.
pub async fn g17_a_bypass_uses_nothing_up(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::rate(slow())).await;
    bench.airlock.switch_resource(ROOM, Some(Switch::bypass())).await.expect("a store that works");
    for _ in 0..10 {
        bench.passes(ROOM).await;
        let answer = bench.apply(enter(Secret::random(), None, Stay::No)).await;
        admitted(&answer);
        assert_eq!(answer.next_at, None, "there is nothing to be replenished");
    }
    bench.airlock.switch_resource(ROOM, None).await.expect("a store that works");
    for _ in 0..4 {
        bench.passes(ROOM).await;
    }
    assert_eq!(limited(&bench, ROOM).await, Some(secs(2)));
}

/// G2, G17: a spent rate outlives everybody, and leaves nothing once it has recovered, although nobody asks.
pub async fn g02_a_rate_is_forgotten_when_it_has_recovered(subject: &impl Subject) {
    for (name, seal) in [("alone", Seal::rate(slow())), ("both", semaphore(4).with_rate(slow()))] {
        let bench = Bench::named(subject, name, |b| b.seal(seal)).await;
        for _ in 0..4 {
            bench.passes(ROOM).await;
        }
        subject.advance(secs(2) - MICRO).await;
        limited(&bench, ROOM).await;
        subject.advance(secs(6) + MICRO).await;
        // What was let in by a token is remembered a little longer.
        subject.advance(secs(60)).await;
        bench.until_nothing_is_left().await;
    }
}

/// G17, G7: without a line, or where it is full, a spent rate refuses as it should.
pub async fn g17_a_rate_without_a_line_refuses(subject: &impl Subject) {
    let nobody_waits = crate::admission::Opportunistic::new();
    let bench = Bench::with(subject, |b| b.seal(Seal::rate(slow())).admission(nobody_waits)).await;
    bench.passes(heavy(4)).await;
    assert_eq!(refused(bench.airlock.enter(ROOM).await), Reason::Limited);
    assert_eq!(refused(bench.airlock.acquire(ROOM).await), Reason::Limited);
    let short = Line::new().capacity(1);
    let bench = Bench::named(subject, "short", |b| b.seal(Seal::rate(slow())).line(short)).await;
    bench.passes(heavy(4)).await;
    bench.queued(ROOM).await;
    assert_eq!(refused(bench.airlock.enter(ROOM).await), Reason::LineFull);
}
