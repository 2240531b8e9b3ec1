use super::{Change, Ending, Key, Ledger, NEVER, OnMissed, RETRY_HORIZON, State, Step, Ticket};

impl<L: Ledger> Step<'_, L> {
    /// Reclaims what is past its deadline: leases, then offers, then presence, then spent tokens.
    pub(super) fn sweep(&mut self) {
        for state in State::SWEEP {
            while let Some(id) = self.ledger.due(state, self.now) {
                if self.budget == 0 {
                    self.more = true;
                    return;
                }
                self.budget -= 1;
                self.reclaim(id);
            }
        }
        let switch = self.ledger.meta().switch.as_ref().map_or(NEVER, |switch| switch.until);
        self.ledger.meta_mut().soonest = self.ledger.soonest().min(switch);
    }

    fn reclaim(&mut self, id: L::Id) {
        let ticket = self.ledger.read(id);
        match ticket.state {
            State::Holding => self.end(id, ticket, Ending::Lapsed, false),
            State::Offered => self.miss(id, ticket),
            State::Waiting => self.end(id, ticket, Ending::Absent, false),
            State::Spent => self.ledger.remove(id),
        }
    }

    /// What the key names now. What is past its deadline is over, reclaimed or not (G1).
    pub(super) fn find(&mut self, key: Option<&Key<'_>>) -> Option<(L::Id, Ticket)> {
        let key = key?;
        let id = self.ledger.find(key)?;
        let ticket = self.ledger.read(id);
        if ticket.deadline > self.now {
            return Some((id, ticket));
        }
        self.reclaim(id);
        // One that missed its offer may be back in the line.
        let id = self.ledger.find(key)?;
        Some((id, self.ledger.read(id)))
    }

    fn miss(&mut self, id: L::Id, ticket: Ticket) {
        // What a bypassed gate offered took no room, and has no weight to wait with.
        let back =
            self.spec.line.on_missed == OnMissed::Requeue && ticket.present_until > self.now && ticket.weight > 0;
        if !back {
            return self.end(id, ticket, Ending::Missed, false);
        }
        let waiting = Ticket {
            state: State::Waiting,
            arrival: self.next_arrival(),
            deadline: ticket.present_until,
            fence: 0,
            since: 0,
            nonce: 0,
            ..ticket
        };
        self.ledger.write(id, waiting);
        self.expect_at(waiting.deadline);
        let meta = self.ledger.meta_mut();
        meta.held -= u64::from(ticket.weight);
        meta.offered -= 1;
        self.joined_line();
        self.left_group_inside(&ticket);
        self.note(id, &waiting, Change::Requeued);
    }

    /// Keeps of a ticket no more than its token and how it ended, for the retry horizon (G3).
    pub(super) fn remember(&mut self, id: L::Id, ticket: &Ticket, ending: Ending) {
        let deadline = (self.now + RETRY_HORIZON).min(NEVER);
        self.ledger.write(id, Ticket { state: State::Spent, deadline, group: None, ending, ..*ticket });
        self.ledger.forget_identity(id);
        self.expect_at(deadline);
    }

    /// Ends a ticket; with `remember`, its token is kept as spent for the retry horizon (G3).
    pub(super) fn end(&mut self, id: L::Id, ticket: Ticket, ending: Ending, remember: bool) {
        match ticket.state {
            State::Waiting => {
                let meta = self.ledger.meta_mut();
                if meta.drawn == ticket.arrival {
                    meta.drawn = 0;
                }
                self.left_line();
            }
            State::Offered => {
                let meta = self.ledger.meta_mut();
                meta.offered -= 1;
                meta.held -= u64::from(ticket.weight);
            }
            State::Holding => self.ledger.meta_mut().held -= u64::from(ticket.weight),
            State::Spent => {}
        }
        self.note(id, &ticket, Change::Ended(ending));
        if remember {
            self.remember(id, &ticket, ending);
        } else {
            self.ledger.remove(id);
        }
        if matches!(ticket.state, State::Waiting | State::Offered) {
            self.left_group_line(&ticket);
        }
        if ticket.state.takes_room() {
            self.left_group_inside(&ticket);
        }
    }
}
