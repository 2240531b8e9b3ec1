//! What those who share a server get of it, through the store.

use std::process::Command;
use std::time::{Duration, Instant};

use airlock_axum::store::RedisStore;
use airlock_axum::{Airlock, Seal};
use airlock_tests::redis::Server;
use tokio::runtime::Runtime;

use crate::gate::{BY_HAND, spent};
use crate::{median, report};

const ROUNDS: u32 = 20_000;

/// How many calls of the script an admitted request takes: what it gives back is not waited for.
pub(crate) fn round_trips(runtime: &Runtime) {
    const REQUESTS: u32 = 500;
    let server = Server::start();
    let url = server.url();
    let mut connection = server.connect().expect("it answers");
    runtime.block_on(async {
        let store = RedisStore::connect(&url).await.expect("a server");
        let airlock = Airlock::builder("bench").seal(Seal::semaphore(REQUESTS)).store(store).build();
        let airlock = airlock.expect("a valid configuration");
        connection.call(&[b"CONFIG", b"RESETSTAT"]).expect("it answers");
        let mut inside = Vec::new();
        for _ in 0..REQUESTS {
            inside.push(airlock.try_enter("one").await.expect("there is room"));
        }
        let calls = spent(&mut connection, "evalsha").0 / f64::from(REQUESTS);
        report("calls of the server for an admitted request", calls, 1.0, 1.0);
    });
}

/// From a release in one process to an admission in another, as two nodes of one process that share nothing.
pub(crate) fn wake_up(runtime: &Runtime) {
    let server = Server::start();
    let url = server.url();
    let mut connection = server.connect().expect("it answers");
    runtime.block_on(async {
        let node = async || {
            let store = RedisStore::connect(&url).await.expect("a server");
            Airlock::builder("bench").seal(Seal::lock()).store(store).build().expect("a valid configuration")
        };
        let (one, other) = (node().await, node().await);
        let (mut ours, mut pings) = (Vec::new(), Vec::new());
        for _ in 0..500 {
            let inside = one.acquire("one").await.expect("there is room");
            let waiting = tokio::spawn({
                let other = other.clone();
                async move {
                    let permit = other.acquire("one").await.expect("its turn");
                    (Instant::now(), permit)
                }
            });
            while one.inspect("one").await.expect("it answers").waiting == 0 {
                tokio::task::yield_now().await;
            }
            let start = Instant::now();
            drop(inside);
            let (admitted, permit) = waiting.await.expect("no panic");
            ours.push((admitted - start).as_secs_f64() * 1e6);
            drop(permit);
            tokio::task::block_in_place(|| {
                let start = Instant::now();
                connection.call(&[b"PING"]).expect("it answers");
                pings.push(start.elapsed().as_secs_f64() * 1e6);
            });
        }
        ours.sort_by(f64::total_cmp);
        pings.sort_by(f64::total_cmp);
        let at = |of: &[f64], part: f64| of[(of.len() as f64 * part) as usize];
        report("release here to admission there : PING, median, µs", at(&ours, 0.5), at(&pings, 0.5), 4.0);
        report("the same, 99 of 100, µs", at(&ours, 0.99), at(&pings, 0.99), 4.0);
    });
}

