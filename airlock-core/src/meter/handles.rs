//! What an airlock and its gates have in hand to count with: nothing, until somebody wants to know.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use super::tally::{AirlockTally, Counts, DENIALS, StoreTally, place_of};
use super::{Breakers, Figures};
use crate::gate::{Change, Denial, Effect, Ending, Micros};
use crate::observer::FailoverKind;
use crate::sync::Mutex;

/// How many names of refusals a front end in shadow mode has counted apart.
const MOST_NAMES: usize = 32;

/// Those of all airlocks by name. They stay, so that no counter of this process ever falls back.
static TALLIES: LazyLock<Mutex<BTreeMap<Arc<str>, Arc<AirlockTally>>>> = LazyLock::new(Mutex::default);

pub(crate) fn all() -> Vec<Arc<AirlockTally>> {
    TALLIES.lock().values().cloned().collect()
}

/// How whoever waited found out that its turn had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// It was told.
    Push,
    /// It asked.
    Asking,
}

/// What an airlock counts with.
#[derive(Clone, Default)]
pub(crate) struct AirlockMeter(Option<Arc<AirlockTally>>);

impl AirlockMeter {
    /// Airlocks of one name count together.
    pub(crate) fn of(airlock: &Arc<str>) -> Self {
        let mut tallies = TALLIES.lock();
        let tally = tallies.entry(airlock.clone()).or_insert_with(|| Arc::new(AirlockTally::new(airlock.clone())));
        AirlockMeter(Some(tally.clone()))
    }

    pub(crate) fn timed_out(&self) {
        self.one(|tally| &tally.timed_out);
    }

    pub(crate) fn unavailable(&self) {
        self.one(|tally| &tally.unavailable);
    }

    pub(crate) fn admitted_unasked(&self) {
        self.one(|tally| &tally.unasked);
    }

    pub(crate) fn refused_in_emergency(&self) {
        self.one(|tally| &tally.emergency_refused);
    }

    pub(crate) fn lost(&self) {
        self.one(|tally| &tally.lost);
    }

    pub(crate) fn shed(&self) {
        self.one(|tally| &tally.shed);
    }

    pub(crate) fn would_refuse(&self, name: &'static str) {
        let Some(tally) = &self.0 else { return };
        let mut counts = tally.would_refuse.lock();
        // A front end has a handful of names; one that makes them up does not get a series for each.
        let name = if counts.len() < MOST_NAMES || counts.contains_key(name) { name } else { "other" };
        *counts.entry(name).or_default() += 1;
    }

    pub(crate) fn failed_over(&self, kind: FailoverKind) {
        self.one(|tally| match kind {
            FailoverKind::Over => &tally.failed_over,
            FailoverKind::Back => &tally.failed_back,
        });
    }

    /// Has its breakers shown, until there is nothing to be seen.
    pub(crate) fn shows_breakers(&self, breakers: impl Fn() -> Option<Breakers> + Send + Sync + 'static) {
        if let Some(tally) = &self.0 {
            tally.breakers.lock().push(Arc::new(breakers));
        }
    }

    #[inline]
    fn one(&self, of: impl FnOnce(&AirlockTally) -> &AtomicU64) {
        if let Some(tally) = &self.0 {
            of(tally).fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What an airlock's gates in one store count with. It can be switched on later, by another airlock at the same gates.
#[derive(Default)]
pub(crate) struct Meter(OnceLock<Arc<StoreTally>>);

impl Meter {
    /// Counts from now on, if that airlock does. Answers whether it did not before.
    pub(crate) fn join(&self, airlock: &AirlockMeter, store: &str) -> bool {
        airlock.0.as_ref().is_some_and(|tally| self.0.set(tally.store(store)).is_ok())
    }

    /// Has what is in the store shown, until there is nothing to be seen.
    pub(crate) fn shows(&self, figures: impl Fn() -> Option<Figures> + Send + Sync + 'static) {
        if let Some(tally) = self.0.get() {
            tally.figures.lock().push(Arc::new(figures));
        }
    }

    /// Whether anything is counted: then a step has to record what it does.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.0.get().is_some()
    }

    /// A newcomer found room.
    #[inline(always)]
    pub(crate) fn admitted_at_once(&self) {
        self.one(|counts| &counts.at_once);
    }

    /// Somebody who waited beside the gate was let in.
    #[inline(always)]
    pub(crate) fn granted(&self, waited: Micros) {
        if let Some(tally) = self.0.get() {
            tally.here().waits.record(waited);
        }
    }

    #[inline(always)]
    pub(crate) fn queued(&self) {
        self.one(|counts| &counts.queued);
    }

    #[inline(always)]
    pub(crate) fn released(&self, held: Micros) {
        if let Some(tally) = self.0.get() {
            let counts = tally.here();
            counts.holds.record(held);
            counts.ended[place_of(Ending::Released)].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What a step did.
    pub(crate) fn changed<Id>(&self, effect: &Effect<Id>, now: Micros) {
        let Some(tally) = self.0.get() else { return };
        let (counts, since) = (tally.here(), effect.since);
        let counter = match effect.change {
            Change::Admitted | Change::Granted(_) => {
                let until = if since > 0 { since } else { now };
                return counts.waits.record(until.saturating_sub(effect.arrival));
            }
            Change::Queued => &counts.queued,
            Change::Offered { .. } => &counts.offers,
            Change::Requeued => &counts.requeued,
            Change::Ended(ending) => {
                use Ending::{Closed, Evicted, Lapsed, Released, Superseded};
                if since > 0 && matches!(ending, Released | Lapsed | Evicted | Superseded | Closed) {
                    counts.holds.record(now.saturating_sub(since));
                }
                &counts.ended[place_of(ending)]
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, denial: Denial) {
        let at = DENIALS.iter().position(|known| *known == denial).expect("all denials are listed");
        self.one(|counts| &counts.refused[at]);
    }

    /// Somebody who waited in this process heard that it is inside.
    #[inline]
    pub(crate) fn woken(&self, by: By) {
        self.one(|counts| match by {
            By::Push => &counts.pushed,
            By::Asking => &counts.asked,
        });
    }

    /// A call of the store, of one command or of many.
    pub(crate) fn called(&self, took: Duration, failed: bool) {
        let Some(tally) = self.0.get() else { return };
        tally.here().calls.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if failed {
            self.one(|counts| &counts.failures);
        }
    }

    #[inline(always)]
    fn one(&self, of: impl FnOnce(&Counts) -> &AtomicU64) {
        if let Some(tally) = self.0.get() {
            of(tally.here()).fetch_add(1, Ordering::Relaxed);
        }
    }
}
