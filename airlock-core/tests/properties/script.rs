//! What is asked: random configurations, clocks and commands.

use airlock_core::Local;
use airlock_core::gate::{
    Conditions, LineSpec, Micros, NEVER, OnMissed, OnReentry, Page, Pick, RateSpec, Setting, SharedSpec, Spec, State,
    Stay, SwitchState,
};

use crate::ask::{Ask, GROUPS, IDENTITIES, NO_GROUP, Name, Newcomer, TokenNumber};
use crate::model::Known;
use crate::random::Random;

/// How many of the last tokens and handles are asked with again.
const REMEMBERED: usize = 32;

/// What a world is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Tokens and identities only: any ledger can do it.
    Portable,
    /// Handles of this process as well, and newcomers without tokens.
    Guarded,
    /// Portable, with a long line, so that tables change their shape.
    Crowd,
    /// Portable, and no guard lives beside its gate: what another process can do.
    Remote,
    /// That, with a long line.
    RemoteCrowd,
}

impl Kind {
    fn is_crowd(self) -> bool {
        matches!(self, Kind::Crowd | Kind::RemoteCrowd)
    }

    fn is_remote(self) -> bool {
        matches!(self, Kind::Remote | Kind::RemoteCrowd)
    }
}

/// The clients of one gate.
pub struct Script {
    pub random: Random,
    kind: Kind,
    /// Whether anybody operates the gate.
    pub switched: bool,
    priorities: bool,
    /// Nobody weighs more than the rate lets in at once: that is refused before it comes to a gate.
    heaviest: u32,
    /// How long somebody has to have waited to be drawn first.
    overdue: Option<Micros>,
    /// Each group's share and cap.
    terms: [(f64, u32); GROUPS.len() + 1],
    aging: f64,
    /// Divides how fast time goes by: where it is slow, lines get long.
    pace: u64,
    last_token: TokenNumber,
    pub tokens: Vec<TokenNumber>,
    pub locals: Vec<Local>,
}

pub fn spec(random: &mut Random, kind: Kind) -> Spec {
    let rate = random.one_in(3).then(|| rate(random));
    let leased = rate.is_none() || random.one_in(2);
    let limit = if leased { random.below(7) as u32 } else { u32::MAX };
    let span = |random: &mut Random, most: u64| if random.one_in(12) { 1 } else { 1 + random.below(most) };
    let presence = span(random, 4_000_000);
    let line = LineSpec {
        capacity: if kind.is_crowd() { NEVER } else { random.of(&[0, 1, 3, 8, 50, NEVER]) },
        group_capacity: if kind.is_crowd() { random.of(&[40, NEVER]) } else { random.of(&[0, 1, 2, 5, NEVER, NEVER]) },
        presence: if kind.is_crowd() { presence + 100_000_000 } else { presence },
        claim_window: span(random, 2_000_000),
        on_missed: random.of(&[OnMissed::Drop, OnMissed::Requeue]),
    };
    let spec = Spec {
        rate,
        leased,
        name: "properties".into(),
        limit,
        ttl: span(random, 4_000_000),
        max_hold: if random.one_in(3) { span(random, 10_000_000) } else { NEVER },
        pick: if random.one_in(10) && !kind.is_crowd() { Pick::Nobody } else { pick(random) },
        line,
        on_reentry: random.of(&[OnReentry::Refuse, OnReentry::Share]),
        step_bound: random.of(&[1, 3, 64]),
        guarded: !kind.is_remote() && !random.one_in(if kind == Kind::Guarded { 4 } else { 2 }),
        shared: None,
        revision: 0,
    };
    let several = kind != Kind::Guarded && !spec.guarded && random.one_in(2);
    let shared =
        several.then(|| SharedSpec { presence: span(random, 4_000_000), confirmation: span(random, 2_000_000) });
    let revision = if several { random.below(3) } else { 0 };
    Spec { shared, revision, ..spec }
}

/// From one in a microsecond to one in minutes.
fn rate(random: &mut Random) -> RateSpec {
    let most = random.of(&[1, 100, 10_000, 1_000_000, 200_000_000]);
    RateSpec { interval: 1 + random.below(most), burst: 1 + random.below(6) as u32 }
}

fn pick(random: &mut Random) -> Pick {
    match random.below(5) {
        0 => {
            let overdue = 1 + random.below(3_000_000);
            Pick::Uniform { overdue: random.one_in(2).then_some(overdue) }
        }
        1 => {
            let base = random.of(&[1e-9, 0.5, 1.0, 1e6]);
            let (per_second, max) = (random.of(&[0.0, 0.1, 1.0, 1e9]), random.of(&[1.0, 5.0, 1e12]));
            Pick::Aging { base, per_second, max: base * max }
        }
        2 => Pick::Fair,
        _ => Pick::Head,
    }
}

