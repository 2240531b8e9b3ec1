//! What a gate should look like after a step: a small oracle, written from the rules and apart from the gate.
//!
//! It does not decide who is next; it takes the effects of a step one by one, checks that each was right at the
//! moment when it happened, and carries them out on a plain list of tickets. What comes out must be what the
//! ledger has.

use std::cmp::Ordering;

use airlock_core::Local;
use airlock_core::gate::{Attend, Change, Effect, Ending, GroupId, Meta, Micros, NEVER, OnMissed, OnReentry, Pick};
use airlock_core::gate::{RETRY_HORIZON, Spec, State, Stay, Ticket};

use crate::ask::{Ask, IDENTITIES, NO_GROUP, Name, Newcomer, TokenNumber, secret};
use crate::cells::Cells;
use crate::ensure;
use crate::shares::Shares;
use crate::weather::Weather;

/// Stands for the id of a group that the oracle cannot know.
pub const SOME_GROUP: GroupId = GroupId(u32::MAX);

/// A ticket and its names.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub id: u32,
    pub ticket: Ticket,
    pub token: Option<TokenNumber>,
    pub who: Option<usize>,
    /// Only while it is in the line; under fair shares also inside.
    pub group: Option<usize>,
    pub cap: u32,
    pub local: Option<Local>,
}

/// One step, replayed.
pub struct Replay<'a> {
    pub spec: &'a Spec,
    pub ask: &'a Ask,
    pub now: Micros,
    /// In force when somebody was let in.
    pub limit: u32,
    /// In force in this step.
    pub weather: Weather,
    pub arrival: u64,
    pub fence: u64,
    pub tickets: Vec<Known>,
    pub cells: Cells,
    pub shares: Shares,
    /// The arrival of whoever was drawn before and is still next.
    pub drawn: u64,
    /// Whoever asked and was let in by a rate alone, or past a bypassed gate, of which nothing is left.
    pub passed: Option<Known>,
    /// What happened that is worth counting.
    pub seen: Vec<&'static str>,
    /// The newcomer's ticket.
    pub entered: Option<u32>,
    /// Whether an offer was taken up.
    pub claimed: bool,
    /// What was reclaimed or promoted.
    pub work: u64,
}

/// Line order, without the gate's own integers for it.
pub fn before(a: &Ticket, b: &Ticket) -> bool {
    let order = a.order().partial_cmp(&b.order()).expect("scores are finite");
    a.lane.cmp(&b.lane).then(order).then(a.arrival.cmp(&b.arrival)) == Ordering::Less
}

pub fn waiting(tickets: &[Known]) -> impl Iterator<Item = &Known> {
    tickets.iter().filter(|known| known.ticket.state == State::Waiting)
}

/// Under fair shares: the longest wait of each group that is below its cap.
pub fn fair_heads(tickets: &[Known]) -> Vec<Known> {
    let first = |known: &&Known| {
        let before = |other: &Known| other.group == known.group && other.ticket.arrival < known.ticket.arrival;
        !waiting(tickets).any(before)
    };
    let below = |known: &&Known| below_cap(tickets, known.group, known.cap, known.ticket.weight);
    waiting(tickets).filter(first).filter(below).copied().collect()
}

/// Whether so much more of that group may be inside.
pub fn below_cap(tickets: &[Known], group: Option<usize>, cap: u32, weight: u32) -> bool {
    let inside = tickets.iter().filter(|known| known.ticket.state.takes_room() && known.group == group);
    let in_use: u32 = inside.map(|known| known.ticket.weight).sum();
    cap == 0 || in_use + weight <= cap
}

impl<'a> Replay<'a> {
    pub fn new(
        spec: &'a Spec,
        ask: &'a Ask,
        now: Micros,
        (limit, weather): (u32, Weather),
        meta: &Meta,
        past: (&[Known], &Cells, &Shares),
    ) -> Self {
        let (tickets, cells, shares) = (past.0.to_vec(), past.1.clone(), past.2.clone());
        Replay {
            spec,
            ask,
            now,
            limit,
            weather,
            arrival: meta.arrival,
            fence: meta.fence,
            tickets,
            cells,
            shares,
            drawn: meta.drawn,
            passed: None,
            seen: Vec::new(),
            entered: None,
            claimed: false,
            work: 0,
        }
    }

