use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use super::{Airlock, Entered, Place, Standing, Ticket, time_of};
use crate::entrant::Entrant;
use crate::error::{Error, InvalidEntrant, LeaseLost, Reason};
use crate::gate::{Grant, Key, NEVER, Outcome, Stay, Verb};
use crate::name::{self, What};
use crate::permit::Permit;
use crate::seal::micros;
use crate::store::{Command, Lease, Session};
use crate::token::{Secret, Token};

/// An identity at one resource, on whose behalf a front end acts: the waiting room, for whoever brings its cookie.
///
/// Nothing here asks for a token. Whoever calls has authenticated the identity, and names the lease that it means by its
/// fence. A visitor's lease belongs to the identity, whatever the airlock does on re-entry: no permit releases it by being
/// dropped, no node renews it by itself. It ends when it [leaves](Visitor::leave), or at its deadline.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use airlock_core::{Airlock, Entered, Seal};
///
/// let shop = Airlock::builder("shop").seal(Seal::semaphore(1)).build()?;
/// let ada = shop.visitor("door", "ada");
/// let Entered::Admitted(permit) = ada.enter().await? else { panic!("there is room") };
/// let fence = permit.fence();
/// drop(permit);
///
/// // Another request of hers, with a cookie that says the fence.
/// ada.renew(fence, Some(Duration::from_secs(600))).await?;
/// assert!(ada.leave(fence).await?);
/// assert!(ada.renew(fence, None).await.is_err());
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// A future that is dropped may have been carried out. A place or a lease that nobody comes back for ends at its deadline.
#[derive(Clone, Debug)]
#[must_use = "a visitor does nothing by itself"]
pub struct Visitor<'a> {
    airlock: Airlock,
    entrant: Entrant<'a>,
}

impl Airlock {
    /// Acts for an identity that the caller has authenticated: see [`Visitor`].
    pub fn visitor<'a>(&self, resource: impl Into<Cow<'a, str>>, identity: impl Into<Cow<'a, str>>) -> Visitor<'a> {
        Visitor { airlock: self.clone(), entrant: Entrant::new(resource).identity(identity) }
    }
}

impl<'a> Visitor<'a> {
    /// How urgent it is, where the admission strategy heeds it. 0 by default.
    pub fn priority(mut self, priority: i32) -> Self {
        self.entrant.priority = priority;
        self
    }

    /// The group it belongs to. None by default.
    pub fn group(mut self, group: impl Into<Cow<'a, str>>) -> Self {
        self.entrant.group = Some(group.into());
        self
    }

    /// Enters, takes up an offer, or takes a place in line: whichever is possible. Again it keeps the place, or is the
    /// same admission; a place that was taken before goes over to the token that this answers.
    ///
    /// The lease lasts for the seal's ttl.
    ///
    /// # Errors
    ///
    /// Refused, unavailable or invalid, see [`Error`].
    pub async fn enter(&self) -> Result<Entered, Error> {
        let token = Token::new(self.entrant.resource.as_ref().into(), Secret::random());
        let verb = self.airlock.enter_verb(&self.entrant, Some(Key::Token(token.secret())), Stay::Away)?;
        let answer = self.airlock.ask(Command::new(&self.entrant.resource, verb)).await?;
        match answer.outcome {
            Outcome::Admitted(grant) => Ok(Entered::Admitted(self.admitted(&grant, Some(token)))),
            Outcome::Queued(place) => Ok(Entered::Queued(Ticket { token, place: Place::new(&place) })),
            other => match self.airlock.refusal(other) {
                // It is inside already, and nobody but its front end holds its lease.
                Error::Refused(refusal) if refusal.reason == Reason::Duplicate => match self.look().await? {
                    Standing::Inside { fence, .. } => Ok(Entered::Admitted(self.permit(fence))),
                    _ => Err(refusal.into()),
                },
                refused => Err(refused),
            },
        }
    }