impl Script {
    pub fn new(random: Random, kind: Kind, spec: &Spec) -> Self {
        let mut random = random;
        let mut terms = [(1.0, 0); GROUPS.len() + 1];
        if random.one_in(2) {
            terms.fill_with(|| (random.of(&[1.0, 0.25, 3.0, 1e9]), random.of(&[0, 0, 1, 2, 3])));
        }
        let overdue = match spec.pick {
            Pick::Uniform { overdue } => overdue,
            _ => None,
        };
        let heaviest = spec.rate.map_or(7, |rate| rate.burst);
        // Fair shares rank by arrival alone.
        let ranked = spec.pick != Pick::Fair;
        let priorities = ranked && random.one_in(2);
        let aging = if !ranked || random.one_in(2) { 0.0 } else { random.of(&[0.5, 2.0, -1.0, 1e-3]) };
        let pace = if kind.is_crowd() { 500 } else { random.of(&[1, 8, 64]) };
        let switched = random.one_in(2);
        Script {
            random,
            kind,
            switched,
            priorities,
            heaviest,
            overdue,
            terms,
            aging,
            pace,
            last_token: 0,
            tokens: Vec::new(),
            locals: Vec::new(),
        }
    }

    /// How far the clock moves: often not at all, often exactly to a deadline or just before it, seldom very far.
    pub fn pause(&mut self, now: Micros, known: &[Known], next_at: Option<Micros>) -> Micros {
        let (random, pace) = (&mut self.random, self.pace);
        match random.below(20) {
            0..=8 => 0,
            9 if random.one_in(pace) => next_at.unwrap_or(now).saturating_sub(now + random.below(2)),
            10 | 11 => 1,
            12 | 13 => random.below(50_000) / pace,
            14 | 15 => random.below(1_000_000) / pace,
            16 => random.below(5_000_000) / pace,
            17 if random.one_in(8 * pace) => random.below(200_000_000),
            just @ (18 | 19) if random.one_in(pace) => {
                let deadline = |known: &Known| match self.overdue {
                    Some(overdue) if known.ticket.state == State::Waiting => known.ticket.arrival + overdue,
                    _ => known.ticket.deadline,
                };
                match random.any(known).map(deadline) {
                    Some(deadline) if deadline < NEVER => deadline.saturating_sub(now).saturating_sub(just - 18),
                    _ => 0,
                }
            }
            _ => 0,
        }
    }

    pub fn next(&mut self, known: &[Known]) -> Ask {
        let enters = if self.kind.is_crowd() { 75 } else { 40 };
        if self.random.below(100) < enters {
            return Ask::Enter(self.newcomer());
        }
        let name = self.name(known);
        match self.random.below(60) {
            0..=16 => Ask::GiveUp { name, doubt: self.random.one_in(4) },
            17..=26 => Ask::Poll(name),
            27..=29 => Ask::Look(name),
            30..=36 => self.claim(name, known),
            37..=44 => {
                let ttl = if self.random.one_in(2) { None } else { Some(self.random.below(6_000_000)) };
                Ask::Renew(name, ttl)
            }
            45..=47 => Ask::Adopt { name, token: self.new_token(), detach: self.random.one_in(2) },
            48 | 49 => Ask::Restore(name),
            50 => {
                let who = self.random.below(IDENTITIES.len() as u64) as usize;
                self.random.of(&[Ask::EvictIdentity(who), Ask::EvictInside(who), Ask::EvictInLine(who)])
            }
            51 => Ask::EvictFence(self.random.any(known).map_or(7, |known| known.ticket.fence)),
            52 | 53 => {
                let limit = if self.random.one_in(2) { None } else { Some(self.random.below(7) as u32) };
                Ask::Resize(limit)
            }
            56..=58 if self.switched => Ask::Switch(self.switch()),
            54 | 55 => Ask::Inspect(Page { offset: self.random.below(3), count: self.random.of(&[0, 1, 2, 100]) }),
            _ => Ask::Tick,
        }
    }

    /// Mostly for a while, and mostly back to where it was.
    fn switch(&mut self) -> Option<(SwitchState, Option<Micros>)> {
        use SwitchState::{Bypass, Closed, Drain, Hold, Open};
        let random = &mut self.random;
        let state = random.of(&[Open, Closed, Hold, Drain, Bypass]);
        let most = random.of(&[2, 50_000, 3_000_000]);
        let reopen_in = (!random.one_in(4)).then(|| random.below(most));
        (!random.one_in(3)).then_some((state, reopen_in))
    }

