use super::{Ending, GroupId, Micros};

/// What a gate knows about one entrant.
///
/// See the [module](crate::gate) for an example.
///
/// A ticket is in exactly one [`State`]; its names (token, identity) are kept beside it by the ledger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ticket {
    /// Where in its life the entrant is.
    pub state: State,
    /// Who looks after the entrant while it waits.
    pub attend: Attend,
    /// How much of the capacity it takes, or would take.
    pub weight: u32,
    /// The group it belongs to, where groups are counted.
    pub group: Option<GroupId>,
    /// Which line it waits in: that of its group under fair shares, else 0.
    pub lane: u32,
    /// Its order before arrival: lower is nearer to the head.
    pub score: f64,
    /// How fast the order key of later arrivals grows, per second.
    pub per_second: f64,
    /// When it joined: unique in its gate.
    pub arrival: u64,
    /// The number of its admission, once it is offered or holds; 0 before.
    pub fence: u64,
    /// When this state ends by itself: presence, claim, lease or memory, by [`State`].
    pub deadline: Micros,
    /// Until when it is known to be present; kept while offered, for those who miss.
    pub present_until: Micros,
    /// When it was offered its place or let in; 0 before.
    pub since: Micros,
    /// What a claim must repeat; 0 where there is no offer to claim.
    pub nonce: u64,
    /// How it ended, for a spent token.
    pub ending: Ending,
}

impl Ticket {
    /// The order key: `score + per_second × arrival`, lower first, equal keys by arrival.
    pub fn order(&self) -> f64 {
        self.score + self.per_second * (self.arrival as f64 / 1e6)
    }
}

/// Where in its life an entrant is.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum State {
    /// In the line.
    Waiting,
    /// Chosen, with capacity held for it until its deadline.
    Offered,
    /// Inside.
    Holding,
    /// Over, and its token remembered so that a command that arrives late does not start it again.
    Spent,
}

impl State {
    /// The order in which a sweep reclaims.
    pub const SWEEP: [State; 4] = [State::Holding, State::Offered, State::Waiting, State::Spent];

    /// Whether tickets in this state take up capacity.
    pub fn takes_room(self) -> bool {
        matches!(self, State::Holding | State::Offered)
    }
}

/// Who looks after a waiter (G10).
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Attend {
    /// A future beside the gate itself: it is let in directly, and its presence is its existence.
    Here,
    /// Nobody: it comes back by itself to ask, and claims what it is offered.
    Away,
}
