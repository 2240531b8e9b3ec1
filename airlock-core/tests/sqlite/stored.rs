//! What a gate has stored, read by statements of the test's own, and what it ought to have stored.

use std::collections::BTreeMap;

use airlock_core::gate::{self, Agreed, Group, Ledger as _, LineOrder, Meta, Pick, State, Ticket};
use airlock_core::store::shared::TicketId;
use airlock_core::store::sqlite::rusqlite::{Connection, Result, Row, types::Value};

use crate::ask::{IDENTITIES, secret};
use crate::ensure;
use crate::twin::Taken;

/// A row, by the names of its columns.
type Columns = BTreeMap<String, Value>;

#[derive(Debug)]
pub struct Stored {
    /// None where there is no row.
    pub gate: Option<Columns>,
    pub tickets: Vec<Columns>,
    pub groups: Vec<Columns>,
    /// Level, place and count.
    pub milestones: Vec<(i64, Spot, i64)>,
}

/// Lane, order key and arrival.
pub type Spot = (i64, i64, i64);

impl Stored {
    pub fn read(connection: &Connection, airlock: &str, resource: &str) -> std::result::Result<Self, String> {
        let read = || {
            let gate = "SELECT * FROM airlock_gates WHERE airlock = ?1 AND resource = ?2";
            let gates = all(connection, gate, (airlock, resource))?;
            let id = gates.first().map_or(-1, |gate| int(gate, "id"));
            let milestones = all(connection, "SELECT * FROM airlock_milestones WHERE gate = ?1", [id])?;
            let milestones = milestones.iter().map(|row| {
                let spot = (int(row, "lane"), int(row, "sort_key"), int(row, "arrival"));
                (int(row, "level"), spot, int(row, "waiting"))
            });
            Ok(Stored {
                gate: gates.into_iter().next(),
                tickets: all(connection, "SELECT * FROM airlock_tickets WHERE gate = ?1", [id])?,
                groups: all(connection, "SELECT * FROM airlock_groups WHERE gate = ?1", [id])?,
                milestones: milestones.collect(),
            })
        };
        read().map_err(|problem: airlock_core::store::sqlite::rusqlite::Error| problem.to_string())
    }

    /// Every milestone counts those who wait from it to the next one of its level, and is noted with its ticket.
    fn check_milestones(&self) -> std::result::Result<(), String> {
        let mut line: Vec<(Spot, i64)> =
            self.tickets.iter().filter(|row| text(row, "state") == "waiting").map(place).collect();
        line.sort_unstable();
        let mut right = Vec::new();
        for level in 1..=3 {
            let at_level: Vec<Spot> =
                line.iter().filter(|(_, levels)| *levels >= level).map(|(spot, _)| *spot).collect();
            for (index, spot) in at_level.iter().enumerate() {
                let next = at_level.get(index + 1);
                let here = |other: &Spot| other >= spot && next.is_none_or(|next| other < next);
                right.push((level, *spot, line.iter().filter(|(other, _)| here(other)).count() as i64));
            }
        }
        let mut milestones = self.milestones.clone();
        milestones.sort_unstable();
        ensure!(milestones == right, "milestones are {milestones:?}\nbut should be {right:?}");
        Ok(())
    }
}

fn all(
    connection: &Connection,
    sql: &str,
    params: impl airlock_core::store::sqlite::rusqlite::Params,
) -> Result<Vec<Columns>> {
    let mut statement = connection.prepare_cached(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let columns = |row: &Row<'_>| names.iter().enumerate().map(|(at, name)| Ok((name.clone(), row.get(at)?))).collect();
    statement.query_map(params, columns)?.collect()
}

fn int(row: &Columns, name: &str) -> i64 {
    match &row[name] {
        Value::Integer(number) => *number,
        other => panic!("{name} is {other:?}"),
    }
}

fn text<'a>(row: &'a Columns, name: &str) -> &'a str {
    match &row[name] {
        Value::Text(text) => text,
        Value::Null => "",
        other => panic!("{name} is {other:?}"),
    }
}

fn place(row: &Columns) -> (Spot, i64) {
    ((int(row, "lane"), int(row, "sort_key"), int(row, "arrival")), int(row, "milestones"))
}

/// What should stand in the columns, `Debug` and all: words in lower case, and nothing for none.
fn words(values: &[(&str, Value)]) -> Columns {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).expect("numbers are below 2^53"))
}

