//! The rules of the gate on the memory store, directly and behind a store that takes its time.

mod yielding;

use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::conformance::Subject;
use airlock_core::store::{MemoryStore, Store};
use yielding::YieldingStore;

/// Any store, and the clock that it goes by.
struct OnClock<S> {
    store: S,
    clock: TestClock,
}

impl<S: Store + Clone> Subject for OnClock<S> {
    type Store = S;

    async fn store(&self) -> S {
        self.store.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

mod memory {
    use super::*;

    fn subject() -> OnClock<MemoryStore> {
        let clock = TestClock::new();
        OnClock { store: MemoryStore::with_clock(&clock), clock }
    }

    airlock_core::conformance_suite!(subject());
}

/// The same gates through `apply` alone: whatever waits for a store is exercised by the same rules.
mod asynchronous {
    use super::*;

    fn subject() -> OnClock<YieldingStore> {
        let clock = TestClock::new();
        OnClock { store: YieldingStore(MemoryStore::with_clock(&clock)), clock }
    }

    airlock_core::conformance_suite!(subject());
}
