//! The rules of the gate, all of them, while the primary works.

use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::conformance::Subject;
use airlock_core::store::{Fallback, MemoryStore, Store};

use crate::scripted::Scripted;

struct OnClock<S> {
    store: Fallback<S>,
    clock: TestClock,
}

impl<S: Store + Clone> Subject for OnClock<S> {
    type Store = Fallback<S>;

    async fn store(&self) -> Fallback<S> {
        self.store.clone()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

/// In front of a store that gives handles and decides at once.
mod by_handle {
    use super::*;

    fn subject() -> OnClock<MemoryStore> {
        let clock = TestClock::new();
        let store = Fallback::new(MemoryStore::with_clock(&clock)).local(1).clock(&clock);
        OnClock { store, clock }
    }

    airlock_core::conformance_suite!(subject());
}

/// In front of one that goes by tokens and takes its time.
mod by_token {
    use super::*;

    fn subject() -> OnClock<Scripted> {
        let clock = TestClock::new();
        let store = Fallback::new(Scripted::on(MemoryStore::with_clock(&clock))).local(1).clock(&clock);
        OnClock { store, clock }
    }

    airlock_core::conformance_suite!(subject());
}
