//! The flagship server as a process of its own, for tests that know no more of it than its clients do.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough to be over only when something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Flagship {
    child: Child,
    address: SocketAddr,
    hints: Vec<String>,
    log: Arc<Log>,
}

/// What it says on its standard error, line by line.
#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Flagship {
    /// Starts it on a free port, with every admission, wait and refusal in its log.
    pub fn start(options: &[&str]) -> Self {
        Flagship::start_in(options, &[])
    }

    /// The same, with more in its environment.
    pub fn start_in(options: &[&str], environment: &[(&str, &OsStr)]) -> Self {
        Flagship::start_program(program(), options, environment)
    }

    /// The same, of another build.
    pub fn start_program(program: &Path, options: &[&str], environment: &[(&str, &OsStr)]) -> Self {
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0"]).args(options);
        command.env("RUST_LOG", "airlock=debug").env("NO_COLOR", "1");
        command.envs(environment.iter().copied());
        // Copies that share a store know each other's visitors.
        command.env("AIRLOCK_KEY", "a-key-for-tests-and-for-nothing-else");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the flagship starts");
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("piped");
        thread::spawn({
            let log = log.clone();
            move || log.read(stderr)
        });
        let mut hints = Vec::new();
        for line in BufReader::new(child.stdout.as_mut().expect("piped")).lines() {
            hints.push(line.expect("text"));
            if hints.last().is_some_and(|line| line.starts_with("Ctrl-C")) {
                break;
            }
        }
        let address = hints.first().and_then(|line| line.strip_prefix("listening on http://"));
        let address = address.unwrap_or_else(|| panic!("it does not say where it listens: {hints:?}"));
        Flagship { address: address.parse().expect("an address"), child, hints, log }
    }

    /// Runs it to its end, for what ends by itself.
    pub fn run(options: &[&str]) -> Output {
        Flagship::run_in(options, &[])
    }

    /// The same, with more in its environment.
    pub fn run_in(options: &[&str], environment: &[(&str, &OsStr)]) -> Output {
        let mut command = Command::new(program());
        command.envs(environment.iter().copied());
        command.args(options).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the flagship starts");
        if end_of(&mut child).is_none() {
            let _ = child.kill();
            panic!("it does not end with {options:?}");
        }
        child.wait_with_output().expect("it has ended")
    }

    /// Waits until its log has that many events of this kind, such as `queued`.
    pub fn wait_for(&self, event: &str, count: usize) {
        self.wait_for_lines(&format!("event=\"{event}\""), count);
    }

    /// Waits until its log has that many lines with this text.
    pub fn wait_for_lines(&self, text: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().expect("no panic under it");
        while lines.iter().filter(|line| line.contains(text)).count() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{text} is not said {count} times: {lines:#?}");
            (lines, _) = self.log.more.wait_timeout(lines, left).expect("no panic under it");
        }
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill is installed").success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        end_of(&mut self.child).unwrap_or_else(|| panic!("it does not end: {:#?}", self.log()))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed when it started.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lines.lock().expect("no panic under it").clone()
    }
}

impl Drop for Flagship {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn read(&self, stderr: impl Read) {
        for line in BufReader::new(stderr).lines() {
            let Ok(line) = line else { return };
            self.lines.lock().expect("no panic under it").push(line);
            self.more.notify_all();
        }
    }
}

/// How it ended, unless it does not.
fn end_of(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("its parent may ask") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

/// The program, built once for each process of tests.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| debug_example("waiting-room"))
}

/// An example program as it is shipped, for benchmarks.
pub fn release_example(name: &str) -> PathBuf {
    build(&["--example", name, "--release"]).join("release").join("examples").join(with_suffix(name))
}

/// An example program as tests have it.
pub fn debug_example(name: &str) -> PathBuf {
    build(&["--example", name]).join("debug").join("examples").join(with_suffix(name))
}

/// The folder with all example programs, as tests have them.
pub fn debug_examples() -> PathBuf {
    build(&["--examples"]).join("debug").join("examples")
}

/// A program that is no example, as tests have it.
pub fn debug_program(name: &str) -> PathBuf {
    // With an example beside it, which has it built with the features that tests have, and nothing twice.
    build(&["--bin", name, "--example", "waiting-room"]).join("debug").join(with_suffix(name))
}

/// Builds that, and answers where.
fn build(what: &[&str]) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // A relative one is meant from where cargo was called: from the workspace, as a rule.
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    let target = workspace.join(target);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut build = Command::new(cargo);
    build.current_dir(&workspace).args(["build", "--quiet", "--workspace", "--all-features"]);
    build.args(what).arg("--target-dir").arg(&target);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_about_this_test(name)) {
        build.env_remove(name);
    }
    assert!(build.status().expect("cargo runs").success(), "{what:?} does not build");
    target
}

/// Whether a variable is what cargo says to a test about itself. Build scripts that look at it would take themselves for
/// changed, and be run again, and all that is above them be built again; and once more by the next build outside of a test.
fn is_about_this_test(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|beginning| name.starts_with(beginning))
        || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"].contains(&&*name)
}

fn with_suffix(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}