    pub fn count(&self, state: State) -> u64 {
        self.tickets.iter().filter(|known| known.ticket.state == state).count() as u64
    }

    pub fn in_line_of(&self, group: usize) -> u64 {
        let in_line = self.tickets.iter().filter(|known| !matches!(known.ticket.state, State::Holding | State::Spent));
        in_line.filter(|known| known.group == Some(group)).count() as u64
    }

    fn held(&self) -> u64 {
        let inside = self.tickets.iter().filter(|known| known.ticket.state.takes_room());
        inside.map(|known| u64::from(known.ticket.weight)).sum()
    }

    /// For how long the rate keeps somebody of that weight out.
    pub fn limited_for(&self, weight: u32) -> Micros {
        self.cells.wait(self.spec.rate, weight, self.now)
    }

    pub fn has_room(&self, weight: u32) -> bool {
        self.held() + u64::from(weight) <= u64::from(self.limit)
    }

    fn fits(&self, weight: u32) -> bool {
        self.weather.bypassed() || self.weather.serves() && self.has_room(weight) && self.limited_for(weight) == 0
    }

    fn floor(&self) -> Option<u64> {
        let inside = self.tickets.iter().filter(|known| known.ticket.state.takes_room());
        inside.map(|known| known.ticket.fence).min()
    }

    fn waiting(&self) -> impl Iterator<Item = &Known> {
        waiting(&self.tickets)
    }

    fn head(&self) -> Option<u32> {
        self.waiting().reduce(|a, b| if before(&b.ticket, &a.ticket) { b } else { a }).map(|known| known.id)
    }

    fn head_is(&self, ticket: &Ticket) -> bool {
        self.head().is_some_and(|id| self.tickets.iter().any(|k| k.id == id && k.ticket == *ticket))
    }

    pub fn is_fair(&self) -> bool {
        self.spec.pick == Pick::Fair
    }

    /// The group that this newcomer counts for.
    pub fn group_of(&self, new: &Newcomer) -> Option<usize> {
        match new.group {
            None if self.is_fair() => Some(NO_GROUP),
            group => group.filter(|_| self.is_fair() || self.spec.line.group_capacity < NEVER),
        }
    }

    /// Whether this waiter may be the next one: the head, or who was drawn, or might be drawn now (G5).
    fn may_be_next(&self, ticket: &Ticket) -> bool {
        let oldest = self.waiting().map(|known| known.ticket.arrival).min().unwrap_or(0);
        match self.spec.pick {
            // Where all groups are at their caps, these mean nothing.
            Pick::Fair if self.weather.bypassed() && fair_heads(&self.tickets).is_empty() => ticket.arrival == oldest,
            Pick::Fair => self.shares.next(&self.tickets) == Some(ticket.arrival),
            // All are, and go in line order.
            _ if self.weather.bypassed() => self.head_is(ticket),
            Pick::Head => self.head_is(ticket),
            Pick::Uniform { .. } | Pick::Aging { .. } if self.drawn != 0 => self.drawn == ticket.arrival,
            Pick::Uniform { overdue: Some(overdue) } if self.now.saturating_sub(oldest) >= overdue => {
                ticket.arrival == oldest
            }
            Pick::Uniform { .. } | Pick::Aging { .. } => true,
            _ => false,
        }
    }

    /// A draw that does not fit is next until it is in or gone, and is only made when there is room.
    pub fn drawn_is(&mut self, drawn: u64) -> Result<(), String> {
        if self.drawn != 0 || drawn == 0 {
            ensure!(drawn == self.drawn, "{drawn} was drawn, but {} is next", self.drawn);
            return Ok(());
        }
        ensure!(self.spec.pick.is_drawn(), "drawn, where nobody draws");
        let Some(known) = self.waiting().find(|known| known.ticket.arrival == drawn) else {
            return Err(format!("{drawn} was drawn, but does not wait"));
        };
        ensure!(self.fits(1), "drawn, though there is no room: {known:?}");
        ensure!(self.may_be_next(&known.ticket), "drawn before who is overdue: {known:?}");
        self.seen.push("drawn, but does not fit");
        Ok(())
    }

