//! `airlock-run`: runs a command when it is its turn. For cron and scripts, on one machine or in a fleet.
//!
//! # Implementation details
//!
//! | file | what it does |
//! |---|---|
//! | `options.rs` | what it can be told |
//! | `run.rs` | getting in, staying in while the command runs, getting out |
//! | `command.rs` | the command's process |
//! | `signals.rs` | which signals are passed on |
//! | `store.rs` | where it is decided who runs |
//! | `code.rs` | what it ends with |

#[cfg(unix)]
mod code;
#[cfg(unix)]
mod command;
#[cfg(unix)]
mod options;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod store;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    use clap::Parser as _;

    // This program again, on its way to be the command.
    if let Some(failed) = command::become_it() {
        return failed;
    }
    let options = match options::Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Nobody may be listening any more.
            let _ = error.print();
            return if error.use_stderr() { code::USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    // On this thread alone: the command is its child, and is to hear of its end.
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(run::run(&options));
            // A disk that does not answer holds nobody up.
            runtime.shutdown_background();
            code.into()
        }
        Err(error) => {
            eprintln!("airlock-run: cannot start: {error}");
            code::CANNOT_START.into()
        }
    }
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("airlock-run: it runs on Unix");
    ExitCode::FAILURE
}
