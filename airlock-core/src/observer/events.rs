//! What happens, as a stream for whoever takes it in its own time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Event, EventKind, Failover, FailoverKind, Observer, Observers, Subscription};

/// How many events are kept for a stream that is not asked for them.
pub(crate) const KEPT: usize = 1024;

/// What happens at an airlock from now on, as a stream: see [`Airlock::events`](crate::Airlock::events).
///
/// At most 1024 events are kept for it. If it is not asked for so long that there are more, the oldest are gone and it is
/// told [how many](Happened::Missed) those were; whoever enters or leaves never waits for it. The last ones can still be
/// read when the airlock is gone.
pub struct Events {
    events: broadcast::Receiver<Happened>,
    _subscription: Subscription,
}

impl Events {
    pub(crate) fn of(observers: &Observers) -> Self {
        let (sender, events) = broadcast::channel(KEPT);
        Events { events, _subscription: observers.subscribe(Arc::new(Sender(sender))) }
    }

    /// The next event, as soon as there is one; none at the end, when the airlock is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Happened> {
        match self.events.recv().await {
            Ok(happened) => Some(happened),
            Err(RecvError::Lagged(missed)) => Some(Happened::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("kept", &self.events.len()).finish_non_exhaustive()
    }
}

/// What a stream of events has to say.
///
/// See [`Airlock::events`](crate::Airlock::events) for an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Happened {
    /// A transition of an entrant.
    Event(OwnedEvent),
    /// A resource is from now on decided elsewhere, or by its own store again.
    Failover(OwnedFailover),
    /// So many of them are lost, because the stream was not asked for them.
    Missed(u64),
}

/// An [`Event`] that is kept.
///
/// See [`Airlock::events`](crate::Airlock::events) for an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OwnedEvent {
    /// The airlock's name.
    pub airlock: Arc<str>,
    /// The resource's name.
    pub resource: Arc<str>,
    /// Whose, unless anonymous.
    pub identity: Option<Arc<str>>,
    /// What happened.
    pub kind: EventKind,
    /// The number of the admission, where there is one.
    pub fence: Option<u64>,
    /// How long it had been in line, where it was.
    pub waited: Option<Duration>,
    /// How long it had been inside, where it was.
    pub held: Option<Duration>,
}

/// A [`Failover`] that is kept.
///
/// See [`Airlock::events`](crate::Airlock::events) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedFailover {
    /// The airlock's name.
    pub airlock: Arc<str>,
    /// The resource's name; none for all those together for which there was no record of their own.
    pub resource: Option<Arc<str>>,
    /// What happened.
    pub kind: FailoverKind,
}

struct Sender(broadcast::Sender<Happened>);

impl Observer for Sender {
    fn on_event(&self, event: &Event<'_>) {
        let Event { airlock, resource, identity, kind, fence, waited, held } = event.clone();
        let (airlock, resource, identity) = (airlock.into(), resource.into(), identity.map(Arc::from));
        // Fails when the stream is being dropped.
        let _ = self.0.send(Happened::Event(OwnedEvent { airlock, resource, identity, kind, fence, waited, held }));
    }

    fn on_failover(&self, failover: &Failover<'_>) {
        let Failover { airlock, resource, kind } = *failover;
        let (airlock, resource) = (airlock.into(), resource.map(Arc::from));
        let _ = self.0.send(Happened::Failover(OwnedFailover { airlock, resource, kind }));
    }
}
