//! The twin of a gate: the script in a server.

use std::cell::RefCell;
use std::rc::Rc;

use airlock_core::gate::{Answer, Change, Record, Stay};
use airlock_core::store::redis::keys::{self, Keys};
use airlock_core::store::redis::script;
use airlock_core::store::redis::wire::{self, Answered, NodeId, TicketId};

use crate::ask::{Ask, Name, secret};
use crate::compare;
use crate::ensure;
use crate::expected::Expected;
use crate::model::Known;
use crate::random::Random;
use crate::server::{Connection, Server, Value};
use crate::stored::Stored;
use crate::twin::{Taken, Twin};

pub const PREFIX: &str = "twins";
pub const RESOURCE: &str = "{the}/re:source";
/// Longer than any test.
const KEEP: u64 = 1 << 45;

/// A server, and who listens to it.
pub struct Link {
    server: Server,
    connection: Connection,
    subscriber: Connection,
    sha: Vec<u8>,
    calls: u64,
    messages: u64,
    compared: u64,
    /// Identities in line, by how they were stored.
    sharing: u64,
    crowded_out: u64,
}

impl Link {
    pub fn start() -> Rc<RefCell<Self>> {
        let server = Server::start();
        let mut connection = server.connect().expect("it answers");
        let loaded = connection
            .call(&[b"SCRIPT", b"LOAD", script::with_clock_and_few_buckets().as_bytes()])
            .expect("it answers");
        let sha = loaded.text().unwrap_or_else(|| panic!("no script: {loaded:?}")).to_vec();
        let mut subscriber = server.connect().expect("it answers");
        subscriber.call(&[b"PSUBSCRIBE", format!("{PREFIX}:node:*").as_bytes()]).expect("it answers");
        let (calls, messages, compared, sharing, crowded_out) = (0, 0, 0, 0, 0);
        let link = Link { server, connection, subscriber, sha, calls, messages, compared, sharing, crowded_out };
        Rc::new(RefCell::new(link))
    }

    /// Another connection.
    pub fn connect(&self) -> Connection {
        self.server.connect().expect("it answers")
    }

    /// A command between the others.
    pub fn call(&mut self, arguments: &[&[u8]]) -> Value {
        self.connection.call(arguments).expect("it answers")
    }

    pub fn report(&self) -> String {
        let Link { calls, messages, compared, sharing, crowded_out, .. } = self;
        format!(
            "{calls} calls, {compared} states compared, {messages} messages, {sharing} identities in buckets, \
             {crowded_out} beside full ones"
        )
    }

    /// Whether identities in line were stored in all ways in which they can be.
    pub fn has_stored_all(&self) -> bool {
        self.sharing > 0 && self.crowded_out > 0
    }
}

/// A gate in the server.
pub struct Remote {
    link: Rc<RefCell<Link>>,
    random: Random,
    at_once: usize,
    /// How many commands the next call carries at most.
    limit: usize,
    header: Vec<u8>,
    now: u64,
    keys: Keys,
    batch: Vec<Asked>,
    expected: Option<Expected>,
}

/// A command that is not sent yet, and what it has to come to.
struct Asked {
    command: Vec<u8>,
    answer: Answer,
    effects: Vec<(Seen, Vec<TicketId>)>,
    own: Option<TicketId>,
    fair: bool,
    what: String,
}

/// What must be the same of an effect.
type Seen = (Change, u64, u64, u64, Option<String>, bool);

impl Remote {
    pub fn new(link: Rc<RefCell<Link>>, at_once: usize, seed: u64) -> Self {
        link.borrow_mut().call(&[b"FLUSHALL"]);
        Remote {
            link,
            random: Random::new(seed),
            at_once,
            limit: 1,
            header: Vec::new(),
            now: 0,
            keys: Keys::new(PREFIX, "properties", RESOURCE),
            batch: Vec::new(),
            expected: None,
        }
    }

    fn send(&mut self) -> Result<(), String> {
        let Some(expected) = self.expected.take() else { return Ok(()) };
        let batch = std::mem::take(&mut self.batch);
        let link = &mut *self.link.borrow_mut();
        let lost = |problem: std::io::Error| format!("the server is gone: {problem}");
        let now = self.now.to_string();
        let (records, indexes) = (self.keys.records.as_bytes(), self.keys.indexes.as_bytes());
        let mut arguments: Vec<&[u8]> =
            vec![b"EVALSHA", &link.sha, b"2", records, indexes, &self.header, RESOURCE.as_bytes()];
        arguments.extend(batch.iter().map(|asked| &*asked.command));
        arguments.push(now.as_bytes());
        let connection = &mut link.connection;
        connection.push(&arguments);
        connection.push(&[b"HGETALL", records]);
        connection.push(&[b"ZRANGE", indexes, b"0", b"-1"]);
        connection.push(&[b"PTTL", records]);
        connection.push(&[b"PTTL", indexes]);
        connection.flush().map_err(lost)?;
        let mut receive = || connection.receive().map_err(lost);
        let (answer, stored, members) = (receive()?, receive()?, receive()?);
        let ttls = [receive()?, receive()?];
        let answer = answer.text().ok_or_else(|| format!("no answer: {answer:?}"))?;
        let decided = wire::answers(answer).map_err(|problem| problem.to_string())?;
        ensure!(decided.len() == batch.len(), "{} answers to {} commands", decided.len(), batch.len());
        link.calls += 1;
        for (asked, decided) in batch.iter().zip(&decided) {
            asked.compare(decided).map_err(|problem| format!("{problem}\nto {}", asked.what))?;
            link.messages += told(&mut link.subscriber, asked, decided)?;
        }
        let stored = Stored::read(&stored, &members)?;
        expected.compare(&stored)?;
        link.compared += 1;
        link.sharing += stored.sharing;
        link.crowded_out += stored.crowded_out;
        let there = [stored.meta.arrival > 0 || !stored.tickets.is_empty(), !stored.members.is_empty()];
        for (ttl, there) in ttls.iter().zip(there) {
            let ttl = ttl.number().unwrap_or(0);
            let right = match ttl {
                -2 => !there || stored.tickets.is_empty() && stored.meta.arrival == 0,
                -1 => expected.is_endless(),
                _ => ttl > 0 && !expected.is_endless(),
            };
            ensure!(right, "a key lasts for {ttl} ms: {stored:?}");
        }
        Ok(())
    }
}

