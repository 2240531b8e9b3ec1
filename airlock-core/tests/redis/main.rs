//! The gate in Lua against the gate itself.
//!
//! The random worlds of `tests/properties` run on a table and, beside it, on the script in a server of its own: the same
//! commands, the same clock, the same entropy. Every answer and every effect must be the same, every waiter's node must
//! be told, and what is stored is read back and compared.
//!
//! `AIRLOCK_SEED=…` runs one seed again. `AIRLOCK_LONG=1` runs ten times as many commands.

#![allow(unreachable_pub, reason = "nobody can reach into a test")]
#![allow(dead_code, reason = "the worlds serve the tests of other stores as well")]

#[path = "../properties/ask.rs"]
mod ask;
#[path = "../properties/cells.rs"]
mod cells;
#[path = "../properties/checks.rs"]
mod checks;
#[path = "../properties/compare.rs"]
mod compare;
#[path = "../properties/coverage.rs"]
mod coverage;
#[path = "../properties/ensure.rs"]
mod ensure;
mod expected;
mod full;
mod keys;
#[path = "../properties/model.rs"]
mod model;
#[path = "../properties/nodes.rs"]
mod nodes;
#[path = "../properties/outcome.rs"]
mod outcome;
mod quick;
#[path = "../properties/random.rs"]
mod random;
mod remote;
#[path = "../properties/rows.rs"]
mod rows;
#[path = "../properties/script.rs"]
mod script;
#[path = "../../../tests/src/redis.rs"]
mod server;
#[path = "../properties/shares.rs"]
mod shares;
mod short;
mod stored;
#[path = "../properties/twin.rs"]
mod twin;
#[path = "../properties/weather.rs"]
mod weather;
#[path = "../properties/world.rs"]
mod world;

use coverage::Coverage;
pub(crate) use ensure::ensure;
use random::Random;
use remote::{Link, Remote};
use script::Kind;
use world::World;

/// Runs worlds of one kind until that many commands were compared, at most so many of them in one call.
fn check(kind: Kind, (commands, per_world): (u64, u64), at_once: usize, particular: &[&str]) {
    let seed = random::seed();
    let mut seeds = Random::new(seed);
    let mut coverage = Coverage::default();
    let link = Link::start();
    let (mut done, mut worlds) = (0, 0u64);
    let started = std::time::Instant::now();
    let enough = random::scaled(commands);
    // All that can happen at all does in short lines: in long ones the rarest takes more commands than are worth it.
    let missing = |coverage: &Coverage| match kind {
        Kind::RemoteCrowd => coverage.lacks(particular),
        _ => coverage.missing(particular),
    };
    while done < enough || done < 10 * enough && !missing(&coverage).is_empty() {
        let twin = Remote::new(link.clone(), at_once, seeds.bits());
        let mut world = World::new(seeds.bits(), kind).beside(Box::new(twin));
        if let Err(problem) = world.run(per_world, &mut coverage) {
            panic!("AIRLOCK_SEED={seed}, world {worlds}, command {}: {problem}", world.commands);
        }
        done += world.commands;
        worlds += 1;
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    println!("{kind:?}: {done} commands in {worlds} worlds, {rate:.0} a second; {}", link.borrow().report());
    let missing = missing(&coverage);
    assert!(missing.is_empty(), "AIRLOCK_SEED={seed}: never happened: {missing:?}");
    assert!(link.borrow().has_stored_all(), "AIRLOCK_SEED={seed}: {}", link.borrow().report());
}

#[test]
fn the_script_decides_as_the_gate_does() {
    let particular = ["vanished", "enter: refused as LineFull", "another node's limit", "another node's strategy"];
    check(Kind::Remote, (200_000, 250), 1, &particular);
}

#[test]
fn many_commands_in_one_call_are_as_many_calls() {
    check(Kind::Remote, (50_000, 250), 40, &["vanished"]);
}

#[test]
fn long_lines_are_the_same() {
    check(Kind::RemoteCrowd, (20_000, 1_000), 256, &["200 wait"]);
}
