//! What a subject needs whose store is a backend of the driver of shared stores.

use std::fmt;
use std::time::Duration;

use crate::clock::TestClock;
use crate::store::shared::{Driver, Options};
use crate::sync::Mutex;

/// Processes that share a store, as far as the store can tell, and the clock that they go by.
///
/// For a [`Subject`](super::Subject) whose handles have a [`Driver`] each: make them with these
/// [options](Fleet::options), [add](Fleet::add) them, and leave [`advance`](Fleet::advance) to it. `examples/custom-store` is
/// tested so.
#[derive(Default)]
pub struct Fleet {
    clock: TestClock,
    nodes: Mutex<Vec<Driver>>,
}

impl Fleet {
    /// The clock of all of them.
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// How often they ask again, in real time: the clock stands still.
    pub const ASK_EVERY: Duration = Duration::from_millis(20);

    /// What a driver is made with whose store is called so.
    pub fn options(&self, name: &'static str) -> Options {
        Options { clock: Some((self.clock.clone(), Fleet::ASK_EVERY)), ..Options::new(name) }
    }

    /// One more.
    pub fn add(&self, driver: &Driver) {
        self.nodes.lock().push(driver.clone());
    }

    /// Moves the clock, as a [`Subject`](super::Subject) has to.
    pub async fn advance(&self, by: Duration) {
        let nodes = self.nodes.lock().clone();
        // What was dropped before goes in the background, and belongs to the time before.
        for node in &nodes {
            node.settled().await;
        }
        self.clock.advance(by);
        // What is set for a whole airlock is known to every process within a second.
        if by >= Duration::from_secs(1) {
            for node in &nodes {
                node.look().await;
            }
        }
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("clock", &self.clock).finish_non_exhaustive()
    }
}
