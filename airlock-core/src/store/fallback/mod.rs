//! A store, and what is done while it is away.
//!
//! # Implementation details
//!
//! | file | what it does |
//! |---|---|
//! | `book.rs` | which resources' store fails: the breakers, pure |
//! | `breaker.rs` | the same with a clock, a lock, and somebody to tell |
//! | `gates.rs` | the way of a command: to the primary, to what stands in, or to where its ticket is |
//! | `side.rs` | marks on handles, so that they find their way back |
//!
//! The book's lock is taken only while there are records. No lock is held while a store is asked or an observer is told.

mod book;
mod breaker;
mod gates;
mod side;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

pub use book::BreakerStatus;
pub use side::GrantedBy;
pub(crate) use side::by_nobody;

use super::{Gates, MemoryStore, Store};
use crate::clock::{Clock, TestClock};
use crate::error::ConfigError;
use crate::gate::Spec;
use crate::observer::Observers;
use crate::seal::{micros, out_of_bounds};
use crate::sync::Mutex;
use book::Rules;
use breaker::Breakers;
use gates::{FallbackGates, Standby};

/// A store that others may fail, and what is done during its outages: they are noticed, and newcomers are no longer made to
/// wait for it. By default they are then refused as [unavailable](crate::Error::Unavailable), at once.
///
/// ```no_run
/// # #[cfg(feature = "redis")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::store::{Fallback, RedisStore};
/// use airlock_core::{Airlock, Seal};
///
/// let imports = Airlock::builder("imports")
///     .seal(Seal::semaphore(100))
///     .store(Fallback::new(RedisStore::connect("redis://127.0.0.1").await?).local(10))
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// # What is an outage
///
/// Each resource has a breaker of its own, for a part of a store may fail. It opens when the store has failed
/// [five](Fallback::threshold) newcomers in a row: it said that it cannot, or had not said anything when the airlock's own
/// patience ended (in less than a tenth of a second it does not count: then it was the caller who went). While one is
/// open, and none has found the store to be back, the first failure of any other opens that one as well. A refusal is no
/// failure, and who asks to be let in is all that counts.
///
/// [Half a minute](Fallback::reset_after) and up to a quarter more later the store is tried: by one newcomer at a time,
/// while the others are still treated as during the outage. Three answers in a row close the breaker, and have all others
/// try at once; a failure opens it for as long again.
///
/// Up to 1,000 resources of an airlock have breakers, and only while something is wrong with them. Where all of these are
/// open, the others have one in common: an open one does not make room, unless nobody has asked for its resource for ten
/// times the reset time.
///
/// # What goes back where
///
/// Renewals, releases and all else about a permit, a place or a token go to the store that it is from, during an outage and
/// after it; [`Permit::granted_by`](crate::Permit::granted_by) says which that was. Whoever waits in the primary's line when
/// it fails goes on waiting there, and keeps its place if the store does: it is not let in elsewhere, and is
/// [unavailable](crate::Error::Unavailable) when its time is over before the store is back. Whoever waits in a local line
/// when the primary is back stays there until its turn has come.
///
/// Tokens of local leases mean nothing in other processes. Numbers of admissions, the [fences](crate::Permit::fence), of
/// the two stores are not compared: they both go by the clock, each its own.
///
/// # Operating
///
/// Failing over and back is told to [observers](crate::observer::Observer::on_failover) and logged, once for each change.
/// A switch or a health report goes to both stores, and fails if the primary's does: then it holds in this process until it
/// is set again. What another process has set for a whole airlock holds locally as well, as far as it was known here when
/// the outage began; what it has set for one resource does not. New limits go to the primary alone. Evictions look in both. Inspecting shows the local gate of a
/// resource whose breaker is open; a survey is local only when the primary cannot be asked.
///
/// Clones share breakers and local places.
#[derive(Clone)]
pub struct Fallback<S> {
    primary: S,
    outage: Outage,
    threshold: u32,
    reset_after: Duration,
    clock: Clock,
    open: Arc<Mutex<Vec<Weak<FallbackGates>>>>,
}

#[derive(Clone, Debug)]
enum Outage {
    Refuse,
    Admit,
    Local { store: MemoryStore, limit: u32 },
}

/// A resource whose store failed lately.
///
/// See [`Fallback`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Breaker {
    /// The airlock's name.
    pub airlock: String,
    /// The resource's name; none for all those together for which there was no room.
    pub resource: Option<String>,
    /// How it is.
    pub status: BreakerStatus,
}

impl<S: Store> Fallback<S> {
    /// A store with breakers in front of it. During an outage newcomers are refused.
    pub fn new(primary: S) -> Self {
        Fallback {
            primary,
            outage: Outage::Refuse,
            threshold: 5,
            reset_after: Duration::from_secs(30),
            clock: Clock::System,
            open: Arc::default(),
        }
    }

    /// During an outage newcomers are refused as [unavailable](crate::Error::Unavailable), at once and without asking: the
    /// default. Front ends may still let them in, as `AirlockLayer` does with `.on_store_error(admit)`.
    pub fn refuse(mut self) -> Self {
        self.outage = Outage::Refuse;
        self
    }

