//! What a gate ought to have stored, as the table beside it has it.

use std::collections::BTreeMap;

use airlock_core::gate::{self, Agreed, Group, Ledger as _, Meta, NEVER, Ticket};
use airlock_core::store::redis::wire::{self, TicketId};

use crate::ask::{IDENTITIES, secret};
use crate::ensure;
use crate::stored::{Own, Stored};
use crate::twin::Taken;

/// After a step.
#[derive(Debug)]
pub struct Expected {
    meta: Meta,
    agreed: Option<Agreed>,
    /// By ticket id, with the group's record and the identity.
    tickets: BTreeMap<Vec<u8>, (Ticket, Option<Group>, &'static str)>,
    groups: usize,
    /// Lanes and arrivals, in order.
    line: Vec<(u64, u64)>,
    floor: Option<u64>,
    fair: bool,
}

impl Expected {
    pub fn of(taken: &Taken<'_>) -> Self {
        let table = taken.table;
        let idle = gate::is_idle(table);
        let past = table.meta();
        // An idle gate keeps its numbers, and what its nodes are agreed on.
        let fresh = Meta { arrival: past.arrival, fence: past.fence, ..Meta::default() };
        let mut tickets = BTreeMap::new();
        for known in taken.known {
            // Who has no token does not outlive its step.
            let Some(token) = known.token else { continue };
            let group = known.ticket.group.map(|group| table.read_group(group));
            let identity = known.who.map_or("", |who| IDENTITIES[who]);
            let id = TicketId::of(&secret(token)).0.to_vec();
            tickets.insert(id, (known.ticket, group, identity));
        }
        let order = |index: u64| table.order_at(index).map(|order| (u64::from(order.lane), order.arrival));
        Expected {
            meta: if idle { fresh } else { past.clone() },
            agreed: table.agreed(),
            tickets,
            groups: if idle { 0 } else { taken.rows.group_count() },
            line: (0..).map_while(order).collect(),
            floor: gate::Ledger::floor(table),
            fair: taken.fair,
        }
    }

    /// Whether nobody will ever clear it but an operator.
    pub fn is_endless(&self) -> bool {
        self.meta.override_limit.is_some() || self.meta.switch.as_ref().is_some_and(|switch| switch.until >= NEVER)
    }

    pub fn compare(&self, stored: &Stored) -> Result<(), String> {
        let same = self.meta == stored.meta;
        ensure!(same, "a table knows {:?}\nRedis {:?}", self.meta, stored.meta);
        let agreed = match &self.agreed {
            None => None,
            Some(Agreed { revision, low, high, pick }) => {
                Some((*revision, *low, *high, wire::strategy(*pick).map_err(|problem| problem.to_string())?))
            }
        };
        ensure!(agreed == stored.agreed, "agreed on {agreed:?}, in Redis on {:?}", stored.agreed);

        let ids = (self.tickets.keys(), stored.tickets.keys());
        ensure!(ids.0.eq(ids.1), "a table has {:?}\nRedis {:?}", self.tickets, stored.tickets);
        let mut identities = BTreeMap::new();
        for ((id, (ticket, group, identity)), entry) in self.tickets.iter().zip(stored.tickets.values()) {
            // Groups are numbered by each store.
            let plain = |ticket: &Ticket| Ticket { group: None, lane: ticket.lane.min(1), ..*ticket };
            let in_redis = entry.ticket.group.and_then(|group| stored.groups.get(&group.0.into())).map(|group| group.1);
            let same = plain(ticket) == plain(&entry.ticket) && *group == in_redis && *identity == entry.identity;
            ensure!(same, "a table has {ticket:?} of {identity:?} in {group:?}\nRedis {entry:?} in {in_redis:?}");
            if !identity.is_empty() {
                identities.insert((*identity).to_owned(), id.clone());
            }
        }
        ensure!(identities == stored.identities, "identities are {identities:?}, in Redis {:?}", stored.identities);

        let groups = stored.groups.len();
        ensure!(groups == self.groups, "{} groups, in Redis {:?}", self.groups, stored.groups);
        let names: BTreeMap<String, u64> = stored.groups.iter().map(|(id, group)| (group.0.clone(), *id)).collect();
        ensure!(names == stored.group_names, "groups {:?} are called {:?}", stored.groups, stored.group_names);

        let indexes = stored.indexes();
        ensure!(indexes == stored.members, "indexes are {:?}\nbut should be {indexes:?}", stored.members);
        self.line(stored.line())?;
        self.own(stored)
    }

    fn line(&self, stored: Vec<(u64, u64)>) -> Result<(), String> {
        // Lanes are in the order of the store's own numbers for groups.
        let lanes = |line: &[(u64, u64)]| {
            let mut lanes: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            line.iter().for_each(|(lane, arrival)| lanes.entry(*lane).or_default().push(*arrival));
            let mut lanes: Vec<Vec<u64>> = lanes.into_values().collect();
            lanes.sort();
            lanes
        };
        let same = if self.fair { lanes(&self.line) == lanes(&stored) } else { self.line == stored };
        ensure!(same, "the line is {:?}, in Redis {stored:?}", self.line);
        Ok(())
    }

    fn own(&self, stored: &Stored) -> Result<(), String> {
        let count = |letter: u8| stored.members.iter().filter(|member| member[0] == letter).count() as u64;
        let in_state = |state| stored.tickets.values().filter(|entry| entry.ticket.state == state).count() as u64;
        let recount = Own {
            groups: stored.groups.len() as u64,
            listed: count(b'l'),
            resting: count(b'r'),
            holders: in_state(gate::State::Holding),
            offers: in_state(gate::State::Offered),
            waiters: count(b'K') + count(b'L'),
            spent: in_state(gate::State::Spent),
            floor: if stored.own.floor == 0 { 0 } else { self.floor.unwrap_or(0) },
        };
        ensure!(recount == stored.own, "counted {:?}, but there are {recount:?}", stored.own);
        Ok(())
    }
}
