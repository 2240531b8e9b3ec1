//! The core against tokio's semaphore, and a long line against a short one.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use airlock_axum::{Airlock, Entered, Line, Permit, Seal};
use airlock_tests::paired::{self, Comparison, time};
use dashmap::DashMap;
use futures_util::FutureExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

const RESOURCES: usize = 10_000;
const TASKS: usize = 100;
const TURNS: usize = 100;
const VISITS: u32 = 10_000;

fn main() {
    paired::print_head();
    uncontended();
    hand_off();
    long_line();
}

/// Enter and drop, each time another resource, in an order that no cache guesses. Gates come and go with it.
fn uncontended() {
    let names: Vec<String> = (0..RESOURCES).map(|n| format!("tenant:{}", n * 7919 % RESOURCES)).collect();
    let map: DashMap<String, Arc<Semaphore>> = DashMap::new();
    for name in &names {
        map.insert(name.clone(), Arc::new(Semaphore::new(2)));
    }
    let airlock = Airlock::builder("bench").seal(Seal::semaphore(2)).build().expect("a valid configuration");

    let comparison = Comparison {
        what: "enter + drop, 10,000 resources : DashMap + semaphore",
        operations: RESOURCES as u32,
        rounds: 401,
        at_most: 2.5,
    };
    let enter = async || {
        for name in &names {
            drop(black_box(airlock.try_enter(name.as_str()).await.expect("nobody else is in")));
        }
    };
    comparison.run(
        || time(|| enter().now_or_never().expect("memory decides at once")),
        || {
            time(|| {
                for name in &names {
                    let semaphore = map.get(name.as_str()).expect("all are in").clone();
                    drop(black_box(semaphore.try_acquire_owned().expect("nobody else is in")));
                }
            })
        },
    );
}

/// A place that goes from task to task: everybody waits for everybody else.
fn hand_off() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let comparison = Comparison {
        what: "hand-off, 100 tasks through 1 place : semaphore",
        operations: (TASKS * TURNS) as u32,
        rounds: 101,
        at_most: 1.5,
    };
    let airlock = Airlock::builder("bench").seal(Seal::lock()).build().expect("a valid configuration");
    let semaphore = Arc::new(Semaphore::new(1));
    comparison.run(
        || {
            crowd(&runtime, || {
                let airlock = airlock.clone();
                async move {
                    for _ in 0..TURNS {
                        let permit = airlock.acquire("one").await.expect("there is room in the line");
                        tokio::task::yield_now().await;
                        drop(permit);
                    }
                }
            })
        },
        || {
            crowd(&runtime, || {
                let semaphore = semaphore.clone();
                async move {
                    for _ in 0..TURNS {
                        let permit = semaphore.clone().acquire_owned().await.expect("it is never closed");
                        tokio::task::yield_now().await;
                        drop(permit);
                    }
                }
            })
        },
    );
}

fn crowd<F: Future<Output = ()> + Send + 'static>(runtime: &Runtime, task: impl Fn() -> F) -> Duration {
    runtime.block_on(async {
        let start = std::time::Instant::now();
        let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(task())).collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
        start.elapsed()
    })
}

/// Coming, asking and leaving at the end of a line.
fn long_line() {
    let (long, short) = (Waiting::new(1_000_000), Waiting::new(1_000));
    let comparison = Comparison {
        what: "enter + position + leave, 1,000,000 waiting : 1,000",
        operations: VISITS,
        rounds: 101,
        at_most: 3.0,
    };
    comparison.run(|| long.visits(), || short.visits());
}

struct Waiting {
    airlock: Airlock,
    _inside: Permit,
}

impl Waiting {
    fn new(count: usize) -> Self {
        let day = Duration::from_secs(86_400);
        let airlock = Airlock::builder("bench")
            .seal(Seal::lock())
            .line(Line::new().capacity(u64::MAX).presence(day).claim_window(day))
            .build()
            .expect("a valid configuration");
        let inside = async {
            let inside = airlock.try_enter("one").await.expect("nobody else is in");
            for _ in 0..count {
                let entered = airlock.enter("one").await.expect("there is room in the line");
                assert!(matches!(entered, Entered::Queued(_)));
            }
            inside
        };
        let inside = inside.now_or_never().expect("memory decides at once");
        Waiting { airlock, _inside: inside }
    }

    fn visits(&self) -> Duration {
        let visits = async {
            for _ in 0..VISITS {
                let Entered::Queued(ticket) = self.airlock.enter("one").await.expect("there is room") else {
                    unreachable!("somebody is inside")
                };
                black_box(self.airlock.position(&ticket.token).await.expect("memory answers"));
                self.airlock.leave(&ticket.token).await.expect("memory answers");
            }
        };
        time(|| visits.now_or_never().expect("memory decides at once"))
    }
}
