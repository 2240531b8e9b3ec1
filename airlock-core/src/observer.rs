//! What happened, told to whoever wants to know.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::gate::{Change, Denial, Effect, Ending, Micros};
use crate::notifier::Courier;
use crate::sync::Mutex;

/// Is told of every transition of every gate.
///
/// Called after the decision, outside every lock, on the thread that caused it: two events of one gate may
/// arrive in the other order when two threads cause them. Be quick; hand long work to somebody else. A panic
/// is caught and logged, and changes nothing.
///
/// Any `Fn(&Event<'_>)` is an observer:
///
/// ```
/// use airlock_core::{Airlock, Seal};
///
/// let airlock = Airlock::builder("imports")
///     .seal(Seal::semaphore(2))
///     .observer(|event: &airlock_core::observer::Event<'_>| println!("{} {:?}", event.resource, event.kind))
///     .build()?;
/// # Ok::<(), airlock_core::ConfigError>(())
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);

    /// A resource is from now on decided elsewhere, or by its own store again: once for each change, and not for each
    /// request. Only a [`Fallback`](crate::store::Fallback) does that. Does nothing by default.
    fn on_failover(&self, failover: &Failover<'_>) {
        let _ = failover;
    }
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Observer for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// One transition of one entrant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The airlock's name.
    pub airlock: &'a str,
    /// The resource's name.
    pub resource: &'a str,
    /// Whose, unless anonymous.
    pub identity: Option<&'a str>,
    /// What happened.
    pub kind: EventKind,
    /// The number of the admission, where there is one.
    pub fence: Option<u64>,
    /// How long it had been in line, where it was.
    pub waited: Option<Duration>,
    /// How long it had been inside, where it was.
    pub held: Option<Duration>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// It is inside.
    Admitted,
    /// It joined the line.
    Queued,
    /// A place is held for it.
    Offered,
    /// It missed its offer and is at the back of the line.
    Requeued,
    /// It was not let in and is not in line.
    Refused(Denial),
    /// It is out: of the line, of an offer, or from inside.
    Ended(Ending),
    /// An operator changed the limit of this resource.
    Resized(Option<u32>),
}

impl EventKind {
    fn name(&self) -> &'static str {
        match self {
            EventKind::Admitted => "admitted",
            EventKind::Queued => "queued",
            EventKind::Offered => "offered",
            EventKind::Requeued => "requeued",
            EventKind::Refused(_) => "refused",
            EventKind::Ended(Ending::Released) => "released",
            EventKind::Ended(Ending::Left) => "left",
            EventKind::Ended(Ending::Lapsed) => "lapsed",
            EventKind::Ended(Ending::Missed) => "missed",
            EventKind::Ended(Ending::Absent) => "absent",
            EventKind::Ended(Ending::Evicted) => "evicted",
            EventKind::Ended(Ending::Superseded) => "superseded",
            EventKind::Ended(Ending::TooHeavy) => "too-heavy",
            EventKind::Ended(Ending::Spent | Ending::Admitted) => "spent",
            EventKind::Ended(Ending::Closed) => "closed",
            EventKind::Resized(_) => "resized",
        }
    }
}

/// An outage of a store began or ended, as far as one resource is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failover<'a> {
    /// The airlock's name.
    pub airlock: &'a str,
    /// The resource's name; none for all those together for which there was no record of their own.
    pub resource: Option<&'a str>,
    /// What happened.
    pub kind: FailoverKind,
}

/// What happened to the way in which a resource is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailoverKind {
    /// Its store failed too often, and is left alone for a while.
    Over,
    /// Its store answers again.
    Back,
}

/// The observers of one airlock, its notifier and its log.
///
/// Handed to a [`Store`](crate::store::Store) when it is opened; a store reports each change of its gates.
#[derive(Clone)]
pub struct Observers(Arc<Inner>);

struct Inner {
    airlock: Arc<str>,
    any: AtomicBool,
    list: Vec<Arc<dyn Observer>>,
    courier: Option<Courier>,
    /// Those of other airlocks of the same name on the same store, for as long as these exist.
    joined: Mutex<Vec<Weak<Inner>>>,
}

impl Observers {
    pub(crate) fn new(airlock: Arc<str>, list: Vec<Arc<dyn Observer>>, courier: Option<Courier>) -> Self {
        let inner = Inner { airlock, any: AtomicBool::new(false), list, courier, joined: Mutex::default() };
        inner.any.store(inner.listens(), Ordering::Release);
        Observers(Arc::new(inner))
    }

    /// Has these told of what those are told.
    pub(crate) fn join(&self, others: &Observers) {
        let mut joined = self.0.joined.lock();
        joined.retain(|others| others.strong_count() > 0);
        if others.0.listens() {
            joined.push(Arc::downgrade(&others.0));
        }
        self.0.any.store(self.0.listens() || !joined.is_empty(), Ordering::Release);
    }

