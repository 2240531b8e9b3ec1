//! One gate and its clients from the first command to the last one who leaves.

use std::collections::{HashSet, VecDeque};

use airlock_core::Local;
use airlock_core::gate::table::Floor;
use airlock_core::gate::{
    self, Answer, Attend, Change, Conditions, Effects, Ending, Entropy, Ledger, Meta, Micros, NEVER, Outcome, Spec,
};
use airlock_core::gate::{Pick, State, Table, Ticket, Verb};

use crate::ask::{Ask, IDENTITIES, Name};
use crate::cells::Cells;
use crate::checks::{self, Past};
use crate::compare;
use crate::coverage::Coverage;
use crate::ensure;
use crate::model::{Known, Replay};
use crate::nodes::{self, Nodes};
use crate::random::Random;
use crate::rows::Rows;
use crate::script::{self, Kind, Script, own_name};
use crate::shares::Shares;
use crate::twin::{Taken, Twin};
use crate::weather::Weather;

/// How many commands a failure shows.
const SHOWN: usize = 12;

pub struct World {
    /// In force.
    spec: Spec,
    /// What each node is configured to.
    configured: Vec<Spec>,
    nodes: Nodes,
    /// Which of them asks.
    asker: usize,
    kind: Kind,
    script: Script,
    now: Micros,
    /// What holds for the whole airlock.
    conditions: Conditions,
    table: Table,
    /// None where handles are used, which rows have not.
    rows: Option<Rows>,
    /// Decides quickly what it can; where handles are used.
    quick: Option<Table>,
    /// The same gate outside of this process.
    twin: Option<Box<dyn Twin>>,
    known: Vec<Known>,
    cells: Cells,
    shares: Shares,
    /// When the gate said that something will happen by itself.
    next_at: Option<Micros>,
    log: VecDeque<(Micros, Ask, Outcome)>,
    /// All that were ever given.
    handles: HashSet<Local>,
    coverage: Coverage,
    pub commands: u64,
}

impl World {
    pub fn new(seed: u64, kind: Kind) -> Self {
        let mut random = Random::new(seed);
        let spec = script::spec(&mut random, kind);
        // A clock that begins at 0, and one that shows the time.
        let now = random.of(&[0, 1_777_777_777_000_000]);
        let configured = nodes::configure(&mut random, &spec);
        let floor = Floor { arrival: random.of(&[0, now, now + 1000]), fence: now, serial: 0 };
        World {
            script: Script::new(random, kind, &spec),
            spec,
            configured,
            nodes: Nodes::default(),
            asker: 0,
            kind,
            now,
            conditions: Conditions::default(),
            table: Table::starting_at(floor, 7),
            rows: (kind != Kind::Guarded).then(|| Rows::starting_at(floor)),
            quick: (kind == Kind::Guarded).then(|| Table::starting_at(floor, 7)),
            twin: None,
            known: Vec::new(),
            cells: Cells::default(),
            shares: Shares::default(),
            next_at: None,
            log: VecDeque::new(),
            handles: HashSet::new(),
            coverage: Coverage::default(),
            commands: 0,
        }
    }

    /// Has all of it done at a second gate. Its numbers start anew, as those of one that nobody remembers do.
    pub fn beside(mut self, twin: Box<dyn Twin>) -> Self {
        self.twin = Some(twin);
        self.table = Table::starting_at(Floor::default(), 7);
        self.rows = Some(Rows::starting_at(Floor::default()));
        self
    }

    /// Runs it; an error says what was wrong, after which commands.
    pub fn run(&mut self, commands: u64, coverage: &mut Coverage) -> Result<(), String> {
        std::mem::swap(&mut self.coverage, coverage);
        let result = self.live(commands).and_then(|()| self.end());
        let result = result.and_then(|()| self.twin.as_mut().map_or(Ok(()), |twin| twin.finish()));
        std::mem::swap(&mut self.coverage, coverage);
        result.map_err(|problem| {
            let mut story = format!("{problem}\n{:?}, {:?}\n", self.kind, self.spec);
            for (now, ask, outcome) in &self.log {
                story.push_str(&format!("{now}: {ask:?}\n        {outcome:?}\n"));
            }
            for known in &self.known {
                story.push_str(&format!("before the last: {known:?}\n"));
            }
            story
        })
    }