fn word(word: impl std::fmt::Debug) -> Value {
    let word = format!("{word:?}");
    Value::Text(if word == "TooHeavy" { "too heavy".to_owned() } else { word.to_lowercase() })
}

fn maybe<T>(value: Option<T>, of: impl Fn(T) -> Value) -> Value {
    value.map_or(Value::Null, of)
}

/// What a gate ought to have stored after a step, as the table beside it has it.
pub struct Expected {
    meta: Meta,
    agreed: Option<Agreed>,
    /// By token.
    tickets: BTreeMap<Vec<u8>, (Columns, Option<Columns>)>,
    groups: usize,
    line: Vec<LineOrder>,
    fair: bool,
}

impl Expected {
    pub fn of(taken: &Taken<'_>) -> Self {
        let table = taken.table;
        let idle = gate::is_idle(table);
        let past = table.meta();
        // An idle gate keeps its numbers, and what its nodes are agreed on.
        let fresh = Meta { arrival: past.arrival, fence: past.fence, ..Meta::default() };
        let tickets = taken.known.iter().map(|known| {
            let token = known.token.expect("who has no token does not outlive its step");
            let group = known.ticket.group.map(|group| group_columns(&table.read_group(group)));
            let identity = known.who.map(|who| IDENTITIES[who]);
            (TicketId::of(&secret(token)).0.to_vec(), (ticket_columns(&known.ticket, identity), group))
        });
        Expected {
            tickets: tickets.collect(),
            meta: if idle { fresh } else { past.clone() },
            agreed: table.agreed(),
            groups: if idle { 0 } else { taken.rows.group_count() },
            line: (0..).map_while(|index| table.order_at(index)).collect(),
            fair: taken.fair,
        }
    }

    pub fn compare(&self, stored: &Stored, airlock: &str) -> std::result::Result<(), String> {
        let Some(gate) = &stored.gate else {
            let nothing = self.meta == Meta::default() && self.agreed.is_none() && self.tickets.is_empty();
            ensure!(nothing, "there is no row, but should be {:?} {:?}", self.meta, self.agreed);
            return Ok(());
        };
        ensure!(text(gate, "airlock") == airlock, "of another airlock: {gate:?}");
        let counts = [
            ("tickets", stored.tickets.len()),
            ("groups", stored.groups.len()),
            ("milestones", stored.milestones.len()),
        ];
        for (name, count) in counts {
            ensure!(int(gate, name) == count as i64, "counted {name}, but there are {count}: {gate:?}");
        }
        for (name, right) in gate_columns(&self.meta, self.agreed) {
            ensure!(gate[&name] == right, "{name} is {:?} instead of {right:?}: {gate:?}", gate[&name]);
        }

        ensure!(
            self.tickets.len() == stored.tickets.len(),
            "tickets are {:?} instead of {:?}",
            stored.tickets,
            self.tickets
        );
        for ticket in &stored.tickets {
            let Value::Blob(token) = &ticket["token"] else { return Err(format!("no token: {ticket:?}")) };
            let Some((columns, group)) = self.tickets.get(token) else { return Err(format!("unknown: {ticket:?}")) };
            for (name, right) in columns {
                ensure!(ticket[name] == *right, "{name} is {:?} instead of {right:?}: {ticket:?}", ticket[name]);
            }
            // Groups are numbered by each ledger.
            let found = stored.groups.iter().find(|row| row["id"] == ticket["group_id"]);
            ensure!(found.is_some() == group.is_some(), "its group is {found:?} instead of {group:?}");
            for (name, right) in group.iter().flatten() {
                let found = found.map(|group| &group[name]);
                ensure!(found == Some(right), "{name} of its group is {found:?} instead of {right:?}");
            }
            let in_lane = group.is_some() && self.fair && text(ticket, "state") != "spent";
            let lane = found.filter(|_| in_lane).map(|group| int(group, "id") + 1);
            ensure!(lane.is_none_or(|lane| lane == int(ticket, "lane")), "in another lane: {ticket:?}");
        }
        ensure!(stored.groups.len() == self.groups, "{} groups, but {:?}", self.groups, stored.groups);
        stored.check_milestones()?;
        self.line(stored)
    }