/// Pairs of enter and release through the store, against calls by hand on one connection.
pub(crate) fn throughput(runtime: &Runtime) {
    let server = Server::start();
    let url = server.url();
    for (callers, at_least, pinned) in [(64, 1.2, false), (256, 2.0, false), (256, 2.0, true)] {
        if pinned && !(pin(server.id(), 0) && pin(std::process::id(), 1)) {
            println!("pairs a second, {callers} callers, pinned: not measured, there is no taskset or no second core");
            continue;
        }
        let (mut ours, mut theirs) = (Pairs::of(&server), Pairs::of(&server));
        runtime.block_on(async {
            let store = RedisStore::connect(&url).await.expect("a server");
            let seal = Seal::semaphore(100_000);
            let airlock = Airlock::builder("bench").seal(seal).store(store).build().expect("a valid configuration");
            let client = ::redis::Client::open(&*url).expect("a URL");
            let by_hand = client.get_multiplexed_async_connection().await.expect("it answers");
            let script = ::redis::Script::new(BY_HAND);
            for _ in 0..5 {
                ours.start();
                let work = (0..callers).map(|_| {
                    let airlock = airlock.clone();
                    tokio::spawn(async move {
                        for _ in 0..ROUNDS / callers {
                            drop(airlock.try_enter("one").await.expect("there is room"));
                        }
                    })
                });
                for task in work.collect::<Vec<_>>() {
                    task.await.expect("no panic");
                }
                ours.end();
                theirs.start();
                let work = (0..callers).map(|caller| {
                    let (mut by_hand, script) = (by_hand.clone(), script.clone());
                    tokio::spawn(async move {
                        for _ in 0..ROUNDS / callers {
                            for what in ["enter", "leave"] {
                                let mut call = script.prepare_invoke();
                                call.key("{hand}s").key("{hand}f").arg(what).arg(caller).arg(100_000);
                                let _: i64 = call.invoke_async(&mut by_hand).await.expect("it answers");
                            }
                        }
                    })
                });
                for task in work.collect::<Vec<_>>() {
                    task.await.expect("no panic");
                }
                theirs.end();
            }
        });
        let processor = [&ours, &theirs].map(Pairs::processor);
        let (ours, theirs) = (median(ours.rates), median(theirs.rates));
        let verdict = if ours / theirs >= at_least { "" } else { "  missed" };
        let how = if pinned { ", pinned" } else { "" };
        let what = format!("pairs a second, {callers} callers{how} : by hand (at least)");
        println!("{what:<66} {ours:>10.0} {theirs:>10.0} {:>6.2} {at_least:>8.2}{verdict}", ours / theirs);
        for (at, whose) in ["server", "client"].into_iter().enumerate() {
            // This depends far less on what else a machine does.
            let what = format!("  processor time of the {whose} for each, µs");
            let [ours, theirs] = processor.map(|processor| processor[at]);
            println!("{what:<66} {ours:>10.1} {theirs:>10.1} {:>6.2}", ours / theirs);
        }
    }
}

/// Keeps all threads of a process on one core, from now on.
fn pin(process: u32, core: u32) -> bool {
    let taskset = Command::new("taskset").args(["-acp", &core.to_string(), &process.to_string()]).output();
    taskset.is_ok_and(|done| done.status.success())
}

/// What is measured of pairs, round by round.
struct Pairs {
    rates: Vec<f64>,
    server: u32,
    since: Instant,
    /// Processor time of server and client: when the round began, and of all rounds.
    began: [Duration; 2],
    spent: [Duration; 2],
}

impl Pairs {
    fn of(server: &Server) -> Self {
        let (began, spent) = Default::default();
        Pairs { rates: Vec::new(), server: server.id(), since: Instant::now(), began, spent }
    }

    fn start(&mut self) {
        self.began = [self.server, std::process::id()].map(processor_time);
        self.since = Instant::now();
    }

    fn end(&mut self) {
        self.rates.push(f64::from(ROUNDS) / self.since.elapsed().as_secs_f64());
        for (at, process) in [self.server, std::process::id()].into_iter().enumerate() {
            self.spent[at] += processor_time(process).saturating_sub(self.began[at]);
        }
    }

    /// Microseconds of server and client for a pair.
    fn processor(&self) -> [f64; 2] {
        let pairs = f64::from(ROUNDS) * self.rates.len() as f64;
        self.spent.map(|spent| spent.as_secs_f64() * 1e6 / pairs)
    }
}

/// What all threads of a process have used so far; nothing where Linux does not say so.
fn processor_time(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let of = |thread: std::fs::DirEntry| -> Option<u64> {
        std::fs::read_to_string(thread.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Duration::from_nanos(threads.filter_map(of).sum())
}
