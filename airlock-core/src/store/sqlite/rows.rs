//! Rows, read and written: the gate's own, tickets and groups.

use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Result, Row, params};

use super::values::{Int, Strategy, Text};
use crate::gate::{Agreed, Asked, Group, GroupId, LineOrder, Meta, Micros, Setting, State, Ticket};
use crate::store::Usage;

/// The gate's own row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct GateRow {
    pub(super) meta: Meta,
    pub(super) agreed: Option<Agreed>,
    /// How many tickets there are, in any state.
    pub(super) tickets: u64,
    /// How many groups there are, resting ones as well.
    pub(super) groups: u64,
    /// Numbers groups; not used again while the gate lasts.
    pub(super) last_group: u32,
    /// How many milestones its line has.
    pub(super) milestones: u64,
    /// No deadline of a ticket of this gate was ever later.
    pub(super) furthest: Micros,
    /// From when on there is nothing left to know of this gate; 0 before it was written.
    pub(super) expires_at: Micros,
}

impl GateRow {
    /// From the columns of `gate`.
    pub(super) fn read(row: &Row<'_>) -> Result<(i64, Self)> {
        let meta = Meta {
            held: int(row, 1)?,
            offered: int(row, 2)?,
            waiting: int(row, 3)?,
            arrival: int(row, 5)?,
            fence: int(row, 6)?,
            override_limit: row.get(7)?,
            switch: setting(row, 8)?.map(Box::new),
            replenished_at: int(row, 11)?,
            drawn: int(row, 12)?,
            soonest: int(row, 13)?,
            pace: row.get(14)?,
            pace_samples: row.get(15)?,
            moved_at: int(row, 16)?,
            virtual_time: row.get(17)?,
            period: row.get(18)?,
            lanes: int(row, 19)?,
        };
        let gate = GateRow {
            meta,
            agreed: agreed(row)?,
            tickets: int(row, 4)?,
            groups: int(row, 20)?,
            last_group: row.get(21)?,
            milestones: int(row, 22)?,
            furthest: int(row, 29)?,
            expires_at: int(row, 30)?,
        };
        Ok((row.get(0)?, gate))
    }

    /// Replaces the row of that number.
    pub(super) fn write(&self, id: i64, statement: &mut CachedStatement<'_>) -> Result<usize> {
        let GateRow { meta, agreed, tickets, groups, last_group, milestones, furthest, expires_at } = self;
        let switch = meta.switch.as_deref();
        let high = agreed.and_then(|agreed| agreed.high);
        statement.execute(params![
            id,
            Int(meta.held),
            Int(meta.offered),
            Int(meta.waiting),
            Int(*tickets),
            Int(meta.arrival),
            Int(meta.fence),
            meta.override_limit,
            switch.map(|switch| Text(switch.state)),
            switch.map(|switch| Int(switch.until)),
            switch.and_then(|switch| switch.because.as_deref()),
            Int(meta.replenished_at),
            Int(meta.drawn),
            Int(meta.soonest),
            meta.pace,
            meta.pace_samples,
            Int(meta.moved_at),
            meta.virtual_time,
            meta.period,
            Int(meta.lanes),
            Int(*groups),
            last_group,
            Int(*milestones),
            agreed.map(|agreed| Int(agreed.revision)),
            agreed.map(|agreed| agreed.low.limit),
            agreed.map(|agreed| Int(agreed.low.until)),
            high.map(|high| high.limit),
            high.map(|high| Int(high.until)),
            agreed.map(|agreed| Strategy(agreed.pick)),
            Int(*furthest),
            Int(*expires_at),
        ])
    }

    /// Keeps what outlives a gate with nothing in it (G2): the last fence and arrival, and what nodes are agreed on.
    pub(super) fn rest(&mut self) {
        let Meta { arrival, fence, .. } = self.meta;
        let meta = Meta { arrival, fence, ..Meta::default() };
        *self = GateRow { meta, agreed: self.agreed, expires_at: self.expires_at, ..GateRow::default() };
    }
}

fn int(row: &Row<'_>, at: usize) -> Result<u64> {
    row.get(at).map(|Int(number)| number)
}

/// A switch, when it is over and why it is set, from that column on.
fn setting(row: &Row<'_>, at: usize) -> Result<Option<Setting>> {
    let Some(Text(state)) = row.get(at)? else { return Ok(None) };
    let because: Option<String> = row.get(at + 2)?;
    Ok(Some(Setting { state, until: int(row, at + 1)?, because: because.map(Arc::from) }))
}

/// A line of a survey.
pub(super) fn usage(row: &Row<'_>, now: Micros) -> Result<Usage> {
    let (configured, limit_override): (u32, Option<u32>) = (row.get(1)?, row.get(2)?);
    let switch = setting(row, 5)?.filter(|switch| switch.until > now);
    Ok(Usage {
        resource: row.get(0)?,
        limit: limit_override.unwrap_or(configured),
        configured,
        limit_override,
        in_use: int(row, 3)?,
        offered: int(row, 8)?,
        waiting: int(row, 4)?,
        switch: switch.map(|switch| switch.shown(now)),
    })
}

fn agreed(row: &Row<'_>) -> Result<Option<Agreed>> {
    let Some(Int(revision)) = row.get(23)? else { return Ok(None) };
    let low = Asked { limit: row.get(24)?, until: int(row, 25)? };
    let high = match row.get(26)? {
        Some(limit) => Some(Asked { limit, until: int(row, 27)? }),
        None => None,
    };
    let Strategy(pick) = row.get(28)?;
    Ok(Some(Agreed { revision, low, high, pick }))
}

