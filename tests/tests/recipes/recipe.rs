//! A recipe as a process.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use airlock_tests::flagship::{Flagship, debug_examples};

/// Built once for all of them.
pub(crate) fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(debug_examples).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// One that serves. It says where, as the flagship does.
pub(crate) fn serve(name: &str, options: &[&str], environment: &[(&str, &OsStr)]) -> Flagship {
    Flagship::start_program(&program(name), options, environment)
}

/// One that does what it does and ends.
pub(crate) fn run(name: &str, options: &[&str], environment: &[(&str, &OsStr)]) -> Output {
    let mut command = Command::new(program(name));
    command.args(options).envs(environment.iter().copied()).stdin(Stdio::null());
    command.output().expect("it starts")
}
