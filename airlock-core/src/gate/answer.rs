use std::sync::Arc;

use smallvec::SmallVec;

use super::{Conditions, Inspection, Micros, Spec, Verb};
use crate::token::{Local, Secret};

/// What a gate answers to a command.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What became of the command.
    pub outcome: Outcome,
    /// The step reached its bound with work left: call again with [`Verb::Tick`](super::Verb::Tick) at once.
    pub more: bool,
    /// When something will change by itself.
    pub next_at: Option<Micros>,
    /// When it was, on the store's clock; 0 where no gate had to be asked.
    pub now: Micros,
}

/// What became of a command.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Inside.
    Admitted(Grant),
    /// In line.
    Queued(Place),
    /// A place is held for it; only a claim, or entering again, takes it up.
    Offered {
        /// What the claim must repeat.
        nonce: u64,
        /// The fence that it will have.
        fence: u64,
        /// When the offer ends.
        claim_by: Micros,
    },
    /// Not let in and not in line.
    Refused {
        /// Why.
        reason: Denial,
        /// How soon asking again makes sense, where that is known.
        retry_after: Option<Micros>,
        /// What the operator has to say about it.
        because: Option<Arc<str>>,
    },
    /// The token was used, and this is how it ended.
    Over(Ending),
    /// The lease now lasts until then.
    Renewed(Micros),
    /// There is no such lease any more.
    Lost,
    /// The lease was given back.
    Released,
    /// The place in line, or the offer, was given up.
    Left,
    /// Nothing is held or awaited under that key.
    NotHeld,
    /// Nothing is held under that key now; whether it was when the first command arrived is not known.
    Unknown,
    /// The offer is gone, or never was.
    Missed,
    /// An operator's command, or a tick, was carried out.
    Done,
    /// What [`Verb::Inspect`](super::Verb::Inspect) saw.
    Seen(Box<Inspection>),
    /// Not applied: there is a backlog to sweep first. Send the same command again.
    Again,
}

impl Outcome {
    /// The answer of a gate that does not exist, to a verb that does not make one.
    pub fn of_nothing(verb: &Verb<'_>, spec: &Spec, conditions: &Conditions, now: Micros) -> Self {
        match verb {
            Verb::Claim { .. } => Outcome::Missed,
            Verb::Renew { .. } | Verb::Adopt { .. } | Verb::Restore { .. } => Outcome::Lost,
            Verb::Inspect { .. } => Outcome::Seen(Box::new(Inspection::of_nothing(spec, conditions, now))),
            Verb::Enter(_) | Verb::Resize { .. } | Verb::Switch { .. } | Verb::Tick => Outcome::Done,
            Verb::Poll { .. } | Verb::Look { .. } | Verb::GiveUp { .. } | Verb::Evict { .. } => Outcome::NotHeld,
        }
    }
}

#[cfg(feature = "serde")]
impl Outcome {
    /// As a ledger without handles would answer it.
    pub(super) fn without_handle(self) -> Self {
        match self {
            Outcome::Admitted(grant) => Outcome::Admitted(Grant { local: None, ..grant }),
            Outcome::Queued(place) => Outcome::Queued(Place { local: None, ..place }),
            other => other,
        }
    }
}

/// An admission.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grant {
    /// A handle for a guard of this process, where the store has one.
    pub local: Option<Local>,
    /// The number of this admission: higher than every earlier one of this resource.
    pub fence: u64,
    /// The lowest fence still inside.
    pub floor: u64,
    /// When the lease ends unless renewed; [`NEVER`](super::NEVER) for a guard's.
    pub until: Micros,
    /// Whether the lease belongs to an identity rather than to one handle.
    pub shared: bool,
    /// How long it was in line, in microseconds.
    pub waited: Micros,
    /// Whether there is a lease to renew and release. A rate alone has none.
    pub leased: bool,
}

