//! One gate's state in rows.
//!
//! A ledger lives for one transaction. What it has read or written of tickets and groups it remembers, so that nothing is
//! read twice; every change is a statement at once, because indexes answer what comes next. The gate's own row is read
//! first and written last. The gate cannot be told of a failure in the middle of a step: the first one is kept, nothing
//! more is asked, and the transaction is rolled back.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, Error, Params, Result, Row, params};

use super::groups::Groups;
use super::line::Spacing;
use super::rows::{GateRow, TicketKey, TicketRow};
use super::statements::Statements;
use super::values::{Int, Text};
use crate::gate::{Agreed, Group, GroupId, Key, Ledger, LineOrder, Meta, Micros, NEVER, State, Ticket};
use crate::token::{Local, Secret};

pub(super) struct SqlLedger<'a> {
    pub(super) connection: &'a Connection,
    pub(super) sql: &'a Statements,
    pub(super) spacing: Spacing,
    airlock: &'a str,
    resource: &'a str,
    /// The number of the gate's row, once there is one.
    pub(super) id: Option<i64>,
    pub(super) row: GateRow,
    /// As it is in the database.
    stored: GateRow,
    slots: RefCell<Slots>,
    pub(super) groups: RefCell<Groups>,
    /// How many are in the index of the line: in the middle of a step the gate counts otherwise.
    pub(super) in_line: u64,
    /// Who was found last by index, and where.
    pub(super) looked_up: Cell<Option<(u64, u32)>>,
    failure: OnceCell<Error>,
}

/// Tickets that were read or written. A slot is not used again, so that an id is good for the whole transaction.
#[derive(Default)]
struct Slots {
    list: Vec<TicketRow>,
    by_key: HashMap<TicketKey, u32>,
}

impl<'a> SqlLedger<'a> {
    /// The gate of that resource, which need not be there yet.
    pub(super) fn open(
        connection: &'a Connection,
        sql: &'a Statements,
        spacing: Spacing,
        (airlock, resource): (&'a str, &'a str),
    ) -> Result<Self> {
        let mut statement = connection.prepare_cached(&sql.gate)?;
        let mut rows = statement.query([airlock, resource])?;
        let (id, row) = match rows.next()? {
            Some(row) => GateRow::read(row).map(|(id, row)| (Some(id), row))?,
            None => (None, GateRow::default()),
        };
        Ok(SqlLedger {
            connection,
            sql,
            spacing,
            airlock,
            resource,
            id,
            in_line: row.meta.waiting,
            stored: row.clone(),
            row,
            slots: RefCell::default(),
            groups: RefCell::default(),
            looked_up: Cell::default(),
            failure: OnceCell::new(),
        })
    }

    /// The first failure, if there was one: then the step is void.
    pub(super) fn check(&mut self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Nothing is in this gate: only what outlives it stays (G2).
    pub(super) fn rest(&mut self) {
        if self.row.groups > 0 {
            self.execute(&self.sql.remove_groups, [self.id]);
            self.groups.borrow_mut().clear();
        }
        self.row.rest();
    }

    /// Writes the gate's own row. `keep` is for how long it is kept when nothing happens. Answers whether it is new.
    pub(super) fn close(mut self, now: Micros, keep: Micros) -> Result<bool> {
        let was_there = self.stored.expires_at > 0;
        if !was_there && self.row == GateRow::default() {
            return Ok(false);
        }
        let expires_at = self.expires_at(now, keep);
        // Putting it off by a little is not worth a write of its own.
        if self.row == self.stored && self.row.expires_at.abs_diff(expires_at) <= keep / 4 {
            return Ok(false);
        }
        self.row.expires_at = expires_at;
        if let Some(id) = self.id() {
            self.write_with(&self.sql.write_gate, |statement| self.row.write(id, statement));
        }
        self.check()?;
        Ok(!was_there)
    }

    /// From when on there is nothing left to know of this gate.
    fn expires_at(&self, now: Micros, keep: Micros) -> Micros {
        let meta = &self.row.meta;
        let switched_until = meta.switch.as_ref().map_or(0, |switch| switch.until);
        if meta.override_limit.is_some() || switched_until >= NEVER {
            return NEVER;
        }
        // Somebody may have asked for longer than is usual here.
        let furthest = self.row.furthest.saturating_add(keep / 2);
        (now + keep).max(furthest).max(meta.replenished_at).max(switched_until).min(NEVER)
    }

    /// The number of the gate's row, which is made now if there is none.
    pub(super) fn id(&mut self) -> Option<i64> {
        if self.id.is_none() {
            let (airlock, resource) = (self.airlock, self.resource);
            self.id = self.attempt(|| self.connection.prepare_cached(&self.sql.add_gate)?.insert([airlock, resource]));
        }
        self.id
    }

    /// Does it, unless something has failed already.
    pub(super) fn attempt<T>(&self, work: impl FnOnce() -> Result<T>) -> Option<T> {
        if self.failure.get().is_some() {
            return None;
        }
        work().map_err(|error| self.failure.set(error)).ok()
    }

    /// Notes that what is stored cannot be so.
    pub(super) fn contradiction(&self, what: &str) {
        let what = format!("{what} of gate {} do not add up", self.id.unwrap_or_default());
        let _ = self.failure.set(Error::FromSqlConversionFailure(0, rusqlite::types::Type::Integer, what.into()));
    }

    pub(super) fn execute(&self, sql: &str, params: impl Params) -> usize {
        self.write_with(sql, |statement| statement.execute(params))
    }

    pub(super) fn write_with(&self, sql: &str, write: impl FnOnce(&mut CachedStatement<'_>) -> Result<usize>) -> usize {
        self.attempt(|| write(&mut self.connection.prepare_cached(sql)?)).unwrap_or(0)
    }

    /// What is made of the first row, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Option<T> {
        let found = self.attempt(|| {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params)?;
            rows.next()?.map(read).transpose()
        });
        found.flatten()
    }

