//! Which keys are touched, and for how long they last.

use std::thread;
use std::time::{Duration, Instant};

use airlock_core::gate::{Conditions, Key, Outcome, Pick, RateSpec, Record, Spec, Stay, SwitchState, Verb};
use airlock_core::store::redis::keys::Keys;
use airlock_core::store::redis::wire;

use crate::ask::secret;
use crate::coverage::Coverage;
use crate::random::{self, Random};
use crate::remote::{Link, PREFIX, RESOURCE, Remote};
use crate::script::Kind;
use crate::server::Value;
use crate::short::{self, KEEP, Short, TTL, newcomer};
use crate::world::World;

/// What a line of MONITOR says that a script did: its words.
fn by_script(line: &str) -> Option<Vec<String>> {
    let (_, what) = line.split_once(" lua] ")?;
    let words = what.split('"').skip(1).step_by(2).map(str::to_owned);
    Some(words.collect())
}

/// RX-29: the scripts used undeclared keys, or several slots.
#[test]
fn rx_29_only_declared_keys_are_touched() {
    let seed = random::seed();
    let mut seeds = Random::new(seed);
    let link = Link::start();
    let keys = Keys::new(PREFIX, "properties", RESOURCE);
    let mut monitor = link.borrow().connect();
    monitor.call(&[b"MONITOR"]).expect("it answers");
    let mut commands = 0;
    let mut coverage = Coverage::default();
    for _ in 0..40 {
        let twin = Remote::new(link.clone(), 4, seeds.bits());
        let mut world = World::new(seeds.bits(), Kind::Remote).beside(Box::new(twin));
        if let Err(problem) = world.run(100, &mut coverage) {
            panic!("AIRLOCK_SEED={seed}: {problem}");
        }
        link.borrow_mut().call(&[b"ECHO", b"the end"]);
        loop {
            let line = monitor.receive().expect("it tells");
            let line = String::from_utf8_lossy(line.text().expect("text")).into_owned();
            if line.contains("\"ECHO\" \"the end\"") {
                break;
            }
            let Some(words) = by_script(&line) else { continue };
            let key = words.get(1).map_or("", String::as_str);
            let right = match &*words[0] {
                "PUBLISH" => key.starts_with(&format!("{PREFIX}:node:")),
                "DEL" => words[1..] == [keys.records.clone(), keys.indexes.clone()],
                "HMGET" | "HGET" | "HSET" | "HDEL" => key == keys.records,
                "ZADD" | "ZREM" | "ZRANGE" | "ZRANGEBYLEX" | "ZLEXCOUNT" => key == keys.indexes,
                "PEXPIRE" | "PERSIST" => key == keys.records || key == keys.indexes,
                _ => false,
            };
            assert!(right, "AIRLOCK_SEED={seed}: {line}");
            commands += 1;
        }
    }
    assert!(commands > 1000, "only {commands} commands");
}

/// RX-30: the state of tenants long gone stayed in the store.
#[test]
fn rx_30_nothing_outlives_the_last_deadline_for_long() {
    let mut short = Short::start();
    let plain = short::spec();
    let fair = Spec { pick: Pick::Fair, ..plain.clone() };
    let rate = RateSpec { interval: TTL, burst: 1 };
    let rated = Spec { rate: Some(rate), ..plain.clone() };
    for spec in [&plain, &fair, &rated] {
        for token in 1..6 {
            let resource = format!("{:?} {}", spec.pick, spec.rate.is_some());
            short.ask(&resource, spec, &newcomer(token, Some("red"), Stay::Away));
            short.ask(&resource, spec, &Verb::Poll { key: Key::Token(secret(token)) });
        }
    }
    let closed = Verb::Switch { state: Some(SwitchState::Closed), reopen_in: Some(TTL), because: Some("lunch") };
    short.ask("closed", &plain, &closed);
    let keys = short.keys();
    assert_eq!(keys.len(), 7, "{keys:?}");
    for key in &keys {
        let left = short.lasts(key);
        assert!(left > 0 && left <= (KEEP / 1000) as i64 + 1, "{key:?} lasts for {left} ms");
    }
    thread::sleep(Duration::from_micros(KEEP + 20_000));
    assert_eq!(short.keys(), Vec::<Vec<u8>>::new());
}

#[test]
fn a_lease_that_is_longer_than_usual_is_not_forgotten() {
    let mut short = Short::start();
    let plain = short::spec();
    short.ask("one", &plain, &newcomer(1, None, Stay::No));
    let longer = Verb::Renew { key: Key::Token(secret(1)), ttl: Some(3 * KEEP) };
    let Outcome::Renewed(until) = short.ask("one", &plain, &longer) else { panic!("it was just let in") };
    let started = Instant::now();
    while started.elapsed() < Duration::from_micros(2 * KEEP) {
        let outcome = short.ask("one", &plain, &newcomer(3, None, Stay::No));
        assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?} before {until}");
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_micros(3 * KEEP));
    assert_eq!(short.keys(), Vec::<Vec<u8>>::new());
}

#[test]
fn what_an_operator_set_stays_until_it_is_cleared() {
    let mut short = Short::start();
    let plain = short::spec();
    let closed = Verb::Switch { state: Some(SwitchState::Closed), reopen_in: None, because: None };
    short.ask("closed", &plain, &closed);
    short.ask("resized", &plain, &Verb::Resize { limit: Some(3) });
    thread::sleep(Duration::from_micros(KEEP + 20_000));
    let keys = short.keys();
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in &keys {
        assert_eq!(short.lasts(key), -1, "{key:?}");
    }
    short.ask("closed", &plain, &Verb::Switch { state: None, reopen_in: None, because: None });
    short.ask("resized", &plain, &Verb::Resize { limit: None });
    thread::sleep(Duration::from_micros(KEEP + 20_000));
    assert_eq!(short.keys(), Vec::<Vec<u8>>::new());
}

#[test]
fn another_layout_is_refused() {
    let mut short = Short::start();
    let plain = short::spec();
    short.ask("one", &plain, &newcomer(1, None, Stay::No));
    let keys = Keys::new("short", "short", "one");
    let other = [keys.records.as_bytes(), b"m", b"\x63as another release has it"];
    short.connection.call(&[b"HSET", other[0], other[1], other[2]]).expect("it answers");
    let header = wire::header(&plain, &Conditions::default(), "short", Record::Names, KEEP).expect("fine");
    let command = wire::command(&newcomer(3, None, Stay::No), 7, None).expect("fine");
    let (records, indexes) = (keys.records.as_bytes(), keys.indexes.as_bytes());
    let arguments = [b"EVALSHA", &*short.sha, b"2", records, indexes, &header, b"one", &command];
    let answer = short.connection.call(&arguments).expect("it answers");
    assert!(matches!(&answer, Value::Error(text) if text.starts_with("AIRLOCK")), "{answer:?}");
    assert!(short.server.connect().is_ok());
}
