//! Batches on a store that fails, and batches that wait, with tokio's time moved.

mod failing;

use std::time::Duration;

use airlock_core::{Airlock, All, Error, Rate, Reason, Seal};
use failing::FailingStore;
use tokio::time::Instant;

const LIST: [&str; 4] = ["a", "b", "c", "d"];

fn airlock(store: &FailingStore) -> Airlock {
    Airlock::builder("batches").seal(Seal::lock()).store(store.clone()).build().expect("a valid configuration")
}

async fn in_use(airlock: &Airlock) -> usize {
    airlock.survey(0, 10).await.expect("a store that works").total
}

/// A store failure in the middle gives back what was taken, and is named after the member at which it failed.
#[tokio::test]
async fn a_failure_in_the_middle_gives_back_what_was_taken() {
    let store = FailingStore::default();
    let airlock = airlock(&store);
    for (works, fails_at) in LIST.into_iter().enumerate() {
        // Also where the store does not come back to release anything.
        for fails in [1, usize::MAX] {
            store.plan.fail_after(works, fails);
            let error = airlock.enter_all(LIST).await.expect_err("the store fails");
            assert!(matches!(error.error(), Error::Unavailable(_)) && !error.is_busy(), "{error}");
            assert_eq!((error.index(), error.resource()), (Some(works), Some(fails_at)));
            store.plan.fail_after(0, 0);
            assert_eq!(in_use(&airlock).await, 0, "failed after {works}");
        }
    }
}

/// A refused batch gives back what it took although the store fails just then.
#[tokio::test]
async fn a_failure_while_giving_back_leaves_nothing() {
    let store = FailingStore::default();
    let airlock = airlock(&store);
    let inside = airlock.try_enter("d").await.expect("room");
    for fails in 1..=3 {
        store.plan.fail_after(4, fails);
        let error = airlock.enter_all(LIST).await.expect_err("one is taken");
        assert_eq!((error.is_busy(), error.resource()), (true, Some("d")), "{error}");
        store.plan.fail_after(0, 0);
        assert_eq!(in_use(&airlock).await, 1, "only who was there before");
    }
    inside.release().await.expect("a lease");
}

/// A release that fails in the middle still releases all.
#[tokio::test]
async fn a_failure_while_releasing_leaves_nothing() {
    let store = FailingStore::default();
    let airlock = airlock(&store);
    for works in 0..LIST.len() {
        let permits = airlock.enter_all(LIST).await.expect("room");
        store.plan.fail_after(works, usize::MAX);
        assert!(matches!(permits.release().await, Err(Error::Unavailable(_))));
        store.plan.fail_after(0, 0);
        assert_eq!(in_use(&airlock).await, 0, "failed after {works}");
    }
}

/// The time is over when it is over; until then it asked a bounded number of times.
#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_in_vain_is_timed_out() {
    let store = FailingStore::default();
    let airlock = airlock(&store);
    let _inside = airlock.try_enter("c").await.expect("room");
    store.plan.asked();
    for secs in [0, 1, 10] {
        let (since, wait) = (Instant::now(), Duration::from_secs(secs));
        let error = airlock.acquire_all(LIST).timeout(wait).await.expect_err("one is taken");
        assert_eq!(error.refusal().map(|refusal| refusal.reason), Some(Reason::TimedOut), "{error}");
        assert_eq!(error.resource(), Some("c"));
        assert!((wait..=wait + Duration::from_millis(1)).contains(&since.elapsed()), "{:?}", since.elapsed());
        // A try is three questions, and two to give back.
        let tries = store.plan.asked() as u64 / 5;
        assert!((1 + secs..=7 + 2 * secs).contains(&tries), "{tries} tries in {secs} s");
    }
}

/// G23: a wait that ends while the store fails is unavailable; one that outlasts the failure is not.
#[tokio::test(start_paused = true)]
async fn a_batch_rides_a_failure_out() {
    let store = FailingStore::default();
    let airlock = airlock(&store);
    store.plan.fail_after(2, 5);
    let permits = airlock.acquire_all(LIST).timeout(Duration::from_secs(60)).await.expect("room, in the end");
    permits.release().await.expect("leases");

    store.plan.fail_after(2, usize::MAX);
    let since = Instant::now();
    let error = airlock.acquire_all(LIST).timeout(Duration::from_secs(5)).await.expect_err("the store fails");
    assert!(matches!(error.error(), Error::Unavailable(_)), "{error}");
    assert!(since.elapsed() >= Duration::from_secs(5));

    // Without an end to the wait, a failed store would be an endless one.
    let error = airlock.acquire_all(LIST).await.expect_err("the store fails");
    assert!(matches!(error.error(), Error::Unavailable(_)), "{error}");
}

/// Who is refused by a rate does not come back before it can be let in: each try may cost cells of other rates.
#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_its_rate() {
    let store = FailingStore::default();
    let minute = Duration::from_secs(60);
    let calls = Airlock::builder("calls").seal(Seal::rate(Rate::new(1, minute))).store(store.clone());
    let (calls, rooms) = (calls.build().expect("a valid configuration"), airlock(&store));
    let batch = || All::of(&calls, "a").and(&rooms, "a");
    batch().enter().await.expect("a first cell").release().await.expect("leases");
    store.plan.asked();
    let error = batch().acquire().timeout(minute / 2).await.expect_err("the rate is spent");
    assert_eq!((error.airlock(), error.index()), (Some("calls"), Some(0)));
    assert_eq!(store.plan.asked(), 3, "one try: two questions, and one to give back");
}
