use std::sync::Arc;

use super::{Conditions, Ending, Key, Ledger, Micros, Outcome, Spec, State, Step, Switched, Whom};

/// Which part of a gate's holders and waiters to show.
///
/// See [`Airlock`](crate::Airlock) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many to leave out from the start, of holders and of waiters.
    pub offset: u64,
    /// How many of each to show at most.
    pub count: u64,
}

/// What is going on at one gate.
///
/// See [`Airlock`](crate::Airlock) for an example.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Inspection {
    /// The limit in force.
    pub limit: u32,
    /// The configured limit, where nodes differ the one that counts.
    pub configured: u32,
    /// The operator's limit, if there is one.
    pub limit_override: Option<u32>,
    /// Weight inside, offers included.
    pub in_use: u64,
    /// How many are offered a place and have not claimed it.
    pub offered: u64,
    /// How many wait.
    pub waiting: u64,
    /// The resource's own switch, which wins over the airlock's.
    pub switch: Option<Switched>,
    /// The airlock's switch.
    pub airlock_switch: Switched,
    /// Whether that is an [emergency's](crate::emergency), which counts for resources with a switch of their own as well.
    pub emergency: bool,
    /// For how long from now on nobody is let in because what is guarded is unwell, in microseconds.
    pub unwell_for: Option<Micros>,
    /// Who is inside or offered a place, by fence: a page of them.
    pub holders: Vec<Holder>,
    /// Who waits, by position: a page of them.
    pub waiters: Vec<Waiter>,
}

impl Inspection {
    /// Of a gate at which there is nobody.
    pub(super) fn of_nothing(spec: &Spec, conditions: &Conditions, now: Micros) -> Self {
        Inspection {
            limit: spec.limit,
            configured: spec.limit,
            airlock_switch: conditions.switch.shown(now),
            emergency: conditions.forced,
            unwell_for: conditions.unwell_for(now),
            ..Inspection::default()
        }
    }

    /// The switch in force: the resource's own, else the airlock's; in an emergency that alone.
    pub fn switch_in_force(&self) -> &Switched {
        self.switch.as_ref().filter(|_| !self.emergency).unwrap_or(&self.airlock_switch)
    }
}

/// Somebody inside, or offered a place.
///
/// See [`Airlock`](crate::Airlock) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// Its identity, unless it is anonymous.
    pub identity: Option<Arc<str>>,
    /// The number of its admission.
    pub fence: u64,
    /// How much of the capacity it takes.
    pub weight: u32,
    /// For how long it has been inside, or offered, in microseconds.
    pub age: Micros,
    /// Whether it has not claimed yet.
    pub offered: bool,
}

/// Somebody in line.
///
/// See [`Airlock`](crate::Airlock) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiter {
    /// Its identity, unless it is anonymous.
    pub identity: Option<Arc<str>>,
    /// From 1.
    pub position: u64,
    /// How much of the capacity it asks for.
    pub weight: u32,
    /// For how long it has waited, in microseconds.
    pub age: Micros,
}

impl<L: Ledger> Step<'_, L> {
    pub(super) fn resize(&mut self, limit: Option<u32>) -> Outcome {
        self.ledger.meta_mut().override_limit = limit;
        Outcome::Done
    }

    pub(super) fn evict(&mut self, whom: &Whom<'_>) -> Outcome {
        let found = match *whom {
            Whom::Identity(identity) => self.find(Some(&Key::Identity { identity, fence: 0 })),
            Whom::Inside(identity) => {
                self.find(Some(&Key::Identity { identity, fence: 0 })).filter(|(_, ticket)| ticket.state.takes_room())
            }
            Whom::InLine(identity) => {
                let found = self.find(Some(&Key::Identity { identity, fence: 0 }));
                found.filter(|(_, ticket)| ticket.state == State::Waiting)
            }
            Whom::Fence(fence) => {
                let id = self.ledger.find_fence(fence);
                id.map(|id| (id, self.ledger.read(id))).filter(|(_, ticket)| ticket.deadline > self.now)
            }
        };
        match found {
            Some((id, ticket)) => {
                self.end(id, ticket, Ending::Evicted, false);
                Outcome::Done
            }
            None => Outcome::NotHeld,
        }
    }

    pub(super) fn inspect(&self, page: &Page) -> Outcome {
        let meta = self.ledger.meta();
        let holders = self.ledger.inside(page.offset, page.count).into_iter().map(|id| {
            let ticket = self.ledger.read(id);
            Holder {
                identity: self.ledger.identity(id),
                fence: ticket.fence,
                weight: ticket.weight,
                age: self.now.saturating_sub(ticket.since),
                offered: ticket.state == State::Offered,
            }
        });
        let end = page.offset.saturating_add(page.count).min(meta.waiting);
        let waiters = (page.offset..end).map_while(|index| {
            let id = self.ledger.nth(index)?;
            let ticket = self.ledger.read(id);
            Some(Waiter {
                identity: self.ledger.identity(id),
                position: index + 1,
                weight: ticket.weight,
                age: self.now.saturating_sub(ticket.arrival),
            })
        });
        Outcome::Seen(Box::new(Inspection {
            limit: self.limit(),
            configured: self.configured,
            limit_override: meta.override_limit,
            in_use: meta.held,
            offered: meta.offered,
            waiting: meta.waiting,
            switch: meta.switch.as_ref().map(|switch| switch.shown(self.now)),
            airlock_switch: self.conditions.switch.shown(self.now),
            emergency: self.conditions.forced,
            unwell_for: self.conditions.unwell_for(self.now),
            holders: holders.collect(),
            waiters: waiters.collect(),
        }))
    }
}
