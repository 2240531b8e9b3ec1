//! Another process with the same airlock: this test again, told by its environment what it is.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airlock_axum::{Airlock, Error};

use crate::place::airlock;

const URL: &str = "AIRLOCK_TEST_URL";
const LIMIT: &str = "AIRLOCK_TEST_LIMIT";
const REVISION: &str = "AIRLOCK_TEST_REVISION";
/// What its lines begin with, for a test runner talks as well.
const MARK: &str = "@ ";
/// Long enough to be over only when something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long one piece of work takes.
const WORK: Duration = Duration::from_millis(40);
/// How many work, or want to, in one process.
const WORKERS: usize = 6;

/// One piece of work: the number of its admission, which is when it was admitted, and when it was over, before the
/// place was given back. Microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) fence: u64,
    pub(crate) end: u64,
}

pub(crate) struct Node {
    child: Child,
    asked: Option<ChildStdin>,
    says: Receiver<String>,
}

impl Node {
    pub(crate) fn start(url: &str, limit: u32, revision: u32) -> Self {
        let mut command = Command::new(env::current_exe().expect("this is one"));
        command.args(["--exact", "node::another", "--nocapture", "--test-threads=1"]);
        command.env(URL, url).env(LIMIT, limit.to_string()).env(REVISION, revision.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be run again");
        let (asked, out) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        let (sender, says) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // A test runner does not end its own lines.
                if let Some((_, said)) = line.split_once(MARK)
                    && sender.send(said.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        let node = Node { child, asked, says };
        assert_eq!(node.next(), "ready");
        node
    }

    fn tell(&mut self, line: &str) {
        let asked = self.asked.as_mut().expect("it is still asked");
        writeln!(asked, "{line}").and_then(|()| asked.flush()).expect("it listens");
    }

    fn next(&self) -> String {
        self.says.recv_timeout(PATIENCE).expect("it says something in time")
    }

    /// How somebody fares who tries to enter there now.
    pub(crate) fn tries(&mut self, resource: &str) -> String {
        self.tell(&format!("try {resource}"));
        self.next()
    }

    /// Works from now on, as much as it is let.
    pub(crate) fn work(&mut self) {
        self.tell("work");
    }

    /// What was done next, if anything is within that time.
    pub(crate) fn worked(&self, within: Duration) -> Option<Work> {
        let line = match self.says.recv_timeout(within) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => panic!("it has ended by itself"),
        };
        let (fence, end) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("{line}"));
        Some(Work { fence: number(fence), end: number(end) })
    }

    /// Ends its work, and answers what was still done.
    pub(crate) fn stop(&mut self) -> Vec<Work> {
        self.tell("stop");
        let mut done = Vec::new();
        loop {
            let line = self.next();
            let Some((fence, end)) = line.split_once(' ') else { return done };
            done.push(Work { fence: fence.parse().expect("a number"), end: end.parse().expect("a number") });
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.asked.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Who has killed us does not listen.
    let _ = writeln!(out, "{MARK}{line}").and_then(|()| out.flush());
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_micros() as u64
}

/// What another process does; here, where nobody has told it anything, nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another() {
    let Ok(url) = env::var(URL) else { return };
    let number = |name| env::var(name).expect("it is told").parse().expect("a number");
    let airlock = airlock(&url, number(LIMIT), number(REVISION)).await;
    say("ready");
    let (over, mut workers) = (Arc::new(AtomicBool::new(false)), Vec::new());
    let (sender, mut asked) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    while let Some(line) = asked.recv().await {
        match line.split_once(' ') {
            Some(("try", resource)) => say(&tried(&airlock, resource).await),
            None if line == "work" => {
                let worker = |_| tokio::spawn(work(airlock.clone(), over.clone()));
                workers.extend((0..WORKERS).map(worker));
            }
            None if line == "stop" => {
                over.store(true, Ordering::SeqCst);
                for worker in workers.drain(..) {
                    worker.await.expect("no panic");
                }
                say("stopped");
            }
            _ => panic!("nobody knows how to {line}"),
        }
    }
}

async fn tried(airlock: &Airlock, resource: &str) -> String {
    match airlock.try_enter(resource).await {
        Ok(permit) => {
            permit.release().await.expect("the store works");
            "in".to_owned()
        }
        Err(Error::Refused(refusal)) => format!("{:?}", refusal.reason),
        Err(other) => other.to_string(),
    }
}

async fn work(airlock: Airlock, over: Arc<AtomicBool>) {
    while !over.load(Ordering::SeqCst) {
        let permit = airlock.acquire("load").timeout(PATIENCE).await.expect("its turn comes");
        tokio::time::sleep(WORK).await;
        say(&format!("{} {}", permit.fence(), now()));
        permit.release().await.expect("the store works");
    }
}
