//! Gates in a folder, below the driver that all shared stores have in common.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::failure::{failed, unreadable};
use super::locks::Locks;
use super::names::Name;
use super::{conditions, disk};
#[cfg(feature = "conformance")]
use crate::clock::TestClock;
use crate::clock::wall_clock;
use crate::error::StoreError;
use crate::gate::{self, Conditions, Decided, Micros, Record, Snapshot, Spec, Verb};
use crate::store::shared::{self, Call};

/// A folder of gates, for any number of processes of one machine.
///
/// All of this blocks, for as long as the disk takes and whoever else has the gate.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    locks: Locks,
    clock: Time,
}

#[derive(Debug)]
enum Time {
    /// The wall clock: the only one that all processes see alike, and that goes on while the machine is off.
    System,
    #[cfg(feature = "conformance")]
    Test(TestClock),
}

/// What a file is known by. Every change makes another file of it.
///
/// A hint: two changes within one tick of the file system's clock may look like none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp(Option<[i64; 5]>);

impl Folder {
    /// The folder of that path, made if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be made, is a symbolic link or no folder, or others can write there.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Folder::open_at(path.into(), Time::System)
    }

    /// The same, on a clock that a test moves.
    ///
    /// # Errors
    ///
    /// As [`open`](Folder::open).
    #[cfg(feature = "conformance")]
    pub fn with_clock(path: impl Into<PathBuf>, clock: &TestClock) -> Result<Self, StoreError> {
        Folder::open_at(path.into(), Time::Test(clock.clone()))
    }

    fn open_at(path: PathBuf, clock: Time) -> Result<Self, StoreError> {
        disk::prepare(&path)?;
        Ok(Folder { locks: Locks::new(&path), path, clock })
    }

    /// What the clock shows.
    pub fn now(&self) -> Micros {
        match &self.clock {
            Time::System => wall_clock(),
            #[cfg(feature = "conformance")]
            Time::Test(clock) => clock.micros(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn locks(&self) -> &Locks {
        &self.locks
    }

    /// Where a gate is, or would be.
    pub fn path_of(&self, airlock: &str, resource: &str) -> PathBuf {
        Name::of_gate(airlock, resource).path(&self.path)
    }

    /// Decides some commands to one gate, one after the other and all or none: see [`gate::decide`].
    ///
    /// `now` may be somewhat older than what others have decided by, who had the lock before: deadlines of this one are
    /// as much earlier, and numbers grow all the same. Tokens are written as they are asked with: ask with hashes.
    ///
    /// # Errors
    ///
    /// [Not executed](StoreError::is_unknown) when nothing was changed: the file is damaged, foreign or newer, the disk
    /// is full or read-only, or somebody has the lock and does not go on. Unknown when it may not last. Each names the
    /// file.
    pub fn decide(
        &self,
        spec: &Spec,
        conditions: &Conditions,
        resource: &str,
        asked: &[(Verb<'_>, u64)],
        now: Micros,
        record: Record,
    ) -> Result<Vec<Decided>, StoreError> {
        let name = Name::of_gate(&spec.name, resource);
        let path = name.path(&self.path);
        let _locked = self.locks.lock(name.stripe)?;
        let kept = disk::read(&path)?;
        let decision = gate::decide(kept.as_deref(), spec, conditions, resource, asked, now, record)
            .map_err(|error| unreadable(&path, error))?;
        if let Some(blob) = &decision.blob {
            disk::replace(&self.path, &path, blob)?;
        }
        Ok(decision.decided)
    }

    /// The same as the driver asks it.
    pub(super) fn decide_call(&self, call: &Call<'_>) -> Result<shared::Decided, StoreError> {
        let name = Name::of_gate(&call.spec.name, call.resource);
        let path = name.path(&self.path);
        let _locked = self.locks.lock(name.stripe)?;
        let kept = disk::read(&path)?;
        // What time it is once the gate is ours: numbers and deadlines go by it.
        let decided = shared::decide_blob(kept.as_deref(), call, self.now());
        let (decided, blob) = decided.map_err(|error| unreadable(&path, error))?;
        if let Some(blob) = &blob {
            disk::replace(&self.path, &path, blob)?;
        }
        Ok(decided)
    }

    /// What is set for an airlock, as the driver keeps it.
    pub(super) fn settings(&self, airlock: &str) -> Result<Vec<u8>, StoreError> {
        Ok(shared::written(&self.conditions(airlock)?))
    }

    /// Replaces it, if it is still what it was; whether it was.
    pub(super) fn swap_settings(&self, airlock: &str, held: &[u8], wanted: &[u8]) -> Result<bool, StoreError> {
        self.swap_conditions(airlock, &shared::understood(held)?, &shared::understood(wanted)?)
    }

    /// Whether the gate is as it was when it had that stamp: without looking into the file, and without its lock.
    ///
    /// # Errors
    ///
    /// When the folder cannot be looked into.
    pub fn stamp(&self, airlock: &str, resource: &str) -> Result<Stamp, StoreError> {
        let path = self.path_of(airlock, resource);
        match fs::symlink_metadata(&path) {
            Ok(found) => {
                let number = [found.dev().cast_signed(), found.ino().cast_signed(), found.size().cast_signed()];
                let [device, file, size] = number;
                let changed = found.ctime().wrapping_mul(1_000_000_000).wrapping_add(found.ctime_nsec());
                let written = found.mtime().wrapping_mul(1_000_000_000).wrapping_add(found.mtime_nsec());
                Ok(Stamp(Some([device, file, size, changed, written])))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Stamp(None)),
            Err(error) => Err(failed("look at", &path, error)),
        }
    }

    /// What holds for all gates of an airlock.
    ///
    /// # Errors
    ///
    /// When the file is damaged, foreign or newer, or cannot be read.
    pub fn conditions(&self, airlock: &str) -> Result<Conditions, StoreError> {
        let path = Name::of_conditions(airlock).path(&self.path);
        let Some(kept) = disk::read(&path)? else { return Ok(Conditions::default()) };
        let (of, conditions) = conditions::parsed(&kept).map_err(|error| unreadable(&path, error))?;
        if of != airlock {
            return Err(unreadable(&path, gate::BlobError::foreign("it is that of another airlock")));
        }
        Ok(conditions)
    }

    /// Replaces what holds for all gates of an airlock, if it is still what it was; whether it was.
    ///
    /// # Errors
    ///
    /// As [`decide`](Folder::decide).
    pub fn swap_conditions(&self, airlock: &str, was: &Conditions, is: &Conditions) -> Result<bool, StoreError> {
        let name = Name::of_conditions(airlock);
        let path = name.path(&self.path);
        let _locked = self.locks.lock(name.stripe)?;
        if self.conditions(airlock)? != *was {
            return Ok(false);
        }
        if *is == Conditions::default() {
            disk::remove(&path)?;
        } else {
            let blob = conditions::written(airlock, is).map_err(|error| unreadable(&path, error))?;
            disk::replace(&self.path, &path, &blob)?;
        }
        Ok(true)
    }

    /// The resources of an airlock with somebody inside or in line, or something set, in no order. Reads every gate of
    /// the folder; what is damaged or foreign is logged, and left out.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn resources(&self, airlock: &str) -> Result<Vec<String>, StoreError> {
        let mut resources = Vec::new();
        for name in self.files()? {
            if name.may_be_of(airlock)
                && let Some((of, resource, gate)) = self.gate(&name)
                && of == airlock
                && !gate.is_idle()
            {
                resources.push(resource);
            }
        }
        Ok(resources)
    }

    /// What is in the file of a gate; nothing of one that is none, which is logged.
    fn gate(&self, name: &Name) -> Option<(String, String, Snapshot)> {
        match self.read_gate(name) {
            Ok(gate) => gate,
            Err(error) => {
                tracing::warn!(target: "airlock", %error, "a gate that cannot be read");
                None
            }
        }
    }

    pub(super) fn read_gate(&self, name: &Name) -> Result<Option<(String, String, Snapshot)>, StoreError> {
        let path = name.path(&self.path);
        let Some(kept) = disk::read(&path)? else { return Ok(None) };
        gate::gate(&kept).map(Some).map_err(|error| unreadable(&path, error))
    }

    pub(super) fn read_conditions(&self, name: &Name) -> Result<Option<Conditions>, StoreError> {
        let path = name.path(&self.path);
        let Some(kept) = disk::read(&path)? else { return Ok(None) };
        conditions::parsed(&kept).map(|(_, conditions)| Some(conditions)).map_err(|error| unreadable(&path, error))
    }

    /// Every file that is ours by its name.
    pub(super) fn files(&self) -> Result<Vec<Name>, StoreError> {
        let cannot = |error| failed("read the folder", &self.path, error);
        let entries = match fs::read_dir(&self.path) {
            // Nothing was asked since it was removed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(cannot)?,
        };
        let mut files = Vec::new();
        for entry in entries {
            files.extend(entry.map_err(cannot)?.file_name().to_str().and_then(Name::parse));
        }
        Ok(files)
    }
}
