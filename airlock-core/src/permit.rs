use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use tracing::{Level, Span};

use crate::airlock::{Airlock, time_of};
use crate::error::{Error, LeaseLost};
use crate::gate::{Grant, NEVER};
use crate::store::{GrantedBy, Lease, Watch};
use crate::token::Token;

/// A lease on a place inside. Dropping it releases the place; it needs no runtime for that.
///
/// `Debug` shows the airlock and the fence, never the token.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::{Airlock, Seal};
///
/// let desks = Airlock::builder("desks").seal(Seal::semaphore(2)).build()?;
/// let permit = desks.try_enter("hall").await?;
/// println!("number {}; whatever is below {} is over", permit.fence(), permit.floor());
///
/// // Kept without a guard, for the ttl, by whoever has the token: in this process or in another.
/// let token = permit.detach()?;
/// desks.renew(&token).await?;
/// desks.restore(&token).await?.release().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a permit releases it"]
pub struct Permit(Arc<Held>);

/// What a permit is. Allocated once, so that a permit moves as a pointer, and shared as it is by
/// [`Admitted`](crate::Admitted). Its drop releases.
pub(crate) struct Held {
    airlock: Airlock,
    /// None once it was released or detached, and where there never was a lease.
    lease: Option<Lease>,
    fence: u64,
    floor: u64,
    until: u64,
    shared: bool,
    /// In microseconds.
    waited: u64,
    watch: OnceLock<Arc<Watch>>,
    /// Whether there ever was a lease: a rate's admission, or one without asking, has none.
    leased: bool,
    granted_by: GrantedBy,
    /// Of the time inside, made only where somebody looks.
    span: Option<Box<Span>>,
}

impl Permit {
    #[inline(always)]
    pub(crate) fn new(airlock: Airlock, lease: Lease, grant: &Grant) -> Self {
        let granted_by = lease.granted_by();
        if granted_by == GrantedBy::Nobody {
            airlock.meter().admitted_unasked();
        }
        let span = span(&airlock, grant.fence, grant.waited);
        Permit(Arc::new(Held {
            airlock,
            lease: if grant.leased { Some(lease) } else { None },
            fence: grant.fence,
            floor: grant.floor,
            until: grant.until,
            shared: grant.shared,
            waited: grant.waited,
            // What is no lease is never lost.
            watch: if grant.leased { OnceLock::new() } else { OnceLock::from(Arc::default()) },
            leased: grant.leased,
            granted_by,
            span,
        }))
    }

    /// A permit that is no lease: for front ends that let somebody in without asking, because an operator said so
    /// or because the store is away. It takes no room, is never lost, has no token, and its fence is 0.
    pub fn unleased(airlock: Airlock) -> Self {
        airlock.meter().admitted_unasked();
        let span = span(&airlock, 0, 0);
        Permit(Arc::new(Held {
            airlock,
            lease: None,
            fence: 0,
            floor: 0,
            until: NEVER,
            shared: false,
            waited: 0,
            watch: OnceLock::from(Arc::default()),
            leased: false,
            granted_by: GrantedBy::Nobody,
            span,
        }))
    }

    /// The number of this admission: higher than every earlier one of this resource, also across restarts, unless the
    /// store's clock was set back while nothing ran.
    ///
    /// Give it to the system that you protect. Behind a lock that system rejects what is below the highest fence
    /// it has seen; behind a semaphore, below the highest [floor](Permit::floor) (Kleppmann, "How to do distributed
    /// locking", 2016).
    pub fn fence(&self) -> u64 {
        self.0.fence
    }

    /// The lowest fence that was still inside when this permit was granted.
    pub fn floor(&self) -> u64 {
        self.0.floor
    }

