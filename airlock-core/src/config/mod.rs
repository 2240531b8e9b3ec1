//! Named airlocks from configuration: TOML, YAML or JSON, and the environment on top.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use airlock_core::config::{Airlocks, Format};
//!
//! // `Airlocks::from_file("airlock.toml")`, mostly.
//! let text = r#"
//!     [imports]
//!     seal = { kind = "semaphore", limit = 2, ttl = "1m" }
//!     line = { capacity = 500 }
//!
//!     [codes]
//!     seal = { kind = "cooldown", every = "30s" }
//!     admission = "opportunistic"
//! "#;
//! let airlocks = Airlocks::from_str(text, Format::Toml).await?;
//! let permit = airlocks.named("imports")?.acquire("tenant:acme").await?;
//! # drop(permit);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/airlock.toml` in the repository is a whole one, with comments.
//!
//! # How it is written
//!
//! A configuration is a map of airlocks by their names, and beside them what they share: `stores` and `notifiers`, each by names of
//! their own. Where there is only one airlock its keys may stand at the top, with its `name`. An airlock in a map cannot be called
//! like one of an airlock's keys, or like these sections.
//!
//! Times are texts such as `"30s"`, `"1m 30s"`, `"250ms"` (`m` is a minute, `M` a month), of 1 µs to 365 days where nothing else is
//! said. What has a `kind` may be written as that word alone, if nothing else is to be said: `seal = "lock"`. A configuration may
//! have 1 MiB, 1000 airlocks, 100 stores and 100 notifiers.
//!
//! ## An airlock
//!
//! | key | what | default |
//! |---|---|---|
//! | `seal` | see below | there has to be one |
//! | `admission` | see below | `fifo` |
//! | `line` | `capacity`, `group_capacity` (places), `presence`, `claim_window` (times), `on_missed` (`drop` or `requeue`): see [`Line`](crate::Line) | as there |
//! | `on_reentry` | `refuse` or `share`: see [`OnReentry`](crate::OnReentry) | `refuse` |
//! | `revision` | a whole number: see [`Builder::revision`](crate::Builder::revision) | 0 |
//! | `store` | one of `stores`, by its name; `memory`; or a store's table, for this airlock alone | a memory store of its own |
//! | `store_timeout` | how long one call of the store may take | 1 s |
//! | `outage` | see below | the store is waited for |
//! | `health` | `threshold` (0 to 1), `counts_for` (a time): see [`Builder::health`](crate::Builder::health) | 0.5, 10 s |
//! | `notifier` | one of `notifiers`, by its name; `null`; or a notifier's table | nobody is told |
//! | `topic_prefix` | what [topics](crate::Airlock::topic) begin with | `/waiting-room` |
//! | `emergency_file` | a path: see [`emergency`](crate::emergency) | none |
//! | `switch` | see below | as the store says |
//!
//! | `seal` | keys |
//! |---|---|
//! | `lock` | `ttl`, `max_hold` (times); `rate`, a table with the keys of a rate: both or neither |
//! | `semaphore` | `limit` (required; 0 lets nobody in); `ttl`, `max_hold`, `rate` as a lock |
//! | `rate` | `count` and `per` (required): so many in that time; `burst`: so many at once |
//! | `cooldown` | `every` (required): one in that time |
//!
//! What an entrant weighs is said by who asks ([`Entrant::weight`](crate::Entrant::weight)), not here.
//!
//! | `admission` | keys |
//! |---|---|
//! | `fifo`, `opportunistic` | |
//! | `priority` | `aging`: how much priority a second of waiting is worth |
//! | `fair-share` | `shares`: numbers by groups; `caps`: whole numbers by groups; `cap_each` |
//! | `lottery` | `overdue` (a time) |
//! | `aging-lottery` | `base`, `per_second`, `max` (required, numbers) |
//!
//! | `outage` | keys |
//! |---|---|
//! | `refuse`, `admit` | `threshold` (failures in a row), `reset_after` (a time): see [`Fallback`] |
//! | `local` | the same, and `limit` (required): how many each process lets in by itself |
//!
//! `switch` is what is said in an [emergency](crate::emergency), such as `closed: We are moving.`, and means the same: this process goes
//! by it from its first moment, whatever is set in the store, and nothing of it is kept there. A configuration that is read at each
//! start could not set the store's own switch without undoing what an operator has set since. `AIRLOCK_SWITCH_…` and
//! the emergency file count for more, and are how it is ended without a restart.
//!
//! ## A store
//!
//! Of all airlocks that name the same one there is one handle, and one connection.
//!
//! | `kind` | keys | feature |
//! |---|---|---|
//! | `memory` | | |
//! | `redis` | `url` (required), `prefix`, `connect_timeout`, `call_timeout`, `re_ask` (times), `any_eviction` (true or false), `node_id`: see [`RedisStoreBuilder`]; `tls_ca`, `tls_certificate`, `tls_key` (paths of PEM files, the last two together) | `redis`, for TLS `redis-tls` |
//! | `sqlite` | `path` (required), `table_prefix`, `busy_timeout`, `re_ask` (times), `power_safe` (true or false): see [`SqliteStoreBuilder`] | `sqlite` or `sqlite-bundled` |
//! | `file` | `path` (required); `clean_every`, `clean_older_than` (times): removes [what is over](crate::store::FileStore::cleaner), for as long as an [`Airlocks`] is there | `file` |
//!
//! A store of the program's own, by [`AirlocksBuilder::store`], is named the same way.
//!
//! ## A notifier
//!
//! | `kind` | keys | feature |
//! |---|---|---|
//! | `null` | | |
//! | `mercure` | `hub` (a URL), `key` (both required), `subscriber_key` (32 bytes or more): see [`MercureNotifier`] | `mercure` |
//!
//! # The environment
//!
//! `${VAR}` in a text is what the variable is, `${VAR:-default}` something else where it is not set, or empty; `$${` is a `${` itself.
//! A text that is such a variable may be a number: `limit = "${LIMIT:-5}"`.
//!
//! A variable may also say what a key is, whatever the file says: `AIRLOCK__IMPORTS__SEAL__LIMIT=5` is the `limit` of the `seal` of
//! `imports`. What is no letter or digit is a `_`, letters are upper-case, and `__` is between the parts; a name with `__` in it cannot
//! be written so. It may set keys that the file does not have, but there are no other airlocks, stores and notifiers than in the
//! file: whatever begins with `AIRLOCK__` and means nothing is an error. `${…}` means nothing in it.
//!
//! # What is wrong
//!
//! Is said at once, all of it, with the key's path, the line or the variable, and what was expected: [`Problems`]. A key that
//! nobody knows is wrong. Passwords, keys, URLs, and what came by `${…}` are not repeated.
//!
//! # Implementation details
//!
//! | file | about |
//! |---|---|
//! | `read/` | from each format to values with their lines |
//! | `node.rs` | those values |
//! | `environment.rs` | variables for keys, and variables in texts |
//! | `section.rs` | a table that is asked for its keys, and complains |
//! | `shape.rs` | airlocks, stores and notifiers, and who uses which |
//! | `options/` | what each table means |
//! | `builder.rs` | the way from the one to the other |
//! | `suggest.rs` | what somebody may have meant |
//! | `problem.rs` | what is wrong |
//!
#![cfg_attr(feature = "redis", doc = "[`RedisStoreBuilder`]: crate::store::RedisStoreBuilder")]
#![cfg_attr(not(feature = "redis"), doc = "[`RedisStoreBuilder`]: crate::config")]
#![cfg_attr(feature = "sqlite", doc = "[`SqliteStoreBuilder`]: crate::store::SqliteStoreBuilder")]
#![cfg_attr(not(feature = "sqlite"), doc = "[`SqliteStoreBuilder`]: crate::config")]
#![cfg_attr(feature = "mercure", doc = "[`MercureNotifier`]: crate::notifier::MercureNotifier")]
#![cfg_attr(not(feature = "mercure"), doc = "[`MercureNotifier`]: crate::config")]

