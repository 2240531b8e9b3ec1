//! Gates in a SQLite file, shared by the processes of one machine.
//!
//! # What is in the file
//!
//! Real tables, for whoever wants to look; `airlock_` is the [prefix](SqliteStoreBuilder::table_prefix). Times are microseconds since 1970,
//! and 9007199254740991 is never. Nothing but Airlock may write to them.
//!
//! | table | has a row for each |
//! |---|---|
//! | `airlock_gates` | resource of an airlock: how much is in use, who waits, the last fence, the operator's limit and switch |
//! | `airlock_tickets` | who holds, is offered a place, waits, or has just gone (`state`), until its `deadline` |
//! | `airlock_groups` | group whose part of a line, or whose share, is counted |
//! | `airlock_milestones` | place in a long line from which on it is known how many wait |
//! | `airlock_airlocks` | airlock with something set for all of its gates |
//! | `airlock_meta` | `version` of these tables |
//!
//! A ticket's `token` is a hash: nobody can release a lease who has the file. How many are where:
//!
//! ```sql
//! SELECT airlock, resource, in_use, waiting FROM airlock_gates WHERE tickets > 0 ORDER BY waiting DESC, in_use DESC;
//! ```
//!
//! Who is inside, since when, and until when unless it renews its lease:
//!
//! ```sql
//! SELECT g.airlock, g.resource, t.identity, t.fence, t.weight,
//!        datetime(t.since / 1000000, 'unixepoch') AS since, datetime(t.deadline / 1000000, 'unixepoch') AS until
//! FROM airlock_tickets t JOIN airlock_gates g ON g.id = t.gate
//! WHERE t.state IN ('holding', 'offered') ORDER BY g.airlock, g.resource, t.fence;
//! ```
//!
//! The line before one resource, from its head:
//!
//! ```sql
//! SELECT t.identity, n.name AS "group", t.weight, datetime(t.arrival / 1000000, 'unixepoch') AS since
//! FROM airlock_tickets t JOIN airlock_gates g ON g.id = t.gate LEFT JOIN airlock_groups n ON n.gate = g.id AND n.id = t.group_id
//! WHERE t.state = 'waiting' AND g.airlock = 'imports' AND g.resource = 'tenant:acme'
//! ORDER BY t.lane, t.sort_key, t.arrival;
//! ```
//!
//! # What is promised
//!
//! A process that dies, at whatever moment, takes nothing with it but what it had not been answered yet. After a power cut the
//! file is whole, but the last moments before it may be missing (`synchronous = NORMAL`): whoever was inside is gone as well,
//! because all of them were on this machine, and fences go on from the clock. Where leases outlive the machine, because a
//! token was given to somebody elsewhere, [`power_safe`](SqliteStoreBuilder::power_safe) has every commit wait for the disk.
//!
//! A gate with nothing in it keeps its last fence and arrival for twice the longest time that anything lasts there and a
//! minute, and then has no row (G2).
//!
//! # Implementation details
//!
//! The gate is [`step`](crate::gate::step) itself, over a ledger of rows (`ledger.rs`). A ledger lives for one transaction,
//! which has the write lock from its beginning; it reads the gate's own row first and writes it last, and each ticket that it
//! needs once. It never reads a whole gate: every question is answered by an index, and positions by a counted skip list
//! (`line.rs`), so that entering, leaving and letting in take O(log n), lotteries included. One thread has the connection
//! (`worker.rs`) and commits together what has arrived; what a process does for its waiters is the [driver](super::shared)'s.

mod backend;
mod builder;
mod database;
mod decide;
mod failure;
mod groups;
mod ledger;
mod line;
mod patience;
mod rows;
mod schema;
mod statements;
mod values;
mod worker;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use builder::SqliteStoreBuilder;
#[doc(hidden)]
pub use database::{Database, Options, Work};
#[doc(hidden)]
pub use line::Spacing;
#[cfg(feature = "conformance")]
#[doc(hidden)]
pub use rusqlite;
#[doc(hidden)]
pub use worker::{Answer, Worker};

use super::shared::Driver;
use super::{Gates, Store};
use crate::error::{ConfigError, StoreError};
use crate::gate::Spec;
use crate::observer::Observers;

/// Gates in a SQLite file, shared by the processes of one machine: nothing to run, and restarts lose nothing.
///
/// Clones are one connection. All airlocks of one name in one file and [prefix](SqliteStoreBuilder::table_prefix) are one
/// airlock, whichever process they are in. Whoever waits is woken directly when somebody of the same process makes room, and
/// by looking when it is another process: after 10 ms at first, and up to a quarter of a second while nothing happens. See the
/// [module](self) for what is in the file, and for what is promised of it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::store::SqliteStore;
/// use airlock_core::{Airlock, Seal};
///
/// # let folder = std::env::temp_dir().join(format!("airlock-doc-sqlite-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("airlock.db");
/// let jobs = Airlock::builder("jobs")
///     .seal(Seal::lock())
///     .store(SqliteStore::open(&path)?)
///     .build()?;
/// let permit = jobs.acquire("invoice").await?;
/// # permit.release().await?;
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    driver: Driver,
    path: Arc<Path>,
}

impl SqliteStore {
    /// The file of that path, made when it is missing, with everything else as it is by default.
    ///
    /// What goes in the background goes on the tokio runtime that this is called on, or else on a thread of its own.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or written, is no database or a damaged one, or has tables of those names that are not
    /// ours, were changed, or are a newer release's. Says what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteStore::builder().open(path)
    }

    /// For what differs from the default.
    pub fn builder() -> SqliteStoreBuilder {
        SqliteStoreBuilder::default()
    }

    /// Resolves when everything that goes in the background has been said: releases, renewals, confirmations. For a
    /// process that is about to end without a [shutdown](crate::Airlock::shutdown).
    pub async fn settled(&self) {
        self.driver.settled().await;
    }

    /// What a process does for its waiters and leases.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }
}

impl Store for SqliteStore {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        self.driver.open(spec, observers)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}
