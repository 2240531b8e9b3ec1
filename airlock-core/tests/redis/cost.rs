//! What a call costs the server, by its own count, beside the least that anybody would write by hand.

use airlock_core::gate::{
    Conditions, Enter, Key, LineSpec, NEVER, OnMissed, OnReentry, Pick, Record, SharedSpec, Spec, Stay, Verb,
};
use airlock_core::store::redis::keys::Keys;
use airlock_core::store::redis::{script, wire};

use crate::ask::secret;
use crate::server::{Connection, Server, Value};

const ROUNDS: u32 = 20_000;

pub fn spec(limit: u32) -> Spec {
    Spec {
        name: "cost".into(),
        limit,
        rate: None,
        leased: true,
        ttl: 30_000_000,
        max_hold: NEVER,
        pick: Pick::Head,
        line: LineSpec {
            capacity: NEVER,
            group_capacity: NEVER,
            presence: 30_000_000,
            claim_window: 20_000_000,
            on_missed: OnMissed::Drop,
        },
        on_reentry: OnReentry::Refuse,
        step_bound: 64,
        guarded: false,
        shared: Some(SharedSpec { revision: 0, presence: 6_000_000, confirmation: 4_000_000 }),
    }
}

pub fn enter(token: u32, stay: Stay) -> Verb<'static> {
    Verb::Enter(Enter {
        key: Some(Key::Token(secret(token))),
        identity: None,
        group: None,
        weight: 1,
        score: 0.0,
        per_second: 0.0,
        share: 1.0,
        cap: 0,
        stay,
    })
}

fn leave(token: u32) -> Verb<'static> {
    Verb::GiveUp { key: Key::Token(secret(token)), doubt: false }
}

/// A semaphore by hand: what has expired goes, whoever finds room is in.
const BY_HAND: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if ARGV[1] == 'leave' then return redis.call('ZREM', KEYS[1], ARGV[2]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + 30000000, ARGV[2])
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('PEXPIRE', KEYS[2], 60000)
return redis.call('INCR', KEYS[2])
";

fn load(connection: &mut Connection, text: &str) -> Vec<u8> {
    let loaded = connection.call(&[b"SCRIPT", b"LOAD", text.as_bytes()]).expect("it answers");
    loaded.text().expect("a script").to_vec()
}

/// Microseconds of a call since the last time.
fn spent(connection: &mut Connection) -> f64 {
    let stats = connection.call(&[b"INFO", b"commandstats"]).expect("it answers");
    let stats = String::from_utf8_lossy(stats.text().expect("text")).into_owned();
    connection.call(&[b"CONFIG", b"RESETSTAT"]).expect("it answers");
    let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:")).expect("there were some");
    let each = line.split("usec_per_call=").nth(1).and_then(|rest| rest.split(',').next());
    each.expect("it is counted").parse().expect("a number")
}

#[test]
#[ignore = "a measurement, of the server alone: run it by itself"]
fn a_call_costs_little_more_than_by_hand() {
    let server = Server::start();
    let mut connection = server.connect().expect("it answers");
    let (ours, by_hand) = (load(&mut connection, script::TEXT), load(&mut connection, BY_HAND));
    let keys = Keys::new("cost", "cost", "one");
    let header = wire::header(&spec(1000), &Conditions::default(), "cost", Record::Nothing, 120_000_000).expect("fine");
    let call = |connection: &mut Connection, verbs: &[Verb<'_>]| {
        let commands: Vec<Vec<u8>> = verbs.iter().map(|verb| wire::command(verb, 1, None).expect("fine")).collect();
        let (records, indexes) = (keys.records.as_bytes(), keys.indexes.as_bytes());
        let mut arguments: Vec<&[u8]> = vec![b"EVALSHA", &ours, b"2", records, indexes, &header, b"one"];
        arguments.extend(commands.iter().map(|command| &**command));
        let answer = connection.call(&arguments).expect("it answers");
        assert!(matches!(answer, Value::Text(_)), "{answer:?}");
    };
    let mut measure = |what: &str, rounds: u32, each: &dyn Fn(&mut Connection, u32)| {
        connection.call(&[b"CONFIG", b"RESETSTAT"]).expect("it answers");
        (0..rounds).for_each(|round| each(&mut connection, round));
        println!("{what}: {:.2} µs a call", spent(&mut connection));
    };
    for inside in [0, 100] {
        println!("with {inside} inside:");
        measure("  before", inside + 1, &|connection, round| call(connection, &[enter(1_000_000 + round, Stay::No)]));
        measure("  in and out", ROUNDS, &|connection, round| {
            call(connection, &[enter(round, Stay::No)]);
            call(connection, &[leave(round)]);
        });
        measure("  in, 900 of them", 900, &|connection, round| call(connection, &[enter(round, Stay::No)]));
        measure("  out, 900 of them", 900, &|connection, round| call(connection, &[leave(round)]));
        measure("  in and out, 100 in a call", ROUNDS / 200, &|connection, round| {
            let tokens = || (0..100).map(|number| round * 100 + number);
            call(connection, &tokens().map(|token| enter(token, Stay::No)).collect::<Vec<_>>());
            call(connection, &tokens().map(leave).collect::<Vec<_>>());
        });
        measure("  by hand, in and out", ROUNDS, &|connection, round| {
            let token = round.to_string();
            for what in ["enter", "leave"] {
                let arguments = ["EVALSHA", "", "2", "{h}s", "{h}f", what, &token, "1000"];
                let mut arguments = arguments.map(str::as_bytes);
                arguments[1] = &by_hand;
                connection.call(&arguments).expect("it answers");
            }
        });
    }
    measure("  joining the line", 10_000, &|connection, round| {
        call(connection, &[Verb::Resize { limit: Some(1) }]);
        call(connection, &[enter(round, Stay::Away)]);
    });
}
