//! Leases that are known by their tokens, and what a permit asks for its own.

use std::time::{Duration, SystemTime};

use super::entering::lease;
use super::{Airlock, time_of};
use crate::error::{Error, InvalidEntrant, LeaseLost};
use crate::gate::{Ending, Key, Micros, NEVER, Outcome, Verb};
use crate::name::{self, What};
use crate::permit::Permit;
use crate::seal::micros;
use crate::store::{Command, Lease};
use crate::token::Token;

impl Airlock {
    /// Releases a lease by its token.
    ///
    /// # Errors
    ///
    /// Lost when nothing is held under it any more; unavailable.
    pub async fn release(&self, token: &Token) -> Result<(), Error> {
        match self.give_up(token).await? {
            Outcome::Released | Outcome::Left => Ok(()),
            _ => Err(LeaseLost { ending: None }.into()),
        }
    }

    /// Extends a lease by its token, by the seal's ttl from now. Never shortens it. Answers when it ends now.
    ///
    /// # Errors
    ///
    /// Lost when there is no such lease any more, which it stays; unavailable.
    pub async fn renew(&self, token: &Token) -> Result<SystemTime, Error> {
        self.renew_lease(&Lease::Token(token.clone()), None).await.map(|until| time_of(until.min(NEVER - 1)))
    }

    /// Takes over a lease that was [detached](Permit::detach), here or in another process: the permit that comes
    /// back guards it again. There is one lease, so take it over once: of two guards, the first to go releases it.
    ///
    /// # Errors
    ///
    /// Lost when the lease is over; unavailable.
    pub async fn restore(&self, token: &Token) -> Result<Permit, Error> {
        let key = Key::Token(token.secret());
        match self.ask(Command::new(token.resource(), Verb::Restore { key })).await?.outcome {
            Outcome::Admitted(grant) => Ok(Permit::new(self.clone(), lease(Some(token.clone()), grant.local)?, &grant)),
            outcome @ Outcome::Over(Ending::Closed) => Err(self.refusal(outcome)),
            _ => Err(LeaseLost { ending: None }.into()),
        }
    }

    /// Whether an identity is inside, at this moment. A place in line, or an offer, is not inside; nor is whoever was let
    /// in by a rate alone.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use airlock_core::{Airlock, Entrant, Seal};
    /// # let airlock = Airlock::builder("desk").seal(Seal::lock()).build()?;
    /// let permit = airlock.try_enter(Entrant::new("desk").identity("ada")).await?;
    /// assert!(airlock.is_held_by("desk", "ada").await?);
    /// drop(permit);
    /// assert!(!airlock.is_held_by("desk", "ada").await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the resource or the identity is no valid name.
    pub async fn is_held_by(&self, resource: &str, identity: &str) -> Result<bool, Error> {
        name::check(What::Identity, identity).map_err(InvalidEntrant::from)?;
        let key = Key::Identity { identity, fence: 0 };
        let outcome = self.operate(resource, Verb::Look { key }).await?;
        Ok(matches!(outcome, Outcome::Admitted(grant) if grant.leased))
    }

    /// How long a lease will last without a renewal, by the store's clock; none where it lasts as long as the permit that
    /// guards it, as in memory without a longest hold.
    ///
    /// # Errors
    ///
    /// Lost when nothing is held under the token; unavailable.
    pub async fn remaining(&self, token: &Token) -> Result<Option<Duration>, Error> {
        let key = Key::Token(token.secret());
        let answer = self.ask(Command::new(token.resource(), Verb::Look { key })).await?;
        match answer.outcome {
            Outcome::Admitted(grant) if grant.leased => {
                let left = grant.until.saturating_sub(answer.now);
                Ok((grant.until < NEVER).then(|| Duration::from_micros(left)))
            }
            _ => Err(LeaseLost { ending: None }.into()),
        }
    }
}

impl Airlock {
    pub(crate) async fn release_lease(&self, lease: &Lease) -> Result<(), Error> {
        let (resource, key) = lease.address();
        match self.ask(Command::new(resource, Verb::GiveUp { key, doubt: false })).await?.outcome {
            Outcome::Released => Ok(()),
            _ => Err(LeaseLost { ending: None }.into()),
        }
    }

    pub(crate) async fn renew_lease(&self, lease: &Lease, ttl: Option<Duration>) -> Result<Micros, Error> {
        let ttl = match ttl {
            Some(ttl) => Some(micros(ttl).ok_or_else(InvalidEntrant::span)?),
            None => None,
        };
        let (resource, key) = lease.address();
        match self.ask(Command::new(resource, Verb::Renew { key, ttl })).await?.outcome {
            Outcome::Renewed(until) => Ok(until),
            _ => Err(LeaseLost { ending: None }.into()),
        }
    }
}