    /// During an outage everybody is let in, and nothing is asked: neither limit nor rate, nor whether an operator has
    /// closed the airlock. Such a permit takes no room and is never lost; its fence is 0.
    pub fn admit(mut self) -> Self {
        self.outage = Outage::Admit;
        self
    }

    /// During an outage newcomers are let in up to a limit of this process, per resource: at least 1. Each process counts
    /// by itself, and knows nothing of who is inside by the primary: with N of them N times `limit` may be inside, besides
    /// those who were before. Lines, rates and strategies are as configured, by the process alone; where the seal is a
    /// rate and nothing else, `limit` means nothing. Who is heavier than `limit` is refused.
    pub fn local(mut self, limit: u32) -> Self {
        let store = match &self.clock {
            Clock::System => MemoryStore::new(),
            Clock::Test(clock) => MemoryStore::with_clock(clock),
        };
        self.outage = Outage::Local { store, limit };
        self
    }

    /// How many failures in a row are an outage: 5 by default, at least 1.
    pub fn threshold(mut self, failures: u32) -> Self {
        self.threshold = failures;
        self
    }

    /// How long a store that failed is left alone: 30 s by default, 1 µs to 365 days, and up to a quarter more by chance.
    pub fn reset_after(mut self, time: Duration) -> Self {
        self.reset_after = time;
        self
    }

    /// Has breakers and local places go by a clock that a test moves.
    pub fn clock(mut self, clock: &TestClock) -> Self {
        self.clock = Clock::Test(clock.clone());
        match self.outage {
            Outage::Local { limit, .. } => self.local(limit),
            Outage::Refuse | Outage::Admit => self,
        }
    }
}

impl<S> Fallback<S> {
    /// How the breaker of a resource is; the most open one, if several airlocks on this store have that resource.
    pub fn status(&self, resource: &str) -> BreakerStatus {
        let statuses = self.airlocks().into_iter().map(|gates| gates.breakers.status(resource));
        let openness = |status: &BreakerStatus| match status {
            BreakerStatus::Closed { failures } => (0, Duration::from_micros((*failures).into())),
            BreakerStatus::HalfOpen => (1, Duration::ZERO),
            BreakerStatus::Open { retry_in } => (2, *retry_in),
        };
        statuses.max_by_key(openness).unwrap_or(BreakerStatus::Closed { failures: 0 })
    }

    /// All breakers that have anything to say, in no order.
    pub fn all(&self) -> Vec<Breaker> {
        let of = |gates: Arc<FallbackGates>| {
            let all = gates.breakers.all().into_iter();
            all.map(move |(resource, status)| Breaker { airlock: gates.airlock.to_string(), resource, status })
        };
        self.airlocks().into_iter().flat_map(of).collect()
    }

    /// Closes the breaker of a resource: the next who comes asks the store. Answers whether it was open, in any airlock on
    /// this store. Where the resource has none of its own, that is the one which it shares with others.
    pub fn reset(&self, resource: &str) -> bool {
        let reset = self.airlocks().into_iter().map(|gates| gates.breakers.reset(resource));
        reset.fold(false, |any, was_open| any | was_open)
    }

    fn airlocks(&self) -> Vec<Arc<FallbackGates>> {
        let mut open = self.open.lock();
        open.retain(|gates| gates.strong_count() > 0);
        open.iter().filter_map(Weak::upgrade).collect()
    }
}

impl<S: Store> Store for Fallback<S> {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        if self.threshold == 0 {
            return Err(ConfigError::new("threshold", "it is 0: no failure is not an outage; it is at least 1"));
        }
        let reset_after = micros(self.reset_after).ok_or_else(|| out_of_bounds("reset_after", self.reset_after))?;
        let (standby, policy) = match &self.outage {
            Outage::Refuse => (Standby::Refuse, "refuse"),
            Outage::Admit => (Standby::Admit, "admit"),
            Outage::Local { limit: 0, .. } => {
                let problem = "the limit is 0: nobody could enter during an outage; use at least 1, or `.refuse()`";
                return Err(ConfigError::new("local", problem));
            }
            Outage::Local { store, limit } => {
                // Where nobody may enter, or only a rate limits, it is as it was.
                let limit = if spec.leased && spec.limit > 0 { *limit } else { spec.limit };
                (Standby::Local(store.open(&Spec { limit, ..spec.clone() }, observers)?), "local")
            }
        };
        let rules = Rules { threshold: self.threshold, reset_after };
        let breakers = Breakers::new(rules, self.clock.clone(), observers.clone(), policy);
        let primary = self.primary.open(spec, observers)?;
        let gates = Arc::new(FallbackGates::new(spec.name.clone(), primary, standby, breakers));
        let seen = Arc::downgrade(&gates);
        observers.meter().shows_breakers(move || seen.upgrade().map(|gates| gates.breakers.count()));
        self.open.lock().push(Arc::downgrade(&gates));
        Ok(gates)
    }
}

impl<S: fmt::Debug> fmt::Debug for Fallback<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback")
            .field("primary", &self.primary)
            .field("outage", &self.outage)
            .field("threshold", &self.threshold)
            .field("reset_after", &self.reset_after)
            .finish_non_exhaustive()
    }
}
