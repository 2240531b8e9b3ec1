//! Bringing what was counted to whoever records it.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use metrics::{Histogram, Label, counter, gauge, histogram};

use super::names;
use crate::error::Reason;
use crate::gate::SwitchState;
use crate::meter::{AirlockTally, BUCKETS, Breakers, DENIALS, ENDINGS, Figures, Published, Spans, StoreTally, Totals};
use crate::meter::{Source, all, seconds};
use crate::observer::EventKind;
use crate::sync::Mutex;

/// Brings what all airlocks of this process have counted so far to the recorder that is installed, or to the local one of
/// this thread where there is one.
///
/// See the [module](super) for an example.
///
/// Counters and gauges are told as they stand, and spans of time as they have been added since the last time: so install the
/// recorder first. Waits for no gate and no store. A recorder that panics is logged and left alone until the next time.
pub fn publish() {
    let published = catch_unwind(names::describe).is_ok();
    let airlocks = all();
    let bring = |airlock: &Arc<AirlockTally>| catch_unwind(AssertUnwindSafe(|| of_airlock(airlock))).is_ok();
    // All of them are tried.
    let brought = airlocks.iter().filter(|airlock| bring(airlock)).count();
    if !published || brought < airlocks.len() {
        tracing::error!(target: "airlock", "a recorder of metrics panicked");
    }
}

/// [Publishes](publish) from a thread of its own, now and then each time `interval` has passed, until what it answers is
/// dropped: for recorders that send what they have, and nobody asks. It comes to the recorder that is installed for the
/// whole process.
///
/// See the [module](super) for an example.
///
/// # Errors
///
/// When the interval is zero, or no thread can be started.
pub fn publish_every(interval: Duration) -> io::Result<Publishing> {
    if interval.is_zero() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the interval is zero: nothing else would be done"));
    }
    let (alive, over) = channel::<()>();
    let run = move || {
        loop {
            publish();
            if over.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    };
    thread::Builder::new().name("airlock-metrics".to_owned()).spawn(run)?;
    Ok(Publishing { _alive: alive })
}

/// Goes on with [publishing](publish_every) until it is dropped.
///
/// See the [module](super) for an example.
#[must_use = "nothing is published any more once this is dropped"]
pub struct Publishing {
    _alive: Sender<()>,
}

impl fmt::Debug for Publishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing").finish_non_exhaustive()
    }
}

/// Whose series they are.
#[derive(Clone, Copy)]
struct Series<'a> {
    airlock: &'a Arc<str>,
    store: Option<&'a Arc<str>>,
}

impl Series<'_> {
    fn labels(&self, more: Option<(&'static str, &'static str)>) -> Vec<Label> {
        let mut labels = vec![Label::new("airlock", self.airlock.clone())];
        labels.extend(self.store.map(|store| Label::new("store", store.clone())));
        labels.extend(more.map(|(name, value)| Label::new(name, value)));
        labels
    }

    fn count(&self, name: &'static str, more: Option<(&'static str, &'static str)>, total: u64) {
        counter!(name, self.labels(more)).absolute(total);
    }

    fn show(&self, name: &'static str, more: Option<(&'static str, &'static str)>, value: u64) {
        gauge!(name, self.labels(more)).set(value as f64);
    }

    /// What was added since the last time.
    fn measure(&self, name: &'static str, now: &Spans, before: &mut Spans) {
        let histogram: Histogram = histogram!(name, self.labels(None));
        for bucket in 0..BUCKETS {
            let new = now.0[bucket].saturating_sub(before.0[bucket]);
            if new > 0 {
                // First: what panics gets them once, or not at all.
                before.0[bucket] = now.0[bucket];
                histogram.record_many(seconds(bucket), usize::try_from(new).unwrap_or(usize::MAX));
            }
        }
    }
}

fn of_airlock(tally: &AirlockTally) {
    let series = Series { airlock: &tally.airlock, store: None };
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    for (name, counter) in [
        (names::UNAVAILABLE, &tally.unavailable),
        (names::ADMITTED_UNASKED, &tally.unasked),
        (names::EMERGENCY_REFUSED, &tally.emergency_refused),
        (names::TIMED_OUT, &tally.timed_out),
        (names::LOST, &tally.lost),
        (names::SHED, &tally.shed),
    ] {
        series.count(name, None, read(counter));
    }
    // Nobody holds it while a recorder is told.
    let would_refuse = tally.would_refuse.lock().clone();
    for (reason, count) in would_refuse {
        series.count(names::WOULD_REFUSE, Some(("reason", reason)), count);
    }
    of_breakers(tally, series);
    let stores = tally.stores.lock().clone();
    for store in stores {
        of_store(&store, Series { store: Some(&store.store), ..series });
    }
}

