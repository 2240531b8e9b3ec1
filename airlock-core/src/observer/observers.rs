//! Who is told, and telling them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{Event, EventKind, Failover, FailoverKind, Observer};
use crate::error::Reason;
use crate::gate::{Change, Denial, Effect, Micros};
use crate::meter::AirlockMeter;
use crate::name::Hashed;
use crate::notifier::Courier;
use crate::sync::Mutex;

/// The observers of one airlock, its notifier and its log.
///
/// See `examples/custom-store` for where it is used.
///
/// Handed to a [`Store`](crate::store::Store) when it is opened; a store reports each change of its gates.
#[derive(Clone)]
pub struct Observers(Arc<Inner>);

struct Inner {
    airlock: Arc<str>,
    /// Whether there is anybody to tell, here or joined.
    any: AtomicBool,
    /// Replaced as a whole, so that nobody is told under the lock.
    list: Mutex<Arc<[Arc<dyn Observer>]>>,
    courier: Option<Courier>,
    meter: AirlockMeter,
    /// Those of other airlocks of the same name on the same store, for as long as these exist.
    joined: Mutex<Vec<Weak<Inner>>>,
    /// Those that these are joined to.
    joined_to: Mutex<Vec<Weak<Inner>>>,
}

impl Observers {
    pub(crate) fn new(
        airlock: Arc<str>,
        list: Vec<Arc<dyn Observer>>,
        courier: Option<Courier>,
        meter: AirlockMeter,
    ) -> Self {
        let any = AtomicBool::new(!list.is_empty() || courier.is_some());
        let list = Mutex::new(list.into());
        let (joined, joined_to) = (Mutex::default(), Mutex::default());
        Observers(Arc::new(Inner { airlock, any, list, courier, meter, joined, joined_to }))
    }

    /// Has these told of what those are told.
    pub(crate) fn join(&self, others: &Observers) {
        let (here, there) = (Arc::downgrade(&self.0), Arc::downgrade(&others.0));
        if here.ptr_eq(&there) {
            return;
        }
        let add = |to: &Mutex<Vec<Weak<Inner>>>, new: Weak<Inner>| {
            let mut to = to.lock();
            to.retain(|known| known.strong_count() > 0 && !known.ptr_eq(&new));
            to.push(new);
        };
        add(&self.0.joined, there);
        add(&others.0.joined_to, here);
        self.0.count();
    }

    /// Has this one told as well, until the subscription is dropped.
    pub(crate) fn subscribe(&self, observer: Arc<dyn Observer>) -> Subscription {
        let known = Arc::downgrade(&observer);
        self.0.change(|list| list.push(observer));
        Subscription { observers: Arc::downgrade(&self.0), observer: known }
    }

    /// What the airlock counts with.
    pub(crate) fn meter(&self) -> &AirlockMeter {
        &self.0.meter
    }

    /// What has to be recorded of a step: what observers are told, or else what is counted.
    #[cfg(feature = "shared")]
    pub(crate) fn record(&self, meter: &crate::meter::Meter) -> crate::gate::Record {
        use crate::gate::Record;
        match (self.listening(), meter.is_on()) {
            (true, _) => Record::Names,
            (false, true) => Record::Changes,
            (false, false) => Record::Nothing,
        }
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

    /// Reports that a front end let somebody in who would otherwise have been refused.
    pub(crate) fn would_refuse(&self, resource: &str, identity: Option<&str>, name: &'static str) {
        self.plain(resource, identity, EventKind::WouldRefuse(name));
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
        self.0.meter.failed_over(kind);
        let failover = Failover { airlock, resource, kind };
        self.tell_each(|observer| observer.on_failover(&failover));
    }

    fn tell(&self, event: &Event<'_>) {
        let reason = match event.kind {
            EventKind::Refused(denial) => Some(Reason::from(denial).name()),
            _ => None,
        };
        // Names of resources and identities are other people's: they go to observers, not into logs.
        tracing::debug!(
            target: "airlock",
            airlock = event.airlock,
            event = event.kind.name(),
            reason,
            resource_hash = %Hashed(event.resource),
            identity_hash = event.identity.map(|identity| tracing::field::display(Hashed(identity))),
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
        let own = self.0.list.lock().clone();
        let joined: Vec<_> = self.0.joined.lock().iter().filter_map(Weak::upgrade).collect();
        let joined: Vec<_> = joined.iter().map(|others| others.list.lock().clone()).collect();
        for observer in own.iter().chain(joined.iter().flat_map(|others| others.iter())) {
            if catch_unwind(AssertUnwindSafe(|| tell(&**observer))).is_err() {
                tracing::error!(target: "airlock", airlock = &*self.0.airlock, "an observer panicked");
            }
        }
    }
}

impl Inner {
    fn change(&self, change: impl FnOnce(&mut Vec<Arc<dyn Observer>>)) {
        {
            let mut list = self.list.lock();
            let mut changed = list.to_vec();
            change(&mut changed);
            *list = changed.into();
        }
        self.count();
        let joined_to: Vec<_> = self.joined_to.lock().iter().filter_map(Weak::upgrade).collect();
        for leader in joined_to {
            leader.count();
        }
    }

    /// Finds out whether there is anybody to tell.
    fn count(&self) {
        // Held to the end: whoever changed a list last looks last.
        let joined = self.joined.lock();
        let any = self.listens() || joined.iter().filter_map(Weak::upgrade).any(|others| others.listens());
        self.any.store(any, Ordering::Release);
    }

    /// Whether anybody of its own wants to know.
    fn listens(&self) -> bool {
        self.courier.is_some() || !self.list.lock().is_empty()
    }
}

/// Keeps an observer told of what happens: dropping it ends that.
///
/// See [`Airlock::subscribe`](crate::Airlock::subscribe) for where it comes from.
#[must_use = "the observer is told of nothing once this is dropped"]
pub struct Subscription {
    observers: Weak<Inner>,
    /// Not kept alive by whoever waits to hear that the airlock is gone.
    observer: Weak<dyn Observer>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(observers) = self.observers.upgrade() {
            observers.change(|list| list.retain(|known| !Arc::downgrade(known).ptr_eq(&self.observer)));
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").field("airlock", &self.0.airlock).finish_non_exhaustive()
    }
}
