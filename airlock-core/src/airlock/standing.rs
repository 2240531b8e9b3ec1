use std::time::{Duration, SystemTime};

use super::time_of;
use crate::gate::{self, Ending, NEVER, Outcome};
use crate::permit::Permit;
use crate::token::Token;

/// What [`enter`](crate::Airlock::enter) came to.
///
/// See [`Airlock::enter`](crate::Airlock::enter) for an example.
#[derive(Debug)]
pub enum Entered {
    /// Inside.
    Admitted(Permit),
    /// In line.
    Queued(Ticket),
}

/// A place in line to come back with.
///
/// See [`Airlock::enter`](crate::Airlock::enter) for an example.
///
/// It is plain data: dropping it does nothing, and the place is lost when nobody asks for it for the length of
/// the presence.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ticket {
    /// What to come back with.
    pub token: Token,
    /// Where in the line.
    pub place: Place,
}

/// Where in the line somebody is.
///
/// See [`Airlock::enter`](crate::Airlock::enter) for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Place {
    /// From 1.
    pub position: u64,
    /// Whether nobody can come in ahead but those before it, as things are.
    pub position_exact: bool,
    /// How many are before it.
    pub ahead: u64,
    /// How many wait in all.
    pub waiting: u64,
    /// How likely it is to be the next, in a lottery where all are alike.
    pub chance: Option<f64>,
    /// How long it will take by the line's measured progress. Unknown until the line has moved.
    pub estimated_wait: Option<Duration>,
    /// How soon to ask again.
    pub refresh_after: Duration,
}

impl Place {
    pub(super) fn new(place: &gate::Place) -> Self {
        Place {
            position: place.position,
            position_exact: place.exact,
            ahead: place.position - 1,
            waiting: place.waiting,
            chance: place.chance,
            estimated_wait: place.estimated_wait.map(Duration::from_micros),
            refresh_after: Duration::from_micros(place.refresh_after),
        }
    }
}

/// A place inside that is held until it is claimed or missed.
///
/// See [`Airlock::enter`](crate::Airlock::enter) for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Offer {
    /// What the claim must repeat.
    pub nonce: u64,
    /// The number of the admission that it will be.
    pub fence: u64,
    /// When it is missed, on the store's clock.
    pub claim_by: SystemTime,
}

/// How things stand with a token.
///
/// See [`Airlock::enter`](crate::Airlock::enter) for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Standing {
    /// In line.
    Waiting(Place),
    /// A place is held: [claim](crate::Airlock::claim) it.
    Offered(Offer),
    /// Inside.
    #[non_exhaustive]
    Inside {
        /// The number of the admission.
        fence: u64,
        /// When the lease ends unless renewed, on the store's clock; none while a permit guards it.
        until: Option<SystemTime>,
    },
    /// It is over: given up, or let in by a rate, which leaves nothing to be inside with.
    Over(Ending),
    /// Nothing is known of it: it was never used, or is over and forgotten.
    Unknown,
}

impl Standing {
    pub(super) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Queued(place) => Standing::Waiting(Place::new(&place)),
            Outcome::Offered { nonce, fence, claim_by } => {
                Standing::Offered(Offer { nonce, fence, claim_by: time_of(claim_by) })
            }
            Outcome::Admitted(grant) if !grant.leased => Standing::Over(Ending::Admitted),
            Outcome::Admitted(grant) => {
                Standing::Inside { fence: grant.fence, until: (grant.until < NEVER).then(|| time_of(grant.until)) }
            }
            Outcome::Over(ending) => Standing::Over(ending),
            _ => Standing::Unknown,
        }
    }
}