    /// Who is let in by a rate alone, or past a bypassed gate, holds nothing. A rate's admission is remembered by its
    /// token.
    fn keep_if(&mut self, leased: bool, effect: &Effect<u32>, at: usize, asked: bool) {
        if leased {
            return;
        }
        let known = Known { local: effect.local, ..self.tickets[at] };
        if asked {
            self.passed = Some(known);
        }
        if !self.spec.leased && known.token.is_some() {
            self.rest(at, Ending::Admitted);
        } else {
            self.tickets.swap_remove(at);
        }
    }

    fn rest(&mut self, at: usize, ending: Ending) {
        let deadline = self.now + RETRY_HORIZON;
        let known = &mut self.tickets[at];
        known.ticket = Ticket { state: State::Spent, deadline, group: None, ending, ..known.ticket };
        (known.who, known.group) = (None, None);
    }

    /// Whether this newcomer is let in at once: nobody barges (G5), and no place is left free (G6).
    pub fn enters(&self, new: &Newcomer) -> bool {
        let ticket = self.newcomer(new, State::Holding, self.arrival.saturating_add(1).max(self.now));
        let first = match self.spec.pick {
            Pick::Head => self.waiting().all(|known| before(&ticket, &known.ticket)),
            Pick::Nobody => true,
            Pick::Fair => {
                let group = self.group_of(new);
                let alone = self.waiting().all(|known| known.group != group);
                let below = below_cap(&self.tickets, group, new.cap, new.weight);
                let first = |group| self.shares.is_first(group, new.share, new.weight, &self.tickets);
                alone && below && group.is_some_and(first)
            }
            _ => self.waiting().next().is_none(),
        };
        first && self.fits(new.weight)
    }

    pub fn resolve(&self, name: Name) -> Option<usize> {
        self.tickets.iter().position(|known| match name {
            Name::Token(token) => known.token == Some(token),
            Name::Local(local) => known.local == Some(local),
            Name::Identity { who, .. } => known.who == Some(who),
        })
    }

    /// Whether that name may act on that ticket, and not only see it (G14).
    pub fn may_act(&self, name: Name, at: usize) -> bool {
        match name {
            Name::Identity { fence, .. } => fence == self.tickets[at].ticket.fence,
            _ => true,
        }
    }

    pub fn is_shared(&self, who: Option<usize>) -> bool {
        who.is_some() && self.spec.leased && self.spec.on_reentry == OnReentry::Share
    }

    pub fn presence(&self, attend: Attend) -> Micros {
        match attend {
            Attend::Away => self.now + self.spec.line.presence,
            _ => self.spec.shared.map_or(NEVER, |nodes| self.now + nodes.presence),
        }
    }

    /// When a lease that began at `since` must end (G16).
    pub fn longest(&self, since: Micros) -> Micros {
        since.saturating_add(self.spec.max_hold).min(NEVER)
    }

    pub fn lease_deadline(&self, who: Option<usize>) -> Micros {
        if !self.spec.leased {
            return NEVER;
        }
        let unguarded = if self.spec.guarded && !self.is_shared(who) { NEVER } else { self.now + self.spec.ttl };
        unguarded.min(self.longest(self.now))
    }

    /// Beside the gate stands a guard, where there are guards. A session has none.
    fn holder_attend(&self, who: Option<usize>) -> Attend {
        if self.spec.guarded && !self.is_shared(who) { Attend::Here } else { Attend::Away }
    }

    fn next_arrival(&mut self) -> u64 {
        self.arrival = (self.arrival + 1).max(self.now);
        self.arrival
    }

    fn next_fence(&mut self) -> u64 {
        self.fence = (self.fence + 1).max(self.now);
        self.fence
    }

    fn newcomer(&self, new: &Newcomer, state: State, arrival: u64) -> Ticket {
        // A draw goes by arrival alone.
        let by_rank = !self.spec.pick.is_drawn();
        Ticket {
            state,
            attend: if new.stay == Stay::Here { Attend::Here } else { Attend::Away },
            weight: new.weight,
            group: None,
            lane: 0,
            score: if by_rank { new.score } else { 0.0 },
            per_second: if by_rank { new.per_second } else { 0.0 },
            arrival,
            fence: 0,
            deadline: 0,
            present_until: 0,
            since: 0,
            nonce: 0,
            ending: Ending::default(),
        }
    }

