//! The two commands that a service sends most, without what does not concern them.
//!
//! An anonymous newcomer with a guard beside the gate, and that guard's release, where nobody waits and nothing
//! is due: no name, deadline, line or draw is involved, and of a whole [`step`](crate::gate::step) only a few
//! numbers remain. A property test holds both to what `step` does. Everything else answers `None`.

use super::{Entry, Table};
use crate::gate::{Attend, Ending, Enter, Grant, Micros, NEVER, OnReentry, Spec, State, Ticket};
use crate::token::Local;

impl Table {
    /// Lets a newcomer in, if that is all there is to decide.
    #[inline(always)]
    pub fn admit_quickly(&mut self, spec: &Spec, enter: &Enter<'_>, now: Micros) -> Option<Grant> {
        let named = enter.key.is_some() || enter.identity.is_some();
        if named || !spec.guarded || spec.max_hold < NEVER || self.meta.waiting > 0 || self.meta.soonest <= now {
            return None;
        }
        let limit = self.meta.override_limit.unwrap_or(spec.limit);
        let held = self.meta.held + u64::from(enter.weight);
        if held > u64::from(limit) {
            return None;
        }
        self.meta.held = held;
        self.meta.arrival = now.max(self.meta.arrival + 1);
        self.meta.fence = now.max(self.meta.fence + 1);
        let ticket = Ticket {
            state: State::Holding,
            attend: Attend::Here,
            weight: enter.weight,
            group: None,
            score: enter.score,
            per_second: enter.per_second,
            arrival: self.meta.arrival,
            fence: self.meta.fence,
            deadline: NEVER,
            present_until: 0,
            since: now,
            nonce: 0,
            ending: Ending::default(),
        };
        let serial = self.next_serial();
        let slot = self.occupy(Entry { ticket, secret: None, identity: None, serial });
        self.went_in(&ticket, slot);
        let floor = self.inside.front().map_or(ticket.fence, |&(fence, _)| fence);
        let local = Local { home: self.home, slot, serial };
        Some(Grant { local: Some(local), fence: ticket.fence, floor, until: NEVER, shared: false, waited: 0 })
    }

    /// Releases a guard's lease, if that is all there is to do. It needs no clock.
    #[inline(always)]
    pub fn release_quickly(&mut self, spec: &Spec, local: Local) -> Option<()> {
        if self.meta.waiting > 0 || self.meta.soonest < NEVER || spec.on_reentry == OnReentry::Share {
            return None;
        }
        let slot = self.slot(local)?;
        let entry = &mut self.entries[slot as usize];
        if entry.ticket.state != State::Holding || entry.secret.is_some() || entry.identity.is_some() {
            return None;
        }
        entry.serial = 0;
        self.meta.held -= u64::from(entry.ticket.weight);
        self.went_out();
        self.free.push(slot);
        Some(())
    }
}
