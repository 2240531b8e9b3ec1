//! Processes whose own clocks are wrong. The server's clock decides, so they must not matter.

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use airlock_tests::flagship::Flagship;
use airlock_tests::redis::Server;
use http::Method;

use crate::client::{Client, Reply, wait_for};
use crate::crowd::{all_done, most_at_once_of};

const YEAR: i64 = 365 * 24 * 3600;

/// A library that makes the wall clock of a process wrong, compiled with the compiler that links the tests.
struct WrongClock(PathBuf);

impl WrongClock {
    fn compile() -> Self {
        let library = std::env::temp_dir().join(format!("airlock-wrong-clock-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/redis/wrong_clock.c");
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O", "-o"]).arg(&library).arg(source).status();
        assert!(compiled.expect("there is a C compiler").success());
        WrongClock(library)
    }

    fn start(&self, redis: &Server, wrong_by: i64, options: &[&str]) -> Flagship {
        let url = redis.url();
        let wrong_by = wrong_by.to_string();
        let environment = [("LD_PRELOAD", self.0.as_os_str()), ("WRONG_BY_SECONDS", wrong_by.as_ref())];
        Flagship::start_in(&[&["--store", &url], options].concat(), &environment)
    }
}

impl Drop for WrongClock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// When somebody worked by a right clock, in milliseconds.
fn span(reply: &Reply, wrong_by: i64) -> (u64, u64) {
    let right = |member| reply.number(member).checked_add_signed(-1000 * wrong_by).expect("a time");
    (right("started_at_ms"), right("ended_at_ms"))
}

/// A client with a wrong clock dropped live holders.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rx_31_a_wrong_clock_drops_nobody_and_lets_nobody_in() {
    let (redis, library) = (Server::start(), WrongClock::compile());
    let wrong_by = [0, YEAR, -YEAR];
    let options = ["--limit", "2", "--wait", "60", "--ttl", "2"];
    let nodes = wrong_by.map(|wrong_by| library.start(&redis, wrong_by, &options));
    let clients = nodes.each_ref().map(Client::of);
    // A holder of each wrong clock outlives its time to live twice, while all the others ask for its place.
    let mut crowd = Vec::new();
    for at in [1, 2] {
        crowd.push((at, clients[at].send(Method::POST, "/shared?ms=4500", &[])));
        wait_for(&nodes[at], "admitted", 1);
    }
    for number in 0..30 {
        crowd.push((number % 3, clients[number % 3].send(Method::POST, "/shared?ms=20", &[])));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut spans = Vec::new();
    for (at, reply) in crowd {
        let reply = all_done(vec![reply]).await.remove(0);
        let span = span(&reply, wrong_by[at]);
        assert!(span.0.abs_diff(1000 * now) < 600_000, "the clock of process {at} is not wrong: {reply:?}");
        spans.push(span);
    }
    assert_eq!(most_at_once_of(&spans), 2, "{spans:?}");
}
