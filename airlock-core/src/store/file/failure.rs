//! What went wrong with which file, and what to do about it.

use std::io;
use std::path::Path;

use crate::error::StoreError;
use crate::gate::BlobError;

/// Doing something to a file failed, and nothing came of it.
pub(super) fn failed(doing: &str, path: &Path, error: io::Error) -> StoreError {
    StoreError::not_executed(text(doing, path, &error)).caused_by(error)
}

/// Doing something to a file failed, and it may have come to something all the same.
pub(super) fn doubtful(doing: &str, path: &Path, error: io::Error) -> StoreError {
    StoreError::unknown(text(doing, path, &error)).caused_by(error)
}

fn text(doing: &str, path: &Path, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => "; let this process write there",
        io::ErrorKind::ReadOnlyFilesystem => "; it has to be writable",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room, nothing was lost",
        io::ErrorKind::FileTooLarge => "; allow larger files, nothing was lost",
        _ => "",
    };
    format!("cannot {doing} {}: {error}{advice}", path.display())
}

/// What is there is not what should be.
pub(super) fn refused(path: &Path, problem: &str) -> StoreError {
    StoreError::not_executed(format!("{}: {problem}", path.display()))
}

/// What is in a file is not what should be.
pub(super) fn unreadable(path: &Path, error: BlobError) -> StoreError {
    StoreError::not_executed(format!("{}: {error}", path.display())).caused_by(error)
}
