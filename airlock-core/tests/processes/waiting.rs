//! Processes that wait for each other, with all that a store does for them.
//!
//! Clocks of several processes cannot be moved: here time passes. What is to be over by a certain time is looked at no
//! earlier, so that a slow machine is no error; only how soon somebody is let in is measured.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use airlock_core::store::Store;
use airlock_core::{Airlock, Permit, Seal};
use tokio::runtime::Runtime;

use super::{Process, asked, say};

/// How soon somebody is let in when another process has made room.
const SOON: Duration = Duration::from_secs(1);
/// What a machine with other work may need beyond that, once.
const SLACK: Duration = Duration::from_secs(2);
const TTL: Duration = Duration::from_secs(2);
/// Nothing is over before the test is.
const LONG: Duration = Duration::from_secs(600);

fn airlock<S: Store>(ttl: Duration, open: impl FnOnce() -> S) -> (Runtime, Airlock) {
    let runtime = Runtime::new().expect("there are threads");
    let inside = runtime.enter();
    let airlock = Airlock::builder("jobs").seal(Seal::lock().ttl(ttl)).store(open()).build().expect("it is valid");
    drop(inside);
    (runtime, airlock)
}

/// The process of those who are [let in soon](are_let_in_soon).
pub fn take_turns<S: Store>(open: impl FnOnce() -> S) {
    take_part(LONG, open);
}

/// The process of those who [do not wait](do_not_wait_for_the_dead).
pub fn outlive<S: Store>(open: impl FnOnce() -> S) {
    take_part(TTL, open);
}

/// Each line is a resource: where it is inside it leaves, and else it waits for its turn and says when that is.
fn take_part<S: Store>(ttl: Duration, open: impl FnOnce() -> S) {
    let (runtime, airlock) = airlock(ttl, open);
    let permits = Arc::new(Mutex::new(HashMap::new()));
    for resource in asked() {
        let permit = permits.lock().expect("no panic under it").remove(&resource);
        if let Some(permit) = permit {
            runtime.block_on(Permit::release(permit)).expect("the store works");
            say(&format!("left {resource}"));
            continue;
        }
        let (airlock, permits) = (airlock.clone(), permits.clone());
        runtime.spawn(async move {
            match airlock.acquire(resource.as_str()).await {
                Ok(permit) => {
                    permits.lock().expect("no panic under it").insert(resource.clone(), permit);
                    say(&format!("in {resource}"));
                }
                Err(error) => say(&format!("{resource}: {error}")),
            }
        });
    }
}

/// Processes and what they are to have done.
struct Watched {
    runtime: Runtime,
    airlock: Airlock,
    processes: Vec<Process>,
}

impl Watched {
    fn new<S: Store>(task: &str, processes: usize, place: &Path, ttl: Duration, open: impl FnOnce() -> S) -> Self {
        let (runtime, airlock) = airlock(ttl, open);
        let processes = (0..processes).map(|_| Process::start(task, place)).collect();
        Watched { runtime, airlock, processes }
    }

    fn waiting(&self, resource: &str) -> u64 {
        self.runtime.block_on(self.airlock.inspect(resource)).expect("the store works").waiting
    }

    /// Has one come and wait, and answers when it is in line.
    fn queue(&mut self, who: usize, resource: &str) {
        let before = self.waiting(resource);
        self.processes[who].ask(resource);
        while self.waiting(resource) == before {
            sleep(Duration::from_millis(5));
        }
    }

    fn hears(&mut self, who: usize, expected: &str) -> Instant {
        assert_eq!(self.processes[who].answer().as_deref(), Some(expected), "process {who}");
        Instant::now()
    }
}

/// Whoever waits in one process is let in when another process has released, by looking.
pub fn are_let_in_soon<S: Store>(place: &Path, open: impl FnOnce() -> S) {
    let mut all = Watched::new("take turns", 2, place, LONG, open);
    all.processes[0].ask("one");
    all.hears(0, "in one");
    let mut took = Vec::new();
    for turn in 0..9 {
        let (inside, next) = (turn % 2, (turn + 1) % 2);
        all.queue(next, "one");
        if turn == 0 {
            // Until it looks as seldom as it ever does.
            sleep(Duration::from_secs(2));
        }
        all.processes[inside].ask("one");
        let left = all.hears(inside, "left one");
        took.push(all.hears(next, "in one").saturating_duration_since(left));
        assert!(turn > 0 || took[0] < SOON + SLACK, "after a long wait it took {:?}", took[0]);
    }
    println!("let in after {took:?}");
    took.sort();
    assert!(took[took.len() / 2] < SOON, "the median of {took:?}");
}

/// A process is killed that is inside and waits elsewhere. `presence` is three times the interval of asking again.
pub fn do_not_wait_for_the_dead<S: Store>(place: &Path, presence: Duration, open: impl FnOnce() -> S) {
    let mut all = Watched::new("outlive", 3, place, TTL, open);
    let (dead, next, holder) = (0, 1, 2);
    all.processes[dead].ask("held");
    all.hears(dead, "in held");
    all.queue(next, "held");
    all.processes[holder].ask("line");
    all.hears(holder, "in line");
    all.queue(dead, "line");
    all.queue(next, "line");

    let others = all.processes.split_off(next);
    all.processes.into_iter().for_each(Process::kill);
    let killed = Instant::now();
    all.processes = others;
    let (next, holder) = (next - 1, holder - 1);

    let took = all.hears(next, "in held").saturating_duration_since(killed);
    println!("in the place of the dead after {took:?}");
    assert!(took < TTL + SOON + SLACK, "its lease was over, and nobody let in: {took:?}");

    sleep(presence.saturating_sub(killed.elapsed()));
    assert_eq!(all.waiting("line"), 1, "who is dead still waits, or who is not no more");
    all.processes[holder].ask("line");
    let left = all.hears(holder, "left line");
    let took = all.hears(next, "in line").saturating_duration_since(left);
    println!("in behind the dead after {took:?}");
    assert!(took < SOON + SLACK, "somebody waited for the dead: {took:?}");
}
