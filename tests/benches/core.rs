//! The core against tokio's semaphore, and a long line against a short one.

use std::hint::black_box;
use std::sync::Arc;

use airlock_axum::{Airlock, Entered, Line, Permit, Seal};
use airlock_tests::ratio::{self, Ratio};
use criterion::{BatchSize, Criterion};
use dashmap::DashMap;
use futures_util::FutureExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

const RESOURCES: usize = 10_000;
const TASKS: usize = 100;
const TURNS: usize = 20;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    uncontended(&mut criterion);
    hand_off(&mut criterion);
    long_line(&mut criterion);
    criterion.final_summary();
    ratio::print(&[
        Ratio {
            what: "enter + drop, 10,000 resources : DashMap + semaphore",
            measured: "uncontended/airlock",
            against: "uncontended/dashmap + semaphore",
            at_most: 2.5,
        },
        Ratio {
            what: "hand-off, 100 tasks through 1 place : semaphore",
            measured: "hand-off/airlock",
            against: "hand-off/semaphore",
            at_most: 1.5,
        },
        Ratio {
            what: "enter + position + leave, 1,000,000 waiting : 1,000",
            measured: "line/1000000",
            against: "line/1000",
            at_most: 3.0,
        },
    ]);
}

/// Enter and drop, each time another resource, in an order that no cache guesses.
fn uncontended(criterion: &mut Criterion) {
    let names: Vec<String> = (0..RESOURCES).map(|n| format!("tenant:{}", n * 7919 % RESOURCES)).collect();
    let mut group = criterion.benchmark_group("uncontended");

    let map: DashMap<String, Arc<Semaphore>> = DashMap::new();
    for name in &names {
        map.insert(name.clone(), Arc::new(Semaphore::new(2)));
    }
    let mut next = names.iter().cycle();
    group.bench_function("dashmap + semaphore", |bencher| {
        bencher.iter(|| {
            let name = next.next().expect("a cycle has no end");
            let semaphore = map.get(name.as_str()).expect("all are in").clone();
            drop(black_box(semaphore.try_acquire_owned().expect("nobody else is in")));
        });
    });

    let airlock = Airlock::builder("bench").seal(Seal::semaphore(2)).build().expect("a valid configuration");
    let mut next = names.iter().cycle();
    group.bench_function("airlock", |bencher| {
        bencher.iter(|| {
            let name = next.next().expect("a cycle has no end");
            drop(black_box(enter_now(&airlock, name)));
        });
    });
    group.finish();
}

fn enter_now(airlock: &Airlock, resource: &str) -> Permit {
    let entering = std::future::IntoFuture::into_future(airlock.try_enter(resource));
    entering.now_or_never().expect("memory decides at once").expect("nobody else is in")
}

/// A place that goes from task to task: everybody waits for everybody else. Per turn.
fn hand_off(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let mut group = criterion.benchmark_group("hand-off");
    group.throughput(criterion::Throughput::Elements((TASKS * TURNS) as u64));

    group.bench_function("semaphore", |bencher| {
        let semaphore = Arc::new(Semaphore::new(1));
        bencher.iter(|| {
            crowd(&runtime, || {
                let semaphore = semaphore.clone();
                async move {
                    let permit = semaphore.acquire_owned().await.expect("it is never closed");
                    tokio::task::yield_now().await;
                    drop(permit);
                }
            });
        });
    });

    group.bench_function("airlock", |bencher| {
        let airlock = Airlock::builder("bench").seal(Seal::lock()).build().expect("a valid configuration");
        bencher.iter(|| {
            crowd(&runtime, || {
                let airlock = airlock.clone();
                async move {
                    let permit = airlock.acquire("one").await.expect("there is room in the line");
                    tokio::task::yield_now().await;
                    drop(permit);
                }
            });
        });
    });
    group.finish();
}

/// Has so many tasks take so many turns each.
fn crowd<F: Future<Output = ()> + Send + 'static>(runtime: &Runtime, turn: impl Fn() -> F) {
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let turns: Vec<F> = (0..TURNS).map(|_| turn()).collect();
                tokio::spawn(async move {
                    for turn in turns {
                        turn.await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no turn panics");
        }
    });
}

/// Coming, asking and leaving at the end of a line.
fn long_line(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let mut group = criterion.benchmark_group("line");
    for waiting in [1_000u64, 1_000_000] {
        let airlock = Airlock::builder("bench")
            .seal(Seal::lock())
            .line(
                Line::new()
                    .capacity(2_000_000)
                    .presence(std::time::Duration::from_secs(86_400))
                    .claim_window(std::time::Duration::from_secs(86_400)),
            )
            .build()
            .expect("a valid configuration");
        let inside = enter_now(&airlock, "one");
        runtime.block_on(async {
            for _ in 0..waiting {
                let entered = airlock.enter("one").await.expect("there is room in the line");
                assert!(matches!(entered, Entered::Queued(_)));
            }
        });
        group.bench_function(waiting.to_string(), |bencher| {
            bencher.iter_batched(
                || (),
                |()| {
                    runtime.block_on(async {
                        let Entered::Queued(ticket) = airlock.enter("one").await.expect("there is room") else {
                            unreachable!("somebody is inside")
                        };
                        let place = airlock.position(&ticket.token).await.expect("memory answers");
                        black_box(place);
                        airlock.leave(&ticket.token).await.expect("memory answers");
                    });
                },
                BatchSize::SmallInput,
            );
        });
        drop(inside);
    }
    group.finish();
}
