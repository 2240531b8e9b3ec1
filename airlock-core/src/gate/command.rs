use super::{Micros, Page, SwitchState, Ticket};
use crate::token::{Local, Secret};

/// What is asked of one gate.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Verb<'a> {
    /// Ask to be let in.
    Enter(Enter<'a>),
    /// Ask how things stand; counts as presence.
    Poll {
        /// Whose standing.
        key: Key<'a>,
    },
    /// Ask how things stand, without counting as presence.
    Look {
        /// Whose standing.
        key: Key<'a>,
    },
    /// Take up an offer.
    Claim {
        /// Whose offer.
        key: Key<'a>,
        /// The offer's nonce.
        nonce: u64,
    },
    /// Extend a lease.
    Renew {
        /// Whose lease.
        key: Key<'a>,
        /// For how long from now, if not for the seal's own time.
        ttl: Option<Micros>,
    },
    /// Give a guard's lease a token, so that it can be renewed and released from elsewhere.
    Adopt {
        /// Whose lease.
        key: Key<'a>,
        /// The token to give it, unless it has one.
        secret: Secret,
        /// Whether the guard lets go of it: from now on it ends at its deadline.
        detach: bool,
    },
    /// Take a detached lease over: the reverse of [`Verb::Adopt`].
    Restore {
        /// Whose lease.
        key: Key<'a>,
    },
    /// Release a lease, decline an offer or leave the line, whichever it is.
    GiveUp {
        /// Who goes.
        key: Key<'a>,
        /// Whether a command with this token is still unanswered.
        doubt: bool,
    },
    /// An operator's: override the limit, or return to the configured one.
    Resize {
        /// The limit to override with.
        limit: Option<u32>,
    },
    /// An operator's: set this resource's switch, or with none leave it to the airlock's.
    Switch {
        /// What to set.
        state: Option<SwitchState>,
        /// When it is open again, from now.
        reopen_in: Option<Micros>,
        /// What to tell those who are refused.
        because: Option<&'a str>,
    },
    /// An operator's: put somebody out.
    Evict {
        /// Who.
        whom: Whom<'a>,
    },
    /// An operator's: show who is inside and who waits.
    Inspect {
        /// Which part.
        page: Page,
    },
    /// Nothing but the passing of time.
    Tick,
}

impl Verb<'_> {
    /// Operators' commands are applied before anybody is let in, so that a limit just lowered holds.
    pub(super) fn is_operators(&self) -> bool {
        matches!(self, Verb::Resize { .. } | Verb::Switch { .. } | Verb::Evict { .. })
    }

    /// Who is meant, where somebody is.
    pub fn key(&self) -> Option<Key<'_>> {
        match self {
            Verb::Enter(enter) => enter.key,
            Verb::Poll { key }
            | Verb::Look { key }
            | Verb::Claim { key, .. }
            | Verb::Renew { key, .. }
            | Verb::Adopt { key, .. }
            | Verb::Restore { key }
            | Verb::GiveUp { key, .. } => Some(*key),
            Verb::Resize { .. } | Verb::Switch { .. } | Verb::Evict { .. } | Verb::Inspect { .. } | Verb::Tick => None,
        }
    }

    /// Whether a gate that does not exist yet has to be made for this; else [`Outcome::of_nothing`] answers.
    ///
    /// [`Outcome::of_nothing`]: super::Outcome::of_nothing
    pub fn creates(&self) -> bool {
        match self {
            Verb::Enter(_) | Verb::Resize { limit: Some(_) } | Verb::Switch { state: Some(_), .. } => true,
            Verb::GiveUp { doubt, key: Key::Token(_) } => *doubt,
            _ => false,
        }
    }
}

/// The arguments of [`Verb::Enter`].
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug)]
pub struct Enter<'a> {
    /// The token to enter with, chosen by whoever asks; none where a guard beside the gate needs none.
    pub key: Option<Key<'a>>,
    /// Who asks; anonymous without it.
    pub identity: Option<&'a str>,
    /// The group it belongs to.
    pub group: Option<&'a str>,
    /// How much of the capacity it takes.
    pub weight: u32,
    /// Order before arrival, lower first.
    pub score: f64,
    /// How fast the order key of later arrivals grows, per second: what makes the patient overtake.
    pub per_second: f64,
    /// Fair shares: its group's share of the admissions, above 0.
    pub share: f64,
    /// Fair shares: how much weight of its group may be inside at once; 0 for any.
    pub cap: u32,
    /// What to do when there is no room.
    pub stay: Stay,
}

/// What an entrant does when there is no room.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stay {
    /// It goes.
    No,
    /// It waits beside the gate and is let in directly.
    Here,
    /// It takes a place and comes back to ask.
    Away,
}

/// How a ticket is named in a command.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Key<'a> {
    /// By its secret token.
    Token(Secret),
    /// By a handle of this process.
    Local(Local),
    /// By an identity that the caller has authenticated, with the fence of its lease; 0 before it has one.
    Identity {
        /// The identity.
        identity: &'a str,
        /// The fence of the lease or offer, 0 for a place in line.
        fence: u64,
    },
}

/// Whom an operator means.
///
/// See [`LeaseLost`](crate::LeaseLost) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whom<'a> {
    /// Whoever holds, or waits, under this identity.
    Identity(&'a str),
    /// Whoever holds, or is offered a place, under this identity.
    Inside(&'a str),
    /// Whoever waits under this identity.
    InLine(&'a str),
    /// Whoever was admitted, or is offered a place, with this fence.
    Fence(u64),
}

impl<'a> Whom<'a> {
    /// Under which identity, where it goes by one.
    pub fn identity(&self) -> Option<&'a str> {
        match self {
            Whom::Identity(identity) | Whom::Inside(identity) | Whom::InLine(identity) => Some(identity),
            Whom::Fence(_) => None,
        }
    }

    /// The same by another name.
    #[cfg(feature = "shared")]
    pub(crate) fn renamed<'b>(&self, identity: &'b str) -> Whom<'b> {
        match *self {
            Whom::Identity(_) => Whom::Identity(identity),
            Whom::Inside(_) => Whom::Inside(identity),
            Whom::InLine(_) => Whom::InLine(identity),
            Whom::Fence(fence) => Whom::Fence(fence),
        }
    }
}

impl Key<'_> {
    /// Whether an authenticated identity may act on this ticket: only on the lease that it names (G14).
    pub(crate) fn may_act_on(&self, ticket: &Ticket) -> bool {
        match self {
            Key::Identity { fence, .. } => *fence == ticket.fence,
            Key::Token(_) | Key::Local(_) => true,
        }
    }
}
