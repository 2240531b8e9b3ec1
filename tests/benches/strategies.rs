//! What choosing costs, strategy by strategy, in a short line and in a long one; and a lottery against a semaphore.

use std::sync::Arc;
use std::time::Duration;

use airlock_axum::admission::{Admission, AgingLottery, FairShare, Fifo, Lottery, Opportunistic, Pick, Priority, Rank};
use airlock_axum::gate::table::Floor;
use airlock_axum::gate::{
    self, Change, Conditions, Effects, Enter, Key, LineSpec, NEVER, OnMissed, OnReentry, Outcome, Record, Spec, Stay,
    Table, Verb,
};
use airlock_axum::{Airlock, Entrant, Local, Seal};
use airlock_tests::paired::{self, Comparison, time};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

const ROUNDS: usize = 51;
const TURNS: u64 = 10_000;
const GROUPS: u64 = 1_000;

fn main() {
    paired::print_head();
    for (what, strategy) in [
        ("Fifo: pick and hand-off, 1,000,000 waiting : 1,000", Box::new(Fifo::new()) as Box<dyn Admission>),
        ("Priority: the same", Box::new(Priority::new().aging(0.1))),
        ("Lottery: the same", Box::new(Lottery::new())),
        ("AgingLottery: the same", Box::new(AgingLottery::new(1.0, 0.5, 100.0))),
        ("FairShare, 1,000 groups: the same", Box::new(FairShare::new())),
    ] {
        let (mut long, mut short) = (Gate::new(&*strategy, 1_000_000), Gate::new(&*strategy, 1_000));
        let comparison = Comparison { what, operations: TURNS as u32, rounds: ROUNDS, at_most: 4.0 };
        comparison.run(|| long.turns(&*strategy), || short.turns(&*strategy));
    }
    // Nobody waits, so that there is no line to be long.
    assert_eq!(Opportunistic::new().pick(), Pick::Nobody);
    lottery_hand_off();
}

/// A gate with one inside and many waiting beside it.
struct Gate {
    table: Table,
    spec: Spec,
    inside: Option<Local>,
    now: u64,
    came: u64,
}

impl Gate {
    fn new(strategy: &dyn Admission, waiting: u64) -> Self {
        let spec = Spec {
            name: "bench".into(),
            limit: 1,
            rate: None,
            leased: true,
            ttl: 30_000_000,
            max_hold: NEVER,
            pick: strategy.pick(),
            line: LineSpec {
                capacity: NEVER,
                group_capacity: NEVER,
                presence: 30_000_000,
                claim_window: 20_000_000,
                on_missed: OnMissed::Drop,
            },
            on_reentry: OnReentry::Refuse,
            step_bound: 64,
            revision: 0,
            guarded: true,
            shared: None,
        };
        let table = Table::starting_at(Floor::default(), 0);
        let mut gate = Gate { table, spec, inside: None, now: 1_000_000_000_000, came: 0 };
        for _ in 0..=waiting {
            gate.come(strategy);
        }
        gate
    }

    fn come(&mut self, strategy: &dyn Admission) {
        self.came += 1;
        self.now += 7;
        let group = format!("group-{}", self.came % GROUPS);
        let entrant = Entrant::new("one").group(group.as_str()).priority((self.came % 10) as i32);
        let Rank { score, per_second, share, cap, .. } = strategy.rank(&entrant);
        let group = Some(group.as_str());
        let enter =
            Enter { key: None, identity: None, group, weight: 1, score, per_second, share, cap, stay: Stay::Here };
        if let Outcome::Admitted(grant) = self.step(&Verb::Enter(enter), &mut Effects::new(Record::Nothing)) {
            self.inside = grant.local;
        }
    }

    /// One leaves, the next is chosen, and another comes.
    fn turns(&mut self, strategy: &dyn Admission) -> Duration {
        time(|| {
            for _ in 0..TURNS {
                let mut effects = Effects::new(Record::Changes);
                self.step(
                    &Verb::GiveUp { key: Key::Local(self.inside.expect("somebody is inside")), doubt: false },
                    &mut effects,
                );
                let granted = effects.iter().find_map(|effect| match effect.change {
                    Change::Granted(grant) => grant.local,
                    _ => None,
                });
                self.inside = granted;
                self.come(strategy);
            }
        })
    }

    fn step(&mut self, verb: &Verb<'_>, effects: &mut Effects<u32>) -> Outcome {
        // As good as any for a benchmark.
        let entropy = self.now.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        gate::step(&mut self.table, &self.spec, &Conditions::default(), verb, self.now, entropy, effects).outcome
    }
}

/// A hundred tasks through one place, drawn by lot.
fn lottery_hand_off() {
    const TASKS: usize = 100;
    const EACH: usize = 100;
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let builder = Airlock::builder("bench").seal(Seal::lock()).admission(Lottery::new());
    let airlock = builder.build().expect("a valid configuration");
    let semaphore = Arc::new(Semaphore::new(1));
    let comparison = Comparison {
        what: "Lottery hand-off, 100 tasks through 1 place : semaphore",
        operations: (TASKS * EACH) as u32,
        rounds: 101,
        at_most: 1.7,
    };
    comparison.run(
        || {
            crowd(&runtime, TASKS, || {
                let airlock = airlock.clone();
                async move {
                    for _ in 0..EACH {
                        let permit = airlock.acquire("one").await.expect("there is room in the line");
                        tokio::task::yield_now().await;
                        drop(permit);
                    }
                }
            })
        },
        || {
            crowd(&runtime, TASKS, || {
                let semaphore = semaphore.clone();
                async move {
                    for _ in 0..EACH {
                        let permit = semaphore.clone().acquire_owned().await.expect("it is never closed");
                        tokio::task::yield_now().await;
                        drop(permit);
                    }
                }
            })
        },
    );
}

fn crowd<F: Future<Output = ()> + Send + 'static>(runtime: &Runtime, tasks: usize, task: impl Fn() -> F) -> Duration {
    runtime.block_on(async {
        let start = std::time::Instant::now();
        let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(task())).collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
        start.elapsed()
    })
}
