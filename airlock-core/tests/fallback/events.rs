//! Failing over and back is told once for each change, and kept in bounds.

use airlock_core::observer::FailoverKind::{Back, Over};
use airlock_core::store::{BreakerStatus, Fallback, MemoryStore};
use airlock_core::{Airlock, Seal};
use std::time::Duration;

use crate::scripted::Fault;
use crate::support::{Outage, RESET, ROOM, bench, open, open_for};

#[tokio::test]
async fn each_change_is_told_once() {
    for outage in [Outage::Refuse, Outage::Admit, Outage::Local(1)] {
        let bench = bench(outage, 1);
        let told = || std::mem::take(&mut *bench.failovers.lock().expect("no panic under it"));
        open(&bench).await;
        for _ in 0..50 {
            let _ = bench.airlock.try_enter(ROOM).await;
        }
        let room = || Some(ROOM.to_owned());
        assert_eq!(told(), [(room(), Over)]);
        // Tried in vain, it is still the same outage.
        for _ in 0..3 {
            bench.clock.advance(2 * RESET);
            let _ = bench.airlock.try_enter(ROOM).await;
            let _ = bench.airlock.try_enter(ROOM).await;
        }
        assert_eq!(told(), []);
        bench.store.set(Fault::None);
        bench.clock.advance(2 * RESET);
        bench.back().await;
        for _ in 0..50 {
            let _ = bench.airlock.try_enter(ROOM).await;
        }
        assert_eq!(told(), [(room(), Back)]);
        open(&bench).await;
        bench.fallback.reset(ROOM);
        assert_eq!(told(), [(room(), Over), (room(), Back)]);
    }
}

#[tokio::test]
async fn what_there_is_can_be_seen() {
    let bench = bench(Outage::Refuse, 1);
    open_for(&bench, "a").await;
    let _ = bench.airlock.try_enter("b").await;
    assert!(matches!(bench.fallback.status("b"), BreakerStatus::Open { .. }), "one failure of its own is enough");
    assert!(matches!(bench.fallback.status("c"), BreakerStatus::Closed { .. }));
    let mut all: Vec<_> = bench.fallback.all().into_iter().map(|breaker| (breaker.airlock, breaker.resource)).collect();
    all.sort();
    let of = |resource: &str| ("doors".to_owned(), Some(resource.to_owned()));
    assert_eq!(all, [of("a"), of("b")]);
}

/// RX-19: however many resources there are, the open ones stay open and the records are bounded.
#[tokio::test]
async fn rx_19_a_crowd_of_resources_closes_no_open_breaker() {
    let bench = bench(Outage::Refuse, 1);
    open_for(&bench, "first").await;
    for stranger in 0..3000 {
        let _ = bench.airlock.try_enter(format!("stranger:{stranger}")).await;
    }
    bench.store.asked();
    let _ = bench.airlock.try_enter("first").await;
    let _ = bench.airlock.try_enter("one more").await;
    assert_eq!(bench.store.asked(), [""; 0]);
    assert_eq!(bench.fallback.all().len(), 1001);
    let told = bench.failovers.lock().expect("no panic under it");
    assert!(told.iter().all(|(_, kind)| *kind == Over));
    assert_eq!(told.len(), 1001);
    assert_eq!(told.last(), Some(&(None, Over)));
}

#[test]
fn what_cannot_work_is_said() {
    let build = |fallback: Fallback<MemoryStore>| {
        let airlock = Airlock::builder("doors").seal(Seal::lock()).store(fallback).build();
        airlock.map(|_| ()).map_err(|error| error.field())
    };
    let new = || Fallback::new(MemoryStore::new());
    assert_eq!(build(new().local(0)), Err("local"));
    assert_eq!(build(new().threshold(0)), Err("threshold"));
    assert_eq!(build(new().reset_after(Duration::ZERO)), Err("reset_after"));
    assert_eq!(build(new().reset_after(Duration::MAX)), Err("reset_after"));
    assert_eq!(build(new().local(1).threshold(1).reset_after(Duration::from_secs(1))), Ok(()));
}
