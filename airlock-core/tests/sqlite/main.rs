//! The gate on SQLite against the gate in memory.
//!
//! The random worlds of `tests/properties` run on a table and, beside it, on a database: the same commands, the same clock,
//! the same entropy. Every answer and every effect must be the same, and after each call all that is stored is read back, by
//! statements of the test's own, and compared.
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
#[path = "../disks/mod.rs"]
mod disks;
#[path = "../properties/ensure.rs"]
mod ensure;
mod failures;
mod folder;
mod full;
#[path = "../properties/model.rs"]
mod model;
#[path = "../properties/nodes.rs"]
mod nodes;
#[path = "../properties/outcome.rs"]
mod outcome;
#[path = "../processes/mod.rs"]
mod processes;
#[path = "../properties/random.rs"]
mod random;
mod remote;
#[path = "../properties/rows.rs"]
mod rows;
mod schema;
#[path = "../properties/script.rs"]
mod script;
mod several;
#[path = "../properties/shares.rs"]
mod shares;
mod stored;
#[path = "../properties/twin.rs"]
mod twin;
#[path = "../properties/weather.rs"]
mod weather;
mod whole;
#[path = "../properties/world.rs"]
mod world;

use airlock_core::store::sqlite::Spacing;
use coverage::Coverage;
pub(crate) use ensure::ensure;
use random::Random;
use remote::{File, Remote};
use script::Kind;
pub(crate) use several::task;
use world::World;

/// Everybody may be a milestone of the line, every other one is.
const DENSE: Spacing = Spacing { from: 0, bits: 1 };

/// Runs worlds of one kind until that many commands were compared, at most so many of them in one call.
fn check(kind: Kind, (commands, per_world): (u64, u64), at_once: usize, spacing: Spacing, particular: &[&str]) {
    let seed = random::seed();
    let mut seeds = Random::new(seed);
    let mut coverage = Coverage::default();
    let file = File::in_memory(spacing);
    let (mut done, mut worlds) = (0, 0u64);
    let started = std::time::Instant::now();
    let enough = random::scaled(commands);
    while done < enough || done < 10 * enough && !coverage.missing(particular).is_empty() {
        let twin = Remote::new(file.clone(), worlds, at_once, seeds.bits());
        let mut world = World::new(seeds.bits(), kind).beside(Box::new(twin));
        if let Err(problem) = world.run(per_world, &mut coverage) {
            panic!("AIRLOCK_SEED={seed}, world {worlds}, command {}: {problem}", world.commands);
        }
        done += world.commands;
        worlds += 1;
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    println!("{kind:?}: {done} commands in {worlds} worlds, {rate:.0} a second; {}", file.borrow().report());
    let missing = coverage.missing(particular);
    assert!(missing.is_empty(), "AIRLOCK_SEED={seed}: never happened: {missing:?}");
}

#[test]
fn the_database_decides_as_the_gate_does() {
    let particular = ["vanished", "enter: refused as LineFull", "another node's limit", "another node's strategy"];
    check(Kind::Remote, (200_000, 250), 1, DENSE, &particular);
}

#[test]
fn many_commands_in_one_transaction_are_as_many_transactions() {
    check(Kind::Remote, (100_000, 250), 40, DENSE, &["vanished"]);
}

#[test]
fn long_lines_are_the_same() {
    check(Kind::RemoteCrowd, (20_000, 1_000), 256, Spacing { from: 16, bits: 2 }, &["200 wait"]);
}