mod builder;
mod environment;
mod missing;
mod node;
mod options;
mod problem;
mod read;
mod section;
mod shape;
mod suggest;

use std::any::Any;
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use builder::AirlocksBuilder;
pub use missing::NoSuchAirlock;
pub use problem::{Problem, Problems};
pub use read::Format;

use crate::airlock::Airlock;
use crate::store::{Fallback, Store};

/// Airlocks by their names, as a configuration describes them: see the [module](self).
///
/// Cheap to clone; an axum state, for example.
#[derive(Clone)]
pub struct Airlocks(Arc<Inner>);

struct Inner {
    airlocks: BTreeMap<String, Airlock>,
    fallbacks: BTreeMap<String, Fallback<Arc<dyn Store>>>,
    /// What is at work for the stores until it is dropped.
    _kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl Airlocks {
    /// Those that this file describes, with the environment of this process on top.
    ///
    /// # Errors
    ///
    /// Everything that is wrong: see [`AirlocksBuilder::build`], also for what it waits for.
    pub async fn from_file(path: impl Into<PathBuf>) -> Result<Self, Problems> {
        Airlocks::builder().file(path).build().await
    }

    /// Those that this text describes, with the environment of this process on top.
    ///
    /// # Errors
    ///
    /// Everything that is wrong: see [`AirlocksBuilder::build`], also for what it waits for.
    pub async fn from_str(text: &str, format: Format) -> Result<Self, Problems> {
        Airlocks::builder().text(text, format).build().await
    }

    /// For another environment, and for what is code: stores, notifiers, strategies and observers of one's own.
    pub fn builder() -> AirlocksBuilder {
        AirlocksBuilder::new()
    }

    fn new(
        airlocks: BTreeMap<String, Airlock>,
        fallbacks: BTreeMap<String, Fallback<Arc<dyn Store>>>,
        kept: Vec<Box<dyn Any + Send + Sync>>,
    ) -> Self {
        Airlocks(Arc::new(Inner { airlocks, fallbacks, _kept: kept }))
    }

    /// The airlock of that name.
    ///
    /// # Errors
    ///
    /// When there is none. Says which there are.
    pub fn named(&self, name: &str) -> Result<Airlock, NoSuchAirlock> {
        let known = || self.0.airlocks.keys().map(String::as_str);
        self.0.airlocks.get(name).cloned().ok_or_else(|| NoSuchAirlock::named(name, known()))
    }

    /// The airlock, where there is one.
    ///
    /// # Errors
    ///
    /// When there are several. Says which.
    pub fn only(&self) -> Result<Airlock, NoSuchAirlock> {
        let mut all = self.iter();
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only.clone()),
            _ => Err(NoSuchAirlock::several(self.0.airlocks.keys().map(String::as_str))),
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.airlocks.values())
    }

    /// What stands in for the store of that airlock while it is away, where it has an `outage`: to ask how its breakers
    /// are, and to close them.
    pub fn fallback(&self, name: &str) -> Option<&Fallback<Arc<dyn Store>>> {
        self.0.fallbacks.get(name)
    }
}

impl<'a> IntoIterator for &'a Airlocks {
    type Item = &'a Airlock;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Airlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Airlocks").field(&self.0.airlocks.keys().collect::<Vec<_>>()).finish()
    }
}

/// The airlocks of an [`Airlocks`], by name.
///
/// See [`Airlocks::iter`].
#[derive(Clone)]
pub struct Iter<'a>(btree_map::Values<'a, String, Airlock>);

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Airlock;

    fn next(&mut self) -> Option<&'a Airlock> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(Airlock::name)).finish()
    }
}
