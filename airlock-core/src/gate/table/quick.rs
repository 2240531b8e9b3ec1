//! The commands that a service sends most, without what does not concern them.
//!
//! An anonymous newcomer with a guard or a waiting future beside the gate, and the release of a guard's lease,
//! where nothing is due: no name, deadline or draw is involved, and of a whole [`step`](crate::gate::step) only a
//! few numbers remain. A property test holds each to what `step` does. Everything else answers `None`, and
//! nothing was done.

use super::{Entry, Table};
use crate::gate::{
    Attend, Conditions, Ending, Enter, Entropy, Grant, Ledger as _, LineOrder, Micros, NEVER, OnReentry, Pick,
};
use crate::gate::{Place, Spec, State, Stay, Ticket, sortable};
use crate::token::Local;

impl Table {
    /// Lets a newcomer in, if nobody waits and there is room.
    #[inline(always)]
    pub fn admit_quickly(
        &mut self,
        spec: &Spec,
        conditions: &Conditions,
        enter: &Enter<'_>,
        now: Micros,
    ) -> Option<Grant> {
        let plain = self.is_plain(spec, conditions, enter, now);
        if self.meta.waiting > 0 || !plain || !self.has_room(spec, enter.weight) {
            return None;
        }
        let (arrival, fence) = (self.meta.next_arrival(now), self.meta.next_fence(now));
        self.meta.held += u64::from(enter.weight);
        let slot = self.add_anonymous(anonymous(
            enter.weight,
            (enter.score, enter.per_second),
            State::Holding,
            arrival,
            fence,
            now,
        ));
        self.went_in(fence, slot);
        Some(self.grant(slot, fence, 0))
    }

    /// Puts a newcomer who waits beside the gate into the line, if it cannot enter.
    #[inline(always)]
    pub fn queue_quickly(
        &mut self,
        spec: &Spec,
        conditions: &Conditions,
        enter: &Enter<'_>,
        now: Micros,
    ) -> Option<Place> {
        let plain = self.is_plain(spec, conditions, enter, now);
        let waits = enter.stay == Stay::Here && (spec.pick == Pick::Head || spec.pick.is_drawn());
        let counted = enter.group.is_some() && spec.line.counts_groups();
        let full = self.meta.waiting + self.meta.offered >= spec.line.capacity;
        if !waits || counted || full || !plain || enter.weight > self.limit(spec) {
            return None;
        }
        let arrival = now.max(self.meta.arrival + 1);
        // A draw goes by arrival, whatever a strategy's rank says.
        let (score, per_second) = if spec.pick == Pick::Head { (enter.score, enter.per_second) } else { (0.0, 0.0) };
        let ticket = anonymous(enter.weight, (score, per_second), State::Waiting, arrival, 0, 0);
        match self.line.nth(0).map(|head| self.entries[head as usize].ticket) {
            // Whoever is next has to go in, or be refused, first.
            Some(_) if self.has_promotion(spec) => return None,
            // Where there is any room, a draw might follow.
            _ if spec.pick.is_drawn() && self.has_room(spec, 1) => return None,
            Some(_) if spec.pick.is_drawn() => {}
            Some(head) if self.has_room(spec, enter.weight) && sortable(ticket.order()) < sortable(head.order()) => {
                return None;
            }
            None if self.has_room(spec, enter.weight) => return None,
            _ => {}
        }
        self.meta.arrival = arrival;
        self.meta.joined_line(now);
        let slot = self.add_anonymous(ticket);
        let position = self.line.insert(LineOrder::from(&ticket), slot) as u64 + 1;
        let position = if spec.pick == Pick::Head { position } else { self.meta.waiting };
        Some(Place::new(self.local(slot), position, &self.meta, spec.pick, spec))
    }

    /// Releases a guard's lease, and answers since when it was held. It needs no clock; whoever waits has still to be let in.
    #[inline(always)]
    pub fn release_quickly(&mut self, spec: &Spec, local: Local) -> Option<Micros> {
        if self.meta.soonest < NEVER || spec.on_reentry == OnReentry::Share || spec.rate.is_some() {
            return None;
        }
        let slot = self.slot(local)?;
        let entry = &mut self.entries[slot as usize];
        let named = entry.secret.is_some() || entry.identity.is_some() || entry.ticket.group.is_some();
        if entry.ticket.state != State::Holding || named {
            return None;
        }
        let since = entry.ticket.since;
        entry.serial = 0;
        self.meta.held -= u64::from(entry.ticket.weight);
        self.went_out();
        self.free.push(slot);
        Some(since)
    }