    /// Whether anybody wants to know. When nobody does, a store need not record what happens.
    pub fn listening(&self) -> bool {
        self.0.any.load(Ordering::Relaxed) || tracing::enabled!(target: "airlock", tracing::Level::DEBUG)
    }

    /// Reports all that a step did: has those notified whose turn came. Besides [`changed`](Self::changed), which tells
    /// observers.
    pub fn stepped<Id>(&self, resource: &str, effects: &[Effect<Id>], now: Micros) {
        if !effects.iter().any(|effect| matches!(effect.change, Change::Offered { .. })) {
            return;
        }
        // Airlocks that share their gates are one: one of them tells.
        if let Some(courier) = &self.0.courier {
            return courier.take(resource, effects, now);
        }
        let joined: Vec<_> = self.0.joined.lock().iter().filter_map(Weak::upgrade).collect();
        if let Some(courier) = joined.iter().find_map(|others| others.courier.as_ref()) {
            courier.take(resource, effects, now);
        }
    }

    /// Reports a change.
    pub fn changed<Id>(&self, resource: &str, effect: &Effect<Id>, now: Micros) {
        let kind = match effect.change {
            Change::Admitted | Change::Granted(_) => EventKind::Admitted,
            Change::Queued => EventKind::Queued,
            Change::Offered { .. } => EventKind::Offered,
            Change::Requeued => EventKind::Requeued,
            Change::Ended(ending) => EventKind::Ended(ending),
        };
        let span = |from: Micros, to: Micros| Duration::from_micros(to.saturating_sub(from));
        let was_in = effect.since > 0;
        self.tell(&Event {
            airlock: &self.0.airlock,
            resource,
            identity: effect.identity.as_deref(),
            kind,
            fence: (effect.fence > 0).then_some(effect.fence),
            waited: (kind != EventKind::Queued).then(|| span(effect.arrival, if was_in { effect.since } else { now })),
            held: (was_in && matches!(kind, EventKind::Ended(_))).then(|| span(effect.since, now)),
        });
    }

    /// Reports a refusal, which changes nothing.
    pub fn refused(&self, resource: &str, identity: Option<&str>, denial: Denial) {
        self.plain(resource, identity, EventKind::Refused(denial));
    }

    /// Reports a new limit.
    pub fn resized(&self, resource: &str, limit: Option<u32>) {
        self.plain(resource, None, EventKind::Resized(limit));
    }

    fn plain(&self, resource: &str, identity: Option<&str>, kind: EventKind) {
        let airlock = &*self.0.airlock;
        self.tell(&Event { airlock, resource, identity, kind, fence: None, waited: None, held: None });
    }

    /// Reports that a resource is decided elsewhere, or by its own store again. `policy` is what is done meanwhile.
    pub(crate) fn failed_over(&self, resource: Option<&str>, kind: FailoverKind, policy: &str) {
        let airlock = &*self.0.airlock;
        match kind {
            FailoverKind::Over => tracing::warn!(
                target: "airlock",
                airlock,
                event = "failed-over",
                policy,
                "the store failed too often for a resource, and is left alone for a while",
            ),
            FailoverKind::Back => tracing::info!(
                target: "airlock",
                airlock,
                event = "failed-back",
                policy,
                "the store answers again for a resource",
            ),
        }
        let failover = Failover { airlock, resource, kind };
        self.tell_each(|observer| observer.on_failover(&failover));
    }

    fn tell(&self, event: &Event<'_>) {
        // Names of resources and identities are other people's: they go to observers, not into logs.
        tracing::debug!(
            target: "airlock",
            airlock = event.airlock,
            event = event.kind.name(),
            fence = event.fence,
            waited_us = event.waited.map(|waited| waited.as_micros() as u64),
            held_us = event.held.map(|held| held.as_micros() as u64),
        );
        self.tell_each(|observer| observer.on_event(event));
    }

    fn tell_each(&self, tell: impl Fn(&dyn Observer)) {
        if !self.0.any.load(Ordering::Acquire) {
            return;
        }
        let joined: Vec<_> = self.0.joined.lock().iter().filter_map(Weak::upgrade).collect();
        for observer in self.0.list.iter().chain(joined.iter().flat_map(|others| &others.list)) {
            if catch_unwind(AssertUnwindSafe(|| tell(&**observer))).is_err() {
                tracing::error!(target: "airlock", airlock = &*self.0.airlock, "an observer panicked");
            }
        }
    }
}

impl Inner {
    /// Whether anybody of its own wants to know.
    fn listens(&self) -> bool {
        !self.list.is_empty() || self.courier.is_some()
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").field("airlock", &self.0.airlock).finish_non_exhaustive()
    }
}
