//! What is shared, and those who share it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use airlock_core::store::{FileStore, RedisStore, SqliteStore};
use airlock_core::{Airlock, Seal, Whom};
use airlock_tests::redis::Server;
use tempfile::TempDir;

use crate::another::{self, MARK, TASK};

/// Long enough to be over only when something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A store of a test's own.
pub(crate) struct Place {
    pub(crate) store: String,
    pub(crate) folder: TempDir,
    pub(crate) redis: Option<Server>,
}

impl Place {
    pub(crate) fn file() -> Self {
        let folder = TempDir::new().expect("there is room for a folder");
        Place { store: format!("file:{}", folder.path().join("gates").display()), folder, redis: None }
    }

    fn sqlite() -> Self {
        let folder = TempDir::new().expect("there is room for a folder");
        Place { store: format!("sqlite:{}", folder.path().join("airlock.db").display()), folder, redis: None }
    }

    pub(crate) fn redis() -> Self {
        let server = Server::start();
        let folder = TempDir::new().expect("there is room for a folder");
        Place { store: server.url(), folder, redis: Some(server) }
    }

    /// One of each kind.
    pub(crate) fn all() -> [Self; 3] {
        [Place::file(), Place::sqlite(), Place::redis()]
    }

    /// `airlock-run` with these options, for `job`.
    pub(crate) fn run(&self, options: &[&str]) -> Command {
        self.run_as("job", options)
    }

    /// The same for another name.
    pub(crate) fn run_as(&self, name: &str, options: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_airlock-run"));
        command.args(["--store", &self.store, "--name", name]).args(options);
        command.env_remove("AIRLOCK_STORE").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs that to its end, and answers its code.
    pub(crate) fn code(&self, options: &[&str], command: &[&str]) -> Option<i32> {
        output(self.run(options).arg("--").args(command)).status.code()
    }

    /// Has one run the command that [says what it gets](another), and waits until it is inside.
    pub(crate) fn inside(&self, options: &[&str]) -> Running {
        let mut running = self.start(options);
        running.enters();
        running
    }

    /// The same without waiting.
    pub(crate) fn start(&self, options: &[&str]) -> Running {
        let mut command = self.run(options);
        command.arg("--").args(another::arguments()).env(TASK, "yes").stdin(Stdio::piped());
        Running::new(command)
    }
}

impl Place {
    /// Waits until so many wait for `job`.
    pub(crate) fn wait_for_line(&self, waiting: u64) {
        let deadline = Instant::now() + PATIENCE;
        self.ask(async |airlock| {
            while airlock.inspect("job").await.expect("the store works").waiting != waiting {
                assert!(Instant::now() < deadline, "never {waiting} in line");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }

    /// How many wait for `job` at this moment.
    pub(crate) fn in_line(&self) -> u64 {
        self.ask(async |airlock| airlock.inspect("job").await.expect("the store works").waiting)
    }

    /// Does what an operator does: puts out who is inside.
    pub(crate) fn evict(&self, fence: u64) {
        self.ask(async |airlock| {
            assert!(airlock.evict("job", Whom::Fence(fence)).await.expect("the store works"));
        });
    }

    fn ask<T>(&self, what: impl AsyncFnOnce(Airlock) -> T) -> T {
        let runtime = tokio::runtime::Runtime::new().expect("there are threads");
        runtime.block_on(async {
            let airlock = Airlock::builder("airlock-run").seal(Seal::lock());
            let airlock = match self.store.split_once(':').expect("a kind and where") {
                ("file", folder) => airlock.store(FileStore::open(folder).expect("it is there")),
                ("sqlite", path) => airlock.store(SqliteStore::open(path).expect("it is there")),
                _ => airlock.store(RedisStore::connect(&self.store).await.expect("it is there")),
            };
            what(airlock.build().expect("it is valid")).await
        })
    }
}

/// Runs it to its end, for what ends by itself.
pub(crate) fn output(command: &mut Command) -> Output {
    let mut child = command.spawn().expect("it starts");
    match end_of(&mut child) {
        Some(_) => child.wait_with_output().expect("it has ended"),
        None => {
            let _ = child.kill();
            panic!("it does not end: {command:?}");
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

/// One that runs, and its command.
pub(crate) struct Running {
    child: Child,
    typed: Option<ChildStdin>,
    says: Receiver<String>,
    /// Of the command, once it is inside.
    pub(crate) id: u32,
    pub(crate) fence: u64,
}

impl Running {
    pub(crate) fn new(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let (typed, out) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        let (sender, says) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // A test runner does not end its own lines.
                if let Some((_, said)) = line.split_once(MARK)
                    && sender.send(said.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Running { child, typed, says, id: 0, fence: 0 }
    }

    /// The next line of the command.
    pub(crate) fn next(&self) -> String {
        self.says.recv_timeout(PATIENCE).expect("it says something in time")
    }

    /// Waits until the command is running.
    pub(crate) fn enters(&mut self) {
        let line = self.next();
        let words: Vec<_> = line.split(' ').collect();
        let ["inside", "job", fence, id] = words[..] else { panic!("{line}") };
        (self.fence, self.id) = (fence.parse().expect("a number"), id.parse().expect("a number"));
    }

    /// Whether its command is running already.
    pub(crate) fn has_entered(&self) -> bool {
        match self.says.try_recv() {
            Ok(line) => {
                assert!(line.starts_with("inside"), "{line}");
                true
            }
            Err(_) => false,
        }
    }

    /// Has the command end with that code.
    pub(crate) fn end_with(&mut self, code: i32) {
        let typed = self.typed.as_mut().expect("it is still asked");
        writeln!(typed, "{code}").and_then(|()| typed.flush()).expect("it listens");
    }

    /// To `airlock-run` itself.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill is installed").success());
    }

    /// The number of its process.
    pub(crate) fn own_id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        end_of(&mut self.child).expect("it ends")
    }

    /// Waits for its end, and answers its code and what it said of itself.
    pub(crate) fn outcome(mut self) -> (Option<i32>, String) {
        let status = self.wait();
        let mut said = String::new();
        self.child.stderr.take().expect("it is piped").read_to_string(&mut said).expect("it is text");
        (status.code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody types any more: the command ends by itself.
        self.typed.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
