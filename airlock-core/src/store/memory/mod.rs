//! Gates in this process.
//!
//! # Implementation details
//!
//! Gates live in shards, each behind one lock, found by a hash of the resource's name. Everything about a gate,
//! its table, who listens, its alarm, is guarded by its shard's lock. A command is one lookup and one
//! [`step`](crate::gate::step) under that lock; whoever has to be told is collected under it and told after it.
//!
//! A guard's permit is found by its handle: shard, gate, slot, and a serial number that is never used again in
//! its shard. It has no token and no deadline until somebody asks for one. A gate with nothing in it vanishes
//! at once; what it must leave behind, its last numbers, becomes the floor of its whole shard.

mod gate;
mod shard;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use foldhash::fast::RandomState;
use rand::Rng as _;
use tokio::sync::Notify;

use gate::{Ear, Gate, TellLater, ToldList, tell_all};
use shard::{Home, Shard};

use super::settings::Settings;
use super::{BoxFuture, Command, Gates, Lease, News, Store, Survey, SurveyQuery, Watch};
use crate::clock::{Alarm, Clock, Due, TestClock};
use crate::error::{ConfigError, StoreError};
use crate::gate::{self as rules, Answer, Change, Effect, Effects, Ending, Enter, Entropy, Key};
use crate::gate::{Ledger as _, Micros, Record};
use crate::gate::{Outcome, Setting, Spec, State, SwitchState, Verb};
use crate::meter::{By, Figures, Meter, Totals};
use crate::observer::Observers;
use crate::sync::Mutex;
use crate::token::{Local, Secret, Token};

/// Gates in this process, decided at once: the default.
///
/// Waiters are woken directly, idle gates vanish, and a permit held by a guard needs neither a token nor a
/// deadline. Nothing survives the process; fences and arrivals go on from the system's clock, so that they grow across
/// restarts unless that clock was set back in between.
///
/// Clones share their gates: two airlocks of one name on clones of one store are one airlock. They must be
/// configured alike.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::store::MemoryStore;
/// use airlock_core::{Airlock, Seal};
///
/// let store = MemoryStore::new();
/// let one = Airlock::builder("jobs").seal(Seal::lock()).store(store.clone()).build()?;
/// let same = Airlock::builder("jobs").seal(Seal::lock()).store(store).build()?;
/// let _inside = one.try_enter("invoice").await?;
/// assert!(same.try_enter("invoice").await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    clock: Clock,
    open: Arc<Mutex<HashMap<Arc<str>, Weak<MemoryGates>>>>,
}

impl MemoryStore {
    /// An empty store on the system's clock.
    pub fn new() -> Self {
        MemoryStore { clock: Clock::System, open: Arc::default() }
    }

    /// An empty store on a clock that a test moves.
    pub fn with_clock(clock: &TestClock) -> Self {
        MemoryStore { clock: Clock::Test(clock.clone()), open: Arc::default() }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        let spec = Spec { guarded: true, ..spec.clone() };
        let mut open = self.open.lock();
        open.retain(|_, gates| gates.strong_count() > 0);
        if let Some(gates) = open.get(&spec.name).and_then(Weak::upgrade) {
            if gates.spec != spec {
                let problem = format!("an airlock `{}` with another configuration is open on this store", spec.name);
                return Err(ConfigError::new("store", problem));
            }
            gates.observers.join(observers);
            gates.count_for(observers);
            return Ok(gates);
        }
        let gates = MemoryGates::new(spec.clone(), self.clock.clone(), observers.clone());
        gates.count_for(observers);
        open.insert(spec.name, Arc::downgrade(&gates));
        Ok(gates)
    }
}

struct MemoryGates {
    me: Weak<MemoryGates>,
    spec: Spec,
    clock: Clock,
    observers: Observers,
    meter: Meter,
    hasher: RandomState,
    shards: Box<[Shard]>,
    /// What holds for all gates; each shard has it as well.
    settings: Mutex<Settings>,
    /// Set once. Newcomers are refused under the shard's lock, so that none slips past the sweep of `close`.
    closing: AtomicBool,
    /// Somebody let go while closing.
    let_go: Notify,
}

