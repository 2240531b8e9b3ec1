//! Locks by key, for those who want no more than that.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use airlock_core::locks::Locks;
//! use airlock_core::store::MemoryStore;
//!
//! let locks = Locks::new(MemoryStore::new())?;
//! let report = locks.try_lock("report:daily", Duration::from_secs(60)).await?;
//! # assert!(locks.try_lock("report:daily", Duration::from_secs(60)).await.is_err_and(|error| error.is_busy()));
//!
//! // Somebody else's is waited for, in line.
//! let invoices = locks.lock("invoices").wait(Duration::from_secs(5)).await?;
//! println!("number {}", invoices.fence());
//! drop(invoices);
//!
//! // Around a piece of work, which stops if the lock is lost.
//! let sum = locks.with_lock("invoices", |lock| async move { lock.fence() % 7 }).await?;
//!
//! // Two, or none.
//! let both = locks.try_lock_all(["savings", "current"], Duration::from_secs(30)).await?;
//! # let _ = (report, sum, both);
//! # Ok(())
//! # }
//! ```
//!
//! With any store that several processes share, the locks are theirs together; nothing else changes. A program without a
//! runtime has the same in `locks::blocking` (feature `blocking`).
//!
//! # How long a lock lasts
//!
//! For as long as its guard, which renews it in the background; dropping the guard releases it. The ttl is for when nobody
//! renews it any more: because the process died, when it is over at the latest the ttl, or [ten seconds](Locks::LEASE) if
//! that is longer, after it was last heard of; or because it was [detached](LockGuard::detach), when it is over exactly the
//! ttl later.
//!
//! It is one gate for all ttls: whoever asks for five seconds and whoever asks for an hour want the same lock. A lock is an
//! [`Airlock`] with a seal of its own, see [`Locks::airlock`] for all that it can do besides.

#[cfg(feature = "blocking")]
#[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
pub mod blocking;
mod guard;
mod locking;

use std::time::Duration;

pub use guard::LockGuard;
pub use locking::Locking;

use crate::admitted::Admitted;
use crate::airlock::{Airlock, Builder};
use crate::all::AllError;
use crate::error::{ConfigError, Error, InvalidEntrant};
use crate::gate::{Page, Whom};
use crate::seal::{Seal, micros};
use crate::store::Store;
use crate::token::Token;

/// Locks by key, on any store. Cheap to clone; clones are the same locks.
///
/// See the [module](self) for an example, and for how long a lock lasts.
#[derive(Clone, Debug)]
pub struct Locks {
    airlock: Airlock,
}

impl Locks {
    /// For how long a lock is kept at least when nobody renews it any more and it was not detached: a short ttl is no
    /// shorter than what renewals need on a busy machine.
    pub const LEASE: Duration = Duration::from_secs(10);
    /// The ttl where none is said.
    const TTL: Duration = Duration::from_secs(30);

    /// Locks on this store, named `locks` there: all that have the store have the same.
    ///
    /// # Errors
    ///
    /// When the store cannot keep them, or has an airlock of that name that is configured otherwise.
    pub fn new(store: impl Store) -> Result<Self, ConfigError> {
        Locks::with(Airlock::builder("locks").store(store))
    }

