//! What all stores have in common that several processes share, or that take their time: a kit to write one.
//!
//! A store of one's own is a [`Backend`], some hundred lines that decide commands where its gates are kept, and a
//! [`Driver`] around it, which does the rest: it registers whoever waits in this process, asks again for them, wakes them,
//! renews leases and notices their loss, sends releases in the background, puts together what arrives for one gate while a
//! call is in flight, and keeps an eye on switches.
//!
//! The backend need not know the rules. Either it keeps each gate in a form of its own, as rows or keys, by a
//! [`Ledger`](crate::gate::Ledger) over them and [`decide_on`]; or it keeps each gate as one value, by
//! [`decide_blob`](crate::store::shared#functions) (feature `serde`). `examples/custom-store` is the latter, on a key-value
//! store with compare-and-swap, in some hundred lines. [`conformance`](crate#modules) (a feature as well) then shows whether
//! it does what it should.
//!
//! # Implementation details
//!
//! | file | what it does |
//! |---|---|
//! | `asked.rs` | commands that outlive whoever asked |
//! | `queue.rs` | group commit |
//! | `gates.rs` | the way of a command, and what its answer means here |
//! | `asking.rs` | what an airlock asks of its gates |
//! | `node.rs` | who waits and who holds in this process |
//! | `upkeep.rs` | asking again, renewing, polling |
//! | `conditions.rs` | what is set for a whole airlock |
//! | `in_use.rs` | which resources are in use |
//! | `step.rs` | commands to a gate behind a ledger |

mod asked;
mod asking;
mod conditions;
mod gates;
mod in_use;
mod node;
mod queue;
mod runtime;
mod sending;
mod step;
mod upkeep;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

pub use asked::{Asked, TicketId};
#[cfg(all(feature = "file", unix))]
pub(crate) use conditions::{understood, written};
pub use runtime::Runtime;
#[cfg(feature = "serde")]
pub use step::decide_blob;
pub use step::decide_on;

use super::{BoxFuture, Gates, Survey, SurveyQuery};
use crate::clock::TestClock;
use crate::error::{ConfigError, StoreError};
use crate::gate::{Answer, Change, Conditions, Effect, Micros, Record, SharedSpec, Spec};
use crate::observer::Observers;
use crate::sync::Mutex;
use gates::SharedGates;

/// Where gates are kept, and decided one atomic step at a time.
///
/// `examples/custom-store` is one.
///
/// Every method may be called from many tasks at once. A future that is dropped may have done what it was for: the
/// [`Driver`] does not drop any before it is done.
pub trait Backend: Send + Sync + 'static {
    /// Carries out commands of one gate in their order, all at the same time by the store's clock, and as one atomic step
    /// or as one after the other. Whoever asks at the same time, in whichever process, comes before or after.
    ///
    /// # Errors
    ///
    /// [Not executed](StoreError::not_executed) when none of them was and none will be;
    /// [unknown](StoreError::unknown) when any of them may have been: then they are asked again with the same tokens.
    fn decide<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Decided, StoreError>>;

    /// What is kept under the name of an airlock, empty if nothing is, and the time by the store's clock.
    fn settings<'a>(&'a self, airlock: &'a str) -> BoxFuture<'a, Result<(Vec<u8>, Micros), StoreError>>;

    /// Replaces `held` by `wanted` under the name of an airlock, unless it is something else by now: then it answers
    /// false. Empty is nothing. It may be forgotten after `kept_for`; none keeps it.
    fn swap_settings<'a>(
        &'a self,
        airlock: &'a str,
        held: &'a [u8],
        wanted: &'a [u8],
        kept_for: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Which resources of an airlock are in use.
    fn in_use<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<InUse, StoreError>>;

    /// Resources that this process has used lately: for a backend that has to be told, to answer [`in_use`](Self::in_use).
    /// Called about once a second. `kept` is for how long a gate is kept when nobody comes, `now` the store's clock.
    fn used<'a>(
        &'a self,
        airlock: &'a Spec,
        resources: &'a [Arc<str>],
        (now, kept): (Micros, Micros),
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let _ = (airlock, resources, now, kept);
        Box::pin(async { Ok(()) })
    }

    /// Why it cannot be asked at the moment, where that is known without asking. That its last call failed is known anyway.
    fn trouble(&self) -> Option<StoreError> {
        None
    }

    /// How to find out what other processes did to a gate at which somebody waits here; none when
    /// [they say so](Driver::heard).
    fn polled(&self) -> Option<Polled> {
        Some(Polled::default())
    }

    /// Something cheap to get that differs when a gate may have been changed; none when there is no such thing.
    fn stamp(&self, airlock: &str, resource: &str) -> Option<u64> {
        let _ = (airlock, resource);
        None
    }
}

