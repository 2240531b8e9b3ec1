//! Whose a lease is: handles of the store that stands in are marked, so that they find their way back.

use crate::gate::{Answer, Enter, Grant, Key, NEVER, Outcome, Verb};
use crate::store::Lease;
use crate::token::Local;

/// Who let somebody in, where a [`Fallback`](super::Fallback) stands in for a store.
///
/// See [`Fallback`](super::Fallback) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GrantedBy {
    /// The airlock's own store: its limit is the one that counts for all.
    Primary,
    /// The local store of this process, during an outage of the airlock's own: its limit counts in this process only.
    Local,
    /// Nobody was asked, during an outage or by an operator's [emergency switch](crate::emergency): such a permit takes no
    /// room, is never lost, and its fence is 0.
    Nobody,
}

/// One of the two stores of a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Primary,
    Local,
}

/// The side of handles that nobody granted.
const NOBODY: u32 = u32::MAX;

/// A handle's `side` is a stack with a bit for each fallback around its store, so that a fallback may be the primary of
/// another: 0 all the way down is a primary's.
impl Local {
    fn marked(self, side: Side) -> Self {
        match self.side {
            NOBODY => self,
            inner => Local { side: inner << 1 | u32::from(side == Side::Local), ..self },
        }
    }

    pub(super) fn unmarked(self) -> (Side, Self) {
        let side = if self.side & 1 == 1 { Side::Local } else { Side::Primary };
        (side, Local { side: self.side >> 1, ..self })
    }
}

impl Lease {
    /// Who granted it.
    pub(crate) fn granted_by(&self) -> GrantedBy {
        match self {
            Lease::Local(Local { side: 0, .. }) | Lease::Token(_) | Lease::Session(_) => GrantedBy::Primary,
            Lease::Local(Local { side: NOBODY, .. }) => GrantedBy::Nobody,
            Lease::Local(_) => GrantedBy::Local,
        }
    }
}

/// An answer of one of the two, as the airlock gets to see it.
pub(super) fn marked(mut answer: Answer, side: Side) -> Answer {
    let local = match &mut answer.outcome {
        Outcome::Admitted(grant) => &mut grant.local,
        Outcome::Queued(place) => &mut place.local,
        _ => return answer,
    };
    *local = local.map(|local| local.marked(side));
    answer
}

/// The same command, for the same ticket by the key that its store knows.
pub(super) fn with_key<'a>(verb: Verb<'a>, key: Key<'a>) -> Verb<'a> {
    match verb {
        Verb::Enter(enter) => Verb::Enter(Enter { key: Some(key), ..enter }),
        Verb::Poll { .. } => Verb::Poll { key },
        Verb::Look { .. } => Verb::Look { key },
        Verb::Claim { nonce, .. } => Verb::Claim { key, nonce },
        Verb::Renew { ttl, .. } => Verb::Renew { key, ttl },
        Verb::Adopt { secret, detach, .. } => Verb::Adopt { key, secret, detach },
        Verb::Restore { .. } => Verb::Restore { key },
        Verb::GiveUp { doubt, .. } => Verb::GiveUp { key, doubt },
        verb @ (Verb::Resize { .. } | Verb::Switch { .. } | Verb::Evict { .. } | Verb::Inspect { .. } | Verb::Tick) => {
            verb
        }
    }
}

/// Somebody is let in, and nobody was asked.
pub(crate) fn by_nobody() -> Answer {
    let local = Some(Local { home: 0, slot: 0, serial: 0, side: NOBODY });
    let grant = Grant { local, fence: 0, floor: 0, until: NEVER, shared: false, waited: 0, leased: false };
    Answer { outcome: Outcome::Admitted(grant), more: false, next_at: None, now: 0 }
}
