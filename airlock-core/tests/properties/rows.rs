//! A ledger over plain rows and secondary indexes, as an SQL database or a snapshot in a file has them.
//!
//! It is written to be read, not to be fast: each map stands for a table or an index, and each method for the
//! statement above it. That the gate behaves exactly alike on it and on `Table` shows that its algorithm needs
//! nothing that a database cannot do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use airlock_core::gate::table::Floor;
use airlock_core::gate::{
    Agreed, Group, GroupId, Key, Ledger, LineOrder, Meta, Micros, NEVER, State, Ticket, sortable,
};
use airlock_core::{Local, Secret};

#[derive(Debug, Default)]
pub struct Rows {
    /// One row.
    meta: Meta,
    agreed: Option<Agreed>,
    /// `tickets(id primary key, …)`; ids are not used again.
    tickets: BTreeMap<u64, Row>,
    last_id: u64,
    /// `unique index on tickets(secret)`
    by_secret: BTreeMap<[u8; 16], u64>,
    /// `unique index on tickets(identity) where identity is not null`
    by_identity: BTreeMap<Arc<str>, u64>,
    /// `index on tickets(state, deadline, arrival) where deadline < never`
    by_deadline: BTreeSet<(State, Micros, u64, u64)>,
    /// `unique index on tickets(line_order, arrival) where state = waiting`
    line: BTreeMap<LineOrder, u64>,
    /// `unique index on tickets(fence) where state in (offered, holding)`
    inside: BTreeMap<u64, u64>,
    /// `groups(id primary key, name unique, …)`
    groups: BTreeMap<GroupId, (String, Group)>,
    last_group: u32,
}

#[derive(Clone, Debug)]
struct Row {
    ticket: Ticket,
    secret: Option<[u8; 16]>,
    identity: Option<Arc<str>>,
}

impl Rows {
    /// No rows, and numbers that go on from an earlier gate's.
    pub fn starting_at(floor: Floor) -> Self {
        let meta = Meta { arrival: floor.arrival, fence: floor.fence, ..Meta::default() };
        Rows { meta, ..Rows::default() }
    }

    /// `select id, * from tickets`
    pub fn tickets(&self) -> impl Iterator<Item = (u64, &Ticket)> {
        self.tickets.iter().map(|(id, row)| (*id, &row.ticket))
    }

    /// How many groups are remembered.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// How many entries all the indexes have that depend on tickets' states, to find those left behind.
    pub fn index_sizes(&self) -> (usize, usize) {
        (self.line.len(), self.inside.len())
    }

    /// What a database does by itself when a row changes: every index loses the old row and gets the new one.
    fn index(&mut self, id: u64, old: Option<&Row>, new: Option<&Row>) {
        if let Some(Row { ticket, secret, identity }) = old {
            self.by_deadline.remove(&(ticket.state, ticket.deadline, ticket.arrival, id));
            if ticket.state == State::Waiting {
                self.line.remove(&LineOrder::from(ticket));
            }
            if ticket.state.takes_room() {
                self.inside.remove(&ticket.fence);
            }
            if let Some(secret) = secret {
                self.by_secret.remove(secret);
            }
            if let Some(identity) = identity {
                self.by_identity.remove(identity);
            }
        }
        if let Some(Row { ticket, secret, identity }) = new {
            if ticket.deadline < NEVER {
                self.by_deadline.insert((ticket.state, ticket.deadline, ticket.arrival, id));
            }
            let mut replaced = None;
            if ticket.state == State::Waiting {
                replaced = replaced.or(self.line.insert(LineOrder::from(ticket), id));
            }
            if ticket.state.takes_room() {
                replaced = replaced.or(self.inside.insert(ticket.fence, id));
            }
            if let Some(secret) = secret {
                replaced = replaced.or(self.by_secret.insert(*secret, id));
            }
            if let Some(identity) = identity {
                replaced = replaced.or(self.by_identity.insert(identity.clone(), id));
            }
            assert_eq!(replaced, None, "unique index violated by {new:?}");
        }
    }

    /// `update tickets set … where id = ?`
    fn update(&mut self, id: u64, change: impl FnOnce(&mut Row)) {
        let old = self.tickets[&id].clone();
        let mut new = old.clone();
        change(&mut new);
        self.index(id, Some(&old), Some(&new));
        self.tickets.insert(id, new);
    }
}

impl Ledger for Rows {
    type Id = u64;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    // select not exists(select * from tickets)
    fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    // select id from tickets where secret = ?    (or: where identity = ?)
    fn find(&self, key: &Key<'_>) -> Option<u64> {
        match key {
            Key::Token(secret) => self.by_secret.get(&secret.expose_bytes()).copied(),
            Key::Identity { identity, .. } => self.by_identity.get(*identity).copied(),
            // A database does not live beside its guards: it gives out no handles.
            _ => None,
        }
    }

    // select id from tickets where fence = ? and state in (offered, holding)
    fn find_fence(&self, fence: u64) -> Option<u64> {
        self.inside.get(&fence).copied()
    }

