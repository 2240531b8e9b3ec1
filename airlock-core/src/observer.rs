//! What happened, told to whoever wants to know.

mod events;
mod observers;

use std::time::Duration;

pub use events::{Events, Happened, OwnedEvent, OwnedFailover};
pub use observers::{Observers, Subscription};

use crate::gate::{Denial, Ending};

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
///
/// See [`Observer`] for an example.
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
///
/// See [`Observer`] for an example.
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
    /// It was let in by a front end in shadow mode, and would have been refused as this: `full`, `closed`, in the words of
    /// the header `Airlock-Status`.
    WouldRefuse(&'static str),
}

impl EventKind {
    /// In one word, as it is logged: `admitted`, `refused`, `released`.
    pub fn name(&self) -> &'static str {
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
            EventKind::WouldRefuse(_) => "would-refuse",
        }
    }
}

/// An outage of a store began or ended, as far as one resource is concerned.
///
/// See [`Observer`] for an example.
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
///
/// See [`Observer`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailoverKind {
    /// Its store failed too often, and is left alone for a while.
    Over,
    /// Its store answers again.
    Back,
}