    /// Locks of another name, with observers, or configured further. The seal is set here.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn with(builder: Builder) -> Result<Self, ConfigError> {
        Ok(Locks { airlock: builder.seal(Seal::lock().ttl(Locks::LEASE)).build()? })
    }

    /// Takes the lock, if it is free now. `ttl`: 1 µs to 365 days.
    ///
    /// # Errors
    ///
    /// Refused, and [busy](Error::is_busy), when somebody has it; unavailable; invalid when the key is no valid name (1 to
    /// 512 bytes, no control characters) or the ttl is out of bounds.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives back what was granted.
    pub async fn try_lock(&self, key: &str, ttl: Duration) -> Result<LockGuard, Error> {
        check(ttl)?;
        let locked = async { LockGuard::new(self.airlock.try_enter(key).await?, ttl).await };
        logged(&self.airlock, key, locked.await)
    }

    /// Waits in line for the lock, first come, first served: for as long as it takes, or up to [`wait`](Locking::wait).
    pub fn lock<'a>(&self, key: &'a str) -> Locking<'a> {
        Locking::new(self.airlock.clone(), key, Locks::TTL)
    }

    /// Waits in line for the lock, for as long as it takes, does the work, and unlocks: also when the work panics or is
    /// dropped.
    ///
    /// # Errors
    ///
    /// Unavailable; invalid; [lost](Error::Lost) when the lock is lost, which stops the work where it awaits.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line, or drops the work and unlocks.
    pub async fn with_lock<F, Fut, T>(&self, key: &str, work: F) -> Result<T, Error>
    where
        F: FnOnce(Admitted) -> Fut,
        Fut: Future<Output = T>,
    {
        logged(&self.airlock, key, self.airlock.with_admitted(key, work).await)
    }

    /// Takes all these locks, or none, whatever order they are listed in; see [`Airlock::enter_all`]. The guards are in the
    /// order of the list.
    ///
    /// # Errors
    ///
    /// As [`try_lock`](Locks::try_lock), with which key it was; invalid when the list is empty, longer than
    /// [`All::MOST`](crate::All::MOST), or has a key twice.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives back what was granted.
    pub async fn try_lock_all<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a str>,
        ttl: Duration,
    ) -> Result<Vec<LockGuard>, AllError> {
        check(ttl).map_err(AllError::of_all)?;
        let permits = self.airlock.enter_all(keys).await.inspect_err(|error| {
            if let Some(key) = error.resource() {
                log(&self.airlock, key, error.error());
            }
        })?;
        let mut guards = Vec::with_capacity(permits.len());
        for permit in permits.into_permits() {
            guards.push(LockGuard::new(permit, ttl).await.map_err(AllError::of_all)?);
        }
        Ok(guards)
    }

    /// Takes a lock over that was [detached](LockGuard::detach), here or in another process. Take it over once: of two
    /// guards, the first to go unlocks.
    ///
    /// # Errors
    ///
    /// [Lost](Error::Lost) when it is over; unavailable; invalid when the ttl is out of bounds.
    pub async fn restore(&self, token: &Token, ttl: Duration) -> Result<LockGuard, Error> {
        check(ttl)?;
        let locked = async { LockGuard::new(self.airlock.restore(token).await?, ttl).await };
        logged(&self.airlock, token.resource(), locked.await)
    }

    /// Unlocks whoever has it, who [hears](LockGuard::lost) of it. Answers whether somebody had it. Those who wait get in next.
    ///
    /// What a process that died has locked needs no force: it is over after its ttl. What a process that lives was doing goes
    /// on: give the [fence](LockGuard::fence) to what the lock protects.
    ///
    /// # Errors
    ///
    /// Unavailable; invalid when the key is no valid name.
    pub async fn force_unlock(&self, key: &str) -> Result<bool, Error> {
        let seen = self.airlock.inspect_page(key, Page { offset: 0, count: 1 }).await?;
        match seen.holders.first() {
            // By its number, so that it is nobody who came after.
            Some(holder) => self.airlock.evict(key, Whom::Fence(holder.fence)).await,
            None => Ok(false),
        }
    }

    /// Whether somebody has it, at this moment: to be shown, not to be decided by.
    ///
    /// # Errors
    ///
    /// Unavailable; invalid when the key is no valid name.
    pub async fn is_locked(&self, key: &str) -> Result<bool, Error> {
        Ok(self.airlock.inspect_page(key, Page { offset: 0, count: 0 }).await?.in_use > 0)
    }

    /// The airlock behind them, where keys are resources: for tokens, switches, observers, and who is inside.
    pub fn airlock(&self) -> &Airlock {
        &self.airlock
    }
}

/// A lock that is not to be had, or is lost, is logged.
fn logged<T>(airlock: &Airlock, key: &str, locked: Result<T, Error>) -> Result<T, Error> {
    locked.inspect_err(|error| log(airlock, key, error))
}

fn log(airlock: &Airlock, key: &str, error: &Error) {
    let airlock = airlock.name();
    match error {
        // Who has it, or comes next, is none of a log's business; that somebody has it is as it should be.
        Error::Refused(refusal) => tracing::debug!(
            target: "airlock",
            airlock,
            event = "lock-failed",
            resource = key,
            reason = refusal.reason.name(),
            "there is no lock",
        ),
        Error::Unavailable(error) => tracing::warn!(
            target: "airlock",
            airlock,
            event = "lock-failed",
            resource = key,
            reason = "unavailable",
            %error,
            "there is no lock: the store cannot decide",
        ),
        Error::Lost(_) => tracing::warn!(
            target: "airlock",
            airlock,
            event = "lock-failed",
            resource = key,
            reason = "lost",
            "a lock is lost",
        ),
        // The caller's own mistake, and the key may be no name at all.
        Error::Invalid(_) => {}
    }
}

/// Before anything is asked.
fn check(ttl: Duration) -> Result<(), Error> {
    micros(ttl).map(|_| ()).ok_or_else(|| InvalidEntrant::span().into())
}
