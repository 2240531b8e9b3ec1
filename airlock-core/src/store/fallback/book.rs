//! Which resources' store fails: the breakers, without a clock, a lock or chance of their own.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::gate::Micros;

/// How many resources have a record of their own.
pub(super) const CAPACITY: usize = 1000;
/// How many answers in a row, one at a time, show that the store is back.
const ANSWERS: u32 = 3;
/// After how many reset times a record that nobody asks for is forgotten, when its place is wanted.
const FORGOTTEN_AFTER: u64 = 10;

/// When a breaker opens and closes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// How many failures in a row open it.
    pub(super) threshold: u32,
    /// How long it is open before the store is tried again, in microseconds.
    pub(super) reset_after: Micros,
}

/// Records of those resources for which the store failed lately. No record means that all is well.
#[derive(Debug)]
pub(super) struct Book {
    rules: Rules,
    records: HashMap<Box<str>, Record, RandomState>,
    /// One for all others, while there is no room for records of their own: it does not grow, and no open one has to go.
    others: Option<Record>,
    /// When a store was last found failing by an open breaker, and when one was last found to be back.
    seen_down: Micros,
    seen_up: Micros,
    probes: u64,
}

#[derive(Debug)]
struct Record {
    /// In a row, while it is closed.
    failures: u32,
    open: Option<Open>,
    /// When somebody last asked.
    asked: Micros,
}

#[derive(Debug)]
struct Open {
    since: Micros,
    until: Micros,
    /// In a row since it was last found failing.
    answers: u32,
    /// Who is trying.
    probe: Option<u64>,
}

/// Where to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The store.
    Store,
    /// The store, and nobody else does before this one has its answer: say what came of it by this number.
    Probe(u64),
    /// Not the store.
    Elsewhere,
}

/// What changed, and for whom: none for all without a record of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened(Option<Box<str>>),
    Closed(Option<Box<str>>),
}

/// Whether the store of a resource is asked.
///
/// See [`Fallback`](super::Fallback) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerStatus {
    /// It is.
    #[non_exhaustive]
    Closed {
        /// How often it failed in a row.
        failures: u32,
    },
    /// It is not.
    #[non_exhaustive]
    Open {
        /// How long it is left alone yet.
        retry_in: std::time::Duration,
    },
    /// It is being tried, or by whoever asks next, by one at a time.
    HalfOpen,
}

impl Book {
    pub(super) fn new(rules: Rules) -> Self {
        let records = HashMap::default();
        Book { rules, records, others: None, seen_down: 0, seen_up: 0, probes: 0 }
    }