    fn live(&mut self, commands: u64) -> Result<(), String> {
        while self.commands < commands {
            self.now += self.script.pause(self.now, &self.known, self.next_at);
            if self.script.switched && self.script.random.one_in(15) {
                self.conditions = self.script.conditions(self.now);
                // Those whom that lets in are told at once, or find out.
                if self.kind == Kind::Guarded || self.script.random.one_in(2) {
                    self.settle()?;
                }
            }
            let ask = self.script.next(&self.known);
            self.asker = self.script.random.below(self.configured.len() as u64) as usize;
            let answer = self.step(&ask)?;
            let more = if answer.more {
                // Others may come in between, in a store that does not go on at once.
                self.script.random.one_in(5) || self.drive(&ask, answer)?.more
            } else {
                if self.script.random.one_in(6) {
                    self.repeat(&ask, &answer)?;
                }
                false
            };
            if !more && gate::is_idle(&self.table) {
                self.vanish();
            }
        }
        Ok(())
    }

    /// Goes on where a step reached its bound, as a driver does.
    fn drive(&mut self, ask: &Ask, mut answer: Answer) -> Result<Answer, String> {
        // A ticket is reclaimed once and promoted once, requeued ones once more.
        let mut steps = 3 * self.known.len() + 3;
        while answer.more {
            ensure!(steps > 0, "there is always more");
            steps -= 1;
            let again = matches!(answer.outcome, Outcome::Again);
            let next = self.step(if again { ask } else { &Ask::Tick })?;
            let outcome = if again { next.outcome } else { answer.outcome };
            answer = Answer { outcome, ..next };
        }
        Ok(answer)
    }

    /// The reply was lost: the same command means the same (G3).
    fn repeat(&mut self, ask: &Ask, first: &Answer) -> Result<(), String> {
        if matches!(ask, Ask::Enter(new) if new.token.is_none()) {
            // Without a token it is another entrant.
            return Ok(());
        }
        let bypassed =
            Weather::of(self.table.meta().switch.as_deref().cloned(), &self.conditions, ask, self.now).bypassed();
        if bypassed && matches!(first.outcome, Outcome::Admitted(_)) {
            // Nothing is left of who was let in past the gate: whoever asks again is another one.
            return Ok(());
        }
        let by_token = matches!(ask, Ask::Enter(_)) || matches!(ask.name(), Some(Name::Token(_)));
        if !self.spec.leased && !by_token && matches!(first.outcome, Outcome::Admitted(_)) {
            // What a rate let in is remembered by its token alone: its identity is free to come again.
            return Ok(());
        }
        let before: Vec<(u32, Ticket)> = self.table.tickets().map(|(id, ticket)| (id, *ticket)).collect();
        let pick = self.spec.pick;
        let second = self.step(ask)?;
        if self.spec.pick != pick {
            // The first emptied the line of another strategy, by which it still answered.
            return Ok(());
        }
        if matches!((ask, &first.outcome, &second.outcome), (Ask::EvictInside(_), Outcome::NotHeld, Outcome::Done)) {
            // Who waited was let in by the first step, after it had looked for it inside.
            return Ok(());
        }
        let same = compare::means_the_same(ask, &first.outcome, &second.outcome);
        ensure!(same, "asked twice: first {:?}, then {:?}", first.outcome, second.outcome);
        let after = self.table.tickets().map(|(id, ticket)| (id, *ticket));
        ensure!(after.eq(before.iter().copied()), "asking twice did something twice; before: {before:?}");
        Ok(())
    }

