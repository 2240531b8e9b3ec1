use std::future::IntoFuture;
use std::time::Duration;

use super::{LockGuard, check, logged};
use crate::airlock::Airlock;
use crate::error::Error;
use crate::store::BoxFuture;

/// Waits in line for a lock. Await it.
///
/// See the [module](super) for an example.
///
/// # Errors
///
/// [Timed out](crate::Reason::TimedOut) when it was not free in time; unavailable; invalid when the key is no valid name or
/// the ttl is out of bounds.
///
/// # Cancel safety
///
/// Dropping it, or its future, leaves the line, or gives back what was granted in that very moment.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct Locking<'a> {
    airlock: Airlock,
    key: &'a str,
    ttl: Duration,
    wait: Option<Duration>,
}

impl<'a> Locking<'a> {
    pub(super) fn new(airlock: Airlock, key: &'a str, ttl: Duration) -> Self {
        Locking { airlock, key, ttl, wait: None }
    }

    /// For how long it stays locked when nobody renews it: 30 s by default, 1 µs to 365 days.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How long to wait at most, on the clock of the tokio runtime. Until then a store that fails is asked again, see
    /// [`Acquire::timeout`](crate::Acquire::timeout).
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    pub(super) async fn run(self) -> Result<LockGuard, Error> {
        check(self.ttl)?;
        let acquire = self.airlock.acquire(self.key);
        let locked = async {
            let permit = match self.wait {
                Some(wait) => acquire.timeout(wait).await?,
                None => acquire.await?,
            };
            LockGuard::new(permit, self.ttl).await
        };
        logged(&self.airlock, self.key, locked.await)
    }
}

impl<'a> IntoFuture for Locking<'a> {
    type Output = Result<LockGuard, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
