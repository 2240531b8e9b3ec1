//! Those who wait when it happens.

use std::time::Duration;

use airlock_core::store::GrantedBy;
use airlock_core::{Permit, Reason};
use tokio::task::JoinHandle;

use crate::scripted::Fault;
use crate::support::{Bench, Outage, RESET, ROOM, away, bench, open, refused};

type Waiter = JoinHandle<Result<Permit, airlock_core::Error>>;

async fn waits(bench: &Bench, timeout: Duration) -> Waiter {
    let airlock = bench.airlock.clone();
    let waiter = tokio::spawn(async move { airlock.acquire(ROOM).timeout(timeout).await });
    while bench.airlock.inspect(ROOM).await.expect("an answer").waiting == 0 {
        tokio::task::yield_now().await;
    }
    waiter
}

/// Who waits in the primary's line keeps its place in it, and gets in when its turn comes.
#[tokio::test(start_paused = true)]
async fn a_wait_goes_on_through_an_outage() {
    let bench = bench(Outage::Local(1), 1);
    let inside = bench.airlock.try_enter(ROOM).await.expect("room");
    let waiter = waits(&bench, Duration::from_secs(600)).await;
    open(&bench).await;
    drop(bench.airlock.try_enter(ROOM).await.expect("room here"));
    assert!(!waiter.is_finished(), "it is not let in elsewhere");
    bench.store.set(Fault::None);
    drop(inside);
    let permit = waiter.await.expect("no panic").expect("its turn");
    assert_eq!(permit.granted_by(), GrantedBy::Primary);
}

/// Where the primary is still away when its time is over, nobody knows whether there was room.
#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_during_an_outage_is_unavailable() {
    let bench = bench(Outage::Local(1), 1);
    let _inside = bench.airlock.try_enter(ROOM).await.expect("room");
    let waiter = waits(&bench, Duration::from_secs(5)).await;
    open(&bench).await;
    away(waiter.await.expect("no panic"));
    bench.store.set(Fault::None);
    bench.clock.advance(2 * RESET);
    assert_eq!(bench.in_primary().await, 1, "it has left the line");
}

/// Who waits in the local line is refused as busy: the store that it waits for works.
#[tokio::test(start_paused = true)]
async fn a_local_wait_times_out() {
    let bench = bench(Outage::Local(1), 1);
    open(&bench).await;
    let _inside = bench.airlock.try_enter(ROOM).await.expect("room here");
    let waiter = waits(&bench, Duration::from_secs(5)).await;
    assert_eq!(refused(waiter.await.expect("no panic")), Reason::TimedOut);
}

/// A local line is served to its end, also when newcomers are the primary's again.
#[tokio::test(start_paused = true)]
async fn a_local_wait_ends_locally() {
    let bench = bench(Outage::Local(1), 1);
    open(&bench).await;
    let inside = bench.airlock.try_enter(ROOM).await.expect("room here");
    let waiter = waits(&bench, Duration::from_secs(600)).await;
    bench.store.set(Fault::None);
    bench.clock.advance(2 * RESET);
    bench.back().await;
    drop(inside);
    assert_eq!(waiter.await.expect("no panic").expect("its turn").granted_by(), GrantedBy::Local);
    // Dropping a wait leaves that line, and not another.
    open(&bench).await;
    let _inside = bench.airlock.try_enter(ROOM).await.expect("room here");
    let waiter = waits(&bench, Duration::from_secs(600)).await;
    bench.store.asked();
    waiter.abort();
    assert!(waiter.await.is_err());
    assert_eq!(bench.airlock.inspect(ROOM).await.expect("the local gate").waiting, 0);
    assert_eq!(bench.store.asked(), [""; 0]);
}
