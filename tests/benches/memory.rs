//! What a waiter and a resource in use weigh, and what is left when all have gone.

use std::alloc::System;
use std::future::IntoFuture as _;
use std::pin::Pin;
use std::task::{Context, Waker};

use airlock_axum::{Airlock, Entered, Entering, Entrant, Line, Permit, Seal};
use futures_util::FutureExt as _;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WAITERS: usize = 1_000_000;
const RESOURCES: usize = 100_000;
const IDENTITY: usize = 16;

fn main() {
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    println!("{:<58} {:>12} {:>10}", "memory", "bytes", "at most");
    weigh("per waiter that is away, beyond its identity", 320.0, WAITERS, away);
    weigh("per waiting future, beyond itself and its identity", 320.0, WAITERS, attended);
    println!("{:<58} {:>12}", "(a waiting future itself, in its caller's task)", size_of::<Entering<'_>>());
    weigh("per resource in use, its permit included", 800.0, RESOURCES, resources);
}

/// What so many of something weigh while they are there, each, and what is left when they have gone.
fn weigh(what: &str, at_most: f64, count: usize, come_and_go: fn(&Airlock, usize) -> Weight) {
    let airlock = Airlock::builder("bench")
        .seal(Seal::lock())
        .line(Line::new().capacity(u64::MAX))
        .build()
        .expect("a valid configuration");
    // The first of all starts what a process has once: the thread that keeps deadlines. And its gate stays, empty, for
    // the next. The start is when one has come and gone.
    come_and_go(&airlock, 1);
    let Weight { there, left } = come_and_go(&airlock, count);
    report(what, there / count as f64, at_most);
    report("left after all have gone", left, 0.0);
}

/// In bytes.
struct Weight {
    there: f64,
    left: f64,
}

fn report(what: &str, bytes: f64, at_most: f64) {
    let verdict = if bytes <= at_most { "" } else { "  missed" };
    println!("{what:<58} {bytes:>12.1} {at_most:>10.0}{verdict}");
}

/// Bytes allocated and not freed since the region began.
fn live(region: &Region<'_, System>) -> f64 {
    let change = region.change();
    change.bytes_allocated as f64 - change.bytes_deallocated as f64
}

fn enter_now(airlock: &Airlock, entrant: Entrant<'_>) -> Permit {
    airlock.try_enter(entrant).into_future().now_or_never().expect("memory decides at once").expect("there is room")
}

/// Waiters that come back to ask, each with an identity of 16 bytes and a token.
fn away(airlock: &Airlock, waiters: usize) -> Weight {
    let before = Region::new(ALLOCATOR);
    let inside = enter_now(airlock, "one".into());
    let tokens: Vec<_> = (0..waiters)
        .map(|n| {
            let identity = format!("{n:016}");
            let entering = airlock.enter(Entrant::new("one").identity(identity));
            match entering.now_or_never().expect("memory decides at once") {
                Ok(Entered::Queued(ticket)) => ticket.token.secret(),
                _ => unreachable!("somebody is inside"),
            }
        })
        .collect();
    let own = tokens.capacity() * size_of_val(&tokens[0]) + waiters * IDENTITY;
    let there = live(&before) - own as f64;
    for secret in tokens {
        let token = format!("al1.{}.one", hex(secret.expose_bytes())).parse().expect("a token");
        airlock.leave(&token).now_or_never().expect("memory decides at once").expect("memory answers");
    }
    drop(inside);
    Weight { there, left: live(&before) }
}

fn hex(bytes: [u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Futures that wait in this process, each with an identity of 16 bytes.
fn attended(airlock: &Airlock, waiters: usize) -> Weight {
    let before = Region::new(ALLOCATOR);
    let inside = enter_now(airlock, "one".into());
    let mut context = Context::from_waker(Waker::noop());
    let waiting: Vec<Entering<'_>> = (0..waiters)
        .map(|n| {
            let identity = format!("{n:016}");
            let mut entering = airlock.acquire(Entrant::new("one").identity(identity)).into_future();
            assert!(Pin::new(&mut entering).poll(&mut context).is_pending());
            entering
        })
        .collect();
    let own = waiting.capacity() * size_of::<Entering<'_>>() + waiters * IDENTITY;
    let there = live(&before) - own as f64;
    // From the back, so that nobody is let in on the way.
    for entering in waiting.into_iter().rev() {
        drop(entering);
    }
    drop(inside);
    Weight { there, left: live(&before) }
}

fn resources(airlock: &Airlock, resources: usize) -> Weight {
    let before = Region::new(ALLOCATOR);
    let permits: Vec<Permit> =
        (0..resources).map(|n| enter_now(airlock, Entrant::new(format!("tenant:{n:09}")))).collect();
    let there = live(&before);
    drop(permits);
    Weight { there, left: live(&before) }
}
