//! One gate of a private server, asked directly, and what the server counts.

use std::sync::Arc;

use airlock_axum::admission::Fifo;
use airlock_axum::gate::{Conditions, Enter, Key, LineSpec, Record, SharedSpec, Spec, Stay, Verb};
use airlock_axum::observer::Observers;
use airlock_axum::store::redis::{keys::Keys, script, wire};
use airlock_axum::store::{Gates, Store};
use airlock_axum::{Airlock, ConfigError, Line, Seal, Secret};
use airlock_tests::redis::{Connection, Server, Value};

/// A semaphore by hand: what has expired goes, and whoever finds room is in, with a number.
pub(crate) const BY_HAND: &str = "
if ARGV[1] == 'leave' then
  local time = redis.call('TIME')
  redis.call('PEXPIRE', KEYS[1], 60000)
  return redis.call('ZREM', KEYS[1], ARGV[2])
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + 30000000, ARGV[2])
local fence = redis.call('HINCRBY', KEYS[2], 'fence', 1)
redis.call('PEXPIRE', KEYS[1], 60000)
return fence
";

/// As the store configures a gate.
fn spec(limit: u32) -> Spec {
    struct Catch(std::sync::Mutex<Option<Spec>>);
    impl Store for Catch {
        fn open(&self, spec: &Spec, _: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
            *self.0.lock().expect("no panic under it") = Some(spec.clone());
            Err(ConfigError::new("store", "only looks"))
        }
    }
    let catch = Arc::new(Catch(std::sync::Mutex::default()));
    struct Shared(Arc<Catch>);
    impl Store for Shared {
        fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
            self.0.open(spec, observers)
        }
    }
    let line = Line::new().capacity(u64::MAX);
    let builder = Airlock::builder("bench").seal(Seal::semaphore(limit)).line(line).admission(Fifo::new());
    let _ = builder.store(Shared(catch.clone())).build();
    let spec = catch.0.lock().expect("no panic under it").take().expect("it was shown");
    // Whoever waits or holds does so for as long as this takes, whatever else the machine does meanwhile.
    let line = LineSpec { presence: 3_600_000_000, ..spec.line };
    Spec { ttl: 3_600_000_000, line, shared: Some(SharedSpec { presence: 6_000_000, confirmation: 4_000_000 }), ..spec }
}

/// One gate, asked directly.
pub(crate) struct Gate {
    connection: Connection,
    ours: Vec<u8>,
    by_hand: Vec<u8>,
    keys: Keys,
    header: Vec<u8>,
}

impl Gate {
    pub(crate) fn new(server: &Server, limit: u32) -> Self {
        let mut connection = server.connect().expect("it answers");
        let mut load = |text: &str| {
            let loaded = connection.call(&[b"SCRIPT", b"LOAD", text.as_bytes()]).expect("it answers");
            loaded.text().expect("a name").to_vec()
        };
        let (ours, by_hand) = (load(script::TEXT), load(BY_HAND));
        let keys = Keys::new("bench", "bench", "one");
        let header = wire::header(&spec(limit), &Conditions::default(), "bench", Record::Nothing, 180_000_000);
        Gate { connection, ours, by_hand, keys, header: header.expect("it can be said") }
    }

    /// From now on it is another resource's, which is forgotten so many microseconds after its last change.
    pub(crate) fn turn_to(&mut self, resource: &str, keep: u64) {
        let spec = Spec { ttl: keep / 2, ..spec(1) };
        let header = wire::header(&spec, &Conditions::default(), "bench", Record::Nothing, keep);
        self.header = header.expect("it can be said");
        self.keys = Keys::new("bench", "bench", resource);
    }

    /// How many keys the server has.
    pub(crate) fn all_keys(&mut self) -> f64 {
        self.connection.call(&[b"DBSIZE"]).expect("it answers").number().expect("a number") as f64
    }