    pub(super) fn ticket(&self, sql: &str, params: impl Params) -> Option<u32> {
        self.first(sql, params, |row| self.load(row))
    }

    fn load(&self, row: &Row<'_>) -> Result<u32> {
        let key = row.get(0)?;
        if let Some(known) = self.slots.borrow().by_key.get(&key) {
            return Ok(*known);
        }
        let row = TicketRow::read(row)?;
        if let Some(group) = row.ticket.group {
            // Now, because later there is no way to say that it failed.
            self.load_group(group)?;
        }
        Ok(self.slots.borrow_mut().add(row))
    }

    fn key(&self, id: u32) -> TicketKey {
        self.slots.borrow().list[id as usize].key
    }

    fn row(&self, id: u32) -> TicketRow {
        self.slots.borrow().list[id as usize].clone()
    }

    fn change<T>(&self, id: u32, change: impl FnOnce(&mut TicketRow) -> T) -> T {
        change(&mut self.slots.borrow_mut().list[id as usize])
    }

    fn set_key(&mut self, id: u32, key: TicketKey) {
        let old = self.key(id);
        if key == old {
            return;
        }
        self.execute(&self.sql.rename_ticket, params![self.id, old, key]);
        let slots = self.slots.get_mut();
        slots.by_key.remove(&old);
        slots.by_key.insert(key, id);
        slots.list[id as usize].key = key;
    }

    fn expect_no_later(&mut self, deadline: Micros) {
        self.row.furthest = self.row.furthest.max(deadline);
    }
}

impl Slots {
    fn add(&mut self, row: TicketRow) -> u32 {
        let id = self.list.len() as u32;
        self.by_key.insert(row.key, id);
        self.list.push(row);
        id
    }
}

fn secret(key: TicketKey) -> Option<Secret> {
    match key {
        TicketKey::Token(token) => Some(Secret::from_bytes(token)),
        TicketKey::Arrival(_) => None,
    }
}

fn key_of(secret: Option<Secret>, ticket: &Ticket) -> TicketKey {
    secret.map_or(TicketKey::Arrival(ticket.arrival), |secret| TicketKey::Token(secret.expose_bytes()))
}