impl Twin for Remote {
    fn step(&mut self, step: &Taken<'_>) -> Result<(), String> {
        let wrong = |problem: airlock_core::StoreError| problem.to_string();
        let header = wire::header(step.spec, step.conditions, PREFIX, Record::Names, KEEP).map_err(wrong)?;
        if (&header, step.now) != (&self.header, self.now) {
            self.send()?;
            (self.header, self.now) = (header, step.now);
        }
        let asking = match step.ask {
            Ask::Enter(new) => new.token,
            _ => match step.ask.name() {
                Some(Name::Token(token)) => Some(token),
                _ => None,
            },
        };
        let asking = asking.map(|token| TicketId::of(&secret(token)));
        let waits = matches!(step.ask, Ask::Enter(new) if new.stay == Stay::Here);
        let node = asking.filter(|_| waits).map(node_of);
        let command = wire::command(&step.ask.verb(), step.entropy, node.as_ref()).map_err(wrong)?;
        let effects = step.effects.iter().map(|effect| {
            let (change, fence, arrival, since, identity) = compare::plain(effect);
            let seen = (change, fence, arrival, since, identity.map(str::to_owned), effect.awaited);
            // Whom it was about: known by its arrival before or after, or whoever asks.
            let same = |known: &&Known| known.ticket.arrival == arrival || known.id == effect.id;
            let known = step.before.iter().chain(step.known).filter(same).filter_map(|known| known.token);
            let mut ids: Vec<TicketId> = known.map(|token| TicketId::of(&secret(token))).collect();
            ids.extend(asking);
            ids.push(TicketId([0; 16]));
            (seen, ids)
        });
        let enters_or_leaves = matches!(step.ask, Ask::Enter(_) | Ask::GiveUp { .. });
        self.batch.push(Asked {
            command,
            answer: step.answer.clone(),
            effects: effects.collect(),
            own: asking.filter(|_| enters_or_leaves),
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
        self.send()?;
        let subscriber = &mut self.link.borrow_mut().subscriber;
        let last = subscriber.call(&[b"PING", b"the end"]).map_err(|problem| problem.to_string())?;
        let pong = Value::List(vec![Value::Text(b"pong".to_vec()), Value::Text(b"the end".to_vec())]);
        ensure!(last == pong, "somebody was told without a reason: {last:?}");
        Ok(())
    }
}

/// In these worlds each waiter has a node of its own, which follows from its token.
fn node_of(id: TicketId) -> NodeId {
    id.0.map(|byte| !byte)
}

impl Asked {
    fn compare(&self, decided: &Answered) -> Result<(), String> {
        compare::answers(&self.answer, &decided.answer, self.fair)?;
        let told = decided.effects.iter().map(|told| {
            let (change, fence, arrival, since, identity) = compare::plain(&told.effect);
            (change, fence, arrival, since, identity.map(str::to_owned), told.effect.awaited)
        });
        let same = told.eq(self.effects.iter().map(|(seen, _)| seen.clone()));
        ensure!(same, "a table tells {:?}\nRedis {:?}", self.effects, decided.effects);
        for (told, (_, ids)) in decided.effects.iter().zip(&self.effects) {
            ensure!(ids.contains(&told.effect.id), "another ticket: {told:?}");
            let granted = matches!(told.effect.change, Change::Granted(_));
            let node = node_of(told.effect.id);
            // Whoever takes a waiter's place over need not wait itself.
            let may_have_none = !granted && !told.effect.awaited || self.own == Some(told.effect.id);
            ensure!(told.node.map_or(may_have_none, |known| known == node), "another node: {told:?}");
        }
        Ok(())
    }
}

/// Whether those hear of it who have to; answers how many.
fn told(subscriber: &mut Connection, asked: &Asked, decided: &Answered) -> Result<u64, String> {
    let mut count = 0;
    for told in &decided.effects {
        let effect = &told.effect;
        let matters = match effect.change {
            Change::Granted(_) => true,
            Change::Ended(_) => effect.awaited,
            _ => false,
        };
        let Some(node) = told.node.filter(|_| matters && asked.own != Some(effect.id)) else { continue };
        let message = subscriber.receive().map_err(|problem| format!("nobody was told of {told:?}: {problem}"))?;
        let [_, _, channel, payload] = message.list().unwrap_or_default() else {
            return Err(format!("no message: {message:?}"));
        };
        ensure!(channel.text() == Some(keys::channel(PREFIX, &node).as_bytes()), "told elsewhere: {channel:?}");
        let message = wire::message(payload.text().unwrap_or_default()).map_err(|problem| problem.to_string())?;
        let right = (&*message.name, &*message.resource, message.id, message.change);
        ensure!(right == ("properties", RESOURCE, effect.id, effect.change), "told {message:?} of {told:?}");
        count += 1;
    }
    Ok(count)
}
