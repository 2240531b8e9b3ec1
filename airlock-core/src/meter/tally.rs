//! What is counted, where it happens: plain numbers, and nobody is told.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::histogram::{BUCKETS, Histogram};
use super::{Breakers, Figures};
use crate::gate::{Denial, Ending};
use crate::sync::Mutex;

/// Parts of a store's counts, so that processors do not take them away from each other.
const MOST_CELLS: usize = 16;

/// What an airlock counts whatever its store.
pub(crate) struct AirlockTally {
    pub(crate) airlock: Arc<str>,
    pub(crate) timed_out: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) unasked: AtomicU64,
    pub(crate) emergency_refused: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) shed: AtomicU64,
    /// By what the front end calls the refusal.
    pub(crate) would_refuse: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) failed_over: AtomicU64,
    pub(crate) failed_back: AtomicU64,
    pub(crate) stores: Mutex<Vec<Arc<StoreTally>>>,
    /// What there is to see of breakers; gone when the airlock is.
    pub(crate) breakers: Mutex<Vec<Source<Breakers>>>,
}

/// Answers nothing once what it looks at is gone.
pub(crate) type Source<T> = Arc<dyn Fn() -> Option<T> + Send + Sync>;

impl AirlockTally {
    pub(crate) fn new(airlock: Arc<str>) -> Self {
        AirlockTally {
            airlock,
            timed_out: AtomicU64::new(0),
            unavailable: AtomicU64::new(0),
            unasked: AtomicU64::new(0),
            emergency_refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            would_refuse: Mutex::default(),
            failed_over: AtomicU64::new(0),
            failed_back: AtomicU64::new(0),
            stores: Mutex::default(),
            breakers: Mutex::default(),
        }
    }

    /// What its gates in a store of that kind count.
    pub(crate) fn store(&self, store: &str) -> Arc<StoreTally> {
        let mut stores = self.stores.lock();
        if let Some(known) = stores.iter().find(|known| *known.store == *store) {
            return known.clone();
        }
        let tally = Arc::new(StoreTally::new(store));
        stores.push(tally.clone());
        tally
    }
}

/// What an airlock's gates in one store count.
pub(crate) struct StoreTally {
    pub(crate) store: Arc<str>,
    cells: Box<[Counts]>,
    pub(crate) figures: Mutex<Vec<Source<Figures>>>,
    pub(crate) published: Mutex<Published>,
}

/// A part of it, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Counts {
    /// Let in without a wait, besides those that `waits` has.
    pub(crate) at_once: AtomicU64,
    pub(crate) queued: AtomicU64,
    pub(crate) offers: AtomicU64,
    pub(crate) requeued: AtomicU64,
    pub(crate) pushed: AtomicU64,
    pub(crate) asked: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) refused: [AtomicU64; DENIALS.len()],
    pub(crate) ended: [AtomicU64; ENDINGS.len()],
    pub(crate) waits: Histogram,
    pub(crate) holds: Histogram,
    pub(crate) calls: Histogram,
}

/// What recorders of histograms have got so far.
#[derive(Default)]
pub(crate) struct Published {
    pub(crate) waits: Spans,
    pub(crate) holds: Spans,
    pub(crate) calls: Spans,
}

/// How often which length was counted.
pub(crate) struct Spans(pub(crate) [u64; BUCKETS]);

impl Default for Spans {
    fn default() -> Self {
        Spans([0; BUCKETS])
    }
}

impl StoreTally {
    fn new(store: &str) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cells = cores.next_power_of_two().min(MOST_CELLS);
        StoreTally {
            store: store.into(),
            cells: (0..cells).map(|_| Counts::default()).collect(),
            figures: Mutex::default(),
            published: Mutex::default(),
        }
    }

    /// Where this thread counts.
    #[inline]
    pub(crate) fn here(&self) -> &Counts {
        &self.cells[this_thread() & (self.cells.len() - 1)]
    }

    /// All that was counted of one thing.
    pub(crate) fn total(&self, of: impl Fn(&Counts) -> &AtomicU64) -> u64 {
        self.cells.iter().map(|cell| of(cell).load(Ordering::Relaxed)).sum()
    }

    /// All spans of one kind.
    pub(crate) fn spans(&self, of: impl Fn(&Counts) -> &Histogram) -> Spans {
        let mut spans = Spans::default();
        self.cells.iter().for_each(|cell| of(cell).add_to(&mut spans.0));
        spans
    }
}

impl Spans {
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Threads by number, in the order in which they first count something.
#[inline]
fn this_thread() -> usize {
    const UNKNOWN: usize = usize::MAX;
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    }
    NUMBER.with(|number| {
        if number.get() == UNKNOWN {
            number.set(THREADS.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

pub(crate) const DENIALS: [Denial; 7] = [
    Denial::Full,
    Denial::Limited,
    Denial::Closed,
    Denial::LineFull,
    Denial::GroupLineFull,
    Denial::Duplicate,
    Denial::TooHeavy,
];

pub(crate) const ENDINGS: [Ending; 10] = [
    Ending::Released,
    Ending::Left,
    Ending::Lapsed,
    Ending::Missed,
    Ending::Absent,
    Ending::Evicted,
    Ending::Superseded,
    Ending::TooHeavy,
    Ending::Spent,
    Ending::Closed,
];

/// Where an ending is counted.
pub(crate) fn place_of(ending: Ending) -> usize {
    let shown = if ending == Ending::Admitted { Ending::Spent } else { ending };
    ENDINGS.iter().position(|known| *known == shown).expect("all endings are listed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_count_beside_each_other_and_nothing_is_lost() {
        let tally = StoreTally::new("memory");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for micros in 0..1000 {
                        tally.here().at_once.fetch_add(1, Ordering::Relaxed);
                        tally.here().waits.record(micros);
                    }
                });
            }
        });
        assert_eq!(tally.total(|counts| &counts.at_once), 8000);
        assert_eq!(tally.spans(|counts| &counts.waits).count(), 8000);
    }
}
