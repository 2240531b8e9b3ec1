//! Reading and replacing files, none of which is ever a link to somewhere else.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::failure::{doubtful, failed, refused};
use super::names;
use crate::error::StoreError;
use crate::gate::MAX_BLOB_BYTES;

/// Makes the folder if there is none, and looks whether it is one that only its owner can change.
pub(super) fn prepare(folder: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|error| failed("make the folder", folder, error))?;
        }
        Err(error) => return Err(failed("look at the folder", folder, error)),
        Ok(_) => {}
    }
    // Again, for somebody may have been faster.
    let found = fs::symlink_metadata(folder).map_err(|error| failed("look at the folder", folder, error))?;
    if found.is_symlink() {
        return Err(refused(folder, "it is a symbolic link: name the folder that it leads to"));
    }
    if !found.is_dir() {
        return Err(refused(folder, "it is no folder: name another place for the gates"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(refused(folder, "others can write there, and let in whom they like: `chmod go-w` it"));
    }
    Ok(())
}

/// A file for locking, made if there is none.
pub(super) fn lockable(path: &Path) -> io::Result<File> {
    let options = flags(OpenOptions::new().read(true).write(true).create(true).mode(0o600)).open(path);
    plain(options?)
}

/// Whether this is still what is there under that path.
pub(super) fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((held.dev(), held.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is in a file; nothing if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match flags(OpenOptions::new().read(true)).open(path).and_then(plain) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot("read", path, error)),
    };
    let mut content = Vec::new();
    let limit = MAX_BLOB_BYTES as u64;
    let read = file.take(limit + 1).read_to_end(&mut content);
    read.map_err(|error| failed("read", path, error))?;
    if content.len() as u64 > limit {
        return Err(refused(path, "it is larger than any gate: move it away"));
    }
    Ok(Some(content))
}

/// Puts that in the place of a file, as a whole or not at all. Under its lock: what is being written has one name.
///
/// The new file is on the disk before it takes the place, so that a machine that loses its power finds the one or the
/// other, and never half of one; and the folder is as well before anybody hears of it, so that what was decided stays
/// so: a switch that was set, a place that was detached, a rate that was spent.
pub(super) fn replace(folder: &Path, path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let new = names::new(path);
    let placed =
        write(&new, content).and_then(|()| fs::rename(&new, path).map_err(|error| failed("replace", path, error)));
    if placed.is_err() {
        // It may not be there, and the next to write removes it as well.
        let _ = fs::remove_file(&new);
        return placed;
    }
    let kept = File::open(folder).and_then(|folder| folder.sync_all());
    kept.map_err(|error| doubtful("keep what was written to", path, error))
}

fn write(new: &Path, content: &[u8]) -> Result<(), StoreError> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(new);
    let file = match create() {
        // Of a process that was killed: whoever writes has the lock.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(new).and_then(|()| create()),
        file => file,
    };
    let written = file.and_then(|mut file| {
        file.write_all(content)?;
        file.sync_data()
    });
    written.map_err(|error| failed("write", new, error))
}

/// Removes a file; whether there was one. Under its lock.
pub(super) fn remove(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("remove", path, error)),
    }
}

/// Says of a link that it is one.
pub(super) fn cannot(doing: &str, path: &Path, error: io::Error) -> StoreError {
    if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
        return refused(path, "it is a symbolic link, and would lead elsewhere: remove it");
    }
    failed(doing, path, error)
}

/// Follows no link, and waits for nobody at the other end of a pipe.
fn flags(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
}

fn plain(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no plain file; move it away")) }
}
