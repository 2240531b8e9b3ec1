use super::{Attend, Ending, Grant, Key, Ledger, Micros, NEVER, Outcome, RETRY_HORIZON, State, Step, Ticket};
use crate::token::Secret;

impl<L: Ledger> Step<'_, L> {
    /// Takes up an offer; the same claim again has the same answer (G11).
    pub(super) fn claim(&mut self, key: &Key<'_>, nonce: u64) -> Outcome {
        match self.find(Some(key)) {
            Some((id, ticket)) if nonce != 0 && ticket.nonce == nonce => match ticket.state {
                State::Offered => self.take_offer(id, ticket),
                State::Holding => Outcome::Admitted(self.grant_of(id, &ticket)),
                State::Spent if ticket.ending == Ending::Admitted => self.over(id, &ticket),
                State::Waiting | State::Spent => Outcome::Missed,
            },
            _ => Outcome::Missed,
        }
    }

    /// What a remembered token means to whoever asks with it again.
    pub(super) fn over(&self, id: L::Id, ticket: &Ticket) -> Outcome {
        match ticket.ending {
            Ending::Admitted => {
                let grant = self.grant_of(id, ticket);
                let floor = grant.floor.min(ticket.fence);
                Outcome::Admitted(Grant { floor, until: NEVER, leased: false, ..grant })
            }
            ending => Outcome::Over(ending),
        }
    }

    /// Extends a lease; never revives, shortens or frees one, and never makes one permanent (G13).
    pub(super) fn renew(&mut self, key: &Key<'_>, ttl: Option<Micros>) -> Outcome {
        match self.find(Some(key)) {
            Some((id, ticket)) if ticket.state == State::Holding && key.may_act_on(&ticket) => {
                let deadline = self.renewed(&ticket, ttl);
                if deadline != ticket.deadline {
                    self.ledger.write(id, Ticket { deadline, ..ticket });
                }
                Outcome::Renewed(deadline)
            }
            _ => Outcome::Lost,
        }
    }

    fn renewed(&self, ticket: &Ticket, ttl: Option<Micros>) -> Micros {
        let longest = ticket.since.saturating_add(self.spec.max_hold).min(NEVER);
        let wanted = self.now.saturating_add(ttl.unwrap_or(self.spec.ttl)).min(NEVER - 1);
        wanted.min(longest).max(ticket.deadline)
    }

    /// Gives a guard's lease a token; with `detach`, a deadline as well (G15).
    pub(super) fn adopt(&mut self, key: &Key<'_>, secret: Secret, detach: bool) -> Outcome {
        match self.find(Some(key)) {
            // Whoever has the token can release the lease: only those who can do that may get one (G14).
            Some((id, ticket)) if ticket.state == State::Holding && key.may_act_on(&ticket) => {
                self.ledger.name(id, secret);
                let mut ticket = ticket;
                if detach {
                    // A guard's deadline, if it has one, is its longest hold, and none to keep without it.
                    let shared = self.is_shared(id);
                    let of_guard = self.spec.guarded && !shared && ticket.attend == Attend::Here;
                    let deadline = if of_guard { 0 } else { ticket.deadline };
                    ticket.deadline = self.renewed(&Ticket { deadline, ..ticket }, None);
                    ticket.attend = Attend::Away;
                    self.ledger.write(id, ticket);
                    self.expect_at(ticket.deadline);
                }
                Outcome::Renewed(ticket.deadline)
            }
            _ => Outcome::Lost,
        }
    }

    /// Puts a detached lease under a guard again.
    pub(super) fn restore(&mut self, key: &Key<'_>) -> Outcome {
        match self.find(Some(key)) {
            Some((id, ticket)) if ticket.state == State::Holding && key.may_act_on(&ticket) => {
                let mut ticket = ticket;
                if self.spec.guarded && !self.is_shared(id) {
                    ticket.attend = Attend::Here;
                    ticket.deadline = ticket.since.saturating_add(self.spec.max_hold).min(NEVER);
                } else {
                    ticket.deadline = self.renewed(&ticket, None);
                }
                self.ledger.write(id, ticket);
                self.expect_at(ticket.deadline);
                Outcome::Admitted(self.grant_of(id, &ticket))
            }
            _ => Outcome::Lost,
        }
    }

    /// Gives back whatever the key has: a lease, an offer or a place in line (G14, G15).
    pub(super) fn give_up(&mut self, key: &Key<'_>, doubt: bool) -> Outcome {
        let Some((id, ticket)) = self.find(Some(key)) else {
            return self.give_up_unseen(key, doubt);
        };
        match ticket.state {
            State::Holding if key.may_act_on(&ticket) => {
                self.end(id, ticket, Ending::Released, doubt);
                Outcome::Released
            }
            State::Waiting | State::Offered if key.may_act_on(&ticket) => {
                self.end(id, ticket, Ending::Left, doubt);
                Outcome::Left
            }
            State::Spent => match ticket.ending {
                Ending::Released => Outcome::Released,
                Ending::Left => Outcome::Left,
                _ if doubt => Outcome::Unknown,
                _ => Outcome::NotHeld,
            },
            _ => Outcome::NotHeld,
        }
    }

    /// The token has nothing here, but a command with it may still be under way: it shall find it spent.
    fn give_up_unseen(&mut self, key: &Key<'_>, doubt: bool) -> Outcome {
        let (Key::Token(secret), true) = (key, doubt) else { return Outcome::NotHeld };
        let deadline = (self.now + RETRY_HORIZON).min(NEVER);
        let ticket = Ticket {
            state: State::Spent,
            attend: Attend::Away,
            weight: 0,
            group: None,
            lane: 0,
            score: 0.0,
            per_second: 0.0,
            arrival: self.next_arrival(),
            fence: 0,
            deadline,
            present_until: 0,
            since: self.now,
            nonce: 0,
            ending: Ending::Spent,
        };
        self.ledger.insert(ticket, Some(*secret), None);
        self.expect_at(deadline);
        Outcome::Unknown
    }
}
