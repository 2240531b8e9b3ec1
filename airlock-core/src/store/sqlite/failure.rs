//! What an error of SQLite means: whether the command was carried out, and what to do about it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Error, ErrorCode};

use crate::error::StoreError;

/// Where it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Opening the file, or finding out what is in it.
    Open,
    /// Before the end of a transaction, which is then rolled back.
    Work,
    /// At the end: it may have been written all the same.
    Commit,
}

/// The error, in words for whoever runs it.
pub(super) fn store_error(error: Error, phase: Phase, path: &Path, patience: Duration) -> StoreError {
    let path = path.display();
    let code = error.sqlite_error_code();
    let what = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => format!(
            "the database {path} was locked by somebody else for {patience:?}: find out which process keeps a transaction \
             open, or raise the busy timeout"
        ),
        Some(ErrorCode::DiskFull) => {
            format!("the disk of the database {path} is full, or its quota or largest size is reached: make room")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            format!(
                "the database {path} cannot be written: this process needs the right to write to the file and to its folder"
            )
        }
        Some(ErrorCode::CannotOpen) => format!(
            "the database {path} cannot be opened: its folder has to exist, and this process needs the right to write there"
        ),
        Some(ErrorCode::NotADatabase) => {
            format!("{path} is no SQLite database, or an encrypted one: give the store a file of its own")
        }
        Some(ErrorCode::DatabaseCorrupt) => format!(
            "the database {path} is damaged: restore it, or move it out of the way to start anew without those who are inside"
        ),
        Some(ErrorCode::SystemIoFailure) => {
            format!("reading or writing the database {path} failed: see the system's log about its disk")
        }
        Some(ErrorCode::SchemaChanged | ErrorCode::Unknown) => {
            format!("the tables in {path} are not as Airlock made them: {error}")
        }
        _ if is_contradiction(&error) => format!(
            "the tables in {path} have something in them that Airlock did not write: {error}; remove that gate's rows to \
             start it anew"
        ),
        _ => format!("the database {path} failed: {error}"),
    };
    // What is not written because there is no room, or no right to, is not there.
    let certain = phase != Phase::Commit || matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::ReadOnly));
    let told = if certain { StoreError::not_executed(what) } else { StoreError::unknown(what) };
    told.caused_by(error)
}

fn is_contradiction(error: &Error) -> bool {
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::ToSqlConversionFailure(_)
            | Error::QueryReturnedNoRows
    ) || error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