/// A question for resources in use.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The airlock.
    pub spec: &'a Spec,
    /// What holds for all of its gates.
    pub conditions: &'a Conditions,
    /// Which of them.
    pub of: SurveyQuery<'a>,
    /// What a test says what time it is.
    pub now: Option<Micros>,
}

/// Resources in use.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Debug)]
pub enum InUse {
    /// At least those that are, up to 10,000: the driver looks at each, and whether it is busy.
    Named(Vec<String>),
    /// What was asked for, from a store that counts.
    Counted(Survey),
}

/// How often to look at a gate at which somebody waits. The pause grows by half each time that nothing has happened.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polled {
    /// The first pause.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Default for Polled {
    /// From 10 ms to 250 ms.
    fn default() -> Self {
        Polled { first: Duration::from_millis(10), longest: Duration::from_millis(250) }
    }
}

/// Commands for one gate.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The airlock.
    pub spec: &'a Spec,
    /// What holds for all of its gates.
    pub conditions: &'a Conditions,
    /// The gate's resource.
    pub resource: &'a str,
    /// What is asked, in this order.
    pub asked: &'a [Asked],
    /// What this process wants to hear of what happens.
    pub record: Record,
    /// What a test says what time it is. Otherwise the store's clock decides (G1).
    pub now: Option<Micros>,
}

/// What became of a call.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Debug)]
pub struct Decided {
    /// When that was, by the store's clock.
    pub now: Micros,
    /// One answer to each command.
    pub answered: Vec<Answered>,
    /// Who waited beside the gate, here or in another process, and has to hear what happened to it.
    pub woken: Vec<Woken>,
}

/// What became of one command.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer to whoever asked.
    pub answer: Answer,
    /// What it did to whom, in that order.
    pub effects: Vec<Effect<TicketId>>,
    /// Whether there is nothing in the gate from then on that has to be kept.
    pub idle: bool,
    /// Whether who was admitted goes by the token that it asked with: to a session others may have come before.
    pub own: bool,
}

/// News for a waiter.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Woken {
    /// Which.
    pub id: TicketId,
    /// It was granted its place, or its waiting ended.
    pub change: Change,
}

/// Options of a [`Driver`].
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the store is called in errors: `Redis`.
    pub name: &'static str,
    /// How often a process asks again for those who wait in it, which bounds what a lost wake-up costs (G9).
    pub re_ask: Duration,
    /// How long a shutdown waits for a store that does not answer.
    pub patience: Duration,
    /// A test's own clock, and how often to ask again in real time, which then has nothing to do with it.
    pub clock: Option<(TestClock, Duration)>,
}

impl Options {
    /// Those of a store called so: asking again every 2 s, two seconds of patience.
    pub fn new(name: &'static str) -> Self {
        Options { name, re_ask: Duration::from_secs(2), patience: Duration::from_secs(2), clock: None }
    }
}

/// What a process does for its waiters and leases at the gates of a [`Backend`].
///
/// `examples/custom-store` is one in use.
#[derive(Clone)]
pub struct Driver(Arc<Inner>);

struct Inner {
    backend: Box<dyn Backend>,
    runtime: Runtime,
    options: Options,
    /// What the store's clock showed at the latest when something was asked of it.
    heard_time: Mutex<Option<(Micros, Instant)>>,
    open: Mutex<Vec<Weak<SharedGates>>>,
}

impl Driver {
    /// A driver that does its work on this runtime.
    pub fn new(backend: impl Backend, runtime: Runtime, options: Options) -> Self {
        let (heard_time, open) = (Mutex::default(), Mutex::default());
        Driver(Arc::new(Inner { backend: Box::new(backend), runtime, options, heard_time, open }))
    }

