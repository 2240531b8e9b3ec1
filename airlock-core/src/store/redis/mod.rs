//! Gates on a Redis server, shared by all nodes that are connected to it.
//!
//! # Implementation details
//!
//! The gate itself is a script (`lua/`), equal to [`gate`](crate::gate) rule for rule: one call of it is one atomic step, and
//! carries whatever has arrived for that gate while the last call was in flight. A node is told by a message when somebody
//! of its own is let in; what else it does for its waiters and leases is the [driver](super::shared)'s.

mod backend;
mod builder;
mod call;
mod client;
mod failure;
pub mod keys;
mod link;
pub mod msgpack;
pub mod script;
mod server;
pub mod wire;

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

pub use builder::RedisStoreBuilder;

use super::shared::{Driver, WeakDriver, Woken};
use super::{Gates, Store};
use crate::error::ConfigError;
use crate::gate::Spec;
use crate::observer::Observers;
use link::Heard;

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
pub struct RedisStore {
    driver: Driver,
    /// What keys begin with.
    prefix: Arc<str>,
}

impl RedisStore {
    /// The server at this URL, `redis://[user:password@]host[:port][/db]`, with everything else as it is by default. With
    /// the feature `redis-tls` also `rediss://…`, which is TLS and trusts those whom the system trusts.
    ///
    /// It stays connected in the background, on the tokio runtime that this is awaited on. A server that is away is no
    /// error: after two seconds it goes on without, and the server is found when it is there.
    ///
    /// # Errors
    ///
    /// When the URL is none, or the server is there and will not do: too old, one that throws keys away when its memory
    /// is full, a password that is wrong, or a user without the rights. Says what to change.
    ///
    /// # Rights
    ///
    /// Its user needs, for the [prefix](RedisStoreBuilder::prefix) `airlock`:
    ///
    /// ```text
    /// ACL SETUSER shop on >password +@read +@write +@scripting +@pubsub +time ~{airlock:* &airlock:*
    /// ```
    ///
    /// and `+select` for another database than 0. All of them are tried whenever it connects, on keys and a channel that
    /// nobody uses. With `+info` version and eviction policy are checked as well; without it they are taken on trust.
    pub async fn connect(url: &str) -> Result<Self, ConfigError> {
        RedisStore::builder().connect(url).await
    }

    /// Resolves when everything that goes in the background has been said: releases, renewals, confirmations. For a
    /// process that is about to end without a [shutdown](crate::Airlock::shutdown). A server that is away keeps it waiting
    /// for at most a minute.
    pub async fn settled(&self) {
        self.driver.settled().await;
    }

    /// What a process does for its waiters and leases.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// For what differs from the default.
    pub fn builder() -> RedisStoreBuilder {
        RedisStoreBuilder::default()
    }
}

/// Brings what comes from the server to those whom it concerns.
async fn listen(driver: WeakDriver, changed: String, mut heard: mpsc::UnboundedReceiver<Heard>) {
    while let Some(heard) = heard.recv().await {
        let Some(driver) = driver.upgrade() else { return };
        match heard {
            // Messages may have been missed.
            Heard::Connected => driver.ask_for_everybody(),
            Heard::Message { channel, payload } if channel == changed.as_bytes() => {
                driver.heard_of_settings(&String::from_utf8_lossy(&payload));
            }
            Heard::Message { payload, .. } => match wire::message(&payload) {
                Ok(wire::Message { id, change, .. }) => driver.heard(&Woken { id, change }),
                Err(error) => tracing::warn!(target: "airlock", %error, "a message that cannot be read"),
            },
        }
    }
}

impl Store for RedisStore {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        self.driver.open(spec, observers)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URL: there may be a password in it.
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