    /// A token that is remembered as spent (G3).
    pub fn remember(&mut self, id: u32, spent: TokenNumber) {
        let (token, who, group, stay) = (None, None, None, Stay::No);
        let (weight, score, per_second, share, cap) = (0, 0.0, 0.0, 0.0, 0);
        let nobody = Newcomer { token, who, group, weight, score, per_second, share, cap, stay };
        let arrival = self.next_arrival();
        let ticket = Ticket {
            deadline: self.now + RETRY_HORIZON,
            since: self.now,
            ending: Ending::Spent,
            ..self.newcomer(&nobody, State::Spent, arrival)
        };
        self.push(Known { id, ticket, token: Some(spent), who: None, group: None, cap: 0, local: None });
    }

    fn push(&mut self, known: Known) {
        // Memories that are over go without an effect, and their place may be taken at once.
        let before = self.tickets.len();
        self.tickets
            .retain(|old| old.id != known.id || old.ticket.state != State::Spent || old.ticket.deadline > self.now);
        self.work += (before - self.tickets.len()) as u64;
        self.tickets.push(known);
    }

    /// One effect, in the order in which they happened.
    pub fn apply(&mut self, effect: &Effect<u32>) -> Result<(), String> {
        let at = self.tickets.iter().position(|known| known.id == effect.id);
        let live = at.filter(|at| self.tickets[*at].ticket.state != State::Spent);
        match (effect.change, live) {
            (Change::Queued, None) => self.queued(effect)?,
            (Change::Admitted, None) => self.admitted(effect)?,
            (Change::Admitted, Some(at)) => self.claimed(effect, at)?,
            (Change::Granted(_) | Change::Offered { .. }, Some(at)) => self.chosen(effect, at)?,
            (Change::Requeued, Some(at)) => self.requeued(effect, at)?,
            (Change::Ended(ending), Some(at)) => self.ended(effect, at, ending)?,
            _ => return Err(format!("{:?} of {live:?}", effect.change)),
        }
        Ok(())
    }

    /// Effects tell observers the truth about the ticket.
    fn told(&self, effect: &Effect<u32>, known: &Known) -> Result<(), String> {
        let ticket = &known.ticket;
        let told = (effect.fence, effect.arrival, effect.since, effect.identity.as_deref(), effect.token);
        // A token is of use where several processes share the gate.
        let token = known.token.filter(|_| self.spec.shared.is_some()).map(secret);
        let who = known.who.map(|who| IDENTITIES[who]);
        let is = (ticket.fence, ticket.arrival, ticket.since, who, token);
        ensure!(told == is, "told {told:?} of {is:?}");
        Ok(())
    }

    fn enters_anew(&self) -> Result<Newcomer, String> {
        let Ask::Enter(new) = *self.ask else { return Err("a newcomer without an enter".into()) };
        ensure!(self.entered.is_none(), "entered twice");
        let known = |name: Option<Name>| name.and_then(|name| self.resolve(name)).map(|at| self.tickets[at]);
        let same = known(new.who.map(|who| Name::Identity { who, fence: 0 }));
        // Past a bypassed gate nobody is a duplicate.
        let beside = |known: Known| self.weather.bypassed() && known.ticket.state == State::Holding;
        let may_pass = self.spec.on_reentry == OnReentry::Refuse;
        // Nor is whoever came by its token known by the name that it gives besides.
        let by_token = self.seen.contains(&"passed from its place");
        let free = by_token || same.is_none_or(|known| may_pass && beside(known));
        ensure!(free, "its identity is there already: {same:?}");
        let same = known(new.token.map(Name::Token)).filter(|known| known.ticket.deadline > self.now);
        ensure!(same.is_none(), "its token was used: {same:?}");
        Ok(new)
    }

    fn queued(&mut self, effect: &Effect<u32>) -> Result<(), String> {
        let new = self.enters_anew()?;
        ensure!(new.stay != Stay::No && self.spec.pick != Pick::Nobody, "queued, but does not wait");
        ensure!(!self.enters(&new), "queued, but there was room for it");
        ensure!(!self.weather.bypassed(), "queued, where everybody passes");
        ensure!(self.weather.turns_away(self.now).is_none(), "queued, but it is closed");
        let in_line = self.count(State::Waiting) + self.count(State::Offered);
        ensure!(in_line < self.spec.line.capacity, "the line was full");
        let group = self.group_of(&new);
        let full = new.group.is_some_and(|group| self.in_line_of(group) >= self.spec.line.group_capacity);
        ensure!(!full, "its group's line was full");
        let arrival = self.next_arrival();
        let mut ticket = self.newcomer(&new, State::Waiting, arrival);
        ticket.deadline = self.presence(ticket.attend);
        ticket.present_until = ticket.deadline;
        ticket.group = group.map(|_| SOME_GROUP);
        let Newcomer { token, who, cap, .. } = new;
        let known = Known { id: effect.id, ticket, token, who, group, cap, local: None };
        self.told(effect, &known)?;
        self.entered = Some(effect.id);
        self.push(known);
        if let Some(group) = group.filter(|_| self.is_fair()) {
            self.shares.came(group, new.share, cap);
            self.shares.settle(Some(group), &self.tickets);
        }
        Ok(())
    }