/// A place in line.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// A handle for a future of this process, where the store has one.
    pub local: Option<Local>,
    /// From 1.
    pub position: u64,
    /// Whether nobody can come in ahead but those before it, as things are.
    pub exact: bool,
    /// How many wait in all.
    pub waiting: u64,
    /// How likely it is to be the next, where all are alike.
    pub chance: Option<f64>,
    /// How long it will take, in microseconds, by the line's measured progress; unknown until it has moved.
    pub estimated_wait: Option<Micros>,
    /// How soon to ask again, in microseconds.
    pub refresh_after: Micros,
}

/// Why somebody was not let in.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// There is no room.
    Full,
    /// The rate is spent.
    Limited,
    /// The switch is closed or draining.
    Closed,
    /// The line is full.
    LineFull,
    /// This group's part of the line is full.
    GroupLineFull,
    /// This identity is already inside.
    Duplicate,
    /// It is heavier than the limit in force.
    TooHeavy,
}

/// How a ticket ended.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Ending {
    /// Its holder gave it back.
    #[default]
    Released,
    /// It was let in by a rate alone, and holds nothing. Only its token is remembered, for asking again.
    Admitted,
    /// It left the line, or declined its offer.
    Left,
    /// Its lease was not renewed in time, or reached the longest hold.
    Lapsed,
    /// It did not take its offer in time.
    Missed,
    /// It did not come back to ask.
    Absent,
    /// An operator put it out.
    Evicted,
    /// Its identity entered again elsewhere and took the place over.
    Superseded,
    /// It is heavier than the limit became.
    TooHeavy,
    /// Its token was given up before it was used.
    Spent,
    /// The node that attended it shut down.
    Closed,
}

/// What happened to a ticket.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// It was let in on arrival, or took up its offer.
    Admitted,
    /// It joined the line.
    Queued,
    /// A waiter attended beside the gate was let in.
    Granted(Grant),
    /// A place is held for it, which it takes up by a claim.
    Offered {
        /// What the claim must repeat.
        nonce: u64,
        /// When the offer ends.
        claim_by: Micros,
    },
    /// It missed its offer and is at the back of the line.
    Requeued,
    /// It is over.
    Ended(Ending),
}

/// One change of one ticket, in the order in which they happened.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Debug)]
pub struct Effect<Id> {
    /// The ticket. An ended one's id may already belong to somebody else.
    pub id: Id,
    /// What happened to it.
    pub change: Change,
    /// Its fence, 0 if it never had one.
    pub fence: u64,
    /// When it joined.
    pub arrival: u64,
    /// When it was let in or offered its place, 0 before.
    pub since: Micros,
    /// Its handle until then, where the ledger has one.
    pub local: Option<Local>,
    /// Its token, or what the store keeps in its place, until then: where nodes share the gate.
    pub token: Option<Secret>,
    /// Whether it waited beside the gate, so that a future has to hear of it.
    pub awaited: bool,
    /// Its identity, where names are recorded.
    pub identity: Option<Arc<str>>,
}

/// Collects what a step did to whom.
///
/// See the [module](crate::gate) for an example.
#[derive(Debug)]
pub struct Effects<Id> {
    record: Record,
    list: SmallVec<[Effect<Id>; 1]>,
}

/// What to collect.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Nothing: nobody listens.
    Nothing,
    /// What happened to which ticket.
    Changes,
    /// That, and whose ticket it was.
    Names,
}

impl<Id> Effects<Id> {
    /// Nothing yet.
    pub fn new(record: Record) -> Self {
        Effects { record, list: SmallVec::new() }
    }

    /// What was recorded, in the order in which it happened.
    pub fn iter(&self) -> std::slice::Iter<'_, Effect<Id>> {
        self.list.iter()
    }

    /// As a ledger without handles would tell it.
    #[cfg(feature = "serde")]
    pub(super) fn without_handles(mut self) -> Self {
        for effect in &mut self.list {
            effect.local = None;
            if let Change::Granted(grant) = &mut effect.change {
                grant.local = None;
            }
        }
        self
    }

    pub(super) fn record(&self) -> Record {
        self.record
    }

    pub(super) fn push(&mut self, effect: Effect<Id>) {
        self.list.push(effect);
    }
}