impl Ledger for SqlLedger<'_> {
    /// A slot.
    type Id = u32;

    fn meta(&self) -> &Meta {
        &self.row.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.row.meta
    }

    fn agreed(&self) -> Option<Agreed> {
        self.row.agreed
    }

    fn set_agreed(&mut self, agreed: Agreed) {
        self.row.agreed = Some(agreed);
    }

    fn is_empty(&self) -> bool {
        self.row.tickets == 0
    }

    fn find(&self, key: &Key<'_>) -> Option<u32> {
        let gate = self.id?;
        match key {
            Key::Token(secret) => {
                let key = TicketKey::Token(secret.expose_bytes());
                let known = self.slots.borrow().by_key.get(&key).copied();
                known.or_else(|| self.ticket(&self.sql.by_token, params![gate, key]))
            }
            Key::Identity { identity, .. } => self.ticket(&self.sql.by_identity, params![gate, identity]),
            // A database does not live beside its guards: it gives out no handles.
            Key::Local(_) => None,
        }
    }

    fn find_fence(&self, fence: u64) -> Option<u32> {
        let fence = Some(Int(fence)).filter(|_| fence <= NEVER)?;
        self.ticket(&self.sql.by_fence, params![self.id?, fence])
    }

    fn read(&self, id: u32) -> Ticket {
        self.slots.borrow().list[id as usize].ticket
    }

    fn secret(&self, id: u32) -> Option<Secret> {
        secret(self.key(id))
    }

    fn identity(&self, id: u32) -> Option<Arc<str>> {
        self.slots.borrow().list[id as usize].identity.clone()
    }

    fn local(&self, _: u32) -> Option<Local> {
        None
    }

    fn insert(&mut self, ticket: Ticket, secret: Option<Secret>, identity: Option<&str>) -> u32 {
        let waits = ticket.state == State::Waiting;
        let milestones = if waits { self.milestones_of(ticket.arrival) } else { 0 };
        let key = key_of(secret, &ticket);
        let row = TicketRow { key, identity: identity.map(Arc::from), ticket, milestones };
        if let Some(gate) = self.id() {
            self.write_with(&self.sql.add_ticket, |statement| row.add(gate, statement));
        }
        self.row.tickets += 1;
        self.expect_no_later(ticket.deadline);
        if waits {
            self.joined(LineOrder::from(&ticket), milestones);
        }
        self.slots.get_mut().add(row)
    }

    fn write(&mut self, id: u32, ticket: Ticket) {
        let Some(gate) = self.id else { return };
        let old = self.read(id);
        self.expect_no_later(ticket.deadline);
        let Ticket { deadline, present_until, attend, .. } = ticket;
        if ticket == (Ticket { deadline, present_until, attend, ..old }) {
            // Whoever asks again, or renews: one index of five.
            self.change(id, |row| row.ticket = ticket);
            let values = params![gate, self.key(id), Int(deadline), Int(present_until), Text(attend)];
            self.execute(&self.sql.touch_ticket, values);
            return;
        }
        let (waited, waits) = (old.state == State::Waiting, ticket.state == State::Waiting);
        let (was, is) = (LineOrder::from(&old), LineOrder::from(&ticket));
        let (leaves, joins) = (waited && (!waits || was != is), waits && (!waited || was != is));
        let before = self.row(id).milestones;
        if leaves {
            self.left(was, before);
        }
        let milestones = match (joins, waits) {
            (true, _) => self.milestones_of(ticket.arrival),
            (false, true) => before,
            (false, false) => 0,
        };
        self.change(id, |row| (row.ticket, row.milestones) = (ticket, milestones));
        self.write_with(&self.sql.write_ticket, |statement| self.row(id).write(gate, statement));
        if joins {
            self.joined(is, milestones);
        }
    }

    fn name(&mut self, id: u32, secret: Secret) {
        if self.secret(id).is_none() {
            self.set_key(id, TicketKey::Token(secret.expose_bytes()));
        }
    }

    fn rename(&mut self, id: u32, secret: Option<Secret>) {
        let key = key_of(secret, &self.read(id));
        self.set_key(id, key);
    }

    fn forget_identity(&mut self, id: u32) {
        if self.change(id, |row| row.identity.take()).is_some() {
            self.execute(&self.sql.forget_identity, params![self.id, self.key(id)]);
        }
    }

    fn remove(&mut self, id: u32) {
        let TicketRow { key, ticket, milestones, .. } = self.row(id);
        if ticket.state == State::Waiting {
            self.left(LineOrder::from(&ticket), milestones);
        }
        self.execute(&self.sql.remove_ticket, params![self.id, key]);
        self.slots.get_mut().by_key.remove(&key);
        self.row.tickets = self.row.tickets.saturating_sub(1);
    }

    fn due(&self, state: State, now: Micros) -> Option<u32> {
        self.ticket(&self.sql.due, params![self.id?, Text(state), Int(now)])
    }

    fn soonest(&self) -> Micros {
        let Some(gate) = self.id else { return NEVER };
        let soonest = State::SWEEP.into_iter().filter_map(|state| {
            self.first(&self.sql.soonest, params![gate, Text(state)], |row| row.get(0).map(|Int(deadline)| deadline))
        });
        soonest.min().unwrap_or(NEVER)
    }

    fn nth(&self, index: u64) -> Option<u32> {
        self.at(index)
    }

    fn order_at(&self, index: u64) -> Option<LineOrder> {
        self.at(index).map(|id| LineOrder::from(&self.read(id)))
    }

    fn rank(&self, order: LineOrder) -> u64 {
        self.before(order)
    }

    fn first_from(&self, order: LineOrder) -> Option<u32> {
        self.from(order)
    }

    fn floor(&self) -> Option<u64> {
        self.first(&self.sql.floor, [self.id?], |row| row.get(0).map(|Int(fence)| fence))
    }

    fn inside(&self, offset: u64, count: u64) -> Vec<u32> {
        let (count, offset) = (count.min(NEVER), offset.min(NEVER));
        let found = self.attempt(|| {
            let mut statement = self.connection.prepare_cached(&self.sql.inside)?;
            let rows = statement.query_and_then(params![self.id, Int(count), Int(offset)], |row| self.load(row))?;
            rows.collect()
        });
        found.unwrap_or_default()
    }

    fn group(&mut self, name: &str) -> GroupId {
        self.find_or_add_group(name)
    }

    fn read_group(&self, id: GroupId) -> Group {
        self.group_of(id)
    }

    fn write_group(&mut self, id: GroupId, group: Group) {
        self.set_group(id, group);
    }

    fn first_listed(&self) -> Option<GroupId> {
        self.first_group(&self.sql.first_listed)
    }

    fn first_resting(&self) -> Option<GroupId> {
        self.first_group(&self.sql.first_resting)
    }
}
