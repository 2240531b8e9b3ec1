//! The twin of a gate: rows in a database.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use airlock_core::StoreError;
use airlock_core::gate::{self, Answer, Change, Conditions, Ending, Record, Spec, Verb};
use airlock_core::store::shared::{self as sent, Answered, Call, TicketId};
use airlock_core::store::sqlite::{Database, Options, Spacing};

use crate::ask::{Ask, Name, TokenNumber, secret};
use crate::compare;
use crate::ensure;
use crate::model::Known;
use crate::random::Random;
use crate::stored::{Expected, Stored};
use crate::twin::{Taken, Twin};

/// A database in memory, in which every world has a gate of its own.
pub struct File {
    database: Database,
    calls: u64,
    effects: u64,
    most_milestones: u64,
}

impl File {
    pub fn in_memory(spacing: Spacing) -> Rc<RefCell<Self>> {
        let options = Options { spacing, ..Options::default() };
        let database = Database::open(Path::new(":memory:"), options).expect("there is memory");
        Rc::new(RefCell::new(File { database, calls: 0, effects: 0, most_milestones: 0 }))
    }

    pub fn report(&self) -> String {
        let File { calls, effects, most_milestones, .. } = self;
        format!("{calls} transactions, {effects} effects, up to {most_milestones} milestones")
    }
}

/// A gate in the database.
pub struct Remote {
    file: Rc<RefCell<File>>,
    resource: String,
    random: Random,
    at_once: usize,
    /// How many commands the next transaction has at most.
    limit: usize,
    /// Who asks, under which conditions, and when.
    asker: Option<(Spec, Conditions, u64)>,
    batch: Vec<Asked>,
    expected: Option<Expected>,
}

/// A command that is not sent yet, and what it has to come to.
struct Asked {
    verb: Verb<'static>,
    entropy: u64,
    answer: Answer,
    effects: Vec<(Seen, Vec<Option<TokenNumber>>)>,
    idle: bool,
    fair: bool,
    what: String,
}

/// What must be the same of an effect.
type Seen = (Change, u64, u64, u64, Option<String>, bool);

impl Remote {
    pub fn new(file: Rc<RefCell<File>>, world: u64, at_once: usize, seed: u64) -> Self {
        Remote {
            file,
            resource: format!("world:{world}"),
            random: Random::new(seed),
            at_once,
            limit: 1,
            asker: None,
            batch: Vec::new(),
            expected: None,
        }
    }

    fn send(&mut self) -> Result<(), String> {
        let (Some(expected), Some((spec, conditions, now))) = (self.expected.take(), &self.asker) else {
            return Ok(());
        };
        let batch = std::mem::take(&mut self.batch);
        let file = &mut *self.file.borrow_mut();
        let words = |problem: StoreError| format!("{problem}: {:?}", std::error::Error::source(&problem));
        let asked = batch.iter().map(|asked| sent::Asked::new(&asked.verb, asked.entropy));
        let asked: Vec<_> = asked.collect::<Result<_, _>>().map_err(words)?;
        let (resource, record) = (&*self.resource, Record::Names);
        let call = Call { spec, conditions, resource, asked: &asked, record, now: Some(*now) };
        let decided = file.database.decide(&call, *now).map_err(words)?.answered;
        ensure!(decided.len() == batch.len(), "{} answers to {} commands", decided.len(), batch.len());
        file.calls += 1;
        for (asked, decided) in batch.iter().zip(&decided) {
            asked.compare(decided).map_err(|problem| format!("{problem}\nto {}", asked.what))?;
            file.effects += decided.effects.len() as u64;
        }
        let stored = Stored::read(file.database.connection(), &spec.name, &self.resource)?;
        file.most_milestones = file.most_milestones.max(stored.milestones.len() as u64);
        expected.compare(&stored, &spec.name)
    }
}

impl Twin for Remote {
    fn step(&mut self, step: &Taken<'_>) -> Result<(), String> {
        let asker = (step.spec.clone(), step.conditions.clone(), step.now);
        if self.asker.as_ref() != Some(&asker) {
            self.send()?;
            self.asker = Some(asker);
        }
        let asking = match step.ask {
            Ask::Enter(new) => new.token,
            _ => match step.ask.name() {
                Some(Name::Token(token)) => Some(token),
                _ => None,
            },
        };
        let effects = step.effects.iter().map(|effect| {
            let (change, fence, arrival, since, identity) = compare::plain(effect);
            let seen = (change, fence, arrival, since, identity.map(str::to_owned), effect.awaited);
            // Whom it was about: known before the step by its arrival, or by its slot if that is another one by now; after
            // it by its arrival; or whoever asks.
            let by_arrival = |known: &&Known| known.ticket.arrival == arrival;
            let before = step.before.iter().find(by_arrival);
            let before = before.or_else(|| step.before.iter().find(|known| known.id == effect.id));
            let known = before.into_iter().chain(step.known.iter().find(by_arrival));
            let tokens = known.map(|known| known.token).chain([asking, None]);
            // Where no processes share the gate, nobody is told of by a token.
            let tokens = tokens.map(|token| token.filter(|_| step.spec.shared.is_some())).collect();
            (seen, tokens)
        });
        self.batch.push(Asked {
            verb: step.ask.verb(),
            entropy: step.entropy,
            answer: step.answer.clone(),
            effects: effects.collect(),
            idle: gate::is_idle(step.table),
            fair: step.fair,
            what: format!("{:?} at {}", step.ask, step.now),
        });
        self.expected = Some(Expected::of(step));
        if self.batch.len() >= self.limit {
            self.send()?;
            self.limit = 1 + self.random.below(self.at_once as u64) as usize;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        self.send()
    }
}

impl Asked {
    fn compare(&self, decided: &Answered) -> Result<(), String> {
        compare::answers(&self.answer, &decided.answer, self.fair)?;
        ensure!(decided.idle == self.idle, "idle is {}", decided.idle);
        let told = decided.effects.iter().map(|effect| {
            let (change, fence, arrival, since, identity) = compare::plain(effect);
            (change, fence, arrival, since, identity.map(str::to_owned), effect.awaited)
        });
        let same = told.eq(self.effects.iter().map(|(seen, _)| seen.clone()));
        ensure!(same, "a table tells {:?}\nSQLite {:?}", self.effects, decided.effects);
        for (effect, (_, tokens)) in decided.effects.iter().zip(&self.effects) {
            // Of one that was taken over in this step, the old token until then, and the new one from then on.
            let superseded = effect.change == Change::Ended(Ending::Superseded);
            let tokens = if superseded { &tokens[..1] } else { tokens };
            let known = tokens
                .iter()
                .any(|known| known.map_or(TicketId([0; 16]), |known| TicketId::of(&secret(known))) == effect.id);
            ensure!(known, "another ticket: {effect:?} instead of {tokens:?}");
        }
        Ok(())
    }
}