/// How a ticket is known in its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TicketKey {
    /// By its token, as the database knows it.
    Token([u8; 16]),
    /// By its arrival, while it has none.
    Arrival(u64),
}

impl ToSql for TicketKey {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(match self {
            TicketKey::Token(token) => ToSqlOutput::Borrowed(ValueRef::Blob(token)),
            TicketKey::Arrival(arrival) => arrival.to_be_bytes().to_vec().into(),
        })
    }
}

impl FromSql for TicketKey {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        match bytes.try_into() {
            Ok(arrival) => Ok(TicketKey::Arrival(u64::from_be_bytes(arrival))),
            Err(_) => FromSql::column_result(value).map(TicketKey::Token),
        }
    }
}

/// A ticket with its names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TicketRow {
    pub(super) key: TicketKey,
    pub(super) identity: Option<Arc<str>>,
    pub(super) ticket: Ticket,
    /// On how many levels it is a milestone of the line.
    pub(super) milestones: u8,
}

impl TicketRow {
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        let Text(state) = row.get(1)?;
        let Text(attend) = row.get(8)?;
        let identity: Option<String> = row.get(2)?;
        let group: Option<u32> = row.get(15)?;
        let ending: Option<Text<_>> = row.get(16)?;
        let ticket = Ticket {
            state,
            attend,
            weight: row.get(7)?,
            group: group.map(GroupId),
            lane: row.get(12)?,
            score: row.get(10)?,
            per_second: row.get(11)?,
            arrival: int(row, 4)?,
            fence: int(row, 5)?,
            deadline: int(row, 3)?,
            present_until: int(row, 9)?,
            since: int(row, 6)?,
            nonce: int(row, 14)?,
            ending: ending.map(|Text(ending)| ending).unwrap_or_default(),
        };
        Ok(TicketRow { key: row.get(0)?, identity: identity.map(Arc::from), ticket, milestones: row.get(17)? })
    }

    pub(super) fn add(&self, gate: i64, statement: &mut CachedStatement<'_>) -> Result<usize> {
        let TicketRow { key, identity, ticket, milestones } = self;
        statement.execute(params![
            gate,
            key,
            Text(ticket.state),
            identity.as_deref(),
            Int(ticket.deadline),
            Int(ticket.arrival),
            Int(ticket.fence),
            Int(ticket.since),
            ticket.weight,
            Text(ticket.attend),
            Int(ticket.present_until),
            ticket.score,
            ticket.per_second,
            ticket.lane,
            sort_key(ticket.into()),
            Int(ticket.nonce),
            ticket.group.map(|group| group.0),
            ending(ticket),
            milestones,
        ])
    }

    /// Replaces all but the names.
    pub(super) fn write(&self, gate: i64, statement: &mut CachedStatement<'_>) -> Result<usize> {
        let TicketRow { key, ticket, milestones, .. } = self;
        statement.execute(params![
            gate,
            key,
            Text(ticket.state),
            Int(ticket.deadline),
            Int(ticket.arrival),
            Int(ticket.fence),
            Int(ticket.since),
            ticket.weight,
            Text(ticket.attend),
            Int(ticket.present_until),
            ticket.score,
            ticket.per_second,
            ticket.lane,
            sort_key(ticket.into()),
            Int(ticket.nonce),
            ticket.group.map(|group| group.0),
            ending(ticket),
            milestones,
        ])
    }
}

fn ending(ticket: &Ticket) -> Option<Text<crate::gate::Ending>> {
    (ticket.state == State::Spent).then_some(Text(ticket.ending))
}

/// The order key as a signed number of the same order; that of nearly everybody is 0, which takes no room.
pub(super) fn sort_key(order: LineOrder) -> i64 {
    (order.order ^ 1 << 63) as i64
}

/// Where somebody stands in line, from columns next to each other.
pub(super) fn line_order(row: &Row<'_>) -> Result<LineOrder> {
    Ok(LineOrder { lane: row.get(0)?, order: row.get::<_, i64>(1)? as u64 ^ 1 << 63, arrival: int(row, 2)? })
}

pub(super) fn read_group(row: &Row<'_>) -> Result<(GroupId, Group)> {
    let group = Group {
        in_line: int(row, 1)?,
        in_use: int(row, 2)?,
        share: row.get(3)?,
        cap: row.get(4)?,
        period: row.get(5)?,
        start: row.get(6)?,
        finish: row.get(7)?,
        tag: row.get(8)?,
        head: int(row, 9)?,
        listed: row.get(10)?,
    };
    Ok((GroupId(row.get(0)?), group))
}

pub(super) fn add_group(
    gate: Option<i64>,
    id: GroupId,
    name: &str,
    group: &Group,
    statement: &mut CachedStatement<'_>,
) -> Result<usize> {
    statement.execute(params![
        gate,
        name,
        id.0,
        Int(group.in_line),
        Int(group.in_use),
        group.share,
        group.cap,
        group.period,
        group.start,
        group.finish,
        group.tag,
        Int(group.head),
        group.listed,
    ])
}

pub(super) fn write_group(
    gate: Option<i64>,
    id: GroupId,
    group: &Group,
    statement: &mut CachedStatement<'_>,
) -> Result<usize> {
    statement.execute(params![
        gate,
        id.0,
        Int(group.in_line),
        Int(group.in_use),
        group.share,
        group.cap,
        group.period,
        group.start,
        group.finish,
        group.tag,
        Int(group.head),
        group.listed,
    ])
}