    fn admitted(&mut self, effect: &Effect<u32>) -> Result<(), String> {
        let new = self.enters_anew()?;
        if self.weather.bypassed() {
            return self.passes_by(effect, &new);
        }
        ensure!(self.weather.serves(), "admitted, where nobody is let in");
        ensure!(self.weather.turns_away(self.now).is_none(), "admitted, but it is closed");
        ensure!(self.has_room(new.weight), "admitted above the limit");
        ensure!(self.enters(&new), "barged");
        self.cells.spend(self.spec.rate, new.weight, self.now)?;
        let arrival = self.next_arrival();
        let mut ticket = self.newcomer(&new, State::Holding, arrival);
        ticket.attend = self.holder_attend(new.who);
        ticket.fence = self.next_fence();
        ticket.deadline = self.lease_deadline(new.who);
        ticket.since = self.now;
        let group = self.group_of(&new).filter(|_| self.is_fair());
        ticket.group = group.map(|_| SOME_GROUP);
        let Newcomer { token, who, cap, .. } = new;
        let known = Known { id: effect.id, ticket, token, who, group, cap, local: None };
        self.told(effect, &known)?;
        self.entered = Some(effect.id);
        self.push(known);
        if let Some(group) = group {
            self.shares.came(group, new.share, cap);
            self.shares.charge(group, new.weight, &self.tickets);
            self.shares.settle(Some(group), &self.tickets);
        }
        if !self.spec.leased {
            self.seen.push("let through");
        }
        self.keep_if(self.spec.leased, effect, self.tickets.len() - 1, true);
        self.shares.settle(group, &self.tickets);
        Ok(())
    }

    /// Let in past a bypassed gate: nameless, weightless, and not kept.
    fn passes_by(&mut self, effect: &Effect<u32>, new: &Newcomer) -> Result<(), String> {
        let arrival = self.next_arrival();
        let ticket = Ticket {
            attend: self.holder_attend(None),
            weight: 0,
            fence: self.next_fence(),
            deadline: NEVER,
            since: self.now,
            ..self.newcomer(new, State::Holding, arrival)
        };
        let known = Known { id: effect.id, ticket, token: None, who: None, group: None, cap: 0, local: None };
        self.told(effect, &known)?;
        let inside = new.who.and_then(|who| self.resolve(Name::Identity { who, fence: 0 })).is_some();
        self.seen.push(if inside { "passed by itself" } else { "passed by" });
        self.push(known);
        self.keep_if(false, effect, self.tickets.len() - 1, true);
        Ok(())
    }

    fn claimed(&mut self, effect: &Effect<u32>, at: usize) -> Result<(), String> {
        let known = self.tickets[at];
        let by_identity = |new: &Newcomer| new.who.is_some() && new.who == known.who;
        let asked = match self.ask {
            Ask::Claim(name, nonce) => self.resolve(*name) == Some(at) && *nonce == known.ticket.nonce,
            Ask::Enter(new) => (new.token.is_some() && new.token == known.token) || by_identity(new),
            _ => false,
        };
        ensure!(asked, "an offer was taken up that was not asked for: {known:?}");
        ensure!(known.ticket.state == State::Offered, "taken up, but not offered: {known:?}");
        ensure!(known.ticket.deadline > self.now, "taken up after its end: {known:?}");
        let (attend, deadline) = (self.holder_attend(known.who), self.lease_deadline(known.who));
        self.claimed = true;
        let fair = self.is_fair() && known.ticket.weight > 0;
        let known = &mut self.tickets[at];
        let whose = known.group;
        known.group = known.group.filter(|_| fair);
        let group = known.ticket.group.filter(|_| fair);
        known.ticket = Ticket { state: State::Holding, attend, deadline, since: self.now, group, ..known.ticket };
        self.told(effect, &self.tickets[at])?;
        if !self.spec.leased {
            self.seen.push("let through from an offer");
        }
        self.keep_if(self.spec.leased, effect, at, true);
        self.shares.settle(whose, &self.tickets);
        Ok(())
    }

