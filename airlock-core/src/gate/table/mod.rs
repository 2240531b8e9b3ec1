//! The ledger in memory.
//!
//! # Implementation details
//!
//! Tickets live in a slab; an id is a slot. What a gate with a handful of guards inside needs is in the
//! [`Table`] itself and is reused, so that entering and leaving allocate nothing. Tokens, identities,
//! deadlines and groups are indexed in a box that is only made when one of them is used.

mod index;
mod line;
mod quick;

use std::collections::VecDeque;
use std::sync::Arc;

use index::Indexes;
use line::Line;

use super::{Agreed, Group, GroupId, Key, Ledger, LineOrder, Meta, Micros, NEVER, State, Ticket};
use crate::token::{Local, Secret};

/// One gate's tickets, in memory.
///
/// See the [module](crate::gate) for an example.
#[derive(Debug, Default)]
pub struct Table {
    meta: Meta,
    /// What handles say of the gate that they belong to; for the store.
    home: u64,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Numbers handles, so that one outlives neither its ticket nor a takeover.
    serial: u64,
    line: Line,
    /// Fences in the order in which they were given, with their slots. What has left is skipped, and dropped
    /// from the front or once it is more than half.
    inside: VecDeque<(u64, u32)>,
    inside_count: u32,
    indexes: Option<Box<Indexes>>,
}

#[derive(Debug)]
struct Entry {
    ticket: Ticket,
    secret: Option<Secret>,
    identity: Option<Arc<str>>,
    /// 0 for a free slot.
    serial: u64,
}

/// The numbers at which a gate starts: what is left of an earlier gate in its place (G2).
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// No later arrival is as low as this.
    pub arrival: u64,
    /// No later fence is as low as this.
    pub fence: u64,
    /// No later handle is numbered as low as this.
    pub serial: u64,
}

impl Floor {
    /// The higher of each number.
    pub fn max(self, other: Floor) -> Floor {
        Floor {
            arrival: self.arrival.max(other.arrival),
            fence: self.fence.max(other.fence),
            serial: self.serial.max(other.serial),
        }
    }
}

impl Table {
    /// An empty table whose numbers go on from `floor`.
    /// `home` is what the store needs to find this table again from a handle.
    pub fn starting_at(floor: Floor, home: u64) -> Self {
        let mut table = Table { home, ..Table::default() };
        table.restart(floor);
        table
    }

    /// Makes an idle table a new one whose numbers go on from `floor`, keeping its allocations.
    pub fn restart(&mut self, floor: Floor) {
        debug_assert!(self.is_empty(), "tickets would be lost");
        self.meta = Meta { arrival: floor.arrival, fence: floor.fence, ..Meta::default() };
        self.serial = floor.serial;
        // All slots are free, and nothing is inside; only the indexes may still have room for many.
        self.inside.clear();
        if self.indexes.is_some() {
            self.indexes = None;
        }
    }

    /// Where the next gate in this one's place has to start.
    pub fn floor(&self) -> Floor {
        Floor { arrival: self.meta.arrival, fence: self.meta.fence, serial: self.serial }
    }

    /// How many tickets this has room for without allocating.
    pub fn capacity(&self) -> usize {
        self.entries.capacity().max(self.line.capacity()).max(self.inside.capacity())
    }

    /// Whether a handle still names a ticket, and which slot it is in.
    #[inline]
    pub fn slot(&self, local: Local) -> Option<u32> {
        let entry = self.entries.get(local.slot as usize)?;
        (entry.serial == local.serial && local.serial != 0).then_some(local.slot)
    }

    /// The tickets of waiters and holders, in no order, for checks.
    pub fn tickets(&self) -> impl Iterator<Item = (u32, &Ticket)> {
        (0u32..).zip(&self.entries).filter(|(_, entry)| entry.serial != 0).map(|(slot, entry)| (slot, &entry.ticket))
    }

    /// The groups that something is known of.
    #[cfg(feature = "serde")]
    pub(super) fn groups(&self) -> impl Iterator<Item = (GroupId, &str, Group)> {
        self.indexes.iter().flat_map(|indexes| indexes.groups.iter())
    }

    fn indexes(&mut self) -> &mut Indexes {
        self.indexes.get_or_insert_default()
    }

