//! Gates in a folder, asked as the driver asks: beside the gate itself, by several processes at once, killed in the
//! middle, on disks that are full or read-only, and with files that are none.
//!
//! `AIRLOCK_SEED=…` runs one seed again. `AIRLOCK_LONG=1` runs ten times as many rounds.

#![cfg(unix)]
#![allow(unreachable_pub, reason = "nobody can reach into a test")]
#![allow(dead_code, reason = "the worlds serve the tests of other stores as well")]

#[path = "../properties/ask.rs"]
mod ask;
#[path = "../properties/cells.rs"]
mod cells;
#[path = "../properties/checks.rs"]
mod checks;
mod cleaning;
#[path = "../properties/compare.rs"]
mod compare;
#[path = "../properties/coverage.rs"]
mod coverage;
#[path = "../disks/mod.rs"]
mod disks;
#[path = "../properties/ensure.rs"]
mod ensure;
mod failing;
mod gates;
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
mod refusing;
#[path = "../properties/rows.rs"]
mod rows;
#[path = "../properties/script.rs"]
mod script;
mod several;
#[path = "../properties/shares.rs"]
mod shares;
#[path = "../properties/twin.rs"]
mod twin;
#[path = "../properties/weather.rs"]
mod weather;
#[path = "../properties/world.rs"]
mod world;

pub(crate) use ensure::ensure;
pub(crate) use several::task;
