//! What it ends with where that is not the command's own. By `sysexits.h`, and as shells have it.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// Called in a way that cannot be.
pub(crate) const USAGE: u8 = 64;
/// The store cannot be asked.
pub(crate) const UNAVAILABLE: u8 = 69;
/// The system does not let it work: no threads, no signals.
pub(crate) const CANNOT_START: u8 = 71;
/// Others have the name.
pub(crate) const BUSY: u8 = 75;
/// The place was lost while the command ran.
pub(crate) const LOST: u8 = 79;
/// The command is there and cannot be run.
pub(crate) const CANNOT_RUN: u8 = 126;
/// There is no such command.
pub(crate) const NOT_FOUND: u8 = 127;

/// As a shell says that a signal ended it.
pub(crate) fn of_signal(number: i32) -> u8 {
    128 | (number & 0x7f) as u8
}

/// The command's own.
pub(crate) fn of_status(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        // The system keeps no more than eight bits of it.
        (Some(code), _) => (code & 0xff) as u8,
        (None, Some(signal)) => of_signal(signal),
        // Neither: it has stopped, of which nobody asked to be told.
        (None, None) => CANNOT_START,
    }
}

/// What it means that a command was not started.
pub(crate) fn of_start(error: &std::io::Error) -> u8 {
    if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN }
}