    // select * from tickets where id = ?
    fn read(&self, id: u64) -> Ticket {
        self.tickets[&id].ticket
    }

    fn agreed(&self) -> Option<Agreed> {
        self.agreed
    }

    fn set_agreed(&mut self, agreed: Agreed) {
        self.agreed = Some(agreed);
    }

    fn secret(&self, id: u64) -> Option<Secret> {
        self.tickets[&id].secret.map(Secret::from_bytes)
    }

    fn identity(&self, id: u64) -> Option<Arc<str>> {
        self.tickets[&id].identity.clone()
    }

    fn local(&self, _id: u64) -> Option<Local> {
        None
    }

    // insert into tickets …
    fn insert(&mut self, ticket: Ticket, secret: Option<Secret>, identity: Option<&str>) -> u64 {
        self.last_id += 1;
        let row = Row { ticket, secret: secret.map(|secret| secret.expose_bytes()), identity: identity.map(Arc::from) };
        self.index(self.last_id, None, Some(&row));
        self.tickets.insert(self.last_id, row);
        self.last_id
    }

    fn write(&mut self, id: u64, ticket: Ticket) {
        self.update(id, |row| row.ticket = ticket);
    }

    // update tickets set secret = coalesce(secret, ?) where id = ?
    fn name(&mut self, id: u64, secret: Secret) {
        self.update(id, |row| row.secret = row.secret.or(Some(secret.expose_bytes())));
    }

    // update tickets set secret = ? where id = ?
    fn rename(&mut self, id: u64, secret: Option<Secret>) {
        self.update(id, |row| row.secret = secret.map(|secret| secret.expose_bytes()));
    }

    // update tickets set identity = null where id = ?
    fn forget_identity(&mut self, id: u64) {
        self.update(id, |row| row.identity = None);
    }

    // delete from tickets where id = ?
    fn remove(&mut self, id: u64) {
        let old = self.tickets.remove(&id).expect("there is such a row");
        self.index(id, Some(&old), None);
    }

    // select id from tickets where state = ? and deadline <= ? order by deadline, arrival limit 1
    fn due(&self, state: State, now: Micros) -> Option<u64> {
        let first = self.by_deadline.range((state, 0, 0, 0)..).next()?;
        (first.0 == state && first.1 <= now).then_some(first.3)
    }

    // select min(deadline) from tickets
    fn soonest(&self) -> Micros {
        self.by_deadline.iter().map(|entry| entry.1).min().unwrap_or(NEVER)
    }

    // select id from tickets where state = waiting order by line_order, arrival limit 1 offset ?
    fn nth(&self, index: u64) -> Option<u64> {
        self.line.values().nth(usize::try_from(index).ok()?).copied()
    }

    // select … from tickets where waiting order by lane, order, arrival limit 1 offset ?
    fn order_at(&self, index: u64) -> Option<LineOrder> {
        self.line.keys().nth(usize::try_from(index).ok()?).copied()
    }

    // select count(*) from tickets where state = waiting and (line_order, arrival) < (?, ?)
    fn rank(&self, order: LineOrder) -> u64 {
        self.line.range(..order).count() as u64
    }

    // select min(fence) from tickets where state in (offered, holding)
    fn floor(&self) -> Option<u64> {
        self.inside.keys().next().copied()
    }

    // select id from tickets where state in (offered, holding) order by fence limit ? offset ?
    fn inside(&self, offset: u64, count: u64) -> Vec<u64> {
        self.inside.values().skip(offset as usize).take(count as usize).copied().collect()
    }

    // insert into groups … on conflict do nothing; select id from groups where name = ?
    fn group(&mut self, name: &str) -> GroupId {
        if let Some((id, _)) = self.groups.iter().find(|(_, row)| row.0 == name) {
            return *id;
        }
        self.last_group += 1;
        let id = GroupId(self.last_group);
        self.groups.insert(id, (name.to_owned(), Group::default()));
        id
    }

    // select * from groups where id = ?
    fn read_group(&self, id: GroupId) -> Group {
        self.groups.get(&id).map_or(Group::default(), |row| row.1)
    }

    // update groups set … where id = ?; delete from groups where in_line = 0
    fn write_group(&mut self, id: GroupId, group: Group) {
        if group.is_empty() {
            self.groups.remove(&id);
        } else if let Some(row) = self.groups.get_mut(&id) {
            row.1 = group;
        }
    }

    // select id from groups where listed order by tag, head, id limit 1
    fn first_listed(&self) -> Option<GroupId> {
        let listed = self.groups.iter().filter(|(_, (_, group))| group.listed);
        listed.min_by_key(|(id, (_, group))| (sortable(group.tag), group.head, **id)).map(|(id, _)| *id)
    }

    // select id from groups where in_line = 0 and … order by period, finish, id limit 1
    fn first_resting(&self) -> Option<GroupId> {
        let resting = self.groups.iter().filter(|(_, (_, group))| group.is_resting());
        resting.min_by_key(|(id, (_, group))| (group.period, sortable(group.finish), **id)).map(|(id, _)| *id)
    }
}