    /// The gates of an airlock, for [`Store::open`](super::Store::open).
    ///
    /// # Errors
    ///
    /// When asking again would be so rare, or so often, that nothing else makes sense.
    pub fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        let re_ask = self.0.options.re_ask;
        if !(Duration::from_millis(10)..=Duration::from_secs(3600)).contains(&re_ask) {
            return Err(ConfigError::new("re_ask", format!("{re_ask:?} is not between 10 ms and an hour")));
        }
        let micros = |span: Duration| span.as_micros() as Micros;
        let shared = SharedSpec { presence: micros(3 * re_ask), confirmation: micros(2 * re_ask) };
        let spec = Spec { guarded: false, shared: Some(shared), ..spec.clone() };
        let gates = SharedGates::new(spec, self.0.clone(), observers.clone());
        self.0.open.lock().push(Arc::downgrade(&gates));
        Ok(gates)
    }

    /// For a backend that is told what happens elsewhere: brings news of a waiter, if it waits here. News is a hint and
    /// may be lost.
    pub fn heard(&self, woken: &Woken) {
        self.0.heard(woken);
    }

    /// The same for what is set for a whole airlock.
    pub fn heard_of_settings(&self, airlock: &str) {
        for gates in self.0.all_open().into_iter().filter(|gates| &*gates.spec.name == airlock) {
            self.0.runtime.spawn(async move { upkeep::look(&gates).await });
        }
    }

    /// Asks anew for everybody who waits here: after an outage, in which what others said may have been missed, and places may
    /// have been lost.
    pub fn ask_for_everybody(&self) {
        for gates in self.0.all_open() {
            upkeep::ask_for_everybody(&gates, true);
        }
    }

    /// Resolves when everything that goes in the background has been said: releases, renewals, confirmations. For a
    /// process that is about to end without a [shutdown](crate::Airlock::shutdown). A store that is away keeps it waiting
    /// for at most a minute.
    pub async fn settled(&self) {
        for gates in self.0.all_open() {
            gates.settled().await;
        }
    }

    /// Looks now at what holds for whole airlocks, as each process does about once a second: no clock of a test moves that.
    #[cfg(feature = "conformance")]
    pub async fn look(&self) {
        for gates in self.0.all_open() {
            upkeep::look(&gates).await;
            gates.settled().await;
        }
    }

    /// For a task that brings it news, and shall end when nobody uses the store any more.
    pub fn downgrade(&self) -> WeakDriver {
        WeakDriver(Arc::downgrade(&self.0))
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("options", &self.0.options).finish_non_exhaustive()
    }
}

/// A driver for whoever must not keep it alive.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone)]
pub struct WeakDriver(Weak<Inner>);

impl WeakDriver {
    /// The driver, if anybody still uses it.
    pub fn upgrade(&self) -> Option<Driver> {
        self.0.upgrade().map(Driver)
    }
}

impl fmt::Debug for WeakDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakDriver").finish_non_exhaustive()
    }
}

impl Inner {
    /// The time, where a test says what it is.
    fn now(&self) -> Option<Micros> {
        self.options.clock.as_ref().map(|(clock, _)| clock.micros())
    }

    /// How often to ask again in real time.
    fn ask_every(&self) -> Duration {
        self.options.clock.as_ref().map_or(self.options.re_ask, |(_, every)| *every)
    }

    /// An answer to what was sent then: the store's clock showed no more at that moment.
    fn heard_time(&self, now: Micros, sent: Instant) {
        *self.heard_time.lock() = Some((now, sent));
    }

    /// What the store's clock shows at the latest.
    fn latest_time(&self) -> Option<Micros> {
        let heard = self.heard_time.lock().map(|(now, sent)| now + sent.elapsed().as_micros() as Micros);
        self.now().or(heard)
    }

    fn all_open(&self) -> Vec<Arc<SharedGates>> {
        let mut open = self.open.lock();
        open.retain(|gates| gates.strong_count() > 0);
        open.iter().filter_map(Weak::upgrade).collect()
    }

    fn heard(&self, woken: &Woken) {
        // A ticket's id is nobody else's, at whichever gate.
        let _ = self.all_open().iter().any(|gates| gates.heard(woken));
    }
}

/// Up to a quarter longer, so that a fleet does not come back at once.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + rand::random::<f64>() / 4.0)
}