    /// How long it waited in line, by the store's clock.
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.0.waited)
    }

    /// When the lease ends unless it is renewed, on the store's clock, as it was granted. None where it lasts as
    /// long as this permit, as in memory without a longest hold.
    pub fn deadline(&self) -> Option<SystemTime> {
        (self.0.until < NEVER).then(|| time_of(self.0.until))
    }

    /// Who decided: the airlock's store, or what stands in for it during an outage (see [`Fallback`]).
    ///
    /// [`Fallback`]: crate::store::Fallback
    pub fn granted_by(&self) -> GrantedBy {
        self.0.granted_by
    }

    /// Whether it is a lease at all: what a rate alone lets in, or a gate that an operator has bypassed, holds nothing.
    pub fn is_leased(&self) -> bool {
        self.0.leased
    }

    /// The airlock that granted it.
    pub fn airlock(&self) -> &Airlock {
        &self.0.airlock
    }

    /// The `tracing` span of the time inside, to do the work in: named `hold`, at `DEBUG`, with the target `airlock` and the
    /// fields `airlock`, `fence` and `waited_us`. It follows from the span of the wait, if there was one, and is closed when
    /// the last owner of the permit is gone. Disabled where nobody looks.
    ///
    /// [`with_admitted`](Airlock::with_admitted) does its work in it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use airlock_core::{Airlock, Seal};
    /// # let airlock = Airlock::builder("reports").seal(Seal::lock()).build()?;
    /// let permit = airlock.try_enter("daily").await?;
    /// permit.span().in_scope(|| tracing::info!("this is said inside"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn span(&self) -> Span {
        self.0.span.as_deref().map_or_else(Span::none, Span::clone)
    }

    /// The portable token of this lease, with which another process can renew or release it.
    ///
    /// # Errors
    ///
    /// When the lease is known to be lost.
    pub fn token(&self) -> Result<Token, LeaseLost> {
        self.ask_token(false)
    }

    /// Keeps the place without this permit, for the seal's ttl from now, and answers the token with which to renew
    /// it, release it, or [restore](Airlock::restore) a permit.
    ///
    /// # Errors
    ///
    /// When the lease is known to be lost.
    pub fn detach(self) -> Result<Token, LeaseLost> {
        let token = self.ask_token(true)?;
        self.disarm();
        Ok(token)
    }

    /// Extends the lease by the seal's ttl from now. A held permit does this by itself.
    ///
    /// # Errors
    ///
    /// [Lost](Error::Lost) when the lease is over, which it stays; [unavailable](Error::Unavailable).
    pub async fn renew(&self) -> Result<(), Error> {
        self.renew_by(None).await
    }

    /// Extends the lease to at least `ttl` from now: 1 µs to 365 days.
    ///
    /// # Errors
    ///
    /// As [`renew`](Permit::renew); [invalid](Error::Invalid) when `ttl` is out of bounds.
    pub async fn renew_for(&self, ttl: Duration) -> Result<(), Error> {
        self.renew_by(Some(ttl)).await
    }

    /// Releases the place, and says whether it was still held.
    ///
    /// # Errors
    ///
    /// [Lost](Error::Lost) when it was not; [unavailable](Error::Unavailable) when the store did not say, in which
    /// case it is released in the background or by its deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future releases the place as well.
    pub async fn release(self) -> Result<(), Error> {
        let Some(lease) = &self.0.lease else { return self.without_lease() };
        let released = self.0.airlock.release_lease(lease).await;
        if let Err(Error::Lost(lost)) = &released {
            self.0.watch.get_or_init(Arc::default).lose(lost.ending);
        }
        if !matches!(released, Err(Error::Unavailable(_))) {
            self.disarm();
        }
        released
    }

    /// Resolves when the lease is lost, or can no longer be known not to be. Never otherwise. Cancel safe.
    pub async fn lost(&self) -> LeaseLost {
        self.watch().lost().await
    }

    /// Whether the lease is known to be lost, and how.
    pub fn is_lost(&self) -> Option<LeaseLost> {
        self.watch().is_lost()
    }

    /// Told when the lease is lost. Registered with the store at the first call only: most permits are gone before
    /// anybody asks.
    fn watch(&self) -> &Watch {
        self.0.watch.get_or_init(|| {
            let watch = Arc::new(Watch::default());
            match &self.0.lease {
                Some(lease) => self.0.airlock.inner().gates.watch(lease, &watch),
                None => watch.lose(None),
            }
            watch
        })
    }

    fn ask_token(&self, detach: bool) -> Result<Token, LeaseLost> {
        let token = self.0.lease.as_ref().and_then(|lease| self.0.airlock.inner().gates.token(lease, detach));
        token.ok_or_else(|| self.is_lost().unwrap_or(LeaseLost { ending: None }))
    }

    async fn renew_by(&self, ttl: Option<Duration>) -> Result<(), Error> {
        match &self.0.lease {
            Some(lease) => self.0.airlock.renew_lease(lease, ttl).await.map(|_| ()),
            None => self.without_lease(),
        }
    }

    /// There is nothing to renew or release, which is as it should be where there never was a lease.
    fn without_lease(&self) -> Result<(), Error> {
        if self.0.leased { Err(LeaseLost { ending: None }.into()) } else { Ok(()) }
    }
}

impl Permit {
    /// Drops it without a release.
    fn disarm(self) {
        // There is one owner: a permit that was shared is an `Admitted` and never a permit again.
        if let Some(mut held) = Arc::into_inner(self.0) {
            held.lease = None;
        }
    }

    /// Has the time inside follow from the wait that led to it.
    pub(crate) fn follows_from(&self, wait: Option<&Span>) {
        if let (Some(hold), Some(wait)) = (&self.0.span, wait) {
            hold.follows_from(wait);
        }
    }

    /// Another owner of the same permit.
    pub(crate) fn share(&self) -> Self {
        Permit(self.0.clone())
    }

    pub(crate) fn downgrade(&self) -> Weak<Held> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn upgrade(held: &Weak<Held>) -> Option<Self> {
        held.upgrade().map(Permit)
    }
}

/// In the span of whoever asked.
#[inline(always)]
fn span(airlock: &Airlock, fence: u64, waited_us: u64) -> Option<Box<Span>> {
    tracing::enabled!(target: "airlock", Level::DEBUG).then(|| {
        let airlock = airlock.name();
        Box::new(tracing::debug_span!(target: "airlock", "hold", airlock, fence, waited_us))
    })
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.leased && self.watch.get().is_some_and(|watch| watch.is_lost().is_some()) {
            self.airlock.meter().lost();
        }
        if let Some(lease) = &self.lease
            && !self.shared
        {
            self.airlock.inner().gates.give_back(lease, false);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("airlock", &self.0.airlock.name())
            .field("fence", &self.0.fence)
            .finish_non_exhaustive()
    }
}
