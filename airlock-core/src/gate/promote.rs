use super::{Attend, Change, Ending, Grant, GroupId, Ledger, Micros, NEVER, Outcome, Pick, State, Step, Ticket};

impl<L: Ledger> Step<'_, L> {
    /// Lets in, or offers a place to, everybody there is room for, in order (G5, G6, G10).
    pub(super) fn promote(&mut self) {
        while let Some(id) = self.next_up() {
            let ticket = self.ledger.read(id);
            let too_heavy = !self.is_bypassed() && self.is_too_heavy(ticket.weight);
            // A heavy head is not overtaken by the light ones behind it.
            if !too_heavy && !self.fits(ticket.weight) {
                return;
            }
            if self.budget == 0 {
                self.more = true;
                return;
            }
            self.budget -= 1;
            if ticket.deadline <= self.now {
                self.end(id, ticket, Ending::Absent, false);
            } else if too_heavy {
                self.end(id, ticket, Ending::TooHeavy, false);
            } else {
                self.choose(id, ticket);
            }
        }
    }

    fn next_up(&mut self) -> Option<L::Id> {
        if self.ledger.meta().waiting == 0 {
            return None;
        }
        match self.pick {
            Pick::Nobody => None,
            // No cap holds anybody back.
            Pick::Fair if self.is_bypassed() => self.fair_head().or_else(|| self.oldest_head()),
            _ if self.is_bypassed() => self.ledger.nth(0),
            Pick::Head => self.ledger.nth(0),
            Pick::Fair => self.fair_head(),
            // Drawn when there is room, not before.
            Pick::Uniform { .. } | Pick::Aging { .. } if self.fits(1) => self.draw(),
            Pick::Uniform { .. } | Pick::Aging { .. } => self.drawn(),
        }
    }

    /// Gives the room to a waiter: at once to one beside the gate, as an offer to one that is away.
    fn choose(&mut self, id: L::Id, mut ticket: Ticket) {
        if self.is_bypassed() {
            // It takes no room.
            ticket.weight = 0;
        }
        let fence = self.next_fence();
        self.spend(ticket.weight);
        self.ledger.meta_mut().drawn = 0;
        let leased = self.spec.leased && !self.is_bypassed();
        let chosen = match ticket.attend {
            Attend::Here => {
                let shared = self.is_shared(id);
                let deadline = if leased { self.confirmed_by(shared) } else { NEVER };
                let attend = self.holder_attend(shared);
                Ticket { state: State::Holding, attend, deadline, ..ticket }
            }
            Attend::Away => Ticket {
                state: State::Offered,
                deadline: (self.now + self.spec.line.claim_window).min(NEVER),
                nonce: self.next_nonce(),
                ..ticket
            },
        };
        let chosen = Ticket { fence, since: self.now, group: self.kept_group(&chosen), ..chosen };
        self.ledger.write(id, chosen);
        self.expect_at(chosen.deadline);
        self.ledger.meta_mut().held += u64::from(ticket.weight);
        self.left_line();
        self.charge(&ticket);
        if chosen.state == State::Holding {
            self.left_group_line(&ticket);
            let grant = Grant { leased, ..self.grant_of(id, &chosen) };
            self.note(id, &chosen, Change::Granted(grant));
            self.keep_if(leased, id, &chosen);
        } else {
            // An offer still counts against the line and its group.
            self.ledger.meta_mut().offered += 1;
            self.note(id, &chosen, Change::Offered { nonce: chosen.nonce, claim_by: chosen.deadline });
        }
    }

    /// Until when who is let in from the line is held its place: where its node may be dead, only until that node has
    /// had time to say that it is not.
    fn confirmed_by(&self, shared: bool) -> Micros {
        let deadline = self.lease_deadline(shared);
        self.spec.shared.map_or(deadline, |nodes| deadline.min(self.now + nodes.confirmation))
    }

    /// Turns an offer into a lease.
    pub(super) fn take_offer(&mut self, id: L::Id, ticket: Ticket) -> Outcome {
        let shared = self.is_shared(id);
        let deadline = if self.spec.leased { self.lease_deadline(shared) } else { NEVER };
        let attend = self.holder_attend(shared);
        let held = Ticket { state: State::Holding, attend, deadline, since: self.now, ..ticket };
        let held = Ticket { group: self.kept_group(&held), ..held };
        self.ledger.meta_mut().offered -= 1;
        self.ledger.write(id, held);
        self.left_group_line(&ticket);
        self.expect_at(deadline);
        self.note(id, &held, Change::Admitted);
        let grant = self.grant_of(id, &held);
        self.keep_if(self.spec.leased, id, &held);
        Outcome::Admitted(grant)
    }

    /// Who is let in by a rate alone, or past a bypassed gate, holds nothing. What a rate let in is gone for good, so
    /// that its token is remembered: asking again must not cost another cell (G3).
    pub(super) fn keep_if(&mut self, leased: bool, id: L::Id, held: &Ticket) {
        if leased {
            return;
        }
        self.ledger.meta_mut().held -= u64::from(held.weight);
        if !self.spec.leased && self.ledger.secret(id).is_some() {
            self.remember(id, held, Ending::Admitted);
        } else {
            self.ledger.remove(id);
        }
        self.left_group_inside(held);
    }

    /// Inside, only fair shares have to know whose place it is; and whose takes no room keeps no group.
    fn kept_group(&self, ticket: &Ticket) -> Option<GroupId> {
        ticket.group.filter(|_| self.is_fair() && ticket.weight > 0 || ticket.state != State::Holding)
    }

    /// The group of this ticket has one less in the line, offers included.
    pub(super) fn left_group_line(&mut self, ticket: &Ticket) {
        if let Some(id) = ticket.group {
            self.regroup(id, |group, _| group.in_line -= 1);
        }
    }

    /// The group of this ticket has one less inside, offers included.
    pub(super) fn left_group_inside(&mut self, ticket: &Ticket) {
        // Who is inside has a group only if it was charged, whichever strategy it is by now.
        if let Some(id) = ticket.group.filter(|_| self.is_fair() || ticket.state == State::Holding) {
            let weight = u64::from(ticket.weight);
            self.regroup(id, |group, _| group.in_use -= weight);
        }
    }
}
