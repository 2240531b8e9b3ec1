//! The command's process.
//!
//! On Linux it is this program again at first, which asks to be told should its parent die, and then becomes the command:
//! a command that nobody renews a lease for any more is not to go on as if it had one. Nobody but a process itself can ask
//! for that.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::code;

/// What the first argument is of one that is on its way.
#[cfg(target_os = "linux")]
const ON_ITS_WAY: &str = "__become";

/// Starts it, with these variables besides.
pub(crate) fn start(command: &[OsString], variables: [(&str, String); 2]) -> io::Result<Child> {
    #[cfg(target_os = "linux")]
    {
        // By this name also when the file has been replaced meanwhile.
        let mut itself = Command::new("/proc/self/exe");
        itself.arg(ON_ITS_WAY).arg(std::process::id().to_string()).args(command).envs(variables.clone());
        match itself.spawn() {
            // There is no such name in some containers.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            started => return started,
        }
    }
    Command::new(&command[0]).args(&command[1..]).envs(variables).spawn()
}

/// Sends it a signal, if it has not ended.
pub(crate) fn send(child: &Child, signal: Signal) {
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(id) = id {
        // Fails where it may not be sent any: it is another user's by now.
        let _ = kill_process(id, signal);
    }
}

/// Where this is to be the command, it is, and nothing of this program is left; or this is what it ends with.
#[cfg(target_os = "linux")]
pub(crate) fn become_it() -> Option<ExitCode> {
    use std::os::unix::process::CommandExt as _;

    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ON_ITS_WAY {
        return None;
    }
    let parent = arguments.next().and_then(|parent| parent.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let (Some(parent), Some(command)) = (parent, arguments.next()) else { return Some(code::USAGE.into()) };
    // Where this cannot be asked for, it is as it is elsewhere.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
    // It may have died before it was asked for.
    if rustix::process::getppid() != Some(parent) {
        return Some(code::LOST.into());
    }
    let error = std::process::Command::new(&command).args(arguments).exec();
    Some(cannot_start(&command, &error).into())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn become_it() -> Option<ExitCode> {
    None
}

/// Says so, whatever was said of being quiet, as a shell would; and what to end with.
pub(crate) fn cannot_start(command: &OsString, error: &io::Error) -> u8 {
    eprintln!("airlock-run: cannot run {}: {error}", command.display());
    code::of_start(error)
}
