use super::{Attend, Change, Denial, Ending, Enter, Grant, GroupId, Key, Ledger, LineOrder, Micros, NEVER, OnReentry};
use super::{Outcome, Pick, State, Stay, Step, Ticket, sortable};

impl<L: Ledger> Step<'_, L> {
    pub(super) fn enter(&mut self, enter: &Enter<'_>) -> Outcome {
        // A draw goes by arrival, whatever a strategy's rank says.
        let by_arrival = Enter { score: 0.0, per_second: 0.0, ..*enter };
        let enter = if self.pick.is_drawn() { &by_arrival } else { enter };
        if let Some((id, ticket)) = self.find(enter.key.as_ref()) {
            return self.enter_again(id, ticket, enter);
        }
        if let Some(identity) = enter.identity {
            let key = Key::Identity { identity, fence: 0 };
            match self.find(Some(&key)) {
                Some((id, ticket)) if self.wants_another_place(&ticket, enter) => {
                    self.end(id, ticket, Ending::Superseded, false);
                    self.promote();
                }
                Some((id, ticket)) => return self.reenter(id, ticket, enter),
                None => {}
            }
        }
        if self.more {
            return Outcome::Again;
        }
        if self.is_bypassed() {
            return self.pass(enter);
        }
        if let Some(refused) = self.turned_away() {
            return refused;
        }
        if self.is_too_heavy(enter.weight) {
            return refused(Denial::TooHeavy);
        }
        let group = self.group_of(enter);
        let outcome = self.enter_anew(enter, group);
        self.let_group_be(group);
        outcome
    }

    fn enter_anew(&mut self, enter: &Enter<'_>, group: Option<GroupId>) -> Outcome {
        if self.is_fair() && enter.cap > 0 && enter.weight > enter.cap {
            return refused(Denial::TooHeavy);
        }
        if self.fits(enter.weight) && self.would_be_next(enter, group) {
            return Outcome::Admitted(self.admit(enter, group, self.spec.leased));
        }
        let attend = match enter.stay {
            Stay::No => return self.no_room(enter.weight),
            Stay::Here => Attend::Here,
            Stay::Away => Attend::Away,
        };
        if self.pick == Pick::Nobody {
            return self.no_room(enter.weight);
        }
        self.queue(enter, attend, group)
    }

    /// The same token again: the reply was lost, and the answer is the same (G3).
    fn enter_again(&mut self, id: L::Id, ticket: Ticket, enter: &Enter<'_>) -> Outcome {
        match ticket.state {
            State::Spent => self.over(id, &ticket),
            State::Holding => Outcome::Admitted(self.grant_of(id, &ticket)),
            State::Offered => self.take_offer(id, ticket),
            State::Waiting => self.wait_or_pass(id, ticket, enter),
        }
    }

    /// Whether it asks for another place than the one it has: what was kept for one group, or for one weight, is not
    /// there for another.
    fn wants_another_place(&mut self, ticket: &Ticket, enter: &Enter<'_>) -> bool {
        let only_tries = ticket.state == State::Waiting && enter.stay == Stay::No && !self.is_bypassed();
        if !matches!(ticket.state, State::Waiting | State::Offered) || only_tries {
            return false;
        }
        let group = self.group_of(enter);
        let other = ticket.weight != enter.weight || ticket.group != group;
        self.let_group_be(group);
        other
    }

    /// The same identity with another token (G4).
    fn reenter(&mut self, id: L::Id, ticket: Ticket, enter: &Enter<'_>) -> Outcome {
        match ticket.state {
            State::Holding => match self.spec.on_reentry {
                OnReentry::Refuse if self.is_bypassed() => self.pass(enter),
                OnReentry::Refuse => refused(Denial::Duplicate),
                OnReentry::Share => Outcome::Admitted(self.grant_of(id, &ticket)),
            },
            State::Offered => {
                self.supersede(id, &ticket, enter);
                self.take_offer(id, ticket)
            }
            // Who only tries would not stay: the place is left to whoever waits in it.
            State::Waiting if enter.stay == Stay::No && !self.is_bypassed() => refused(Denial::Full),
            State::Waiting => {
                self.supersede(id, &ticket, enter);
                self.wait_or_pass(id, ticket, enter)
            }
            State::Spent => refused(Denial::Full),
        }
    }

    /// Hands a place over to a new token: the old one, and its leaving, mean nothing any more.
    fn supersede(&mut self, id: L::Id, ticket: &Ticket, enter: &Enter<'_>) {
        self.note(id, ticket, Change::Ended(Ending::Superseded));
        let secret = match enter.key {
            Some(Key::Token(secret)) => Some(secret),
            _ => None,
        };
        self.ledger.rename(id, secret);
    }

    fn wait_or_pass(&mut self, id: L::Id, ticket: Ticket, enter: &Enter<'_>) -> Outcome {
        if !self.is_bypassed() {
            return self.wait_on(id, ticket, enter.stay);
        }
        // Its place is of no use any more.
        self.end(id, ticket, Ending::Left, false);
        self.pass(enter)
    }

    fn wait_on(&mut self, id: L::Id, ticket: Ticket, stay: Stay) -> Outcome {
        let attend = match stay {
            Stay::No => ticket.attend,
            Stay::Here => Attend::Here,
            Stay::Away => Attend::Away,
        };
        let deadline = self.presence(attend);
        let ticket = Ticket { attend, deadline, present_until: deadline, ..ticket };
        self.ledger.write(id, ticket);
        self.expect_at(deadline);
        Outcome::Queued(self.place_of(id, &ticket))
    }

    pub(super) fn admit(&mut self, enter: &Enter<'_>, group: Option<GroupId>, leased: bool) -> Grant {
        let arrival = self.next_arrival();
        let fence = self.next_fence();
        let shared = self.shares() && enter.identity.is_some();
        // What is no lease has no end to look at.
        let deadline = if leased { self.lease_deadline(shared) } else { NEVER };
        let ticket = Ticket {
            state: State::Holding,
            attend: self.holder_attend(shared),
            weight: enter.weight,
            group: group.filter(|_| self.is_fair()),
            lane: self.lane(group),
            score: enter.score,
            per_second: enter.per_second,
            arrival,
            fence,
            deadline,
            present_until: 0,
            since: self.now,
            nonce: 0,
            ending: Ending::default(),
        };
        let id = self.insert(ticket, enter);
        self.ledger.meta_mut().held += u64::from(enter.weight);
        self.spend(enter.weight);
        self.charge_newcomer(enter, &ticket);
        self.note(id, &ticket, Change::Admitted);
        let grant = Grant { leased, ..self.grant_of(id, &ticket) };
        self.keep_if(leased, id, &ticket);
        grant
    }

    /// Why a newcomer of that weight is not let in: by the rate, if that alone is in its way.
    fn no_room(&self, weight: u32) -> Outcome {
        let (conforms_at, held_up_until) = (self.conforms_at(weight), self.held_up_until());
        if !self.has_room(weight) || conforms_at.max(held_up_until) <= self.now {
            return refused(Denial::Full);
        }
        let limited = conforms_at > self.now;
        let reason = if limited { Denial::Limited } else { Denial::Full };
        // Behind others it takes longer than that, and nobody knows how long.
        let free_at = conforms_at.max(held_up_until);
        let known = self.ledger.meta().waiting == 0 && free_at < NEVER;
        Outcome::Refused { reason, retry_after: known.then(|| free_at - self.now), because: None }
    }

    pub(super) fn insert(&mut self, ticket: Ticket, enter: &Enter<'_>) -> L::Id {
        self.expect_at(ticket.deadline);
        let secret = match enter.key {
            Some(Key::Token(secret)) => Some(secret),
            _ => None,
        };
        self.ledger.insert(ticket, secret, enter.identity)
    }

    /// A new lease has a guard beside the gate, where gates live beside their guards. A session has none.
    pub(super) fn holder_attend(&self, shared: bool) -> Attend {
        if self.spec.guarded && !shared { Attend::Here } else { Attend::Away }
    }

    pub(super) fn grant_of(&self, id: L::Id, ticket: &Ticket) -> Grant {
        Grant {
            local: self.ledger.local(id),
            fence: ticket.fence,
            floor: self.ledger.floor().unwrap_or(ticket.fence),
            until: ticket.deadline,
            shared: self.is_shared(id),
            waited: ticket.since.saturating_sub(ticket.arrival),
            leased: self.spec.leased,
        }
    }

    /// Whether a lease belongs to its identity rather than to one handle (G4).
    pub(super) fn is_shared(&self, id: L::Id) -> bool {
        self.shares() && self.ledger.identity(id).is_some()
    }

    fn shares(&self) -> bool {
        self.spec.leased && self.spec.on_reentry == OnReentry::Share
    }

    /// When a lease that starts now ends by itself.
    pub(super) fn lease_deadline(&self, shared: bool) -> Micros {
        let longest = self.now.saturating_add(self.spec.max_hold).min(NEVER);
        if self.spec.guarded && !shared {
            return longest;
        }
        (self.now + self.spec.ttl).min(longest)
    }

    /// Whether nobody who waits would be picked before this newcomer (G5).
    fn would_be_next(&self, enter: &Enter<'_>, group: Option<GroupId>) -> bool {
        if self.is_fair() {
            return self.would_be_fair(enter, group);
        }
        if self.ledger.meta().waiting == 0 {
            return true;
        }
        match self.pick {
            Pick::Nobody => true,
            // It might be, once it is in the pool.
            Pick::Fair | Pick::Uniform { .. } | Pick::Aging { .. } => false,
            Pick::Head => {
                let Some(head) = self.ledger.nth(0) else { return true };
                let head = LineOrder::from(&self.ledger.read(head));
                // Of equal keys the earlier arrival is first, and the newcomer's is the latest.
                let arrival = self.now.max(self.ledger.meta().arrival + 1);
                let order = enter.score + enter.per_second * (arrival as f64 / 1e6);
                sortable(order) < head.order
            }
        }
    }

    /// Heavier than a limit that lets others in; under limit 0 nobody enters, and nobody is too heavy (G8).
    pub(super) fn is_too_heavy(&self, weight: u32) -> bool {
        let limit = self.limit();
        limit > 0 && weight > limit
    }
}

pub(super) fn refused(reason: Denial) -> Outcome {
    Outcome::Refused { reason, retry_after: None, because: None }
}