/// Which gate a command is for.
#[derive(Clone, Copy)]
enum At<'a> {
    Home(Home),
    Name(&'a str),
}

/// What follows from a step, outside the lock.
#[derive(Default)]
struct Aftermath {
    told: ToldList,
    report: Option<Report>,
    /// Whom this node puts out because it closes: that, and no release of its own, is what observers are told.
    expelled: Option<Local>,
}

/// What observers are told.
struct Report {
    resource: String,
    effects: Effects<u32>,
    now: Micros,
}

impl MemoryGates {
    fn new(spec: Spec, clock: Clock, observers: Observers) -> Arc<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = (4 * cores).next_power_of_two().min(256) as u32;
        // Numbers go on from the clock, so that they grow across restarts of the process (G2).
        let floor = clock.now();
        Arc::new_cyclic(|me| MemoryGates {
            me: me.clone(),
            spec,
            clock,
            observers,
            meter: Meter::default(),
            hasher: RandomState::default(),
            shards: (0..shards).map(|index| Shard::new(index, floor)).collect(),
            settings: Mutex::default(),
            closing: AtomicBool::new(false),
            let_go: Notify::new(),
        })
    }

    /// Counts from now on, if the airlock with these observers does.
    fn count_for(&self, observers: &Observers) {
        if self.meter.join(observers.meter(), "memory") {
            let me = self.me.clone();
            self.meter.shows(move || me.upgrade().map(|gates| gates.figures()));
        }
    }

    fn figures(&self) -> Figures {
        let mut totals = Totals::default();
        for shard in &self.shards {
            shard.lock().iter().for_each(|gate| gate.add_to(&mut totals, &self.spec));
        }
        let conditions = self.settings.lock().in_force();
        Figures {
            limit: self.spec.leased.then_some(self.spec.limit),
            switch: conditions.switch.shown(self.clock.now()).state,
            usage: Some(totals),
        }
    }

    fn shard_of(&self, hash: u64) -> &Shard {
        // Other bits than those that choose the bucket inside the shard.
        &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)]
    }

    /// One command, to its end.
    fn run(&self, at: At<'_>, command: &Command<'_>) -> Answer {
        let answer = self.run_once(at, command);
        if answer.more { self.run_on(at, command, answer) } else { answer }
    }

    /// Goes on where a step reached its bound, one lock at a time, so that others get their turn.
    #[cold]
    fn run_on(&self, at: At<'_>, command: &Command<'_>, mut answer: Answer) -> Answer {
        let tick = Command::new(command.resource, Verb::Tick);
        while answer.more {
            let applied = !matches!(answer.outcome, Outcome::Again);
            let next = self.run_once(at, if applied { &tick } else { command });
            let outcome = if applied { answer.outcome } else { next.outcome };
            answer = Answer { outcome, ..next };
        }
        answer
    }

    /// One step of one gate, and everybody told who has to be.
    fn run_once(&self, at: At<'_>, command: &Command<'_>) -> Answer {
        let (gates, home) = match at {
            At::Home(home) => (self.shards[home.shard as usize].lock(), home),
            At::Name(resource) => {
                let hash = self.hasher.hash_one(resource);
                let shard = self.shard_of(hash);
                let mut gates = shard.lock();
                let admits = matches!(command.verb, Verb::Enter(_) | Verb::Claim { .. } | Verb::Restore { .. });
                if admits && self.closing.load(Ordering::Relaxed) {
                    return done(Outcome::Over(Ending::Closed));
                }
                let gate = match gates.find(hash, resource) {
                    Some(gate) => gate,
                    None if command.verb.creates() => gates.add(hash, resource),
                    None => return self.nothing(&gates, &command.verb),
                };
                (gates, Home { shard: shard.index, gate })
            }
        };
        self.step_and_tell(gates, home, command)
    }

    /// The answer of a gate that is not there.
    #[cold]
    fn nothing(&self, gates: &shard::Gates, verb: &Verb<'_>) -> Answer {
        done(Outcome::of_nothing(verb, &self.spec, gates.conditions(), self.clock.now()))
    }

    fn step_and_tell(&self, mut gates: shard::Guard<'_>, home: Home, command: &Command<'_>) -> Answer {
        let mut aftermath = Aftermath::default();
        let answer = self.step(&mut gates, home, command, &mut aftermath);
        drop(gates);
        self.follow_up(command, &answer, aftermath);
        answer
    }

    /// A newcomer that could not just be let in.
    #[inline(never)]
    fn enter(
        &self,
        mut gates: shard::Guard<'_>,
        home: Home,
        command: &Command<'_>,
        enter: &Enter<'_>,
        now: Micros,
    ) -> Option<Answer> {
        if let Some((gate, conditions)) = gates.gate_and_conditions(home.gate)
            && let Some(place) = gate.table.queue_quickly(&self.spec, conditions, enter, now)
            && let Some(local) = place.local
        {
            gate.expect(local, command);
            self.meter.queued();
            return Some(Answer { outcome: Outcome::Queued(place), more: false, next_at: None, now });
        }
        let answer = self.step_and_tell(gates, home, command);
        Some(if answer.more { self.run_on(At::Name(command.resource), command, answer) } else { answer })
    }

    /// What a guard that is dropped does most of the time.
    #[inline(always)]
    fn let_go_quickly(&self, local: Local) -> bool {
        if self.observers.listening() {
            return false;
        }
        let home = Home::from(local.home);
        let mut gates = self.shards[home.shard as usize].lock();
        if self.closing.load(Ordering::Relaxed) {
            return false;
        }
        let Some(gate) = gates.gate(home.gate) else { return false };
        if gate.is_heard(local.slot) {
            return false;
        }
        let Some(since) = gate.table.release_quickly(&self.spec, local) else { return false };
        if gate.table.meta().waiting > 0 {
            self.hand_over(gates, home);
        } else {
            self.forget_if_idle(&mut gates, home);
            drop(gates);
        }
        if self.meter.is_on() {
            self.meter.released(self.clock.now().saturating_sub(since));
        }
        true
    }

    /// Lets in whoever a release made room for.
    #[inline(never)]
    fn hand_over(&self, mut gates: shard::Guard<'_>, home: Home) {
        let Some((gate, conditions)) = gates.gate_and_conditions(home.gate) else { return };
        let now = self.clock.now();
        let seed = if self.spec.pick.is_drawn() { rand::rng().next_u64() } else { 0 };
        let mut entropy = Entropy::new(seed);
        // One release mostly makes room for one; for whoever is next as well there is a whole step.
        let grant = gate.table.promote_quickly(&self.spec, conditions, now, &mut entropy);
        if let Some(grant) = &grant {
            self.meter.granted(grant.waited);
            self.meter.woken(By::Push);
        }
        let told = grant.and_then(|grant| gate.granted(grant));
        let rest = gate.table.has_promotion(&self.spec);
        drop(gates);
        if rest {
            let told = TellLater::from_iter(told);
            self.run(At::Home(home), &Command::new("", Verb::Tick));
            tell_all(told);
        } else if let Some(told) = told {
            told.tell();
        }
    }

    /// One step of the gate that is there, and what follows from it under the same lock.
    fn step(&self, gates: &mut shard::Gates, home: Home, command: &Command<'_>, after: &mut Aftermath) -> Answer {
        let Some((gate, conditions)) = gates.gate_and_conditions(home.gate) else {
            return self.nothing(gates, &command.verb);
        };
        let observed = self.observers.listening();
        let (now, entropy) = (self.clock.now(), rand::rng().next_u64());
        let record = match (observed, gate.has_listeners() || self.meter.is_on()) {
            (true, _) => Record::Names,
            (false, true) => Record::Changes,
            (false, false) => Record::Nothing,
        };
        let mut effects = Effects::new(record);
        let answer = rules::step(&mut gate.table, &self.spec, conditions, &command.verb, now, entropy, &mut effects);
        gate.collect(&effects, command, &answer, &mut after.told);
        if let (Verb::GiveUp { key: Key::Local(local), .. }, None) = (&command.verb, after.expelled) {
            // It will not ask any more, though what became of it may have been decided just before.
            gate.take_news(*local);
        }
        if self.meter.is_on() {
            self.count(&effects, command, &answer, after.expelled, now);
        }
        if observed {
            after.report = Some(Report { resource: gate.resource.clone(), effects, now });
        }
        if !self.forget_if_idle(gates, home)
            && let Some(at) = answer.next_at.filter(|_| !answer.more)
            && let Some(gate) = gates.gate(home.gate)
        {
            self.set_alarm(gate, home, at);
        }
        answer
    }

    /// What a step did.
    fn count(
        &self,
        effects: &Effects<u32>,
        command: &Command<'_>,
        answer: &Answer,
        expelled: Option<Local>,
        now: Micros,
    ) {
        for effect in effects.iter() {
            self.meter.changed(&as_closed(effect, expelled), now);
            if matches!(effect.change, Change::Granted(_)) {
                self.meter.woken(By::Push);
            }
        }
        if let (Verb::Enter(_), Outcome::Refused { reason, .. }) = (&command.verb, &answer.outcome) {
            self.meter.refused(*reason);
        }
    }

    /// A gate with nothing in it vanishes at once.
    #[inline]
    fn forget_if_idle(&self, gates: &mut shard::Gates, home: Home) -> bool {
        let alarm = gates.gate(home.gate).and_then(|gate| gate.alarm);
        let forgotten = gates.remove_if_idle(home.gate);
        if let (true, Some(alarm)) = (forgotten, alarm) {
            self.clock.cancel(alarm);
        }
        forgotten
    }

    fn set_alarm(&self, gate: &mut Gate, home: Home, at: Micros) {
        if let Some(alarm) = gate.alarm {
            if alarm.at <= at {
                return;
            }
            self.clock.cancel(alarm);
        }
        let whom: Weak<dyn Due> = self.me.clone();
        gate.alarm = Some(self.clock.set_alarm(at, Alarm { whom, home: home.into() }));
    }

    fn follow_up(&self, command: &Command<'_>, answer: &Answer, after: Aftermath) {
        if self.closing.load(Ordering::Relaxed) {
            self.let_go.notify_waiters();
        }
        tell_all(after.told);
        let Some(Report { resource, effects, now }) = after.report else { return };
        for effect in effects.iter() {
            self.observers.changed(&resource, &as_closed(effect, after.expelled), now);
        }
        self.observers.stepped(&resource, effects.iter().as_slice(), now);
        match (&command.verb, &answer.outcome) {
            (Verb::Enter(enter), Outcome::Refused { reason, .. }) => {
                self.observers.refused(&resource, enter.identity, *reason);
            }
            (Verb::Resize { limit }, Outcome::Done) => self.observers.resized(&resource, *limit),
            _ => {}
        }
    }

    fn with_gate<T>(&self, at: At<'_>, work: impl FnOnce(&mut Gate) -> T) -> Option<T> {
        match at {
            At::Home(home) => self.shards[home.shard as usize].lock().gate(home.gate).map(work),
            At::Name(resource) => {
                let hash = self.hasher.hash_one(resource);
                let mut gates = self.shard_of(hash).lock();
                let found = gates.find(hash, resource)?;
                gates.gate(found).map(work)
            }
        }
    }

    /// Has something hold for all gates, and lets in whom that lets in.
    fn change_settings(&self, change: impl FnOnce(&mut Settings, Micros)) {
        // Kept to the end, so that two changes cannot mix.
        let mut settings = self.settings.lock();
        change(&mut settings, self.clock.now());
        let conditions = settings.in_force();
        for shard in &self.shards {
            let gates = shard.lock().set_conditions(conditions.clone());
            for gate in gates {
                let home = Home { shard: shard.index, gate };
                self.run(At::Home(home), &Command::new("", Verb::Tick));
            }
        }
    }

    /// Everybody beside a gate in that state: waiting futures, or guards.
    fn attended(&self, state: State) -> Vec<Local> {
        let mut found = Vec::new();
        for shard in &self.shards {
            found.extend(shard.lock().iter().flat_map(|gate| gate.attended(state)));
        }
        found
    }

    /// Puts somebody out who is still in that state, because this node closes.
    fn expel(&self, local: Local, state: State) -> bool {
        let home = Home::from(local.home);
        let command = Command::new("", Verb::GiveUp { key: Key::Local(local), doubt: false });
        let mut after = Aftermath { expelled: Some(local), ..Aftermath::default() };
        let mut gates = self.shards[home.shard as usize].lock();
        let ear = match gates.gate(home.gate) {
            Some(gate) if gate.is_in(local, state) => {
                let ear = gate.take_ear(local.slot);
                if state == State::Waiting && !matches!(ear, Some(Ear::Turn(_))) {
                    gate.leave_news(local, Ending::Closed);
                }
                ear
            }
            _ => return false,
        };
        let answer = self.step(&mut gates, home, &command, &mut after);
        drop(gates);
        if let Some(ear) = ear {
            ear.ended(Ending::Closed).tell();
        }
        self.follow_up(&command, &answer, after);
        if answer.more {
            self.run_on(At::Home(home), &command, answer);
        }
        true
    }

    async fn wait_for_guards(&self) {
        loop {
            let mut let_go = std::pin::pin!(self.let_go.notified());
            let_go.as_mut().enable();
            let is_guarded =
                |shard: &Shard| shard.lock().iter().any(|gate| gate.attended(State::Holding).next().is_some());
            if !self.shards.iter().any(is_guarded) {
                return;
            }
            let_go.await;
        }
    }
}

