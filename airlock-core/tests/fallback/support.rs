use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::observer::{Event, Failover, FailoverKind, Observer};
use airlock_core::store::{Fallback, MemoryStore};
use airlock_core::{Airlock, Error, Reason, Seal, StoreError};

use crate::scripted::{Fault, Scripted};

pub(crate) const ROOM: &str = "room";
pub(crate) const RESET: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Outage {
    Refuse,
    Admit,
    Local(u32),
}

/// An airlock on a store that fails when it is told to.
pub(crate) struct Bench {
    pub(crate) airlock: Airlock,
    pub(crate) store: Scripted,
    pub(crate) fallback: Fallback<Scripted>,
    pub(crate) clock: TestClock,
    pub(crate) failovers: Failovers,
    primary: Airlock,
}

/// Of which resources it was told, and what.
type Failovers = Arc<Mutex<Vec<(Option<String>, FailoverKind)>>>;

struct Notes(Failovers);

impl Observer for Notes {
    fn on_event(&self, _: &Event<'_>) {}

    fn on_failover(&self, failover: &Failover<'_>) {
        let resource = failover.resource.map(str::to_owned);
        self.0.lock().expect("no panic under it").push((resource, failover.kind));
    }
}

pub(crate) fn bench(outage: Outage, limit: u32) -> Bench {
    let clock = TestClock::new();
    let memory = MemoryStore::with_clock(&clock);
    let store = Scripted::on(memory.clone());
    let fallback = Fallback::new(store.clone()).clock(&clock);
    let fallback = match outage {
        Outage::Refuse => fallback.refuse(),
        Outage::Admit => fallback.admit(),
        Outage::Local(limit) => fallback.local(limit),
    };
    let failovers = Failovers::default();
    let seal = || Seal::semaphore(limit).ttl(Duration::from_secs(600));
    let airlock = Airlock::builder("doors").seal(seal()).observer(Notes(failovers.clone()));
    let airlock = airlock.store(fallback.clone()).build().expect("a valid configuration");
    // The same gates, seen past everything that fails.
    let primary = Airlock::builder("doors").seal(seal()).store(memory).build().expect("the same configuration");
    Bench { airlock, store, fallback, clock, failovers, primary }
}

impl Bench {
    /// How many are inside by the primary.
    pub(crate) async fn in_primary(&self) -> u64 {
        self.primary.inspect(ROOM).await.expect("memory").in_use
    }

    /// Passes until the store is asked again by everybody.
    pub(crate) async fn back(&self) {
        for _ in 0..3 {
            drop(self.airlock.try_enter(ROOM).await.expect("room"));
        }
        assert_eq!(self.fallback.all(), []);
        self.store.asked();
    }
}

/// Has the store fail until it is left alone.
pub(crate) async fn open(bench: &Bench) {
    open_for(bench, ROOM).await;
}

pub(crate) async fn open_for(bench: &Bench, resource: &str) {
    bench.store.set(Fault::Fails);
    for _ in 0..5 {
        // The last may be let in by whatever stands in.
        let _ = bench.airlock.try_enter(resource).await;
    }
    bench.store.asked();
}

/// Its store is away.
pub(crate) fn away<T: Debug>(result: Result<T, Error>) -> StoreError {
    match result {
        Err(Error::Unavailable(error)) => error,
        other => panic!("should be unavailable, not {other:?}"),
    }
}

pub(crate) fn refused<T: Debug>(result: Result<T, Error>) -> Reason {
    match result {
        Err(Error::Refused(refusal)) => refusal.reason,
        other => panic!("should be refused, not {other:?}"),
    }
}
