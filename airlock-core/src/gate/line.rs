use super::enter::refused;
use super::{Attend, Change, Denial, Ending, Enter, GroupId, Key, Ledger, LineOrder, Meta, Micros, NEVER};
use super::{Outcome, Pick, Place, Spec, State, Step, Ticket};
use crate::token::Local;

impl<L: Ledger> Step<'_, L> {
    /// Puts a newcomer into the line, if that is not full (G7).
    pub(super) fn queue(&mut self, enter: &Enter<'_>, attend: Attend, group: Option<GroupId>) -> Outcome {
        let line = self.spec.line;
        let meta = self.ledger.meta();
        if meta.waiting + meta.offered >= line.capacity {
            return refused(Denial::LineFull);
        }
        // Who has no group of its own is not counted, whoever it shares a turn with.
        let counted = line.counts_groups() && enter.group.is_some();
        if group.is_some_and(|id| counted && self.ledger.read_group(id).in_line >= line.group_capacity) {
            return refused(Denial::GroupLineFull);
        }
        let deadline = self.presence(attend);
        let ticket = Ticket {
            state: State::Waiting,
            attend,
            weight: enter.weight,
            group,
            lane: self.lane(group),
            score: enter.score,
            per_second: enter.per_second,
            arrival: self.next_arrival(),
            fence: 0,
            deadline,
            present_until: deadline,
            since: 0,
            nonce: 0,
            ending: Ending::default(),
        };
        let id = self.insert(ticket, enter);
        self.joined_line();
        self.joined_group(enter, group);
        self.note(id, &ticket, Change::Queued);
        Outcome::Queued(self.place_of(id, &ticket))
    }

    /// Tells how things stand; with `touch`, proves presence (G9).
    pub(super) fn poll(&mut self, key: &Key<'_>, touch: bool) -> Outcome {
        let Some((id, mut ticket)) = self.find(Some(key)) else { return Outcome::NotHeld };
        let present_until = self.presence(ticket.attend);
        match ticket.state {
            State::Waiting => {
                if touch {
                    ticket.deadline = present_until;
                    ticket.present_until = present_until;
                    self.ledger.write(id, ticket);
                    self.expect_at(present_until);
                }
                Outcome::Queued(self.place_of(id, &ticket))
            }
            State::Offered => {
                if touch {
                    ticket.present_until = present_until;
                    self.ledger.write(id, ticket);
                }
                Outcome::Offered { nonce: ticket.nonce, fence: ticket.fence, claim_by: ticket.deadline }
            }
            State::Holding => Outcome::Admitted(self.grant_of(id, &ticket)),
            State::Spent => self.over(id, &ticket),
        }
    }

    pub(super) fn place_of(&self, id: L::Id, ticket: &Ticket) -> Place {
        let meta = self.ledger.meta();
        let position = match self.pick {
            // In a lottery everybody is as near to the door as all together.
            Pick::Uniform { .. } | Pick::Aging { .. } => meta.waiting,
            Pick::Fair => self.ahead_by_turns(ticket) + 1,
            Pick::Head | Pick::Nobody => self.ledger.rank(LineOrder::from(ticket)) + 1,
        };
        Place::new(self.ledger.local(id), position, meta, self.pick, self.spec)
    }

    /// Until when somebody attended like this, who asks now, counts as present.
    pub(super) fn presence(&self, attend: Attend) -> Micros {
        match attend {
            // It is there for as long as its future is, which the store knows where it lives beside it.
            Attend::Here => self.spec.shared.map_or(NEVER, |nodes| (self.now + nodes.presence).min(NEVER)),
            Attend::Away => (self.now + self.spec.line.presence).min(NEVER),
        }
    }

    pub(super) fn joined_line(&mut self) {
        let now = self.now;
        self.ledger.meta_mut().joined_line(now);
    }

    pub(super) fn left_line(&mut self) {
        let (now, limit) = (self.now, self.limit());
        self.ledger.meta_mut().left_line(now, limit);
        self.void_tags();
    }
}

impl Place {
    pub(super) fn new(local: Option<Local>, position: u64, meta: &Meta, pick: Pick, spec: &Spec) -> Self {
        // What is ahead departs one by one at the line's pace, and then this one does.
        let estimated_wait = (meta.pace_samples > 0).then_some((position as f64 * meta.pace) as Micros);
        let alike = matches!(pick, Pick::Uniform { overdue: None });
        Place {
            local,
            position,
            // Luck, or somebody of a quieter group, may still come in ahead.
            exact: matches!(pick, Pick::Head | Pick::Nobody),
            waiting: meta.waiting,
            chance: alike.then(|| 1.0 / meta.waiting.max(1) as f64),
            estimated_wait: estimated_wait.map(|wait| wait.min(NEVER)),
            refresh_after: spec.line.refresh_after(),
        }
    }
}