impl Gates for MemoryGates {
    fn try_apply(&self, command: &Command<'_>) -> Option<Result<Answer, StoreError>> {
        if let Verb::Enter(enter) = &command.verb
            && !self.observers.listening()
        {
            let hash = self.hasher.hash_one(command.resource);
            let shard = self.shard_of(hash);
            let mut gates = shard.lock();
            if self.closing.load(Ordering::Relaxed) {
                return Some(Ok(done(Outcome::Over(Ending::Closed))));
            }
            let at = match gates.find(hash, command.resource) {
                Some(at) => at,
                None => gates.add(hash, command.resource),
            };
            let now = self.clock.now();
            if let Some((gate, conditions)) = gates.gate_and_conditions(at)
                && let Some(grant) = gate.table.admit_quickly(&self.spec, conditions, enter, now)
            {
                self.meter.admitted_at_once();
                // Built where it is returned: copies of answers are what is left to be slow here.
                return Some(Ok(Answer { outcome: Outcome::Admitted(grant), more: false, next_at: None, now }));
            }
            let home = Home { shard: shard.index, gate: at };
            return self.enter(gates, home, command, enter, now).map(Ok);
        }
        let at = match command.verb.key() {
            Some(Key::Local(local)) => At::Home(local.home.into()),
            _ => At::Name(command.resource),
        };
        Some(Ok(self.run(at, command)))
    }

