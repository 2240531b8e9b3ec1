//! Gates in a folder, shared by the processes of one machine.
//!
//! # Implementation details
//!
//! One file for each gate, read, decided on and replaced as a whole under a lock of the operating system, by
//! [`decide`](crate::gate::decide). What knows of waiters, runtimes and wakers is the driver that all shared stores have in
//! common; below it everything blocks, and no process knows of another but by what is in the files.
//!
//! | file | about |
//! |---|---|
//! | `backend.rs` | the driver's questions, on threads that may block |
//! | `folder.rs` | what it asks: deciding, settings, which resources there are, whether something changed |
//! | `conditions.rs` | how settings of a whole airlock are written |
//! | `names.rs` | what files are called |
//! | `locks.rs` | who may change a file |
//! | `disk.rs` | reading and replacing, without following links |
//! | `cleaner.rs` | removing what is over |
//! | `failure.rs` | errors that name the file |

mod backend;
mod cleaner;
mod conditions;
mod disk;
mod failure;
mod folder;
mod locks;
mod names;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use cleaner::{Cleaned, Cleaner, Cleaning};
pub use folder::{Folder, Stamp};

use super::shared::{Driver, Options, Runtime};
use super::{Gates, Store};
use crate::clock::TestClock;
use crate::error::{ConfigError, StoreError};
use crate::gate::Spec;
use crate::observer::Observers;
use backend::FileBackend;

/// Gates in a folder: nothing to install, for cron jobs and small tools on one machine.
///
/// What is decided survives the process and the machine's power. Every step reads and writes its gate as a whole and waits
/// for the disk: it takes longer the more are inside or wait, some hundreds are well, and for more there are stores that
/// keep records. The folder has to be on a disk of this machine: locks are not what they should be on network file
/// systems. On Unix only.
///
/// # What is in the folder
///
/// A file for each gate, `AIRLOCK-HASH.gate`, one line that says what it is and one of JSON; files for settings of whole
/// airlocks, and for locks. It is made when it is missing, for its owner alone (0700, files 0600), and refused where others
/// could write; links are not followed. Names of resources and identities stand in the files; tokens do only as hashes,
/// with which nothing can be released.
///
/// A file that is damaged, of another program, or of a later release, is left as it is, and whoever asks for its gate is
/// told so, with its path and what can be done.
///
/// The clock is the machine's. Should it be set back, leases last longer by as much.
///
/// Whoever waits is woken directly when somebody of the same process makes room, and by looking at the file when it is
/// another process: after 10 ms at first, and up to a quarter of a second while nothing happens. What goes in the background
/// goes on the tokio runtime that the store is opened on, or else on a thread of its own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::store::FileStore;
/// use airlock_core::{Airlock, Seal};
///
/// # let path = std::env::temp_dir().join(format!("airlock-doc-file-{}", std::process::id()));
/// let jobs = Airlock::builder("jobs").seal(Seal::lock()).store(FileStore::open(&path)?).build()?;
/// let permit = jobs.try_enter("invoice").await?;
/// # permit.release().await?;
/// # std::fs::remove_dir_all(&path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: Arc<Folder>,
    driver: Driver,
}

impl FileStore {
    /// The folder of that path, made if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be made, is a symbolic link or no folder, or others can write there.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        FileStore::new(Folder::open(path)?, None)
    }

    fn new(folder: Folder, clock: Option<(TestClock, Duration)>) -> Result<Self, StoreError> {
        let runtime = Runtime::current().map_err(|error| StoreError::not_executed(error.to_string()))?;
        let folder = Arc::new(folder);
        let options = Options { clock, ..Options::new("the folder") };
        let driver = Driver::new(FileBackend::new(folder.clone()), runtime, options);
        Ok(FileStore { folder, driver })
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

    /// The same, on a clock that a test moves.
    ///
    /// # Errors
    ///
    /// As [`open`](FileStore::open).
    #[cfg(feature = "conformance")]
    pub fn with_clock(path: impl Into<PathBuf>, clock: &crate::clock::TestClock) -> Result<Self, StoreError> {
        FileStore::new(Folder::with_clock(path, clock)?, Some((clock.clone(), Duration::from_millis(20))))
    }

    /// Removes the files of gates that have been idle for long, once or now and then. Without it, every resource that was
    /// ever asked for leaves a small file.
    ///
    /// One process is enough, and it need not be one of those that ask: a cron job does as well.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use airlock_core::store::FileStore;
    ///
    /// # let path = std::env::temp_dir().join(format!("airlock-doc-{}", std::process::id()));
    /// let store = FileStore::open(&path)?;
    /// let cleaned = store.cleaner().older_than(Duration::from_secs(24 * 3600)).clean()?;
    /// println!("{} files removed", cleaned.removed);
    ///
    /// // Until it is dropped:
    /// let cleaning = store.cleaner().every(Duration::from_secs(600))?;
    /// # drop(cleaning);
    /// # std::fs::remove_dir_all(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn cleaner(&self) -> Cleaner {
        Cleaner::new(self.folder.clone())
    }

    /// What the driver asks.
    #[doc(hidden)]
    pub fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }
}

impl Store for FileStore {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        self.driver.open(spec, observers)
    }
}
