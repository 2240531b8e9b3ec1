//! Other processes: this test again, told by its environment what it is to do; and what several of them do to one place.

pub mod killed;
pub mod racing;
pub mod waiting;

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use airlock_core::StoreError;
use airlock_core::gate::{Micros, Outcome, Stay};

/// What a process is to do, and where.
const TASK: &str = "AIRLOCK_TEST_TASK";
const PLACE: &str = "AIRLOCK_TEST_PLACE";
/// What its lines begin with, for a test runner talks as well.
const MARK: &str = "@ ";

pub const NOW: Micros = 1_777_777_777_000_000;
/// How long a lease lasts at the gates of `Gates`.
pub const TTL: Micros = 30_000_000;

/// Locks that processes share, below the driver: each call is one step, at a time that the test says.
pub trait Gates: Sized {
    /// In that folder.
    fn open(place: &Path) -> Self;
    fn enter(&mut self, resource: &str, token: u32, stay: Stay, now: Micros) -> Result<Outcome, StoreError>;
    fn release(&mut self, resource: &str, token: u32, now: Micros) -> Result<Outcome, StoreError>;
    /// How many are inside, and how many wait.
    fn look(&mut self, resource: &str, now: Micros) -> Result<(u64, u64), StoreError>;
}

/// A process that is asked by lines, and answers by lines.
pub struct Process {
    child: Child,
    asked: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Does that in that folder.
    pub fn start(task: &str, place: &Path) -> Self {
        Process::run(Command::new(env::current_exe().expect("this is one")), task, place)
    }

    /// The same, through another program that is given this one and its arguments.
    pub fn through(program: &str, arguments: &[&str], task: &str, place: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(env::current_exe().expect("this is one"));
        Process::run(command, task, place)
    }

    fn run(mut command: Command, task: &str, place: &Path) -> Self {
        command.args(["--exact", "processes::another", "--nocapture", "--test-threads=1"]);
        command.env(TASK, task).env(PLACE, place);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program can be run again");
        let (asked, answers) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        Process { child, asked, answers: BufReader::new(answers) }
    }

    pub fn ask(&mut self, line: &str) {
        let asked = self.asked.as_mut().expect("it is still asked");
        writeln!(asked, "{line}").and_then(|()| asked.flush()).expect("it listens");
    }

    /// The next line that it says; nothing once it has ended.
    pub fn answer(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).expect("it speaks") == 0 {
                return None;
            }
            // A test runner does not end its own lines.
            if let Some((_, said)) = line.split_once(MARK) {
                return Some(said.trim_end().to_owned());
            }
        }
    }

    /// As a crash would: with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ran");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Told that nobody asks any more, it ends.
        self.asked.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Who has killed us does not listen.
    let _ = writeln!(out, "{MARK}{line}").and_then(|()| out.flush());
}

pub fn asked() -> impl Iterator<Item = String> {
    std::io::stdin().lines().map_while(Result::ok)
}

/// What another process does; here, where nobody has told it anything, nothing.
#[test]
fn another() {
    let (Ok(task), Ok(place)) = (env::var(TASK), env::var(PLACE)) else { return };
    let place = Path::new(&place);
    crate::task(&task, place);
}
