use std::path::Path;
use std::time::Duration;

use super::SqliteStore;
use super::backend::SqliteBackend;
use super::database::{Database, Options};
use super::worker::Worker;
use crate::clock::TestClock;
#[cfg(feature = "config")]
use crate::error::ConfigError;
use crate::error::StoreError;
use crate::store::shared::{self, Driver, Runtime};

/// Options of a [`SqliteStore`].
///
/// ```no_run
/// use airlock_core::store::SqliteStore;
///
/// let store = SqliteStore::builder().table_prefix("shop_").power_safe(true).open("/var/lib/shop/airlock.db")?;
/// # Ok::<(), airlock_core::StoreError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SqliteStoreBuilder {
    database: Options,
    re_ask: Duration,
    /// A test's own clock, and how often to ask again in real time, which then has nothing to do with it.
    clock: Option<(TestClock, Duration)>,
}

impl Default for SqliteStoreBuilder {
    fn default() -> Self {
        SqliteStoreBuilder { database: Options::default(), re_ask: Duration::from_secs(2), clock: None }
    }
}

impl SqliteStoreBuilder {
    /// What the names of all tables begin with: `airlock_` by default. 1 to 32 letters, digits and `_`, and no digit first.
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.database.prefix = prefix.into();
        self
    }

    /// How long to wait while another process writes: 900 ms by default, a little less than an airlock waits for its store.
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.database.busy_timeout = timeout;
        self
    }

    /// Whether every commit waits for the disk, so that a power cut takes nothing back. By default only what was decided in
    /// the last moments before a power cut may be gone, with those who were inside; a killed process never takes anything.
    pub fn power_safe(mut self, power_safe: bool) -> Self {
        self.database.power_safe = power_safe;
        self
    }

    /// How often a process asks again for those who wait in it: 2 s by default, 10 ms to an hour.
    ///
    /// A waiter whose process has not asked for it in three times that is gone, and whoever is let in from the line is held
    /// its place for twice that, until its process has confirmed it.
    pub fn re_ask(mut self, interval: Duration) -> Self {
        self.re_ask = interval;
        self
    }

    /// Goes by a clock that a test moves, instead of the machine's.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub fn with_clock(mut self, clock: &TestClock, ask_every: Duration) -> Self {
        self.clock = Some((clock.clone(), ask_every));
        self
    }

    /// What can be known without a file.
    #[cfg(feature = "config")]
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.database.check()
    }

    /// The file of that path. See [`SqliteStore::open`].
    ///
    /// # Errors
    ///
    /// As there, and when an option is out of bounds.
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let path = path.as_ref();
        let runtime = Runtime::current().map_err(|error| StoreError::not_executed(error.to_string()))?;
        let patience = 2 * self.database.busy_timeout;
        let database = Database::open(path, self.database)?;
        let worker = Worker::start(database).map_err(|error| {
            StoreError::not_executed("there is no thread to be had for the database").caused_by(error)
        })?;
        let options =
            shared::Options { re_ask: self.re_ask, patience, clock: self.clock, ..shared::Options::new("SQLite") };
        let driver = Driver::new(SqliteBackend::new(worker), runtime, options);
        Ok(SqliteStore { driver, path: path.into() })
    }
}
