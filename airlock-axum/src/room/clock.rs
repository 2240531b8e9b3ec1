use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use airlock_core::clock::TestClock;

/// Where a room has the time from: the wall clock for what cookies say, and a steady one for what it remembers.
#[derive(Clone, Debug)]
pub(super) enum Clock {
    System(Instant),
    Test(TestClock),
}

impl Clock {
    pub(super) fn system() -> Self {
        Clock::System(Instant::now())
    }

    pub(super) fn wall(&self) -> SystemTime {
        match self {
            Clock::System(_) => SystemTime::now(),
            Clock::Test(clock) => clock.now(),
        }
    }

    /// In seconds since 1970.
    pub(super) fn unix(&self) -> u64 {
        since_1970(self.wall()).as_secs()
    }

    /// Since some moment in the past. It never goes back.
    pub(super) fn steady(&self) -> Duration {
        match self {
            Clock::System(start) => start.elapsed(),
            Clock::Test(clock) => since_1970(clock.now()),
        }
    }

    /// How long it is until then; nothing if it is past.
    pub(super) fn until(&self, then: SystemTime) -> Duration {
        then.duration_since(self.wall()).unwrap_or_default()
    }
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}