    /// How things stand. Counts as presence.
    ///
    /// # Errors
    ///
    /// Unavailable or invalid.
    pub async fn poll(&self) -> Result<Standing, Error> {
        Ok(Standing::of(self.ask(Verb::Poll { key: self.key(0) }).await?))
    }

    /// How things stand, without counting as presence.
    ///
    /// # Errors
    ///
    /// Unavailable or invalid.
    pub async fn look(&self) -> Result<Standing, Error> {
        Ok(Standing::of(self.ask(Verb::Look { key: self.key(0) }).await?))
    }

    /// Takes up an offer; again with the same nonce it has the same answer. The lease lasts for the seal's ttl.
    ///
    /// # Errors
    ///
    /// Refused as [missed](Reason::Missed) when the offer is gone or the nonce is another one; unavailable or invalid.
    pub async fn claim(&self, nonce: u64) -> Result<Permit, Error> {
        match self.ask(Verb::Claim { key: self.key(0), nonce }).await? {
            Outcome::Admitted(grant) => Ok(self.admitted(&grant, None)),
            other => Err(self.airlock.refusal(other)),
        }
    }

    /// Extends the lease with that fence to at least `ttl` from now, or else the seal's. Never shortens it. Answers when
    /// it ends, on the store's clock.
    ///
    /// # Errors
    ///
    /// Lost when there is no such lease any more, which it stays; unavailable; invalid.
    pub async fn renew(&self, fence: u64, ttl: Option<Duration>) -> Result<SystemTime, Error> {
        let ttl = ttl.map(|ttl| micros(ttl).ok_or_else(InvalidEntrant::span)).transpose()?;
        match self.ask(Verb::Renew { key: self.key(fence), ttl }).await? {
            Outcome::Renewed(until) => Ok(time_of(until.min(NEVER - 1))),
            _ => Err(LeaseLost { ending: None }.into()),
        }
    }

    /// Gives up the lease or the offer with that fence, or with 0 the place in line. Answers whether there was one.
    ///
    /// # Errors
    ///
    /// Unavailable or invalid.
    pub async fn leave(&self, fence: u64) -> Result<bool, Error> {
        let outcome = self.ask(Verb::GiveUp { key: self.key(fence), doubt: false }).await?;
        Ok(matches!(outcome, Outcome::Released | Outcome::Left))
    }

    /// The permit of a lease that the caller knows to be held: for handlers that want one. Asks nothing.
    pub fn permit(&self, fence: u64) -> Permit {
        let grant = Grant { local: None, fence, floor: 0, until: NEVER, shared: true, waited: 0, leased: true };
        Permit::new(self.airlock.clone(), self.session(fence), &grant)
    }

    /// What was granted, made the identity's own.
    fn admitted(&self, grant: &Grant, token: Option<Token>) -> Permit {
        if grant.leased && !grant.shared {
            let guarded = grant.local.map(Lease::Local).or(token.map(Lease::Token));
            // It is kept by its deadline alone from here on; its token is not needed.
            let _ = self.airlock.inner().gates.token(&guarded.unwrap_or_else(|| self.session(grant.fence)), true);
        }
        Permit::new(self.airlock.clone(), self.session(grant.fence), &Grant { shared: true, ..*grant })
    }

    fn session(&self, fence: u64) -> Lease {
        let Entrant { resource, identity, .. } = &self.entrant;
        let identity = identity.as_deref().unwrap_or_default().into();
        Lease::Session(Box::new(Session { resource: resource.as_ref().into(), identity, fence }))
    }

    fn key(&self, fence: u64) -> Key<'_> {
        Key::Identity { identity: self.entrant.identity.as_deref().unwrap_or_default(), fence }
    }

    async fn ask(&self, verb: Verb<'_>) -> Result<Outcome, Error> {
        let Entrant { resource, identity, .. } = &self.entrant;
        name::check(What::Resource, resource).map_err(InvalidEntrant::from)?;
        name::check(What::Identity, identity.as_deref().unwrap_or_default()).map_err(InvalidEntrant::from)?;
        Ok(self.airlock.ask(Command::new(resource, verb)).await?.outcome)
    }
}
