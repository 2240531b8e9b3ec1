//! What is no gate, or is one that somebody else has had in hand.

use std::rc::Rc;

use airlock_core::gate::{Conditions, NEVER, Outcome, Pick, Record, Spec, Verb, decide};
use serde_json::Value;

use crate::coverage::Coverage;
use crate::kept::{Kept, RESOURCE, Sample, Samples, sealed};
use crate::random::{self, Random};
use crate::script::{Kind, Script};
use crate::world::World;

/// Gates of all kinds, as they were kept.
fn samples(random: &mut Random, worlds: u64) -> Vec<Sample> {
    let samples = Samples::default();
    for _ in 0..worlds {
        let twin = Kept::sampled(samples.clone());
        let mut world = World::new(random.bits(), Kind::Remote).beside(Box::new(twin));
        if let Err(problem) = world.run(100, &mut Coverage::default()) {
            panic!("{problem}");
        }
    }
    Rc::try_unwrap(samples).map(std::cell::RefCell::into_inner).unwrap_or_else(|samples| samples.borrow().clone())
}

fn ask(sample: &Sample, blob: &[u8]) -> Result<(), String> {
    let asked = [(Verb::Tick, 1)];
    let decided =
        decide(Some(blob), &sample.spec, &Conditions::default(), RESOURCE, &asked, sample.now, Record::Nothing);
    match decided {
        Ok(_) => Ok(()),
        Err(error) if error.is_corrupt() => Err("corrupt".into()),
        Err(error) if error.is_foreign() => Err("foreign".into()),
        Err(error) if error.is_newer() => Err("newer".into()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn no_damage_goes_unnoticed() {
    let seed = random::seed();
    let mut random = Random::new(seed);
    let samples = samples(&mut random, 20);
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..random::scaled(20_000) {
        let sample = random.any(&samples).expect("there are some").clone();
        let mut blob = sample.blob.clone();
        let at = random.below(blob.len() as u64) as usize;
        match random.below(5) {
            0 => blob.truncate(at),
            1 => blob[at] ^= 1 << random.below(8),
            2 => drop(blob.splice(at..at, [random.bits() as u8])),
            3 => drop(blob.remove(at)),
            _ => {
                let other = &random.any(&samples).expect("there are some").blob;
                let from = random.below(other.len() as u64) as usize;
                blob.truncate(at);
                blob.extend_from_slice(&other[from..]);
            }
        }
        if samples.iter().any(|sample| sample.blob == blob) {
            continue;
        }
        match ask(&sample, &blob) {
            Err(error) => *seen.entry(error).or_insert(0) += 1,
            Ok(()) => panic!("AIRLOCK_SEED={seed}: damage went unnoticed in {}", String::from_utf8_lossy(&blob)),
        }
    }
    println!("{seen:?}");
    // Whether a version comes to be another number is chance.
    assert!(seen.contains_key("corrupt") && seen.contains_key("foreign"), "AIRLOCK_SEED={seed}: {seen:?}");
}

#[test]
fn noise_is_no_gate() {
    let seed = random::seed();
    let mut random = Random::new(seed);
    let sample = samples(&mut random, 1).remove(0);
    for _ in 0..random::scaled(20_000) {
        let mut noise: Vec<u8> = (0..random.below(200)).map(|_| random.bits() as u8).collect();
        if random.one_in(2) {
            noise.splice(0..0, *b"airlock-gate 1 ");
        }
        assert!(ask(&sample, &noise).is_err(), "AIRLOCK_SEED={seed}: a gate of {noise:?}");
    }
}

/// Somebody has written another gate, with the right checksum. It is refused, or it is a gate: then every command has an
/// answer, every answer comes to an end, and what is left is a gate again.
#[test]
fn nobody_can_write_a_gate_that_crashes() {
    let seed = random::seed();
    let mut random = Random::new(seed);
    let samples = samples(&mut random, 60);
    let (mut refused, mut taken) = (0, 0);
    for round in 0..random::scaled(15_000) {
        let sample = random.any(&samples).expect("there are some").clone();
        let json = sample.blob.split(|byte| *byte == b'\n').nth(1).expect("a blob is two lines");
        let mut json: Value = serde_json::from_slice(json).expect("it is JSON");
        for _ in 0..1 + random.below(3) {
            distort(&mut random, &mut json["gate"]);
        }
        let blob = sealed(&json);
        // Nor with another configuration.
        let other = &random.any(&samples).expect("there are some").spec;
        let spec =
            if random.one_in(3) { Spec { name: sample.spec.name.clone(), ..other.clone() } } else { sample.spec };
        match live(&mut random, &spec, blob, sample.now) {
            Ok(true) => taken += 1,
            Ok(false) => refused += 1,
            Err(problem) => panic!("AIRLOCK_SEED={seed}, round {round}: {problem}\n{json}"),
        }
    }
    println!("{taken} taken, {refused} refused");
    assert!(taken > refused / 100 && refused > taken / 100, "AIRLOCK_SEED={seed}: {taken} taken, {refused} refused");
}

/// Asks a gate for some time; answers whether it was believed to be one.
fn live(random: &mut Random, spec: &Spec, blob: Vec<u8>, mut now: u64) -> Result<bool, String> {
    let mut script = Script::new(Random::new(random.bits()), Kind::Remote, spec);
    let (mut blob, mut more) = (blob, 0);
    for asked in 0..30 {
        now += script.pause(now, &[], None);
        let verb = if more > 0 { Verb::Tick } else { script.next(&[]).verb() };
        let commands = [(verb, random.bits())];
        let decided = decide(Some(&blob), spec, &Conditions::default(), RESOURCE, &commands, now, Record::Names);
        let decision = match decided {
            Ok(decision) => decision,
            Err(error) if asked == 0 && error.is_corrupt() => return Ok(false),
            Err(error) => return Err(format!("after {asked} commands: {error}")),
        };
        blob = decision.blob.unwrap_or(blob);
        let answer = &decision.decided[0].answer;
        more = if answer.more || matches!(answer.outcome, Outcome::Again) { more + 1 } else { 0 };
        if more > 10_000 {
            return Err("there is always more".into());
        }
    }
    Ok(true)
}

/// Changes something somewhere.
fn distort(random: &mut Random, json: &mut Value) {
    match json {
        Value::Object(fields) if !fields.is_empty() => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = random.any(&names).expect("it is not empty").clone();
            match random.below(12) {
                0 => drop(fields.remove(&name)),
                1 => drop(fields.insert("another".into(), Value::Null)),
                2 => {
                    let from = random.any(&names).expect("it is not empty").clone();
                    let value = fields[&from].clone();
                    fields.insert(name, value);
                }
                _ => distort(random, &mut fields[&name]),
            }
        }
        Value::Array(list) if !list.is_empty() => {
            let at = random.below(list.len() as u64) as usize;
            match random.below(8) {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                2 => list.swap(0, at),
                _ => distort(random, &mut list[at]),
            }
        }
        leaf => *leaf = other(random, leaf),
    }
}

fn other(random: &mut Random, value: &Value) -> Value {
    let numbers = [0, 1, 2, 64, u64::from(u32::MAX), NEVER - 1, NEVER, NEVER + 1, u64::MAX];
    match value {
        Value::Number(number) => match (random.below(6), number.as_u64()) {
            (0 | 1, Some(number)) => number.wrapping_add(1).into(),
            (2, Some(number)) => number.saturating_sub(1).into(),
            (3, _) => random.of(&[-1.0, 0.5, 1e300, -1e300, 1e-320, f64::MAX]).into(),
            (4, _) => Value::Null,
            _ => random.of(&numbers).into(),
        },
        Value::String(text) => {
            let states = ["waiting", "offered", "holding", "spent", "here", "away", "head", "fair", "nobody", "", text];
            random.of(&states).into()
        }
        Value::Bool(flag) => (!flag).into(),
        _ => random.of(&[Value::Null, 7.into(), true.into()].each_ref()).clone(),
    }
}

/// The line of one strategy is no line of another, and a step would count what was not counted.
#[test]
fn a_line_keeps_its_strategy() {
    let seed = random::seed();
    let mut random = Random::new(seed);
    let samples = samples(&mut random, 60);
    let fair = |pick: Pick| pick == Pick::Fair;
    let line = |sample: &&Sample| {
        let json = String::from_utf8_lossy(&sample.blob);
        sample.spec.shared.is_none() && fair(sample.spec.pick) && json.contains("\"waiting\",\"attend\"")
    };
    let sample = samples.iter().find(line).expect("somebody waits for a fair share");
    let spec = Spec { pick: Pick::Head, ..sample.spec.clone() };
    let sample = Sample { spec, ..sample.clone() };
    assert_eq!(ask(&sample, &sample.blob), Err("corrupt".into()), "AIRLOCK_SEED={seed}");
}

/// Each on its own, whether or not a step would fall over it.
#[test]
fn what_cannot_be_is_refused() {
    let written = include_str!("written.txt");
    let json: Value = serde_json::from_str(written.lines().nth(1).expect("a blob is two lines")).expect("it is JSON");
    let never = (NEVER + 1).to_string();
    let ones = [
        ("/tickets/1/token", "\"01000000a5a5a5a5a5a5a5a5a5a5a5a5\"", "a token that is there twice"),
        ("/tickets/1/token", "\"+1000000a5a5a5a5a5a5a5a5a5a5a5a5\"", "32 hexadecimal digits"),
        ("/tickets/1/token", "\"02000000A5a5a5a5a5a5a5a5a5a5a5a5\"", "32 hexadecimal digits"),
        ("/tickets/1/identity", "\"ada\"", "an identity that is there twice"),
        ("/tickets/1/arrival", "1777777777000000", "two tickets that came at once"),
        ("/tickets/1/arrival", "1777777777000003", "came after the last"),
        ("/tickets/1/arrival", "0", "came after the last"),
        ("/tickets/1/state", "\"offered\"", "an offer that nobody can take"),
        ("/tickets/1/state", "\"elsewhere\"", "unknown variant"),
        ("/tickets/1/nonce", "7", "somebody waits who was let in"),
        ("/tickets/1/lane", "0", "another strategy"),
        ("/tickets/1/group", "1", "another strategy"),
        ("/tickets/0/group", "4294967295", "a group that is not there"),
        ("/tickets/0/fence", "1777777777000001", "a fence after the last"),
        ("/tickets/0/fence", "0", "inside without a fence"),
        ("/tickets/0/deadline", &never, "beyond all times"),
        ("/tickets/0/weight", "3", "are counted"),
        ("/tickets/0/weight", "4294967296", "invalid value"),
        ("/tickets/0/score", "1e999", "number out of range"),
        ("/tickets/2/identity", "\"bob\"", "a spent token of somebody"),
        ("/meta/held", "1", "are counted"),
        ("/meta/waiting", "18446744073709551615", "are counted"),
        ("/meta/offered", "1", "are counted"),
        ("/meta/lanes", "0", "groups are counted to wait"),
        ("/meta/soonest", "1777777783000001", "a deadline that nobody expects"),
        ("/meta/drawn", "1777777777000000", "somebody was drawn"),
        ("/meta/arrival", "18446744073709551615", "beyond all times"),
        ("/meta/pace", "null", "invalid type"),
        ("/meta/pace_samples", "4294967295", "a pace that nobody"),
        ("/meta/virtual_time", "-1.0", "below zero"),
        ("/meta/switch/until", &never, "a switch beyond all times"),
        ("/groups/0/group/share", "0.0", "waits for no share"),
        ("/groups/0/group/share", "1e-310", "a share that is not"),
        ("/groups/0/group/in_line", "2", "of a group are counted"),
        ("/groups/0/group/in_use", "0", "of a group are counted"),
        ("/groups/0/group/head", "0", "a group's head"),
        ("/groups/0/group/listed", "false", "at its cap"),
        ("/agreed/low/until", &never, "agreed beyond all times"),
        ("/agreed/high", "{\"limit\":2,\"until\":0}", "a lower limit than the lowest"),
        ("/agreed/pick", "{\"aging\":{\"base\":0.0,\"per_second\":0.0,\"max\":0.0}}", "must be finite"),
    ];
    let ask = |json: &str| {
        let spec = crate::form::spec();
        let blob = crate::kept::sealed_text(json);
        decide(Some(&blob), &spec, &Conditions::default(), "tenant:acme", &[], crate::form::NOW, Record::Nothing)
    };
    assert!(ask(&json.to_string()).is_ok(), "nothing was changed");
    for (at, value, says) in ones {
        let mut json = json.clone();
        // Put in as text: not every number that can be written is one.
        match json.pointer_mut(&format!("/gate{at}")) {
            Some(place) => *place = "HERE".into(),
            None => {
                let (parent, name) = at.rsplit_once('/').expect("a path");
                json.pointer_mut(&format!("/gate{parent}")).expect("it is there")[name] = "HERE".into();
            }
        }
        let error = ask(&json.to_string().replace("\"HERE\"", value)).err().unwrap_or_else(|| panic!("{at} = {value}"));
        assert!(error.is_corrupt() && error.to_string().contains(says), "{at} = {value}: {error}");
    }
}
