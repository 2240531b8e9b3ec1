//! Whether an answer is honest, given what the gate looks like after the step; and what the command itself
//! changed without an effect: presence, deadlines, names.

use airlock_core::Local;
use airlock_core::gate::{Answer, Attend, Denial, Ending, Grant, Ledger as _, Meta, Micros, NEVER, OnReentry};
use airlock_core::gate::{Inspection, Outcome, Page, Pick, Place, State, Stay, Table, Ticket};

use crate::ask::{Ask, IDENTITIES, Name, Newcomer};
use crate::ensure;
use crate::model::{Known, Replay, before};

type Checked = Result<(), String>;

impl Replay<'_> {
    /// `effects` is how many there were: who was given up or put out is gone, and only they say so.
    pub fn finish(&mut self, answer: &Answer, table: &Table, endings: &[Ending]) -> Checked {
        self.forget_spent(table);
        self.drawn_is(table.meta().drawn)?;
        if let (Outcome::Admitted(grant), Some(passed)) = (&answer.outcome, &self.passed) {
            return self.let_through(grant, passed, passed.local, false);
        }
        let outcome = &answer.outcome;
        let found = self.ask.name().and_then(|name| self.resolve(name));
        match *self.ask {
            Ask::Enter(new) => self.entered(&new, found, answer, table),
            Ask::Poll(_) => self.polled(found, outcome, table, true),
            Ask::Look(_) => self.polled(found, outcome, table, false),
            Ask::Claim(name, nonce) => self.claim_answered(found, name, nonce, outcome, table),
            Ask::Renew(name, ttl) => self.renewed(found, name, ttl, outcome),
            Ask::Adopt { name, token, detach } => {
                let mine = self.held_by(found, name);
                match (outcome, mine) {
                    (Outcome::Lost, None) => Ok(()),
                    (Outcome::Renewed(until), Some(at)) => {
                        let known = &mut self.tickets[at];
                        known.token = known.token.or(Some(token));
                        if detach {
                            self.detached(at);
                        }
                        ensure!(*until == self.tickets[at].ticket.deadline, "adopted until {until}");
                        Ok(())
                    }
                    _ => Err(format!("adopting {mine:?} answered {outcome:?}")),
                }
            }
            Ask::Restore(name) => {
                let mine = self.held_by(found, name);
                match (outcome, mine) {
                    (Outcome::Lost, None) => Ok(()),
                    (Outcome::Admitted(grant), Some(at)) => {
                        self.restored(at);
                        self.granted(grant, at, table)
                    }
                    _ => Err(format!("restoring {mine:?} answered {outcome:?}")),
                }
            }
            Ask::GiveUp { name, doubt } => self.given_up(found, name, doubt, outcome, table, endings),
            Ask::EvictIdentity(_) | Ask::EvictInside(_) | Ask::EvictInLine(_) | Ask::EvictFence(_) => {
                let found = |who| self.resolve(Name::Identity { who, fence: 0 }).map(|at| self.tickets[at].ticket);
                let still = match *self.ask {
                    Ask::EvictIdentity(who) => found(who).is_some(),
                    Ask::EvictInside(who) => found(who).is_some_and(|ticket| {
                        // Who waited may have been let in by this very step.
                        ticket.state.takes_room() && ticket.since < self.now
                    }),
                    Ask::EvictInLine(who) => found(who).is_some_and(|ticket| ticket.state == State::Waiting),
                    Ask::EvictFence(fence) => {
                        // With a backlog, one that is past its deadline is over already.
                        let live = |known: &Known| known.ticket.deadline > self.now;
                        let inside = |known: &Known| known.ticket.state.takes_room() && known.ticket.fence == fence;
                        self.tickets.iter().any(|known| live(known) && inside(known))
                    }
                    _ => false,
                };
                match (outcome, endings.contains(&Ending::Evicted), still) {
                    (Outcome::Done, true, false) | (Outcome::NotHeld, false, false) => Ok(()),
                    other => Err(format!("evicting: {other:?}")),
                }
            }
            Ask::Inspect(page) => match outcome {
                Outcome::Seen(seen) => self.inspected(seen, page, table.meta()),
                _ => Err(format!("inspecting answered {outcome:?}")),
            },
            Ask::Resize(limit) => {
                ensure!(table.meta().override_limit == limit, "not resized");
                ensure!(matches!(outcome, Outcome::Done), "resizing answered {outcome:?}");
                Ok(())
            }
            Ask::Switch(_) => {
                ensure!(matches!(outcome, Outcome::Done), "switching answered {outcome:?}");
                Ok(())
            }
            Ask::Tick => {
                ensure!(matches!(outcome, Outcome::Done), "ticking answered {outcome:?}");
                Ok(())
            }
        }
    }

    /// Memories that are over go without an effect.
    fn forget_spent(&mut self, table: &Table) {
        let now = self.now;
        let before = self.tickets.len();
        self.tickets.retain(|known| {
            let over = known.ticket.state == State::Spent && known.ticket.deadline <= now;
            !over || table.tickets().any(|(id, ticket)| id == known.id && *ticket == known.ticket)
        });
        self.work += (before - self.tickets.len()) as u64;
    }

    fn held_by(&self, found: Option<usize>, name: Name) -> Option<usize> {
        found.filter(|at| self.tickets[*at].ticket.state == State::Holding && self.may_act(name, *at))
    }

    fn entered(&mut self, new: &Newcomer, found: Option<usize>, answer: &Answer, table: &Table) -> Checked {
        let entered = self.entered.and_then(|id| self.tickets.iter().position(|known| known.id == id));
        let same = new.who.and_then(|who| self.resolve(Name::Identity { who, fence: 0 }));
        let mine = entered.or(found).or(same);
        let in_line = self.count(State::Waiting) + self.count(State::Offered);
        match (&answer.outcome, mine.map(|at| (at, self.tickets[at]))) {
            (Outcome::Again, _) => {
                ensure!(answer.more && self.entered.is_none() && found.is_none(), "again, without a reason");
            }
            (Outcome::Admitted(grant), Some((at, known))) => {
                let by_token = entered.or(found).is_some() || (self.claimed && known.token == new.token);
                let shares = self.spec.on_reentry == OnReentry::Share;
                ensure!(by_token || shares, "admitted under a token that is not there: {known:?}");
                self.granted(grant, at, table)?;
            }
            (Outcome::Queued(place), Some((at, known))) => {
                ensure!(known.token == new.token, "queued under another token: {known:?}");
                if entered.is_none() {
                    let attend = match new.stay {
                        Stay::Here => Attend::Here,
                        Stay::Away => Attend::Away,
                        _ => known.ticket.attend,
                    };
                    let until = self.presence(attend);
                    let ticket = &mut self.tickets[at].ticket;
                    *ticket = Ticket { attend, deadline: until, present_until: until, ..*ticket };
                }
                self.placed(place, at, table)?;
            }
            (Outcome::Over(ending), Some((_, known))) => {
                ensure!(known.ticket.state == State::Spent && known.ticket.ending == *ending, "over: {known:?}");
                ensure!(new.token == known.token, "over because of another token");
            }
            (Outcome::Refused { reason, retry_after, because }, mine) => {
                let why = if *reason == Denial::Closed { &self.weather.because } else { &None };
                ensure!(because == why, "because {because:?} instead of {why:?}");
                ensure!(entered.or(found).is_none(), "refused, but it has a ticket");
                let above_cap = self.is_fair() && new.cap > 0 && new.weight > new.cap;
                let too_heavy = above_cap || self.limit > 0 && new.weight > self.limit;
                let holds = mine.is_some_and(|(_, known)| known.ticket.state == State::Holding);
                let away = self.weather.turns_away(self.now);
                let comes = mine.is_none() && away.is_none() && !self.weather.bypassed();
                let shut_out = comes && !too_heavy && !self.enters(new);
                let waits = new.stay != Stay::No && self.spec.pick != Pick::Nobody;
                let limit = self.spec.line.group_capacity;
                // The rate or the operator alone is in the way; how long it will be is known only to whoever is next.
                let limited_for = self.limited_for(new.weight);
                let limited = self.has_room(new.weight) && limited_for > 0;
                let held_up = limited_for.max(self.weather.held_up_until().saturating_sub(self.now));
                let alone = matches!(reason, Denial::Full | Denial::Limited) && self.has_room(new.weight);
                let known = comes && alone && held_up > 0 && self.weather.held_up_until() < NEVER;
                let told = known && self.count(State::Waiting) == 0;
                let expected = match away {
                    Some(reopens) if *reason == Denial::Closed => reopens,
                    _ => told.then_some(held_up),
                };
                ensure!(*retry_after == expected, "come back in {retry_after:?} instead of {expected:?}");
                if told {
                    self.seen.push("limited, and told how long");
                }
                if *reason == Denial::Closed && expected.is_some() {
                    self.seen.push("closed, and told how long");
                }
                let right = match reason {
                    Denial::Closed => mine.is_none() && away.is_some(),
                    Denial::Duplicate => holds && !self.weather.bypassed() && self.spec.on_reentry == OnReentry::Refuse,
                    Denial::TooHeavy => comes && too_heavy,
                    Denial::Full if mine.is_some() => !holds && !self.weather.bypassed() && new.stay == Stay::No,
                    Denial::Full => shut_out && !waits && !limited,
                    Denial::Limited => shut_out && !waits && limited,
                    Denial::LineFull => shut_out && waits && in_line >= self.spec.line.capacity,
                    Denial::GroupLineFull => {
                        shut_out && waits && new.group.is_some_and(|group| self.in_line_of(group) >= limit)
                    }
                    _ => false,
                };
                ensure!(right, "refused as {reason:?}, with {mine:?}");
            }
            other => return Err(format!("entering answered {other:?}")),
        }
        Ok(())
    }

    fn polled(&mut self, found: Option<usize>, outcome: &Outcome, table: &Table, touch: bool) -> Checked {
        let Some(at) = found else {
            ensure!(matches!(outcome, Outcome::NotHeld), "polling nothing answered {outcome:?}");
            return Ok(());
        };
        let ticket = self.tickets[at].ticket;
        let present_until = self.presence(ticket.attend);
        match (ticket.state, outcome) {
            (State::Waiting, Outcome::Queued(place)) => {
                if touch {
                    self.tickets[at].ticket = Ticket { deadline: present_until, present_until, ..ticket };
                }
                self.placed(place, at, table)
            }
            (State::Offered, Outcome::Offered { nonce, fence, claim_by }) => {
                if touch {
                    self.tickets[at].ticket.present_until = present_until;
                }
                let actual = table.read(self.tickets[at].id).nonce;
                let right = (*nonce, *fence, *claim_by) == (actual, ticket.fence, ticket.deadline) && *nonce != 0;
                ensure!(right, "offered {outcome:?} instead of {ticket:?}");
                Ok(())
            }
            (State::Holding, Outcome::Admitted(grant)) => self.granted(grant, at, table),
            (State::Spent, Outcome::Over(ending)) if *ending == ticket.ending => Ok(()),
            (State::Spent, Outcome::Admitted(grant)) if ticket.ending == Ending::Admitted => {
                self.granted(grant, at, table)
            }
            _ => Err(format!("polling {ticket:?} answered {outcome:?}")),
        }
    }

    fn claim_answered(
        &self,
        found: Option<usize>,
        name: Name,
        nonce: u64,
        outcome: &Outcome,
        table: &Table,
    ) -> Checked {
        // A claim only ever repeats a nonce that somebody was told.
        let claimed = found.filter(|at| {
            let ticket = &self.tickets[*at].ticket;
            let inside = ticket.state == State::Holding || ticket.ending == Ending::Admitted;
            inside && nonce != 0 && ticket.nonce == nonce
        });
        match (outcome, claimed) {
            (Outcome::Missed, None) => Ok(()),
            (Outcome::Admitted(grant), Some(at)) => self.granted(grant, at, table),
            _ => Err(format!("claiming {found:?} as {name:?} answered {outcome:?}")),
        }
    }

    fn renewed(&mut self, found: Option<usize>, name: Name, ttl: Option<Micros>, outcome: &Outcome) -> Checked {
        match (outcome, self.held_by(found, name)) {
            (Outcome::Lost, None) => Ok(()),
            (Outcome::Renewed(until), Some(at)) => {
                let ticket = self.tickets[at].ticket;
                // Never shorter, never permanent, never beyond the longest hold (G13).
                let wanted = self.now.saturating_add(ttl.unwrap_or(self.spec.ttl)).min(NEVER - 1);
                let deadline = wanted.min(self.longest(ticket.since)).max(ticket.deadline);
                self.tickets[at].ticket.deadline = deadline;
                ensure!(*until == deadline, "renewed until {until} instead of {deadline}");
                Ok(())
            }
            (_, mine) => Err(format!("renewing {mine:?} answered {outcome:?}")),
        }
    }

    fn detached(&mut self, at: usize) {
        let known = self.tickets[at];
        let wanted = (self.now + self.spec.ttl).min(NEVER - 1).min(self.longest(known.ticket.since));
        let guards = self.spec.guarded && !self.is_shared(known.who) && known.ticket.attend == Attend::Here;
        // A guard's own end is none of a lease's; what was a lease already is never cut short.
        let deadline = if guards { wanted } else { wanted.max(known.ticket.deadline) };
        self.tickets[at].ticket = Ticket { attend: Attend::Away, deadline, ..known.ticket };
    }

    fn restored(&mut self, at: usize) {
        let known = self.tickets[at];
        let longest = self.longest(known.ticket.since);
        self.tickets[at].ticket = if self.spec.guarded && !self.is_shared(known.who) {
            Ticket { attend: Attend::Here, deadline: longest, ..known.ticket }
        } else {
            let wanted = (self.now + self.spec.ttl).min(longest);
            Ticket { deadline: wanted.max(known.ticket.deadline), ..known.ticket }
        };
    }

    fn given_up(
        &mut self,
        found: Option<usize>,
        name: Name,
        doubt: bool,
        outcome: &Outcome,
        table: &Table,
        endings: &[Ending],
    ) -> Checked {
        if let (Outcome::Unknown, None, Name::Token(token), true) = (outcome, found, name, doubt) {
            let id = table.find(&name.key()).ok_or("unknown, but the token is not remembered")?;
            self.remember(id, token);
            return Ok(());
        }
        let ended = endings.iter().find(|ending| matches!(ending, Ending::Released | Ending::Left)).copied();
        let before = found.filter(|at| self.tickets[*at].ticket.state == State::Spent);
        let right = match (ended.or(before.map(|at| self.tickets[at].ticket.ending)), outcome) {
            (Some(Ending::Released), Outcome::Released) | (Some(Ending::Left), Outcome::Left) => true,
            (Some(Ending::Spent | Ending::Admitted), Outcome::Unknown) => doubt,
            (Some(Ending::Spent | Ending::Admitted), Outcome::NotHeld) => !doubt,
            (None, Outcome::NotHeld) => match found {
                None => !doubt || !matches!(name, Name::Token(_)),
                // Somebody else's lease, or an identity that names another lease of its own.
                Some(at) => !self.may_act(name, at),
            },
            _ => false,
        };
        ensure!(right, "giving up {found:?} answered {outcome:?}, ended {ended:?}");
        Ok(())
    }

    fn granted(&self, grant: &Grant, at: usize, table: &Table) -> Checked {
        let known = &self.tickets[at];
        let local = table.local(known.id);
        if known.ticket.state == State::Spent && known.ticket.ending == Ending::Admitted {
            let was = Ticket { state: State::Holding, deadline: NEVER, ..known.ticket };
            return self.let_through(grant, &Known { ticket: was, ..*known }, local, false);
        }
        ensure!(self.spec.leased, "still there, but a rate keeps nobody: {known:?}");
        self.let_through(grant, known, local, true)
    }

    fn let_through(&self, grant: &Grant, known: &Known, local: Option<Local>, leased: bool) -> Checked {
        let inside = self.tickets.iter().filter(|known| known.ticket.state.takes_room());
        let expected = Grant {
            local,
            fence: known.ticket.fence,
            floor: inside.map(|known| known.ticket.fence).min().unwrap_or(NEVER).min(known.ticket.fence),
            until: known.ticket.deadline,
            shared: self.is_shared(known.who),
            waited: known.ticket.since.saturating_sub(known.ticket.arrival),
            leased,
        };
        ensure!(known.ticket.state == State::Holding, "admitted, but not inside: {known:?}");
        ensure!(known.ticket.deadline > self.now, "admitted, but over: {known:?}");
        ensure!(*grant == expected, "admitted with {grant:?} instead of {expected:?}");
        Ok(())
    }

    fn placed(&self, place: &Place, at: usize, table: &Table) -> Checked {
        let known = &self.tickets[at];
        ensure!(known.ticket.state == State::Waiting, "queued, but not waiting: {known:?}");
        let waiting = self.tickets.iter().filter(|known| known.ticket.state == State::Waiting);
        let ahead = waiting.clone().filter(|other| before(&other.ticket, &known.ticket)).count() as u64;
        let is = (place.position, place.exact, place.waiting, place.local);
        let waiting = waiting.count() as u64;
        // In a lottery all are as near to the door as the pool is large, and only alike ones have one chance.
        let drawn = self.spec.pick.is_drawn();
        let fair = self.is_fair();
        let position = match fair {
            true => self.turns_before(known) + 1,
            false if drawn => waiting,
            false => ahead + 1,
        };
        let expected = (position, !drawn && !fair, waiting, table.local(known.id));
        let alike = self.spec.pick == Pick::Uniform { overdue: None };
        let chance = alike.then(|| 1.0 / waiting as f64);
        ensure!(place.chance == chance, "a chance of {:?} instead of {chance:?}", place.chance);
        ensure!(is == expected, "placed {is:?} instead of {expected:?}");
        let known_pace = table.meta().pace_samples > 0;
        ensure!(place.estimated_wait.is_some() == known_pace, "a made-up wait: {place:?}");
        ensure!(place.refresh_after > 0 && place.refresh_after <= self.spec.line.presence, "asks too late: {place:?}");
        Ok(())
    }

    /// Under fair shares: as many turns of each group as its own needs, and no more than all who wait.
    fn turns_before(&self, known: &Known) -> u64 {
        let waiting = || self.tickets.iter().filter(|other| other.ticket.state == State::Waiting);
        let own = waiting().filter(|other| other.group == known.group);
        let own = own.filter(|other| other.ticket.arrival < known.ticket.arrival).count() as u64;
        let groups: std::collections::HashSet<_> = waiting().map(|other| other.group).collect();
        (own * groups.len() as u64).min(waiting().count() as u64 - 1)
    }

    fn inspected(&self, seen: &Inspection, page: Page, meta: &Meta) -> Checked {
        let of = |inside: bool| {
            let shown = self.tickets.iter().filter(move |known| match inside {
                true => known.ticket.state.takes_room(),
                false => known.ticket.state == State::Waiting,
            });
            shown.copied().collect::<Vec<_>>()
        };
        let in_use: u64 = of(true).iter().map(|known| u64::from(known.ticket.weight)).sum();
        let numbers = (seen.limit, seen.limit_override, seen.in_use, seen.offered, seen.waiting);
        let expected = (self.limit, meta.override_limit, in_use, self.count(State::Offered), of(false).len() as u64);
        ensure!(numbers == expected, "seen {numbers:?} instead of {expected:?}");
        ensure!(seen.limit == meta.override_limit.unwrap_or(seen.configured), "configured are {}", seen.configured);
        let own = seen.switch.as_ref().map(|switch| (switch.state, switch.reopens_in));
        let set = meta.switch.as_ref().map(|switch| (switch.state, switch.until));
        let left = |until: Micros| (until < NEVER).then(|| until - self.now);
        ensure!(own == set.map(|(state, until)| (state, left(until))), "a switch {own:?} instead of {set:?}");
        ensure!(seen.switch_in_force().state == self.weather.state, "in force {:?}", seen.switch_in_force());
        ensure!(seen.unwell_for == self.weather.unwell_for(self.now), "unwell for {:?}", seen.unwell_for);

        let identity = |known: &Known| known.who.map(|who| IDENTITIES[who]);
        let (skip, take) = (page.offset as usize, page.count as usize);
        let mut inside = of(true);
        inside.sort_by_key(|known| known.ticket.fence);
        let expected = inside.iter().skip(skip).take(take).map(|known| {
            let ticket = &known.ticket;
            let age = self.now - ticket.since;
            (identity(known), ticket.fence, ticket.weight, age, ticket.state == State::Offered)
        });
        let shown = seen
            .holders
            .iter()
            .map(|holder| (holder.identity.as_deref(), holder.fence, holder.weight, holder.age, holder.offered));
        ensure!(shown.eq(expected), "holders {:?}", seen.holders);

        let mut line = of(false);
        line.sort_by(
            |a, b| if before(&a.ticket, &b.ticket) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater },
        );
        let expected = (1u64..).zip(&line).skip(skip).take(take).map(|(position, known)| {
            let age = self.now.saturating_sub(known.ticket.arrival);
            (identity(known), position, known.ticket.weight, age)
        });
        let shown =
            seen.waiters.iter().map(|waiter| (waiter.identity.as_deref(), waiter.position, waiter.weight, waiter.age));
        ensure!(shown.eq(expected), "waiters {:?}", seen.waiters);
        Ok(())
    }
}
