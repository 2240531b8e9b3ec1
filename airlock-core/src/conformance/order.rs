//! Who is next: Fifo, Priority with and without aging, Opportunistic, and a strategy of one's own (G5).

use super::Subject;
use super::bench::{Bench, ROOM, lock, person, refused, secs, semaphore};
use crate::admission::{Admission, Fifo, Opportunistic, Pick, Priority, Rank};
use crate::{Entrant, Error, Reason};

/// G5: those who wait on the spot get in one by one in the order in which they came.
pub async fn g05_fifo_is_first_come_first_served(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).admission(Fifo::new())).await;
    let mut inside = bench.inside(ROOM).await;
    let mut line = Vec::new();
    for _ in 0..5 {
        line.push(bench.waits(ROOM).await);
    }
    while !line.is_empty() {
        let next = line.remove(0);
        inside.release().await.expect("a lease");
        inside = next.gets_in().await;
        assert!(line.iter().all(|other| other.is_waiting()));
        let seen = bench.inspect().await;
        assert_eq!((seen.in_use, seen.waiting), (1, line.len() as u64));
    }
}

/// G5: it makes no difference to the order who waits on the spot and who is away, or at which handle of the store.
pub async fn g05_the_line_is_one(subject: &impl Subject) {
    let one = Bench::new(subject, lock()).await;
    let two = Bench::new(subject, lock()).await;
    let inside = one.inside(person("first")).await;
    let away = two.queued(person("second")).await;
    let here = one.waits(person("third")).await;
    let there = two.waits(person("fourth")).await;
    inside.release().await.expect("a lease");
    let offer = two.offered(&away).await;
    assert!(here.is_waiting() && there.is_waiting());
    two.airlock.claim(&away.token, offer.nonce).await.expect("an offer").release().await.expect("a lease");
    let here = here.gets_in().await;
    assert!(there.is_waiting());
    here.release().await.expect("a lease");
    drop(there.gets_in().await);
}

/// G5: the higher priority goes first, equals by arrival.
pub async fn g05_priority_goes_first(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).admission(Priority::new())).await;
    let mut inside = bench.inside(ROOM).await;
    let mut line = Vec::new();
    for (name, priority) in [("e", 0), ("c", 1), ("a", 5), ("f", -7), ("b", 5), ("d", 1)] {
        line.push((name, bench.waits(person(name).priority(priority)).await));
    }
    let waiters = bench.inspect().await.waiters;
    let names: Vec<_> = waiters.iter().map(|waiter| waiter.identity.as_deref().unwrap_or_default()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
    for expected in names {
        let at = line.iter().position(|(name, _)| *name == expected).expect("one of them");
        let (_, next) = line.remove(at);
        inside.release().await.expect("a lease");
        inside = next.gets_in().await;
        assert!(line.iter().all(|(_, other)| other.is_waiting()), "{expected} was not alone");
    }
}

/// G5: with aging, who has waited longer than difference ÷ aging goes first, and who has not does not.
pub async fn g05_aging_lets_the_patient_overtake(subject: &impl Subject) {
    for (waited, overtakes) in [(19, false), (21, true)] {
        let name = format!("{waited} s");
        let aging = Priority::new().aging(0.5);
        let bench = Bench::named(subject, &name, |b| b.seal(lock()).admission(aging)).await;
        let inside = bench.inside(ROOM).await;
        let patient = bench.queued(person("patient").priority(0)).await;
        subject.advance(secs(waited)).await;
        let urgent = bench.queued(person("urgent").priority(10)).await;
        assert_eq!(urgent.place.position, if overtakes { 2 } else { 1 }, "after {waited} s");
        inside.release().await.expect("a lease");
        let (first, second) = if overtakes { (&patient, &urgent) } else { (&urgent, &patient) };
        bench.offered(first).await;
        assert_eq!(bench.still_waiting(second).await, 1);
    }
}

/// G5: without aging no wait is long enough to overtake.
pub async fn g05_without_aging_tiers_are_strict(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).admission(Priority::new())).await;
    let _inside = bench.inside(ROOM).await;
    let patient = bench.queued(person("patient").priority(0)).await;
    for _ in 0..10 {
        subject.advance(secs(20)).await;
        bench.still_waiting(&patient).await;
    }
    assert_eq!(bench.queued(person("urgent").priority(1)).await.place.position, 1);
    assert_eq!(bench.still_waiting(&patient).await, 2);
}

/// G5, G7: without a line, whoever finds room is in, and everybody else is refused at once, however it asks.
pub async fn g07_without_a_line_nobody_waits(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(semaphore(2)).admission(Opportunistic::new())).await;
    let first = bench.inside(ROOM).await;
    let _second = bench.inside(ROOM).await;
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
    assert_eq!(refused(bench.airlock.acquire(ROOM).await), Reason::Full);
    assert_eq!(refused(bench.airlock.enter(ROOM).await), Reason::Full);
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.waiting), (2, 0));
    first.release().await.expect("a lease");
    bench.passes(ROOM).await;
}

/// G22: a strategy of one's own works on every store; −0 is 0, and negative and tiny scores are in order.
pub async fn g22_a_strategy_of_ones_own(subject: &impl Subject) {
    /// The score is the identity, read as a number.
    #[derive(Debug)]
    struct ByName;

    impl Admission for ByName {
        fn rank(&self, entrant: &Entrant<'_>) -> Rank {
            Rank::score(entrant.identity.as_deref().and_then(|name| name.parse().ok()).unwrap_or(0.0))
        }
        fn pick(&self) -> Pick {
            Pick::Head
        }
    }

    let bench = Bench::with(subject, |b| b.seal(lock()).admission(ByName)).await;
    let _inside = bench.inside(ROOM).await;
    // −0 came after 0 and before 0.0: only the arrival decides between them.
    let came = ["1e300", "0", "-0", "0.0", "-1e-300", "1e-300", "-2.5", "-1e300", "2.5", "2.4999999999999996"];
    for name in came {
        bench.queued(person(name)).await;
    }
    let waiters = bench.inspect().await.waiters;
    let names: Vec<_> = waiters.iter().map(|waiter| waiter.identity.as_deref().unwrap_or_default()).collect();
    let order = ["-1e300", "-2.5", "-1e-300", "0", "-0", "0.0", "1e-300", "2.4999999999999996", "2.5", "1e300"];
    assert_eq!(names, order);
    for name in ["inf", "-inf", "NaN"] {
        let refused = bench.airlock.enter(person(name)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{name}: {refused:?}");
    }
}
