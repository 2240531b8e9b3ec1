//! Gates on a Redis server, shared by all nodes that are connected to it.
//!
//! # Implementation details
//!
//! The gate itself is a script (`lua/`), equal to [`gate`](crate::gate) rule for rule: one call of it is one atomic step, and
//! carries whatever has arrived for that gate while the last call was in flight (`queue.rs`). A node registers whoever
//! waits before it asks (`node.rs`), is told by a message when somebody of its own is let in, and confirms. A message is
//! a hint and may be lost: each node asks again for its waiters at an interval, which is their presence as well
//! (`upkeep.rs`). Releases, renewals and confirmations go in the background.

mod builder;
mod call;
mod conditions;
mod failure;
mod gates;
mod index;
pub mod keys;
mod link;
pub mod msgpack;
mod node;
mod queue;
pub mod script;
mod server;
mod upkeep;
pub mod wire;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

pub use builder::RedisStoreBuilder;

use super::{Gates, Store};
use crate::clock::TestClock;
use crate::error::ConfigError;
use crate::gate::{Micros, SharedSpec, Spec};
use crate::observer::Observers;
use crate::sync::Mutex;
use call::Script;
use gates::RedisGates;
use link::{Heard, Link};
use wire::NodeId;

/// Gates on Redis 7 or later, or Valkey: one limit and one line for a whole fleet.
///
/// Clones are one connection. All airlocks of one name on one server and [prefix](RedisStoreBuilder::prefix) are one
/// airlock, whichever process they are in.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::store::RedisStore;
/// use airlock_core::{Airlock, Seal};
///
/// let imports = Airlock::builder("imports")
///     .seal(Seal::semaphore(2))
///     .store(RedisStore::connect("redis://127.0.0.1").await?)
///     .build()?;
/// let permit = imports.acquire("tenant:acme").await?;
/// # drop(permit);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

pub(crate) struct Inner {
    link: Arc<Link>,
    script: Script,
    runtime: Handle,
    prefix: String,
    node: NodeId,
    /// Where nodes tell each other that a switch has changed.
    changed: String,
    re_ask: Duration,
    /// The same, but where a test has a clock of its own.
    ask_every: Duration,
    /// How long a shutdown waits for a server that does not answer.
    patience: Duration,
    clock: Option<TestClock>,
    /// What the server's clock showed at the latest when something was sent to it.
    heard_time: Mutex<Option<(Micros, Instant)>>,
    open: Mutex<Vec<Weak<RedisGates>>>,
}

impl RedisStore {
    /// The server at this URL, `redis://[user:password@]host[:port][/db]`, with everything else as it is by default.
    ///
    /// It stays connected in the background, on the tokio runtime that this is awaited on. A server that is away is no
    /// error: after two seconds it goes on without, and the server is found when it is there.
    ///
    /// # Errors
    ///
    /// When the URL is none, or the server is there and will not do: too old, one that throws keys away when its memory
    /// is full, or its user may not load scripts and subscribe. Says what to change. Other rights that are missing show
    /// when they are needed.
    pub async fn connect(url: &str) -> Result<Self, ConfigError> {
        RedisStore::builder().connect(url).await
    }

    /// Resolves when everything that goes in the background has been said: releases, renewals, confirmations. For a
    /// process that is about to end without a [shutdown](crate::Airlock::shutdown). A server that is away keeps it waiting
    /// for at most a minute.
    pub async fn settled(&self) {
        let mut open = Vec::new();
        self.0.each_open(|gates| {
            open.push(gates);
            false
        });
        for gates in open {
            gates.settled().await;
        }
    }

    /// Looks now at what holds for whole airlocks, as each node does about once a second: no clock of a test moves that.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub async fn look(&self) {
        let mut open = Vec::new();
        self.0.each_open(|gates| {
            open.push(gates);
            false
        });
        for gates in open {
            upkeep::look(&gates).await;
            gates.settled().await;
        }
    }

    /// For what differs from the default.
    pub fn builder() -> RedisStoreBuilder {
        RedisStoreBuilder::default()
    }
}

impl Inner {
    /// The time, where a test says what it is.
    fn now(&self) -> Option<Micros> {
        self.clock.as_ref().map(TestClock::micros)
    }

    /// An answer to what was sent then: the server's clock showed no more at that moment.
    fn heard_time(&self, now: Micros, sent: Instant) {
        *self.heard_time.lock() = Some((now, sent));
    }

    /// What the server's clock shows at the latest.
    fn latest_time(&self) -> Option<Micros> {
        let heard = self.heard_time.lock().map(|(now, sent)| now + sent.elapsed().as_micros() as Micros);
        self.now().or(heard)
    }

    fn each_open(&self, mut visit: impl FnMut(Arc<RedisGates>) -> bool) {
        let open: Vec<_> = {
            let mut open = self.open.lock();
            open.retain(|gates| gates.strong_count() > 0);
            open.iter().filter_map(Weak::upgrade).collect()
        };
        for gates in open {
            if visit(gates) {
                return;
            }
        }
    }
}

/// Brings what comes from the server to those whom it concerns.
async fn listen(inner: Weak<Inner>, mut heard: mpsc::UnboundedReceiver<Heard>) {
    while let Some(heard) = heard.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        match heard {
            // Messages may have been missed.
            Heard::Connected => inner.each_open(|gates| {
                upkeep::ask_for_everybody(&gates);
                false
            }),
            Heard::Message { channel, payload } if channel == inner.changed.as_bytes() => inner.each_open(|gates| {
                let same = gates.spec.name.as_bytes() == payload;
                if same {
                    let runtime = gates.store.runtime.clone();
                    runtime.spawn(async move { upkeep::look(&gates).await });
                }
                same
            }),
            Heard::Message { payload, .. } => match wire::message(&payload) {
                Ok(message) => inner.each_open(|gates| gates.heard(&message)),
                Err(error) => tracing::warn!(target: "airlock", %error, "a message that cannot be read"),
            },
        }
    }
}

impl Store for RedisStore {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        let micros = |span: Duration| span.as_micros() as Micros;
        let shared = SharedSpec { presence: micros(3 * self.0.re_ask), confirmation: micros(2 * self.0.re_ask) };
        let spec = Spec { guarded: false, shared: Some(shared), ..spec.clone() };
        let gates = RedisGates::new(spec, self.0.clone(), observers.clone());
        self.0.open.lock().push(Arc::downgrade(&gates));
        Ok(gates)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URL: there may be a password in it.
        f.debug_struct("RedisStore").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}
