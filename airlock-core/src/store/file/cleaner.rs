//! Removing what nobody needs any more.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::disk;
use super::folder::Folder;
use super::names::Name;
use crate::error::StoreError;
use crate::gate::Micros;

/// How long a gate has to be idle before it is removed, if nothing else is said.
const AGE: Duration = Duration::from_secs(3600);

/// Removes the files of gates that are idle: see [`FileStore::cleaner`](super::FileStore::cleaner).
///
/// A gate is removed under its lock, and only when all that is known of it is over and past: leases, places, offers,
/// spent tokens, rates, the operator's settings, what nodes are agreed on, and the last numbers given out. It needs no
/// configuration for that, and lets nobody in: a lease whose holder is dead is over at its deadline, whether or not
/// somebody swept it out.
///
/// The numbers are why a gate is kept for its age: fences go on from the clock, which is past them, so that they grow
/// although the file is gone. A clock that is set back by less than the age makes no difference.
///
/// Removed as well: what processes left that were killed while they wrote. Nothing else in the folder is touched, and what
/// is damaged, foreign or newer is left for a person to look at.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is told to clean"]
pub struct Cleaner {
    folder: Arc<Folder>,
    age: Micros,
}

/// What a cleaner did.
///
/// See [`FileStore::cleaner`](super::FileStore::cleaner) for an example.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Cleaned {
    /// How many files of idle gates and settings were removed.
    pub removed: usize,
    /// How many are still needed.
    pub kept: usize,
    /// How many files were removed that somebody had not finished writing.
    pub leftovers: usize,
    /// What could not be read or removed, and was left as it is.
    pub failed: Vec<StoreError>,
}

impl Cleaner {
    pub(super) fn new(folder: Arc<Folder>) -> Self {
        Cleaner { folder, age: 0 }.older_than(AGE)
    }

    /// For how long all of a gate has to be over and past before it is removed: an hour by default.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.age = Micros::try_from(age.as_micros()).unwrap_or(Micros::MAX);
        self
    }

    /// Cleans once. Blocks for as long as it takes to read every file.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read. What goes wrong with a single file is in [`Cleaned::failed`].
    pub fn clean(&self) -> Result<Cleaned, StoreError> {
        let mut cleaned = Cleaned::default();
        for name in self.folder.files()? {
            match self.look(&name) {
                Ok(Found::Nothing) => {}
                Ok(Found::Needed) => cleaned.kept += 1,
                Ok(Found::Removed) if name.is_new() => cleaned.leftovers += 1,
                Ok(Found::Removed) => cleaned.removed += 1,
                Err(error) => cleaned.failed.push(error),
            }
        }
        Ok(cleaned)
    }

    /// Cleans now and each time after so long, on a thread of its own, until what it returns is dropped.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn every(self, interval: Duration) -> Result<Cleaning, StoreError> {
        let (stop, stopped) = mpsc::channel::<()>();
        let clean = move || loop {
            match self.clean() {
                Ok(cleaned) => {
                    for error in cleaned.failed {
                        tracing::warn!(target: "airlock", %error, "a file that cannot be cleaned up");
                    }
                }
                Err(error) => tracing::warn!(target: "airlock", %error, "a folder that cannot be cleaned up"),
            }
            if stopped.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        };
        let thread = std::thread::Builder::new().name("airlock-cleaner".into()).spawn(clean);
        let thread = thread.map_err(|error| StoreError::not_executed("cannot start a thread").caused_by(error))?;
        Ok(Cleaning { stop: Some(stop), thread: Some(thread) })
    }

    fn look(&self, name: &Name) -> Result<Found, StoreError> {
        // Most are needed, and looking takes no lock.
        if !name.is_new() {
            match self.is_over(name)? {
                None => return Ok(Found::Nothing),
                Some(false) => return Ok(Found::Needed),
                Some(true) => {}
            }
        }
        let _locked = self.folder.locks().lock(name.stripe)?;
        // Who has the lock writes; so nobody does, or somebody has changed it meanwhile.
        let over = if name.is_new() { Some(true) } else { self.is_over(name)? };
        match over {
            Some(true) if disk::remove(&name.path(self.folder.path()))? => Ok(Found::Removed),
            Some(false) => Ok(Found::Needed),
            _ => Ok(Found::Nothing),
        }
    }

    /// Whether a file is no longer needed; nothing if it is gone.
    fn is_over(&self, name: &Name) -> Result<Option<bool>, StoreError> {
        let now = self.folder.now();
        let past = |at: Micros| at.saturating_add(self.age) <= now;
        if name.is_gate() {
            let gate = self.folder.read_gate(name)?;
            return Ok(gate.map(|(_, _, gate)| gate.forget_at().is_some_and(past)));
        }
        let conditions = self.folder.read_conditions(name)?;
        Ok(conditions.map(|conditions| conditions.are_normal(now.saturating_sub(self.age))))
    }
}

enum Found {
    Nothing,
    Needed,
    Removed,
}

/// A cleaner at work. Dropping it stops it, once it is done with what it is doing.
///
/// See [`FileStore::cleaner`](super::FileStore::cleaner) for an example.
#[must_use = "dropping it stops it"]
pub struct Cleaning {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Cleaning {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It does not panic, and if it did it would have said so.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Cleaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleaning").finish_non_exhaustive()
    }
}