    /// What holds for the whole airlock from now on.
    pub fn conditions(&mut self, now: Micros) -> Conditions {
        let switch = self.switch().map_or(Setting::default(), |(state, reopen_in)| Setting {
            state,
            until: reopen_in.map_or(NEVER, |after| now + after),
            because: self.random.one_in(2).then(|| "all of it".into()),
        });
        let unwell_until = if self.random.one_in(3) { now + self.random.below(2_000_000) } else { 0 };
        // An emergency has no end that a gate knows of.
        let forced = self.random.one_in(4);
        let switch = if forced { Setting { until: NEVER, ..switch } } else { switch };
        Conditions { switch, unwell_until, forced }
    }

    fn newcomer(&mut self) -> Newcomer {
        let random = &mut self.random;
        let someone = |random: &mut Random| random.below(IDENTITIES.len() as u64) as usize;
        let who = if random.one_in(if self.kind.is_crowd() { 12 } else { 2 }) { Some(someone(random)) } else { None };
        let group = if random.one_in(2) { Some(random.below(GROUPS.len() as u64) as usize) } else { None };
        let weight = if random.one_in(4) { 1 + random.below(7) as u32 } else { 1 }.min(self.heaviest);
        let score = if self.priorities { random.of(&[0.0, -0.0, -1.0, -5.0, 3.5, -1e6]) } else { 0.0 };
        let per_second = self.aging;
        let (share, cap) = self.terms[group.unwrap_or(NO_GROUP)];
        let stay = random.of(&[Stay::No, Stay::Here, Stay::Here, Stay::Away, Stay::Away, Stay::Away]);
        let token = match random.below(12) {
            // Nobody needs a token who has a guard.
            0..=4 if self.kind == Kind::Guarded => None,
            // An old command that arrives late, or one of somebody who repeats itself.
            5 | 6 if !self.tokens.is_empty() => Some(random.of(&self.tokens)),
            _ => Some(self.new_token()),
        };
        Newcomer { token, who, group, weight, score, per_second, share, cap, stay }
    }

    pub fn new_token(&mut self) -> TokenNumber {
        self.last_token += 1;
        if self.tokens.len() == REMEMBERED {
            self.tokens.remove(0);
        }
        self.tokens.push(self.last_token);
        self.last_token
    }

    pub fn remember(&mut self, local: Option<Local>) {
        if let Some(local) = local.filter(|local| !self.locals.contains(local)) {
            if self.locals.len() == REMEMBERED {
                self.locals.remove(0);
            }
            self.locals.push(local);
        }
    }

    /// Somebody there, somebody who was there, or nobody.
    fn name(&mut self, known: &[Known]) -> Name {
        let random = &mut self.random;
        if self.kind == Kind::Guarded
            && random.one_in(3)
            && let Some(local) = random.any(&self.locals)
        {
            return Name::Local(*local);
        }
        let someone = random.any(known);
        match (random.below(10), someone) {
            (0..=3, Some(known)) => own_name(known, self.kind == Kind::Guarded),
            (4, _) => {
                let who = random.below(IDENTITIES.len() as u64) as usize;
                Name::Identity { who, fence: random.of(&[0, 1, someone.map_or(2, |known| known.ticket.fence)]) }
            }
            (5, _) | (_, None) if random.one_in(4) => Name::Token(self.new_token()),
            _ => match random.any(&self.tokens) {
                Some(token) => Name::Token(*token),
                None => Name::Token(self.new_token()),
            },
        }
    }

    fn claim(&mut self, name: Name, known: &[Known]) -> Ask {
        let offered: Vec<&Known> = known.iter().filter(|known| known.ticket.nonce != 0).collect();
        match self.random.any(&offered) {
            Some(known) if !self.random.one_in(6) => {
                let own = own_name(known, self.kind == Kind::Guarded);
                let name = if self.random.one_in(8) { name } else { own };
                Ask::Claim(name, known.ticket.nonce)
            }
            _ => Ask::Claim(name, self.random.below(2)),
        }
    }
}

/// A name that finds this ticket, and may act on it.
pub fn own_name(known: &Known, guarded: bool) -> Name {
    match (known.local, known.who, known.token) {
        (Some(local), _, None) if guarded => Name::Local(local),
        (_, Some(who), None) => Name::Identity { who, fence: known.ticket.fence },
        (_, Some(who), Some(_)) if known.ticket.arrival.is_multiple_of(3) && known.ticket.state != State::Spent => {
            Name::Identity { who, fence: known.ticket.fence }
        }
        (_, _, Some(token)) => Name::Token(token),
        // Only handles find it: nobody here has one.
        (_, None, None) => Name::Token(0),
    }
}