    /// A gate with nothing in it is dropped; only its numbers are kept (G2).
    fn vanish(&mut self) {
        self.coverage.count("vanished");
        let (floor, agreed) = (self.table.floor(), self.table.agreed());
        // As a new gate, or as one that was kept for reuse.
        let reused = self.script.random.one_in(2);
        for table in [Some(&mut self.table), self.quick.as_mut()].into_iter().flatten() {
            if reused {
                table.restart(floor);
            } else {
                *table = Table::starting_at(floor, 7);
            }
        }
        if self.rows.is_some() {
            self.rows = Some(Rows::starting_at(floor));
        }
        // Whoever has just asked with a lower limit is not forgotten because everybody left.
        if let Some(agreed) = agreed {
            self.table.set_agreed(agreed);
            self.rows.iter_mut().for_each(|rows| rows.set_agreed(agreed));
        }
    }

    /// One command on both ledgers, and everything checked.
    fn step(&mut self, ask: &Ask) -> Result<Answer, String> {
        self.commands += 1;
        if matches!(ask.name(), Some(Name::Local(local)) if self.table.slot(local).is_none()) {
            self.coverage.count("stale handle");
        }
        let meta: Meta = self.table.meta().clone();
        let node = self.configured[self.asker].clone();
        self.spec = self.nodes.ask(&node, self.now, meta.waiting + meta.offered);
        if self.spec.limit != node.limit {
            self.coverage.count("another node's limit");
        }
        if self.spec.pick != node.pick {
            self.coverage.count("another node's strategy");
        }
        let is_new = gate::is_idle(&self.table);
        let entropy = self.script.random.bits();
        let mut effects = Effects::new(gate::Record::Names);
        let answer = gate::step(&mut self.table, &node, &self.conditions, &ask.verb(), self.now, entropy, &mut effects);
        if self.log.len() == SHOWN {
            self.log.pop_front();
        }
        self.coverage.step(ask, &answer, &effects, self.table.meta());
        self.log.push_back((self.now, *ask, answer.outcome.clone()));

        if is_new && !ask.verb().creates() {
            let nothing = Outcome::of_nothing(&ask.verb(), &self.spec, &self.conditions, self.now);
            ensure!(compare::same(&nothing, &answer.outcome), "a gate that is not there answers {nothing:?}");
        }
        let weather = Weather::of(meta.switch.as_deref().cloned(), &self.conditions, ask, self.now);
        let known = self.replay(ask, (&meta, weather.clone()), &effects, &answer)?;
        let past = Past {
            held: meta.held,
            known: &self.known,
            weather: weather.clone(),
            rises_at: self.nodes.rises_at(self.spec.limit),
        };
        checks::invariants(&self.table, &self.spec, self.now, &answer, &past, (&known, &self.cells))?;
        self.next_at = answer.next_at;
        if self.table.meta().waiting > 0 && !weather.serves() {
            self.coverage.count("held up");
            if weather.serves_at().is_some_and(|at| self.next_at == Some(at)) {
                self.coverage.count("held up, until it is known");
            }
        }
        if meta.replenished_at > 0 && self.table.meta().replenished_at == 0 {
            self.coverage.count("replenished");
        }
        self.numbers_grow(&meta)?;
        if let Some(rows) = &mut self.rows {
            let mut rows_effects = Effects::new(gate::Record::Names);
            let same = gate::step(rows, &node, &self.conditions, &ask.verb(), self.now, entropy, &mut rows_effects);
            compare::answers(&answer, &same, self.spec.pick == Pick::Fair)?;
            compare::effects(&effects, &rows_effects)?;
            compare::states(&self.table, rows)?;
        }
        if let Some(quick) = &mut self.quick {
            let outcome = match quickly(quick, (&self.spec, &self.conditions), ask, self.now, entropy) {
                Some((how, outcome)) => {
                    self.coverage.count(how);
                    outcome
                }
                None => {
                    let mut told = Effects::new(gate::Record::Nothing);
                    gate::step(quick, &self.spec, &self.conditions, &ask.verb(), self.now, entropy, &mut told).outcome
                }
            };
            compare::twins((&self.table, &answer.outcome), (quick, &outcome))?;
        }
        let before = std::mem::replace(&mut self.known, known);
        self.names()?;
        checks::groups(&self.table, &self.spec, &self.known)?;
        if let (Some(twin), Some(rows)) = (&mut self.twin, &self.rows) {
            twin.step(&Taken {
                spec: &node,
                conditions: &self.conditions,
                ask,
                now: self.now,
                entropy,
                answer: &answer,
                effects: &effects,
                fair: self.spec.pick == Pick::Fair,
                before: &before,
                known: &self.known,
                table: &self.table,
                rows,
            })?;
            // Where nobody can come in between, an idle gate is gone with the step.
            if gate::is_idle(&self.table) {
                self.vanish();
            }
        }
        Ok(answer)
    }

