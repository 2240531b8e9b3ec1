use std::fmt;
use std::time::Duration;

use super::Locks;
use crate::airlock::GiveUpOnDrop;
use crate::error::{Error, LeaseLost};
use crate::permit::Permit;
use crate::store::Lease;
use crate::token::Token;

/// A lock that is held. Dropping it unlocks; it needs no runtime for that.
///
/// See the [module](super) for an example.
#[must_use = "dropping a guard unlocks"]
pub struct LockGuard {
    permit: Permit,
    ttl: Duration,
}

impl LockGuard {
    /// The lease of the airlock may be shorter than what was asked for.
    pub(super) async fn new(permit: Permit, ttl: Duration) -> Result<Self, Error> {
        let guard = LockGuard { permit, ttl };
        if ttl > Locks::LEASE && guard.permit.deadline().is_some() {
            guard.renew_for(ttl).await?;
        }
        Ok(guard)
    }

    /// Higher each time that this key is locked: give it to what the lock protects, which rejects what is below the highest
    /// that it has seen. See [`Permit::fence`].
    pub fn fence(&self) -> u64 {
        self.permit.fence()
    }

    /// Resolves when the lock is lost, or can no longer be known not to be. Never otherwise. Cancel safe.
    pub async fn lost(&self) -> LeaseLost {
        self.permit.lost().await
    }

    /// Whether the lock is known to be lost, and how.
    pub fn is_lost(&self) -> Option<LeaseLost> {
        self.permit.is_lost()
    }

    /// Makes sure that it lasts for at least `ttl` from now, even if nobody renews it: 1 µs to 365 days. Never shortens it.
    ///
    /// # Errors
    ///
    /// [Lost](Error::Lost) when it is over, which it stays; unavailable; invalid when `ttl` is out of bounds.
    pub async fn renew_for(&self, ttl: Duration) -> Result<(), Error> {
        self.permit.renew_for(ttl).await
    }

    /// Unlocks, and says whether it was still held.
    ///
    /// # Errors
    ///
    /// [Lost](Error::Lost) when it was not; unavailable when the store did not say: then it is unlocked in the background,
    /// or by its deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future unlocks as well.
    pub async fn release(self) -> Result<(), Error> {
        self.permit.release().await
    }

    /// Keeps it locked without this guard, for its ttl from now, and answers the token with which to
    /// [take it over](Locks::restore), in this process or in another.
    ///
    /// # Errors
    ///
    /// [Lost](Error::Lost) when it is over; unavailable: then it is unlocked, for nobody has the token.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future unlocks.
    pub async fn detach(self) -> Result<Token, Error> {
        let airlock = self.permit.airlock().clone();
        let token = self.permit.detach()?;
        let nobody_has_it = GiveUpOnDrop::new(&airlock, &token);
        airlock.renew_lease(&Lease::Token(token.clone()), Some(self.ttl)).await?;
        nobody_has_it.settle();
        Ok(token)
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").field("fence", &self.fence()).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}
