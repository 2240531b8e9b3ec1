//! A store that fails is asked again for as long as the caller waits, and no longer. Time is tokio's, and moved.

mod failing;

use std::time::Duration;

use airlock_core::{Airlock, Error, Seal};
use failing::FailingStore;
use tokio::time::Instant;

const ROOM: &str = "room";

fn airlock(store: &FailingStore) -> Airlock {
    Airlock::builder("retrying").seal(Seal::lock()).store(store.clone()).build().expect("a valid configuration")
}

/// It gets in as soon as the store is back, whatever it had to wait for.
#[tokio::test(start_paused = true)]
async fn a_failure_is_ridden_out() {
    let store = FailingStore::default();
    let airlock = airlock(&store);
    for failures in [1, 5, 20] {
        store.plan.fail_after(0, failures);
        let permit = airlock.acquire(ROOM).timeout(Duration::from_secs(60)).await.expect("room, in the end");
        assert_eq!(store.plan.asked(), failures + 1);
        permit.release().await.expect("a lease");
        store.plan.asked();
    }
}

/// It ends when the caller said, as unavailable, after a bounded number of questions that is never the same for all.
#[tokio::test(start_paused = true)]
async fn a_failure_that_lasts_is_unavailable_in_time() {
    let store = FailingStore::default();
    let airlock = airlock(&store);
    store.plan.fail_after(0, usize::MAX);
    for secs in [0, 1, 10] {
        let (since, wait) = (Instant::now(), Duration::from_secs(secs));
        let ended = airlock.acquire(ROOM).timeout(wait).await;
        assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
        // Tokio's timers are good to a millisecond.
        assert!((wait..=wait + Duration::from_millis(1)).contains(&since.elapsed()), "{:?}", since.elapsed());
        // Pauses are 20 to 40 ms at first, and half a second to a second later.
        let (asked, secs) = (store.plan.asked() as u64, secs);
        assert!((1 + secs..=7 + 2 * secs).contains(&asked), "{asked} questions in {secs} s");
    }
}

/// Nothing is left of who gave up while the store was away.
#[tokio::test(start_paused = true)]
async fn who_gives_up_in_a_pause_leaves_nothing() {
    let store = FailingStore::default();
    let airlock = airlock(&store);
    store.plan.fail_after(0, usize::MAX);
    let waits = airlock.acquire(ROOM).timeout(Duration::from_secs(60));
    let ended = tokio::time::timeout(Duration::from_secs(5), waits).await;
    assert!(ended.is_err(), "{ended:?}");
    store.plan.fail_after(0, 0);
    assert_eq!(airlock.survey(0, 1).await.expect("a store that works").total, 0);
}