    fn chosen(&mut self, effect: &Effect<u32>, at: usize) -> Result<(), String> {
        self.work += 1;
        let known = self.tickets[at];
        ensure!(known.ticket.state == State::Waiting, "chosen, but not waiting: {known:?}");
        ensure!(self.may_be_next(&known.ticket), "chosen, but not next: {known:?}");
        ensure!(known.ticket.deadline > self.now, "chosen, but absent: {known:?}");
        ensure!(self.weather.serves(), "chosen, where nobody is let in: {known:?}");
        let bypassed = self.weather.bypassed();
        if !bypassed {
            ensure!(self.has_room(known.ticket.weight), "chosen above the limit: {known:?}");
            self.cells.spend(self.spec.rate, known.ticket.weight, self.now)?;
        }
        if self.drawn != 0 {
            self.seen.push("drawn before, and in");
        }
        let waited = self.now.saturating_sub(known.ticket.arrival);
        match self.spec.pick {
            Pick::Uniform { overdue: Some(overdue) } if waited >= overdue => self.seen.push("overdue"),
            Pick::Uniform { .. } => self.seen.push("drawn alike"),
            Pick::Aging { .. } => self.seen.push("drawn by age"),
            Pick::Fair => self.seen.push("a turn"),
            _ => {}
        }
        self.drawn = 0;
        let mut ticket = Ticket { fence: self.next_fence(), since: self.now, ..known.ticket };
        if bypassed {
            // It takes no room.
            ticket.weight = 0;
        }
        if known.ticket.attend == Attend::Here {
            ticket.state = State::Holding;
            ticket.attend = self.holder_attend(known.who);
            let lease = self.lease_deadline(known.who);
            let confirmed_by = self.spec.shared.map_or(lease, |nodes| lease.min(self.now + nodes.confirmation));
            ticket.deadline = if !self.spec.leased || bypassed { NEVER } else { confirmed_by };
            let counted = self.is_fair() && ticket.weight > 0;
            ticket.group = ticket.group.filter(|_| counted);
            self.tickets[at].group = known.group.filter(|_| counted);
        } else {
            ticket.state = State::Offered;
            ticket.deadline = self.now + self.spec.line.claim_window;
        }
        self.tickets[at].ticket = ticket;
        if let Some(group) = known.group.filter(|_| self.is_fair()) {
            self.shares.charge(group, ticket.weight, &self.tickets);
            self.shares.settle(Some(group), &self.tickets);
        }
        self.told(effect, &self.tickets[at])?;
        let Change::Granted(grant) = effect.change else {
            ensure!(ticket.state == State::Offered, "only offered, though it is beside the gate");
            // The nonce is the gate's own, as the outcome of asking is checked to be.
            let told = matches!(effect.change, Change::Offered { claim_by, .. } if claim_by == ticket.deadline);
            ensure!(told, "offered until {}, and told {:?}", ticket.deadline, effect.change);
            if bypassed {
                self.seen.push("offered no room");
            }
            return Ok(());
        };
        let expected = (ticket.fence, self.floor(), ticket.deadline, self.is_shared(known.who), known.local);
        let is = (grant.fence, Some(grant.floor), grant.until, grant.shared, grant.local);
        // A newcomer's handle is not known yet.
        ensure!(is == expected || known.local.is_none(), "granted {is:?} instead of {expected:?}");
        ensure!(ticket.state == State::Holding, "let in, though it is away");
        let leased = self.spec.leased && !bypassed;
        ensure!(grant.leased == leased, "granted as a lease: {}", grant.leased);
        if bypassed {
            self.seen.push("passed from the line");
        }
        if !self.spec.leased {
            self.seen.push("let through from the line");
        }
        self.keep_if(leased, effect, at, false);
        self.shares.settle(known.group, &self.tickets);
        Ok(())
    }

