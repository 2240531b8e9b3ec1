//! What was not told: counted, and said once in a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::NotifyError;
use crate::sync::Mutex;

/// How often it is logged at the most.
const PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Tally {
    airlock: Arc<str>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Since it was logged last.
    failed: u64,
    dropped: u64,
    /// The last reason.
    why: Option<String>,
    logged: Option<Instant>,
}

impl Tally {
    pub(super) fn new(airlock: Arc<str>) -> Self {
        Tally { airlock, counts: Mutex::new(Counts::default()) }
    }

    /// The queue is full.
    pub(super) fn dropped(&self) {
        self.count(|counts| counts.dropped += 1);
    }

    /// Counts what becomes of one turn.
    pub(super) fn telling(self: Arc<Self>) -> Telling {
        Telling { tally: self, why: None, is_done: false }
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        let due = {
            let mut counts = self.counts.lock();
            add(&mut counts);
            if counts.logged.is_some_and(|then| then.elapsed() < PAUSE) {
                return;
            }
            std::mem::replace(&mut *counts, Counts { logged: Some(Instant::now()), ..Counts::default() })
        };
        tracing::warn!(
            target: "airlock",
            airlock = &*self.airlock,
            event = "not-told",
            failed = due.failed,
            dropped = due.dropped,
            error = due.why,
            "turns were not told: who is meant hears of its turn when it asks again",
        );
    }
}

/// One turn on its way. Dropped before it is done, by a panic too, it counts as failed.
pub(super) struct Telling {
    tally: Arc<Tally>,
    why: Option<String>,
    is_done: bool,
}

impl Telling {
    pub(super) fn done(mut self) {
        self.is_done = true;
    }

    pub(super) fn failed(&mut self, error: &NotifyError) {
        self.why = Some(error.to_string());
    }

    pub(super) fn took_too_long(&mut self) {
        self.why = Some("it took too long".to_owned());
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let why = match self.why.take() {
            _ if std::thread::panicking() => "the notifier panicked".to_owned(),
            Some(why) => why,
            None => "the time to claim was over before".to_owned(),
        };
        self.tally.count(|counts| {
            counts.failed += 1;
            counts.why = Some(why);
        });
    }
}