    /// Lets the head of the line in, if it waits beside the gate and there is room.
    #[inline(always)]
    pub fn promote_quickly(
        &mut self,
        spec: &Spec,
        conditions: &Conditions,
        now: Micros,
        entropy: &mut Entropy,
    ) -> Option<Grant> {
        let plain = !self.is_switched(conditions, now)
            && spec.guarded
            && spec.max_hold == NEVER
            && spec.on_reentry != OnReentry::Share
            && spec.rate.is_none();
        if !plain || self.meta.soonest <= now {
            return None;
        }
        let index = match spec.pick {
            Pick::Head => 0,
            // Whoever is drawn has to fit: weights are for a whole step.
            Pick::Uniform { overdue: None } if self.meta.drawn == 0 && self.meta.waiting > 0 && self.is_light(spec) => {
                entropy.below(self.meta.waiting)
            }
            _ => return None,
        };
        let slot = self.line.nth(index as usize)?;
        let Ticket { attend, group, weight, arrival, .. } = self.entries[slot as usize].ticket;
        if attend != Attend::Here || group.is_some() || !self.has_room(spec, weight) {
            return None;
        }
        let fence = self.meta.next_fence(now);
        // In place: its deadline is far away, and stays so.
        let ticket = &mut self.entries[slot as usize].ticket;
        ticket.state = State::Holding;
        ticket.fence = fence;
        ticket.since = now;
        self.line.remove_at(index as usize);
        self.went_in(fence, slot);
        self.meta.held += u64::from(weight);
        let limit = self.limit(spec);
        self.meta.left_line(now, limit);
        Some(self.grant(slot, fence, now.saturating_sub(arrival)))
    }

    /// Whether a release may have made room for somebody: then a step has something to do.
    #[inline]
    pub fn has_promotion(&self, spec: &Spec) -> bool {
        let limit = self.limit(spec);
        match spec.pick {
            Pick::Nobody => false,
            Pick::Head => {
                let head = self.line.nth(0).map(|slot| self.entries[slot as usize].ticket.weight);
                head.is_some_and(|weight| self.has_room(spec, weight) || limit > 0 && weight > limit)
            }
            Pick::Fair | Pick::Uniform { .. } | Pick::Aging { .. } => self.meta.waiting > 0 && self.has_room(spec, 1),
        }
    }

    /// What whoever is in that slot was granted.
    pub(crate) fn grant_of(&self, slot: u32, spec: &Spec) -> Grant {
        let Entry { ticket, identity, .. } = &self.entries[slot as usize];
        Grant {
            until: ticket.deadline,
            shared: spec.on_reentry == OnReentry::Share && identity.is_some(),
            ..self.grant(slot, ticket.fence, ticket.since.saturating_sub(ticket.arrival))
        }
    }

    /// Whether there is room, and everybody weighs the same, so that whoever is drawn fits.
    #[inline(always)]
    fn is_light(&self, spec: &Spec) -> bool {
        spec.limit == 1 && self.has_room(spec, 1)
    }

    /// Nothing about this newcomer needs more than numbers, and nothing is due before it.
    #[inline(always)]
    fn is_plain(&self, spec: &Spec, conditions: &Conditions, enter: &Enter<'_>, now: Micros) -> bool {
        let named = enter.key.is_some() || enter.identity.is_some();
        let plain = spec.rate.is_none() && spec.pick != Pick::Fair;
        !named
            && plain
            && !self.is_switched(conditions, now)
            && spec.guarded
            && spec.max_hold == NEVER
            && self.meta.soonest > now
    }

    /// Whether anything but the configuration decides.
    #[inline(always)]
    fn is_switched(&self, conditions: &Conditions, now: Micros) -> bool {
        self.meta.switch.is_some() || !conditions.are_normal(now)
    }

    #[inline(always)]
    fn limit(&self, spec: &Spec) -> u32 {
        self.meta.override_limit.unwrap_or(spec.limit)
    }

    #[inline(always)]
    fn has_room(&self, spec: &Spec, weight: u32) -> bool {
        self.meta.held + u64::from(weight) <= u64::from(self.limit(spec))
    }

    #[inline(always)]
    fn add_anonymous(&mut self, ticket: Ticket) -> u32 {
        let serial = self.next_serial();
        self.occupy(Entry { ticket, secret: None, identity: None, serial })
    }

    #[inline(always)]
    fn grant(&self, slot: u32, fence: u64, waited: Micros) -> Grant {
        let floor = self.inside.front().map_or(fence, |&(fence, _)| fence);
        Grant { local: self.local(slot), fence, floor, until: NEVER, shared: false, waited, leased: true }
    }
}

/// The ticket of a newcomer beside the gate.
#[inline(always)]
fn anonymous(
    weight: u32,
    (score, per_second): (f64, f64),
    state: State,
    arrival: u64,
    fence: u64,
    since: Micros,
) -> Ticket {
    Ticket {
        state,
        attend: Attend::Here,
        weight,
        group: None,
        lane: 0,
        score,
        per_second,
        arrival,
        fence,
        deadline: NEVER,
        present_until: if state == State::Waiting { NEVER } else { 0 },
        since,
        nonce: 0,
        ending: Ending::default(),
    }
}