/// Nothing where there never was any.
fn of_breakers(tally: &AirlockTally, series: Series<'_>) {
    if tally.breakers.lock().is_empty() && tally.failed_over.load(Ordering::Relaxed) == 0 {
        return;
    }
    let seen: Vec<Breakers> = look_at(&tally.breakers);
    let sum = |of: fn(&Breakers) -> u64| seen.iter().map(of).sum();
    series.show(names::BREAKERS, Some(("state", "open")), sum(|breakers| breakers.open));
    series.show(names::BREAKERS, Some(("state", "half-open")), sum(|breakers| breakers.half_open));
    series.count(names::FAILOVERS, Some(("kind", "over")), tally.failed_over.load(Ordering::Relaxed));
    series.count(names::FAILOVERS, Some(("kind", "back")), tally.failed_back.load(Ordering::Relaxed));
}

fn of_store(tally: &StoreTally, series: Series<'_>) {
    let (mut waits, holds, calls) =
        (tally.spans(|counts| &counts.waits), tally.spans(|counts| &counts.holds), tally.spans(|counts| &counts.calls));
    waits.0[0] += tally.total(|counts| &counts.at_once);
    series.count(names::ADMITTED, None, waits.count());
    series.count(names::QUEUED, None, tally.total(|counts| &counts.queued));
    series.count(names::OFFERS, None, tally.total(|counts| &counts.offers));
    series.count(names::REQUEUED, None, tally.total(|counts| &counts.requeued));
    for (at, denial) in DENIALS.into_iter().enumerate() {
        let reason = Reason::from(denial).name();
        series.count(names::REFUSED, Some(("reason", reason)), tally.total(|counts| &counts.refused[at]));
    }
    for (at, ending) in ENDINGS.into_iter().enumerate() {
        let ending = EventKind::Ended(ending).name();
        series.count(names::ENDED, Some(("ending", ending)), tally.total(|counts| &counts.ended[at]));
    }
    series.count(names::WOKEN, Some(("by", "push")), tally.total(|counts| &counts.pushed));
    series.count(names::WOKEN, Some(("by", "asking")), tally.total(|counts| &counts.asked));
    // Kept to the end, so that each span is told once.
    let mut published = tally.published.lock();
    let Published { waits: told_waits, holds: told_holds, calls: told_calls } = &mut *published;
    series.measure(names::WAIT, &waits, told_waits);
    series.measure(names::HOLD, &holds, told_holds);
    if calls.count() > 0 {
        series.measure(names::STORE, &calls, told_calls);
        series.count(names::STORE_FAILURES, None, tally.total(|counts| &counts.failures));
    }
    drop(published);
    of_figures(tally, series);
}

/// What is in it. Several airlocks of one name may have stores of one kind.
fn of_figures(tally: &StoreTally, series: Series<'_>) {
    let seen: Vec<Figures> = look_at(&tally.figures);
    if let Some(limit) = seen.iter().filter_map(|figures| figures.limit).max() {
        series.show(names::LIMIT, None, limit.into());
    }
    for state in SwitchState::ALL {
        let is_set = seen.iter().any(|figures| figures.switch == state);
        series.show(names::SWITCH, Some(("state", state.name())), is_set.into());
    }
    if seen.iter().any(|figures| figures.usage.is_none()) {
        return;
    }
    let sum = |of: fn(&Totals) -> u64| seen.iter().filter_map(|figures| figures.usage.as_ref()).map(of).sum();
    series.show(names::HELD, None, sum(|totals| totals.held));
    series.show(names::WAITING, None, sum(|totals| totals.waiting));
    series.show(names::OFFERED, None, sum(|totals| totals.offered));
    series.show(names::RESOURCES, None, sum(|totals| totals.resources));
    series.show(names::CAPACITY, None, sum(|totals| totals.capacity));
}

/// What there is to be seen; what is gone is forgotten.
fn look_at<T>(sources: &Mutex<Vec<Source<T>>>) -> Vec<T> {
    let known = sources.lock().clone();
    let looked: Vec<(Source<T>, Option<T>)> = known.into_iter().map(|source| (source.clone(), source())).collect();
    let is_gone = |source: &Source<T>| looked.iter().any(|(known, seen)| seen.is_none() && Arc::ptr_eq(known, source));
    sources.lock().retain(|source| !is_gone(source));
    looked.into_iter().filter_map(|(_, seen)| seen).collect()
}
