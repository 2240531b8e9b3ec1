//! A gate that is kept as a blob between any two commands, against one that is not.
//!
//! The random worlds of `tests/properties` run on a table and, beside it, on a blob: the same commands, the same clock,
//! the same entropy. Every answer, every effect and what is kept must be the same. What is no gate is refused, whatever
//! was done to it, and nothing that is read can crash a step.
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
mod form;
mod hostile;
mod kept;
#[path = "../properties/model.rs"]
mod model;
#[path = "../properties/nodes.rs"]
mod nodes;
#[path = "../properties/outcome.rs"]
mod outcome;
#[path = "../properties/random.rs"]
mod random;
#[path = "../properties/rows.rs"]
mod rows;
#[path = "../properties/script.rs"]
mod script;
#[path = "../properties/shares.rs"]
mod shares;
#[path = "../properties/twin.rs"]
mod twin;
#[path = "../properties/weather.rs"]
mod weather;
#[path = "../properties/world.rs"]
mod world;

use coverage::Coverage;
pub(crate) use ensure::ensure;
use kept::Kept;
use random::Random;
use script::Kind;
use world::World;

/// Runs worlds of one kind until that many commands were compared, and until everything has happened that is listed.
fn check(kind: Kind, (commands, per_world): (u64, u64), listed: fn(&Coverage) -> Vec<&'static str>) {
    let seed = random::seed();
    let mut seeds = Random::new(seed);
    let mut coverage = Coverage::default();
    let (mut done, mut worlds) = (0, 0u64);
    let enough = random::scaled(commands);
    while done < enough || done < 10 * enough && !listed(&coverage).is_empty() {
        let mut world = World::new(seeds.bits(), kind).beside(Box::new(Kept::default()));
        if let Err(problem) = world.run(per_world, &mut coverage) {
            panic!("AIRLOCK_SEED={seed}, world {worlds}, command {}: {problem}", world.commands);
        }
        done += world.commands;
        worlds += 1;
    }
    println!("{kind:?}: {done} commands in {worlds} worlds");
    let missing = listed(&coverage);
    assert!(missing.is_empty(), "AIRLOCK_SEED={seed}: never happened: {missing:?}");
}

#[test]
fn a_blob_decides_as_a_table_does() {
    check(Kind::Remote, (100_000, 250), |coverage| {
        coverage.missing(&["vanished", "enter: refused as LineFull", "another node's limit", "another node's strategy"])
    });
}

/// What is rare has happened above; a long line is slow, for each command reads and writes all of it.
#[test]
fn so_does_a_long_line() {
    check(Kind::RemoteCrowd, (4_000, 1_000), |coverage| {
        coverage.missing(&["200 wait"]).into_iter().filter(|what| *what == "200 wait").collect()
    });
}
