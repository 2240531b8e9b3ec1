//! The rules of the gate on random configurations and random commands.
//!
//! Every world is one gate: its configuration, its clock and all that is asked of it are random, and so is whether
//! a reply is lost and the command sent again, and whether somebody else comes between a step and the rest of its
//! work. After every command everything is checked: the invariants of the design by brute force (`checks`), and the
//! step itself against an oracle that replays its effects (`model`, `outcome`). Where no handles are used, each
//! command also runs on a second ledger made of rows (`rows`), which must answer and become the same (`compare`);
//! where they are used, on a second table that takes the memory store's short cuts.
//!
//! `AIRLOCK_SEED=…` runs one seed again. `AIRLOCK_LONG=1` runs ten times as many commands.

#![allow(unreachable_pub, reason = "nobody can reach into a test")]
#![allow(dead_code, reason = "the worlds serve the tests of other stores as well")]

mod ask;
mod cells;
mod checks;
mod compare;
mod coverage;
mod ensure;
mod model;
mod nodes;
mod outcome;
mod random;
mod rows;
mod script;
mod shares;
mod twin;
mod weather;
mod world;

use coverage::Coverage;
pub(crate) use ensure::ensure;
use random::Random;
use script::Kind;
use world::World;

/// Runs worlds of one kind until that many commands were checked, and until everything has happened that can.
fn check(kind: Kind, commands: u64, per_world: u64, particular: &[&str]) {
    let seed = random::seed();
    let mut seeds = Random::new(seed);
    let mut coverage = Coverage::default();
    let (mut done, mut worlds) = (0, 0u64);
    let started = std::time::Instant::now();
    let enough = random::scaled(commands);
    // What is rare may take a little longer to happen.
    while done < enough || done < 10 * enough && !coverage.missing(particular).is_empty() {
        let mut world = World::new(seeds.bits(), kind);
        if let Err(problem) = world.run(per_world, &mut coverage) {
            panic!("AIRLOCK_SEED={seed}, world {worlds}, command {}: {problem}", world.commands);
        }
        done += world.commands;
        worlds += 1;
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    println!("{kind:?}: {done} commands in {worlds} worlds, {rate:.0} a second; {coverage:#?}");
    let missing = coverage.missing(particular);
    assert!(missing.is_empty(), "AIRLOCK_SEED={seed}: never happened: {missing:?}");
}

#[test]
fn tables_and_rows_keep_every_rule() {
    let particular = [
        "vanished",
        "enter: refused as LineFull",
        "another place of the same",
        "another node's limit",
        "another node's strategy",
    ];
    check(Kind::Portable, 2_000_000, 250, &particular);
}

#[test]
fn handles_keep_every_rule() {
    let particular = [
        "vanished",
        "enter: refused as LineFull",
        "stale handle",
        "quickly in",
        "quickly in line",
        "quickly over",
        "quickly out",
    ];
    check(Kind::Guarded, 1_000_000, 250, &particular);
}

#[test]
fn crowds_keep_every_rule() {
    check(Kind::Crowd, 100_000, 1_000, &["200 wait"]);
}