    fn requeued(&mut self, effect: &Effect<u32>, at: usize) -> Result<(), String> {
        self.work += 1;
        let known = self.tickets[at];
        ensure!(known.ticket.state == State::Offered && known.ticket.deadline <= self.now, "requeued {known:?}");
        ensure!(self.goes_back(&known.ticket), "requeued, though it is absent or out: {known:?}");
        self.tickets[at].ticket = Ticket {
            state: State::Waiting,
            arrival: self.next_arrival(),
            deadline: known.ticket.present_until,
            fence: 0,
            since: 0,
            nonce: 0,
            ..known.ticket
        };
        self.shares.settle(known.group, &self.tickets);
        self.told(effect, &self.tickets[at])
    }

    fn goes_back(&self, ticket: &Ticket) -> bool {
        // What was offered no room has no weight to wait with.
        self.spec.line.on_missed == OnMissed::Requeue && ticket.present_until > self.now && ticket.weight > 0
    }

    fn ended(&mut self, effect: &Effect<u32>, at: usize, ending: Ending) -> Result<(), String> {
        let known = self.tickets[at];
        let ticket = &known.ticket;
        self.told(effect, &known)?;
        let due = ticket.deadline <= self.now;
        let given_up = match self.ask {
            Ask::GiveUp { name, .. } => !due && self.resolve(*name) == Some(at) && self.may_act(*name, at),
            _ => false,
        };
        // Whoever comes back past a bypassed gate has no use for its place.
        let passes = match self.ask {
            Ask::Enter(new) => {
                self.weather.bypassed()
                    && ticket.state == State::Waiting
                    && !due
                    && (new.token.is_some() && new.token == known.token || new.who.is_some() && new.who == known.who)
            }
            _ => false,
        };
        let right = match ending {
            Ending::Released => given_up && ticket.state == State::Holding,
            Ending::Left if passes => {
                self.seen.push("passed from its place");
                true
            }
            Ending::Left => given_up && matches!(ticket.state, State::Waiting | State::Offered),
            Ending::Lapsed => due && ticket.state == State::Holding,
            Ending::Missed => due && ticket.state == State::Offered && !self.goes_back(ticket),
            Ending::Absent => due && ticket.state == State::Waiting,
            Ending::TooHeavy => {
                let next = self.may_be_next(ticket) && !due;
                next && !self.weather.bypassed() && self.limit > 0 && ticket.weight > self.limit
            }
            Ending::Evicted => {
                !due && match *self.ask {
                    Ask::EvictIdentity(who) => known.who == Some(who),
                    Ask::EvictInside(who) => known.who == Some(who) && ticket.state.takes_room(),
                    Ask::EvictInLine(who) => known.who == Some(who) && ticket.state == State::Waiting,
                    Ask::EvictFence(fence) => ticket.fence == fence && ticket.state.takes_room(),
                    _ => false,
                }
            }
            Ending::Superseded => match self.ask {
                Ask::Enter(new) => {
                    let waits = ticket.state == State::Waiting && (new.stay != Stay::No || self.weather.bypassed());
                    let other =
                        new.who.is_some() && new.who == known.who && (new.token != known.token || new.token.is_none());
                    let right = !due && other && (waits || ticket.state == State::Offered);
                    // What was kept for another group or weight is no place for it.
                    if ticket.weight == new.weight && known.group == self.group_of(new) {
                        self.tickets[at].token = new.token;
                        self.tickets[at].local = None;
                        return if right { Ok(()) } else { Err(format!("superseded {known:?}")) };
                    }
                    self.seen.push("another place of the same");
                    right
                }
                _ => false,
            },
            _ => false,
        };
        ensure!(right, "ended as {ending:?}: {known:?}");
        if ticket.state == State::Waiting && self.drawn == ticket.arrival {
            self.seen.push("drawn before, and gone");
            self.drawn = 0;
        }
        if ending == Ending::Missed && self.spec.rate.is_some() {
            self.seen.push("a missed cell");
        }
        if matches!(ending, Ending::Lapsed | Ending::Missed | Ending::Absent | Ending::TooHeavy) {
            self.work += 1;
        }
        let left = matches!(ending, Ending::Released | Ending::Left);
        if left && matches!(self.ask, Ask::GiveUp { doubt: true, .. }) {
            self.rest(at, ending);
        } else {
            self.tickets.swap_remove(at);
        }
        self.shares.settle(known.group, &self.tickets);
        Ok(())
    }
}