    pub(crate) fn push(&mut self, verbs: &[Verb<'_>]) {
        let commands: Vec<Vec<u8>> =
            verbs.iter().map(|verb| wire::command(verb, rand(), Some(&[7; 16])).expect("it can be said")).collect();
        let (records, indexes) = (self.keys.records.as_bytes(), self.keys.indexes.as_bytes());
        let mut arguments: Vec<&[u8]> = vec![b"EVALSHA", &self.ours, b"2", records, indexes, &self.header, b"one"];
        arguments.extend(commands.iter().map(|command| &**command));
        self.connection.push(&arguments);
    }

    pub(crate) fn ask(&mut self, verb: Verb<'_>) {
        self.push(&[verb]);
        self.connection.flush().expect("it listens");
        let answer = self.connection.receive().expect("it answers");
        assert!(matches!(answer, Value::Text(_)), "{answer:?}");
    }

    pub(crate) fn by_hand(&mut self, what: &str, who: u64) {
        let who = format!("{who:016}");
        let script = self.by_hand.clone();
        let arguments: [&[u8]; 8] =
            [b"EVALSHA", &script, b"2", b"{hand}s", b"{hand}f", what.as_bytes(), who.as_bytes(), b"1000"];
        self.connection.call(&arguments).expect("it answers");
    }

    /// So many come to a line, 16 bytes of identity each.
    pub(crate) fn fill(&mut self, count: u64) {
        for part in 0..count.div_ceil(200) {
            let names: Vec<String> = (part * 200..((part + 1) * 200).min(count)).map(|n| format!("{n:016}")).collect();
            let numbers = part * 200..;
            let verbs: Vec<Verb<'_>> =
                names.iter().zip(numbers).map(|(name, number)| enter(number + 10, Some(name), Stay::Away)).collect();
            self.push(&verbs);
            self.connection.flush().expect("it listens");
            self.connection.receive().expect("it answers");
        }
    }

    /// What the server counts of a command since it was asked last: how often, and microseconds each.
    pub(crate) fn spent(&mut self, command: &str) -> (f64, f64) {
        spent(&mut self.connection, command)
    }

    pub(crate) fn reset(&mut self) {
        self.connection.call(&[b"CONFIG", b"RESETSTAT"]).expect("it answers");
    }

    pub(crate) fn fields(&mut self) -> u64 {
        let key = self.keys.records.clone();
        let count = self.connection.call(&[b"HLEN", key.as_bytes()]).expect("it answers");
        count.number().expect("a number") as u64
    }

    pub(crate) fn used_memory(&mut self) -> f64 {
        let info = self.connection.call(&[b"INFO", b"memory"]).expect("it answers");
        let info = String::from_utf8_lossy(info.text().expect("text")).into_owned();
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("it is said");
        used.trim().parse().expect("a number")
    }
}

/// What a server counts of a command since it was asked last: how often, and microseconds each.
pub(crate) fn spent(connection: &mut Connection, command: &str) -> (f64, f64) {
    let stats = connection.call(&[b"INFO", b"commandstats"]).expect("it answers");
    let stats = String::from_utf8_lossy(stats.text().expect("text")).into_owned();
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:"))).unwrap_or_default();
    let field = |name: &str| {
        let value = line.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
    };
    (field("calls"), field("usec_per_call"))
}

fn rand() -> u64 {
    u64::from_be_bytes(Secret::random().expose_bytes()[..8].try_into().expect("eight of sixteen"))
}

pub(crate) fn secret(number: u64) -> Secret {
    Secret::from_bytes(u128::from(number).to_be_bytes())
}

pub(crate) fn enter(number: u64, identity: Option<&str>, stay: Stay) -> Verb<'_> {
    Verb::Enter(Enter {
        key: Some(Key::Token(secret(number))),
        identity,
        group: None,
        weight: 1,
        score: 0.0,
        per_second: 0.0,
        share: 1.0,
        cap: 0,
        stay,
    })
}

pub(crate) fn leave(number: u64) -> Verb<'static> {
    Verb::GiveUp { key: Key::Token(secret(number)), doubt: false }
}
