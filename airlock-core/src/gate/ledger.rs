use std::fmt::Debug;
use std::sync::Arc;

use super::{Agreed, Group, GroupId, Key, Meta, Micros, State, Ticket, sortable};
use crate::token::{Local, Secret};

/// The handful of table operations that a gate needs.
///
/// [`Table`](crate::gate::Table) is one; see the [module](crate::gate) for an example.
///
/// One ledger is the state of one gate. The indexes it keeps: by token, by identity, by state and deadline,
/// by line order, by fence for what is inside, and groups by name. [`Table`](super::Table) keeps them in
/// memory; a store on SQL keeps them as indexes over rows.
pub trait Ledger {
    /// Names a ticket for as long as it exists.
    type Id: Copy + Eq + Debug;

    /// The gate's own record.
    fn meta(&self) -> &Meta;
    /// The gate's own record, to change.
    fn meta_mut(&mut self) -> &mut Meta;
    /// What the nodes that share this gate are agreed on; nothing where it is not shared.
    fn agreed(&self) -> Option<Agreed>;
    /// Replaces that.
    fn set_agreed(&mut self, agreed: Agreed);
    /// Whether there is no ticket in any state.
    fn is_empty(&self) -> bool;

    /// The ticket with that token, handle or identity. An identity never finds a spent ticket.
    fn find(&self, key: &Key<'_>) -> Option<Self::Id>;
    /// The ticket that is inside, or offered, with that fence.
    fn find_fence(&self, fence: u64) -> Option<Self::Id>;
    /// A ticket's record.
    fn read(&self, id: Self::Id) -> Ticket;
    /// A ticket's token, if it has one.
    fn secret(&self, id: Self::Id) -> Option<Secret>;
    /// A ticket's identity.
    fn identity(&self, id: Self::Id) -> Option<Arc<str>>;
    /// A handle with which a guard of this process finds the ticket again at no cost, if there is such a thing.
    fn local(&self, id: Self::Id) -> Option<Local>;

    /// Adds a ticket and its names.
    fn insert(&mut self, ticket: Ticket, secret: Option<Secret>, identity: Option<&str>) -> Self::Id;
    /// Replaces a ticket's record, in every index.
    fn write(&mut self, id: Self::Id, ticket: Ticket);
    /// Gives a ticket that has no token one; nothing else changes.
    fn name(&mut self, id: Self::Id, secret: Secret);
    /// Replaces a ticket's token; neither the old one nor an old handle finds it any more.
    fn rename(&mut self, id: Self::Id, secret: Option<Secret>);
    /// Takes a ticket's identity away, so that the identity can be used anew.
    fn forget_identity(&mut self, id: Self::Id);
    /// Removes a ticket and its names.
    fn remove(&mut self, id: Self::Id);

    /// A ticket in `state` whose deadline has come, earliest first, ties by arrival.
    fn due(&self, state: State, now: Micros) -> Option<Self::Id>;
    /// The earliest deadline of all tickets, or [`NEVER`](super::NEVER).
    fn soonest(&self) -> Micros;

    /// The waiter at `index` in line order, from 0.
    fn nth(&self, index: u64) -> Option<Self::Id>;
    /// In which order the waiter at `index` is, from 0.
    fn order_at(&self, index: u64) -> Option<LineOrder>;
    /// How many waiters are before that order.
    fn rank(&self, order: LineOrder) -> u64;
    /// The first waiter at that order or after it. A ledger that need not count to find it says so here.
    fn first_from(&self, order: LineOrder) -> Option<Self::Id> {
        self.nth(self.rank(order))
    }

    /// The lowest fence of what is inside or offered.
    fn floor(&self) -> Option<u64>;
    /// What is inside or offered, by fence, from `offset` on.
    fn inside(&self, offset: u64, count: u64) -> Vec<Self::Id>;

    /// The group of that name; made when there is none.
    fn group(&mut self, name: &str) -> GroupId;
    /// A group's record.
    fn read_group(&self, id: GroupId) -> Group;
    /// Replaces a group's record; one that is empty is forgotten.
    fn write_group(&mut self, id: GroupId, group: Group);
    /// The [listed](Group::listed) group with the lowest tag, ties by the arrival of its head.
    fn first_listed(&self) -> Option<GroupId>;
    /// The [resting](Group::is_resting) group of the oldest busy period, there with the lowest last tag.
    fn first_resting(&self) -> Option<GroupId>;
}

/// Where a waiter stands: its line, there by order key, and then by arrival.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineOrder {
    /// Which line: that of a group under fair shares, else 0.
    pub lane: u32,
    /// The order key, as an integer of the same order.
    pub order: u64,
    /// Arrival, unique in the gate.
    pub arrival: u64,
}

impl From<&Ticket> for LineOrder {
    fn from(ticket: &Ticket) -> Self {
        LineOrder { lane: ticket.lane, order: sortable(ticket.order()), arrival: ticket.arrival }
    }
}