    /// Whether nothing is wrong anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.others.is_none()
    }

    /// Where to ask for this resource.
    pub(super) fn ask(&mut self, resource: &str, now: Micros) -> Route {
        let seen_up = self.seen_up;
        let Some(record) = self.records.get_mut(resource).or(self.others.as_mut()) else { return Route::Store };
        record.asked = now;
        let Some(open) = &mut record.open else { return Route::Store };
        if !open.is_due(now, seen_up) {
            return Route::Elsewhere;
        }
        self.probes += 1;
        open.probe = Some(self.probes);
        Route::Probe(self.probes)
    }

    /// Whether this resource's newcomers are not decided by the store.
    pub(super) fn is_open(&self, resource: &str) -> bool {
        self.record(resource).is_some_and(|record| record.open.is_some())
    }

    /// The store answered.
    pub(super) fn answered(&mut self, resource: &str, probe: Option<u64>, now: Micros) -> Option<Change> {
        let record = self.record_mut(resource)?;
        match (&mut record.open, probe) {
            (None, None) => {
                self.remove(resource);
                None
            }
            (Some(open), Some(_)) if open.probe == probe => {
                open.answers += 1;
                // The next may try at once.
                (open.probe, open.until) = (None, now);
                if open.answers < ANSWERS {
                    return None;
                }
                self.seen_up = now;
                Some(Change::Closed(self.remove(resource)))
            }
            // From before it opened: that is no news.
            _ => None,
        }
    }

    /// The store failed. `jitter` is a chance from 0 to below 1: up to a quarter of the reset time is added by it, so that
    /// a fleet does not come back at once.
    pub(super) fn failed(&mut self, resource: &str, probe: Option<u64>, now: Micros, jitter: f64) -> Option<Change> {
        let (is_down, threshold) = (self.is_down(now), self.rules.threshold);
        let until = now.saturating_add((self.rules.reset_after as f64 * (1.0 + jitter / 4.0)) as Micros);
        if probe.is_none() && self.record(resource).is_none() {
            self.add(resource, now);
        }
        let record = self.record_mut(resource)?;
        match (&mut record.open, probe) {
            (None, None) => {
                record.failures += 1;
                // What fails for one resource mostly fails for all: then one failure of its own is enough.
                if record.failures < threshold && !is_down {
                    return None;
                }
                record.open = Some(Open { since: now, until, answers: 0, probe: None });
                self.seen_down = now;
                Some(Change::Opened(self.name_of(resource)))
            }
            (Some(open), Some(_)) if open.probe == probe => {
                *open = Open { since: now, until, answers: 0, probe: None };
                self.seen_down = now;
                None
            }
            // From before it opened, or was reset.
            _ => None,
        }
    }

    /// Whoever tried went away without an answer: another may try.
    pub(super) fn abandoned(&mut self, resource: &str, probe: u64) {
        if let Some(open) = self.record_mut(resource).and_then(|record| record.open.as_mut())
            && open.probe == Some(probe)
        {
            open.probe = None;
        }
    }

    /// Forgets what is known of a resource, or of those without a record if it has none.
    pub(super) fn reset(&mut self, resource: &str) -> Option<Change> {
        let was_open = self.is_open(resource);
        let name = self.remove(resource);
        was_open.then_some(Change::Closed(name))
    }

    pub(super) fn status(&self, resource: &str, now: Micros) -> BreakerStatus {
        let closed = BreakerStatus::Closed { failures: 0 };
        self.record(resource).map_or(closed, |record| record.status(now, self.seen_up))
    }

    /// All that there are records of; none is for all others.
    pub(super) fn all(&self, now: Micros) -> impl Iterator<Item = (Option<&str>, BreakerStatus)> {
        let named = self.records.iter().map(|(resource, record)| (Some(&**resource), record));
        let all = named.chain(self.others.as_ref().map(|record| (None, record)));
        all.map(move |(resource, record)| (resource, record.status(now, self.seen_up)))
    }

    /// Whether an open breaker found the store failing lately, and none has found it back since.
    fn is_down(&self, now: Micros) -> bool {
        self.seen_down > self.seen_up && now.saturating_sub(self.seen_down) <= 2 * self.rules.reset_after
    }

    fn record(&self, resource: &str) -> Option<&Record> {
        self.records.get(resource).or(self.others.as_ref())
    }

    fn record_mut(&mut self, resource: &str) -> Option<&mut Record> {
        self.records.get_mut(resource).or(self.others.as_mut())
    }

    fn name_of(&self, resource: &str) -> Option<Box<str>> {
        self.records.get_key_value(resource).map(|(name, _)| name.clone())
    }

    fn remove(&mut self, resource: &str) -> Option<Box<str>> {
        let removed = self.records.remove_entry(resource).map(|(name, _)| name);
        if removed.is_none() {
            self.others = None;
        }
        removed
    }

    fn add(&mut self, resource: &str, now: Micros) {
        let record = Record { failures: 0, open: None, asked: now };
        if self.records.len() < CAPACITY || self.make_room(now) {
            self.records.insert(resource.into(), record);
        } else {
            self.others = Some(record);
        }
    }

    /// Forgets the closed one that was asked for the longest ago; else an open one that nobody has asked for since long
    /// after it would have been tried again. Any other that is open stays.
    fn make_room(&mut self, now: Micros) -> bool {
        let idle = FORGOTTEN_AFTER * self.rules.reset_after;
        let may_go = |record: &Record| match &record.open {
            None => true,
            Some(open) => open.probe.is_none() && now.saturating_sub(record.asked.max(open.until)) > idle,
        };
        let candidates = self.records.iter().filter(|(_, record)| may_go(record));
        let oldest = candidates.min_by_key(|(_, record)| (record.open.is_some(), record.asked));
        let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { return false };
        self.records.remove(&oldest).is_some()
    }
}

impl Record {
    fn status(&self, now: Micros, seen_up: Micros) -> BreakerStatus {
        match &self.open {
            None => BreakerStatus::Closed { failures: self.failures },
            Some(open) if open.probe.is_some() || open.is_due(now, seen_up) => BreakerStatus::HalfOpen,
            Some(open) => BreakerStatus::Open { retry_in: std::time::Duration::from_micros(open.until - now) },
        }
    }
}

impl Open {
    /// Whether the store may be tried: its time is over, or it was found to be back by another resource.
    fn is_due(&self, now: Micros, seen_up: Micros) -> bool {
        self.probe.is_none() && (now >= self.until || self.since < seen_up)
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