    fn line(&self, stored: &Stored) -> std::result::Result<(), String> {
        let waiting = stored.tickets.iter().filter(|row| text(row, "state") == "waiting");
        let mut found: Vec<Spot> = waiting.map(|row| place(row).0).collect();
        found.sort_unstable();
        let right =
            self.line.iter().map(|order| (i64::from(order.lane), order.order as i64 ^ i64::MIN, order.arrival as i64));
        // Lanes are in the order of each ledger's own numbers for groups.
        let lanes = |line: Vec<Spot>| {
            let mut lanes: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
            line.into_iter().for_each(|(lane, order, arrival)| lanes.entry(lane).or_default().push((order, arrival)));
            let mut lanes: Vec<_> = lanes.into_values().collect();
            lanes.sort_unstable();
            lanes
        };
        let right: Vec<Spot> = right.collect();
        let same = if self.fair { lanes(right) == lanes(found) } else { right == found };
        ensure!(same, "the line is {:?}", self.line);
        Ok(())
    }
}

fn gate_columns(meta: &Meta, agreed: Option<Agreed>) -> Columns {
    let high = agreed.and_then(|agreed| agreed.high);
    let switch = meta.switch.as_deref();
    words(&[
        ("in_use", number(meta.held)),
        ("offered", number(meta.offered)),
        ("waiting", number(meta.waiting)),
        ("arrival", number(meta.arrival)),
        ("fence", number(meta.fence)),
        ("limit_override", maybe(meta.override_limit, |limit| number(limit.into()))),
        ("switch", maybe(switch, |switch| word(switch.state))),
        ("switch_until", maybe(switch, |switch| number(switch.until))),
        (
            "switch_because",
            maybe(switch.and_then(|switch| switch.because.as_deref()), |text| Value::Text(text.to_owned())),
        ),
        ("replenished_at", number(meta.replenished_at)),
        ("drawn", number(meta.drawn)),
        ("soonest", number(meta.soonest)),
        ("pace", Value::Real(meta.pace)),
        ("pace_samples", number(meta.pace_samples.into())),
        ("moved_at", number(meta.moved_at)),
        ("virtual_time", Value::Real(meta.virtual_time)),
        ("period", number(meta.period.into())),
        ("lanes", number(meta.lanes)),
        ("revision", maybe(agreed, |agreed| number(agreed.revision))),
        ("limit_low", maybe(agreed, |agreed| number(agreed.low.limit.into()))),
        ("limit_low_until", maybe(agreed, |agreed| number(agreed.low.until))),
        ("limit_high", maybe(high, |high| number(high.limit.into()))),
        ("limit_high_until", maybe(high, |high| number(high.until))),
        ("strategy", maybe(agreed, |agreed| Value::Text(strategy(agreed.pick)))),
    ])
}

fn strategy(pick: Pick) -> String {
    match pick {
        Pick::Uniform { overdue: Some(overdue) } => format!("uniform {overdue}"),
        Pick::Uniform { overdue: None } => "uniform".to_owned(),
        Pick::Aging { base, per_second, max } => format!("aging {base:e} {per_second:e} {max:e}"),
        plain => format!("{plain:?}").to_lowercase(),
    }
}

fn ticket_columns(ticket: &Ticket, identity: Option<&str>) -> Columns {
    words(&[
        ("state", word(ticket.state)),
        ("attend", word(ticket.attend)),
        ("identity", maybe(identity.filter(|_| ticket.state != State::Spent), |text| Value::Text(text.to_owned()))),
        ("weight", number(ticket.weight.into())),
        ("score", Value::Real(ticket.score + 0.0)),
        ("per_second", Value::Real(ticket.per_second)),
        ("arrival", number(ticket.arrival)),
        ("fence", number(ticket.fence)),
        ("deadline", number(ticket.deadline)),
        ("present_until", number(ticket.present_until)),
        ("since", number(ticket.since)),
        ("nonce", number(ticket.nonce)),
        ("ending", if ticket.state == State::Spent { word(ticket.ending) } else { Value::Null }),
    ])
}

fn group_columns(group: &Group) -> Columns {
    words(&[
        ("in_line", number(group.in_line)),
        ("in_use", number(group.in_use)),
        ("share", Value::Real(group.share)),
        ("cap", number(group.cap.into())),
        ("period", number(group.period.into())),
        ("start", Value::Real(group.start)),
        ("finish", Value::Real(group.finish)),
        ("tag", Value::Real(group.tag)),
        ("head", number(group.head)),
        ("listed", number(group.listed.into())),
    ])
}