    fn apply<'a>(&'a self, command: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        // Not before it is polled: a future that is dropped unpolled has done nothing.
        Box::pin(async move { self.try_apply(&command).unwrap_or_else(|| Ok(done(Outcome::Done))) })
    }

    fn give_back(&self, lease: &Lease, doubt: bool) {
        if let Lease::Local(local) = lease
            && self.let_go_quickly(*local)
        {
            return;
        }
        let (at, key) = at(lease);
        self.run(at, &Command::new("", Verb::GiveUp { key, doubt }));
    }

    fn poll_wait(&self, local: Local, cx: &mut Context<'_>) -> Poll<News> {
        let home = Home::from(local.home);
        // Declared before the guard, and so dropped after it.
        let mut old = None;
        let mut gates = self.shards[home.shard as usize].lock();
        let Some(gate) = gates.gate(home.gate) else { return Poll::Ready(News::Over(Ending::Spent)) };
        let news = gate.poll_wait(local, &self.spec, cx.waker(), &mut old);
        if news.is_ready() {
            self.forget_if_idle(&mut gates, home);
        }
        news
    }

    fn needs_tokens(&self) -> bool {
        false
    }

    fn token(&self, lease: &Lease, detach: bool) -> Option<Token> {
        let (at, key) = at(lease);
        let answer = self.run(at, &Command::new("", Verb::Adopt { key, secret: Secret::random(), detach }));
        if !matches!(answer.outcome, Outcome::Renewed(_)) {
            return None;
        }
        // A lease that had a token before keeps it.
        self.with_gate(at, |gate| {
            let secret = gate.table.find(&key).and_then(|slot| gate.table.secret(slot))?;
            Some(Token::new(gate.resource.as_str().into(), secret))
        })?
    }

    fn watch(&self, lease: &Lease, watch: &Arc<Watch>) {
        let (at, key) = at(lease);
        let listens = self.with_gate(at, |gate| gate.listen(key, watch)).unwrap_or(false);
        if !listens {
            watch.lose(None);
        }
    }

    fn survey<'a>(&'a self, query: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
        Box::pin(async move {
            let (mut matching, now) = (Vec::new(), self.clock.now());
            for shard in &self.shards {
                let gates = shard.lock();
                let wanted = gates.iter().filter(|gate| query.matches(&gate.resource));
                matching.extend(wanted.map(|gate| gate.usage(&self.spec, now)));
            }
            let conditions = self.settings.lock().in_force();
            Ok(query.page_of(matching).under(&conditions, now))
        })
    }

    fn switch<'a>(
        &'a self,
        state: SwitchState,
        reopen_in: Option<Micros>,
        because: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.change_settings(|settings, now| {
                settings.set.switch = Setting::new(state, reopen_in, because, now);
            });
            Ok(())
        })
    }

    fn force(&self, switch: Option<Setting>) {
        self.change_settings(|settings, _| settings.forced = switch);
    }

    fn report_unwell(&self, unwell_for: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.change_settings(|settings, now| {
                settings.set.unwell_until = unwell_for.map_or(0, |unwell_for| now.saturating_add(unwell_for));
            });
            Ok(())
        })
    }

    fn close(&self, grace: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            self.closing.store(true, Ordering::SeqCst);
            for local in self.attended(State::Waiting) {
                self.expel(local, State::Waiting);
            }
            if tokio::time::timeout(grace, self.wait_for_guards()).await.is_ok() {
                return Ok(0);
            }
            let guards = self.attended(State::Holding);
            Ok(guards.into_iter().filter(|local| self.expel(*local, State::Holding)).count())
        })
    }
}

impl Due for MemoryGates {
    fn due(&self, home: u64) {
        let home = Home::from(home);
        if let Some(gate) = self.shards[home.shard as usize].lock().gate(home.gate) {
            gate.alarm = None;
        }
        // Whichever gate is there now: a tick does no harm.
        self.run(At::Home(home), &Command::new("", Verb::Tick));
    }
}

/// An effect as it is told: who is put out because this node closes did not go by itself.
fn as_closed(effect: &Effect<u32>, expelled: Option<Local>) -> Cow<'_, Effect<u32>> {
    if expelled.is_some() && effect.local == expelled && matches!(effect.change, Change::Ended(_)) {
        Cow::Owned(Effect { change: Change::Ended(Ending::Closed), ..effect.clone() })
    } else {
        Cow::Borrowed(effect)
    }
}

fn at(lease: &Lease) -> (At<'_>, Key<'_>) {
    let (resource, key) = lease.address();
    match key {
        Key::Local(local) => (At::Home(local.home.into()), key),
        _ => (At::Name(resource), key),
    }
}

fn done(outcome: Outcome) -> Answer {
    Answer { outcome, more: false, next_at: None, now: 0 }
}
