//! The waiting room under a crowd: see BENCHMARKS.md for what is measured and what it has to reach.
//!
//! `cargo bench --workspace --all-features --bench room` sends a tenth of the crowd; with `AIRLOCK_LONG=1` all of it. `-- streams` at
//! its end measures only that; the others are `crowd` and `status`.

mod crowd;
mod status;
mod streams;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many sockets the servers may have open, and who opens streams to them.
const SOCKETS: u64 = 16_384;

fn main() {
    // A server has as many open as this process may, which starts it.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: Some(SOCKETS), maximum };
    setrlimit(Resource::Nofile, raised).expect("so many sockets: raise the hard limit (`ulimit -Hn 16384`)");
    // Both programs are built before anything is measured.
    let programs = crowd::Programs::build();
    println!("{:<66} {:>12} {:>12}", "the waiting room, memory store", "measured", "to reach");
    if wanted("crowd") {
        crowd::passes_through(&programs, "nobody leaves", 0.0);
        // Half of those who would leave are in before their patience is over.
        crowd::passes_through(&programs, "a third leaves the line", 2.0 / 3.0);
    }
    if wanted("streams") {
        streams::open(&programs);
    }
    if wanted("status") {
        println!();
        status::compare();
    }
}

/// Whether a part is to be measured: all are, unless some are named.
fn wanted(part: &str) -> bool {
    let mut named = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|argument| argument == part)
}

/// How many of so many: a tenth, unless there is time for all.
fn scaled(all: usize) -> usize {
    if std::env::var_os("AIRLOCK_LONG").is_some() { all } else { all / 10 }
}

fn row(what: &str, measured: &str, to_reach: &str, is_reached: bool) {
    let verdict = if is_reached { "" } else { "  missed" };
    println!("{what:<66} {measured:>12} {to_reach:>12}{verdict}");
}