    /// Replays the step on the oracle, and answers what it should have come to, which is what it came to.
    fn replay(
        &mut self,
        ask: &Ask,
        (meta, weather): (&Meta, Weather),
        effects: &Effects<u32>,
        answer: &Answer,
    ) -> Result<Vec<Known>, String> {
        let limit = self.table.meta().override_limit.unwrap_or(self.spec.limit);
        let mut replay = Replay::new(
            &self.spec,
            ask,
            self.now,
            (limit, weather.clone()),
            meta,
            (&self.known, &self.cells, &self.shares),
        );
        let mut endings: Vec<Ending> = Vec::new();
        for effect in effects.iter() {
            replay.apply(effect).map_err(|problem| format!("{problem}\nin {effects:?}"))?;
            if let Change::Ended(ending) = effect.change {
                endings.push(ending);
            }
        }
        replay.finish(answer, &self.table, &endings).map_err(|problem| format!("{problem}\nafter {effects:?}"))?;
        let numbers = (self.table.meta().arrival, self.table.meta().fence);
        ensure!(numbers == (replay.arrival, replay.fence), "(arrival, fence) is {numbers:?}");
        let past = Past { held: meta.held, known: &self.known, weather, rises_at: None };
        checks::sweep(&self.spec, effects, answer, replay.work, &past)?;

        for what in &replay.seen {
            self.coverage.count(what);
        }
        self.cells = replay.cells;
        self.shares = replay.shares;
        let mut known = replay.tickets;
        known.sort_by_key(|known| known.id);
        let mut expected = known.iter_mut();
        for (id, actual) in self.table.tickets() {
            let Some(known) = expected.next().filter(|known| known.id == id) else {
                return Err(format!("{actual:?} is not expected; {effects:?}"));
            };
            // What only the gate knows: the nonce of an offer made just now, and the id of a group.
            if known.ticket.nonce == 0 && known.ticket.fence > meta.fence {
                known.ticket.nonce = actual.nonce;
            }
            if known.ticket.group.is_some() && actual.group.is_some() {
                known.ticket.group = actual.group;
            }
            if self.spec.pick == Pick::Fair {
                let lane = known.ticket.group.map_or(actual.lane, |group| group.0 + 1);
                known.ticket.lane = lane;
            }
            ensure!(*actual == known.ticket, "{actual:?}\nshould be {:?}; {effects:?}", known.ticket);
            // A handle outlives neither its ticket, nor a takeover, nor its gate.
            let local = self.table.local(id);
            let fresh = known.local.is_none() && local.is_some_and(|local| self.handles.insert(local));
            ensure!(fresh || known.local == local, "{local:?} names {known:?}; {effects:?}");
            known.local = local;
            if known.ticket.attend == Attend::Here {
                self.script.remember(known.local);
            }
        }
        ensure!(expected.next().is_none(), "somebody is gone; {effects:?}");
        Ok(known)
    }

    fn numbers_grow(&self, past: &Meta) -> Result<(), String> {
        let meta = self.table.meta();
        ensure!(meta.arrival >= past.arrival && meta.fence >= past.fence, "numbers fell from {past:?}");
        Ok(())
    }