    #[inline(always)]
    fn occupy(&mut self, entry: Entry) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = entry;
            return slot;
        }
        let slot = u32::try_from(self.entries.len()).expect("fewer tickets than fit into memory");
        if self.entries.capacity() == 0 {
            // Most gates never have more than one.
            self.entries.reserve_exact(1);
        }
        self.entries.push(entry);
        slot
    }

    #[inline]
    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    #[inline]
    fn is_inside(&self, fence: u64, slot: u32) -> bool {
        let entry = &self.entries[slot as usize];
        entry.serial != 0 && entry.ticket.state.takes_room() && entry.ticket.fence == fence
    }

    #[inline(always)]
    fn went_in(&mut self, fence: u64, slot: u32) {
        self.inside_count += 1;
        if self.inside.len() >= 2 * self.inside_count as usize + 16 {
            let mut inside = std::mem::take(&mut self.inside);
            inside.retain(|&(fence, slot)| self.is_inside(fence, slot));
            self.inside = inside;
        }
        self.inside.push_back((fence, slot));
    }

    /// Called once the entry no longer says that it is inside.
    #[inline]
    fn went_out(&mut self) {
        self.inside_count -= 1;
        while let Some(&(fence, slot)) = self.inside.front() {
            if self.is_inside(fence, slot) {
                break;
            }
            self.inside.pop_front();
        }
    }

    fn set_deadline(&mut self, slot: u32, old: Option<&Ticket>, new: Option<&Ticket>) {
        let due = |ticket: &&Ticket| ticket.deadline < NEVER;
        let (old, new) = (old.filter(due), new.filter(due));
        if old.is_none() && new.is_none() {
            return;
        }
        let indexes = self.indexes();
        if let Some(ticket) = old {
            indexes.due.remove(&(ticket.state, ticket.deadline, ticket.arrival, slot));
        }
        if let Some(ticket) = new {
            indexes.due.insert((ticket.state, ticket.deadline, ticket.arrival, slot));
        }
    }
}

impl Ledger for Table {
    type Id = u32;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn is_empty(&self) -> bool {
        self.free.len() == self.entries.len()
    }

    fn find(&self, key: &Key<'_>) -> Option<u32> {
        match key {
            Key::Local(local) => self.slot(*local),
            Key::Token(secret) => {
                self.indexes.as_ref()?.by_secret(secret, |slot| self.entries[slot as usize].secret.as_ref())
            }
            Key::Identity { identity, .. } => {
                self.indexes.as_ref()?.by_identity(identity, |slot| self.entries[slot as usize].identity.as_deref())
            }
        }
    }

    fn find_fence(&self, fence: u64) -> Option<u32> {
        let at = self.inside.binary_search_by_key(&fence, |&(fence, _)| fence).ok()?;
        let (fence, slot) = self.inside[at];
        self.is_inside(fence, slot).then_some(slot)
    }

    fn read(&self, id: u32) -> Ticket {
        self.entries[id as usize].ticket
    }

    fn agreed(&self) -> Option<Agreed> {
        self.indexes.as_ref()?.agreed
    }

    fn set_agreed(&mut self, agreed: Agreed) {
        self.indexes().agreed = Some(agreed);
    }

    fn secret(&self, id: u32) -> Option<Secret> {
        self.entries[id as usize].secret
    }

    fn identity(&self, id: u32) -> Option<Arc<str>> {
        self.entries[id as usize].identity.clone()
    }

    fn local(&self, id: u32) -> Option<Local> {
        Some(Local { home: self.home, slot: id, serial: self.entries[id as usize].serial, side: 0 })
    }

    fn insert(&mut self, ticket: Ticket, secret: Option<Secret>, identity: Option<&str>) -> u32 {
        let serial = self.next_serial();
        let entry = Entry { ticket, secret, identity: identity.map(Arc::from), serial };
        let slot = self.occupy(entry);
        if ticket.state == State::Waiting {
            self.line.insert(LineOrder::from(&ticket), slot);
        } else if ticket.state.takes_room() {
            self.went_in(ticket.fence, slot);
        }
        self.set_deadline(slot, None, Some(&ticket));
        if let Some(secret) = secret {
            self.enter_secret(slot, secret);
        }
        if identity.is_some() {
            self.enter_identity(slot);
        }
        slot
    }

    fn write(&mut self, id: u32, ticket: Ticket) {
        let old = std::mem::replace(&mut self.entries[id as usize].ticket, ticket);
        let (was, is) = (LineOrder::from(&old), LineOrder::from(&ticket));
        let (waited, waits) = (old.state == State::Waiting, ticket.state == State::Waiting);
        if waited && (!waits || was != is) {
            self.line.remove(was, id);
        }
        if waits && (!waited || was != is) {
            self.line.insert(is, id);
        }
        match (old.state.takes_room(), ticket.state.takes_room()) {
            (false, true) => self.went_in(ticket.fence, id),
            (true, false) => self.went_out(),
            _ => {}
        }
        if (old.state, old.deadline, old.arrival) != (ticket.state, ticket.deadline, ticket.arrival) {
            self.set_deadline(id, Some(&old), Some(&ticket));
        }
    }

