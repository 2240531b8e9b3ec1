//! Who may change a file.
//!
//! # Implementation details
//!
//! A gate's own file cannot be locked: it is replaced by another with every change, and who waited for the lock of the
//! old one would have that of a file that nobody looks at any more. A lock file for each gate would have to be removed
//! with it, at which moment two may have locks of one name. So there are 256 lock files, which stay: a gate's is that of
//! the first byte of its hash. Gates that share one wait for each other, and no process has two at once.
//!
//! The system lets go of the lock of a process that ends, however it ends. Should somebody clean up the folder by hand,
//! it is seen that the lock is no longer the one that others would take.
//!
//! Within a process, threads take turns at a mutex first: they need not ask the system, whose locks do not keep threads
//! of one process apart everywhere.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::failure::failed;
use super::names::Stripe;
use super::{disk, names};
use crate::error::StoreError;

/// How long to wait for whoever has the lock: far longer than any change takes, but a process that was stopped in the
/// middle of one shall not stop all others.
const WAIT: Duration = Duration::from_secs(5);
/// How long to wait before trying again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(2));

#[derive(Debug)]
pub(super) struct Locks {
    folder: PathBuf,
    files: Vec<Mutex<Option<File>>>,
}

/// The right to change the files of a lock, until it is dropped.
#[must_use = "it is unlocked when it is dropped"]
pub(super) struct Locked<'a>(MutexGuard<'a, Option<File>>);

impl Locks {
    pub(super) fn new(folder: &Path) -> Self {
        Locks { folder: folder.to_owned(), files: (0..=Stripe::MAX).map(|_| Mutex::default()).collect() }
    }

    /// Waits for the lock.
    pub(super) fn lock(&self, stripe: Stripe) -> Result<Locked<'_>, StoreError> {
        let path = names::lock(&self.folder, stripe);
        let until = Instant::now() + WAIT;
        let late = || StoreError::not_executed(format!("{}: somebody has held the lock for {WAIT:?}", path.display()));
        let mut file = self.files[usize::from(stripe)].try_lock_until(until).ok_or_else(late)?;
        let mut pause = PAUSE.0;
        loop {
            let locked = match &*file {
                Some(file) => attempt(file, &path).map_err(|error| failed("lock", &path, error))?,
                None => {
                    *file = Some(self.open(&path)?);
                    continue;
                }
            };
            match locked {
                Attempt::Locked => return Ok(Locked(file)),
                // Closing it lets go of it.
                Attempt::Gone => *file = None,
                Attempt::Taken if Instant::now() >= until => return Err(late()),
                Attempt::Taken => {
                    // Not all at once.
                    std::thread::sleep(pause.mul_f64(rand::random_range(0.5..1.0)));
                    pause = (2 * pause).min(PAUSE.1);
                }
            }
        }
    }

    fn open(&self, path: &Path) -> Result<File, StoreError> {
        match disk::lockable(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // The folder was removed while nothing was in it.
                disk::prepare(&self.folder)?;
                disk::lockable(path).map_err(|error| disk::cannot("open the lock", path, error))
            }
            file => file.map_err(|error| disk::cannot("open the lock", path, error)),
        }
    }
}

enum Attempt {
    Locked,
    Taken,
    /// It is no longer the file of that name.
    Gone,
}

fn attempt(file: &File, path: &Path) -> io::Result<Attempt> {
    match file.try_lock() {
        Ok(()) if disk::is_still(file, path)? => Ok(Attempt::Locked),
        Ok(()) => Ok(Attempt::Gone),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Taken),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let unlocked = self.0.as_ref().map_or(Ok(()), File::unlock);
        if unlocked.is_err() {
            // Closing it lets go of it as well.
            *self.0 = None;
        }
    }
}