    /// Every name finds whom it should, and nobody else; an identity is in the gate at most once (G4).
    fn names(&self) -> Result<(), String> {
        let id_of = |test: &dyn Fn(&Known) -> bool| {
            let mut found = self.known.iter().filter(|known| test(known)).map(|known| known.id);
            (found.next(), found.next())
        };
        for token in &self.script.tokens {
            let found = self.table.find(&Name::Token(*token).key());
            let expected = id_of(&|known| known.token == Some(*token));
            ensure!((found, None) == expected, "token {token} finds {found:?} instead of {expected:?}");
        }
        for (who, identity) in IDENTITIES.iter().enumerate() {
            let found = self.table.find(&Name::Identity { who, fence: 0 }.key());
            let expected = id_of(&|known| known.who == Some(who));
            ensure!((found, None) == expected, "{identity} finds {found:?} instead of {expected:?}");
        }
        for local in &self.script.locals {
            let found = self.table.slot(*local);
            let expected = id_of(&|known| known.local == Some(*local));
            ensure!((found, None) == expected, "{local:?} finds {found:?} instead of {expected:?}");
        }
        Ok(())
    }

    /// Everybody goes, and nothing is left but what an operator set.
    fn end(&mut self) -> Result<(), String> {
        if self.script.random.one_in(2) {
            // All that ends by itself.
            self.now += 2_000_000_000;
            self.settle()?;
            let mortal = self.known.iter().find(|known| known.ticket.deadline < NEVER && known.ticket.since < self.now);
            ensure!(mortal.is_none(), "outlived its deadline: {mortal:?}");
        }
        let mut turns = 3 * self.known.len();
        while let Some(known) = self.known.iter().find(|known| known.ticket.state != State::Spent).copied() {
            ensure!(turns > 0, "somebody does not leave: {known:?}");
            turns -= 1;
            let name = own_name(&known, self.kind == Kind::Guarded);
            let answer = self.step(&Ask::GiveUp { name, doubt: false })?;
            if answer.more {
                self.drive(&Ask::Tick, answer)?;
            }
        }
        self.now += 2 * gate::RETRY_HORIZON;
        self.settle()?;
        ensure!(self.known.is_empty() && self.table.is_empty(), "somebody is left");
        let left = self.table.meta().clone();
        ensure!(left.soonest == NEVER, "something is still expected at {}", left.soonest);
        self.step(&Ask::Resize(None))?;
        self.step(&Ask::Switch(None))?;
        if left.replenished_at > self.now {
            // The last thing that happens by itself.
            ensure!(self.next_at == Some(left.replenished_at), "next at {:?}: {left:?}", self.next_at);
            self.now = left.replenished_at - 1;
            self.settle()?;
            ensure!(!gate::is_idle(&self.table), "idle too early: {left:?}");
            self.now += 1;
            self.settle()?;
            self.coverage.count("outlived by its rate");
        }
        ensure!(gate::is_idle(&self.table), "not idle: {left:?}");
        if let Some(rows) = &self.rows {
            ensure!(rows.group_count() == 0 && rows.index_sizes() == (0, 0), "rows are left: {rows:?}");
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        let answer = self.step(&Ask::Tick)?;
        self.drive(&Ask::Tick, answer).map(|_| ())
    }
}

/// What the memory store decides without a step.
fn quickly(
    table: &mut Table,
    (spec, conditions): (&Spec, &Conditions),
    ask: &Ask,
    now: Micros,
    entropy: u64,
) -> Option<(&'static str, Outcome)> {
    match (ask.verb(), ask) {
        (Verb::Enter(enter), _) => {
            if let Some(grant) = table.admit_quickly(spec, conditions, &enter, now) {
                return Some(("quickly in", Outcome::Admitted(grant)));
            }
            table.queue_quickly(spec, conditions, &enter, now).map(|place| ("quickly in line", Outcome::Queued(place)))
        }
        // With a low bound a step stops in between, and the short cut does not.
        (_, Ask::GiveUp { name: Name::Local(local), doubt: false }) if spec.step_bound >= 64 => {
            table.release_quickly(spec, *local)?;
            let handed_over = table.promote_quickly(spec, conditions, now, &mut Entropy::new(entropy)).is_some();
            while table.has_promotion(spec) {
                let mut told = Effects::new(gate::Record::Nothing);
                if !gate::step(table, spec, conditions, &Verb::Tick, now, entropy, &mut told).more {
                    break;
                }
            }
            Some((if handed_over { "quickly over" } else { "quickly out" }, Outcome::Released))
        }
        _ => None,
    }
}