    fn name(&mut self, id: u32, secret: Secret) {
        if self.entries[id as usize].secret.is_none() {
            self.enter_secret(id, secret);
        }
    }

    fn rename(&mut self, id: u32, secret: Option<Secret>) {
        self.entries[id as usize].serial = self.next_serial();
        self.leave_secret(id);
        if let Some(secret) = secret {
            self.enter_secret(id, secret);
        }
    }

    fn forget_identity(&mut self, id: u32) {
        self.leave_identity(id);
    }

    fn remove(&mut self, id: u32) {
        self.leave_secret(id);
        self.leave_identity(id);
        let entry = &mut self.entries[id as usize];
        entry.serial = 0;
        let ticket = entry.ticket;
        if ticket.state == State::Waiting {
            self.line.remove(LineOrder::from(&ticket), id);
        } else if ticket.state.takes_room() {
            self.went_out();
        }
        self.set_deadline(id, Some(&ticket), None);
        self.free.push(id);
    }

    fn due(&self, state: State, now: Micros) -> Option<u32> {
        let first = (state, 0, 0, 0);
        let indexes = self.indexes.as_ref()?;
        let &(of, deadline, _, slot) = indexes.due.range(first..).next()?;
        (of == state && deadline <= now).then_some(slot)
    }

    fn soonest(&self) -> Micros {
        let Some(indexes) = &self.indexes else { return NEVER };
        let earliest = |state: State| match indexes.due.range((state, 0, 0, 0)..).next() {
            Some(&(of, deadline, _, _)) if of == state => deadline,
            _ => NEVER,
        };
        State::SWEEP.into_iter().map(earliest).min().unwrap_or(NEVER)
    }

    fn nth(&self, index: u64) -> Option<u32> {
        self.line.nth(usize::try_from(index).ok()?)
    }

    fn order_at(&self, index: u64) -> Option<LineOrder> {
        self.line.order_at(usize::try_from(index).ok()?)
    }

    fn rank(&self, order: LineOrder) -> u64 {
        self.line.rank(order) as u64
    }

    fn floor(&self) -> Option<u64> {
        self.inside.front().map(|&(fence, _)| fence)
    }

    fn inside(&self, offset: u64, count: u64) -> Vec<u32> {
        let live = self.inside.iter().filter(|&&(fence, slot)| self.is_inside(fence, slot));
        let (offset, count) = (usize::try_from(offset), usize::try_from(count));
        live.skip(offset.unwrap_or(usize::MAX)).take(count.unwrap_or(usize::MAX)).map(|&(_, slot)| slot).collect()
    }

    fn group(&mut self, name: &str) -> GroupId {
        self.indexes().groups.find_or_add(name)
    }

    fn read_group(&self, id: GroupId) -> Group {
        self.indexes.as_ref().map_or(Group::default(), |indexes| indexes.groups.read(id))
    }

    fn write_group(&mut self, id: GroupId, group: Group) {
        self.indexes().groups.write(id, group);
    }

    fn first_listed(&self) -> Option<GroupId> {
        self.indexes.as_ref()?.groups.first_listed()
    }

    fn first_resting(&self) -> Option<GroupId> {
        self.indexes.as_ref()?.groups.first_resting()
    }
}

impl Table {
    fn enter_secret(&mut self, slot: u32, secret: Secret) {
        self.entries[slot as usize].secret = Some(secret);
        let mut indexes = self.indexes.take().unwrap_or_default();
        indexes.add_secret(slot, &secret, |slot| self.entries[slot as usize].secret.as_ref());
        self.indexes = Some(indexes);
    }

    fn leave_secret(&mut self, slot: u32) {
        if let Some(secret) = self.entries[slot as usize].secret.take() {
            self.indexes().remove_secret(slot, &secret);
        }
    }

    fn enter_identity(&mut self, slot: u32) {
        let mut indexes = self.indexes.take().unwrap_or_default();
        if let Some(identity) = self.entries[slot as usize].identity.clone() {
            indexes.add_identity(slot, &identity, |slot| self.entries[slot as usize].identity.as_deref());
        }
        self.indexes = Some(indexes);
    }

    fn leave_identity(&mut self, slot: u32) {
        if let Some(identity) = self.entries[slot as usize].identity.take() {
            self.indexes().remove_identity(slot, &identity);
        }
    }
}
