//! A crowd through the flagship's shop: who gets in, in which order, how many at once, and what they were told.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use airlock_tests::flagship::{Flagship, release_example};
use serde_json::Value;

use crate::{row, scaled};

/// How many may be inside.
const LIMIT: usize = 200;
/// All of them.
const CROWD: usize = 20_000;

pub(crate) struct Programs {
    pub(crate) shop: PathBuf,
    crowd: PathBuf,
}

impl Programs {
    pub(crate) fn build() -> Self {
        Programs { shop: release_example("waiting-room"), crowd: release_example("crowd") }
    }

    /// A shop in which nothing is in the way of a crowd that has one address.
    pub(crate) fn open(&self, active_users: usize, visitors: usize) -> Flagship {
        let (active_users, visitors) = (active_users.to_string(), (visitors + 1).to_string());
        let options = ["--active-users", &active_users, "--session", "30", "--line", &visitors];
        let options = [&options[..], &["--per-address", &visitors]].concat();
        Flagship::start_program(&self.shop, &options, &[("RUST_LOG", "warn".as_ref())])
    }
}

/// Sends a crowd of which that share leaves the line, unless its turn comes before its patience is over.
pub(crate) fn passes_through(programs: &Programs, what: &str, leave: f64) {
    let visitors = scaled(CROWD);
    let shop = programs.open(LIMIT, visitors);
    let (url, count, share) = (format!("http://{}/shop", shop.address()), visitors.to_string(), leave.to_string());
    // As fast as they can be told apart, and all of them long before the last is in; patience is longer than most waits.
    let arrive = (visitors / 333).to_string();
    let patience = if visitors == CROWD { "500" } else { "20" };
    // Who asks again does so every ten seconds, and its place stands empty meanwhile: a tenth of the crowd would be through before
    // the room has emptied more than a few times. So all of that tenth listen; of the whole, as many as streams are measured with.
    let listen = if visitors == CROWD { "0.25" } else { "1" };
    let (limit, seed) = (LIMIT.to_string(), "1");
    let mut crowd = Command::new(&programs.crowd);
    crowd.args([
        &*url,
        "--visitors",
        &count,
        "--arrive-within",
        &arrive,
        "--browse",
        "2",
        "--think",
        "1",
        "--streams",
        listen,
    ]);
    crowd.args(["--leave", &share, "--patience", patience, "--timeout", "3600", "--seed", seed, "--json"]);
    crowd.args(["--expect-limit", &limit, "--expect-fifo"]);
    let output = crowd.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("the crowd starts");
    let seen: Value = serde_json::from_slice(&output.stdout).expect("a summary");
    let number = |name: &str| seen[name].as_u64().expect("a number");
    let seconds = number("took_ms") / 1000;
    let what = format!("{visitors} visitors, {what}");
    println!("{what} (in {seconds} s; {} left, {} requests came to nothing)", number("left"), number("errors"));
    let most = number("most_inside");
    row("  most inside at any instant", &most.to_string(), &format!("{LIMIT}"), most <= LIMIT as u64);
    let outside = number("not_admitted") + number("failed");
    row("  stayed and did not get in", &outside.to_string(), "0", outside == 0);
    row("  overtook", &number("overtakings").to_string(), "0", number("overtakings") == 0);
    let estimates = &seen["estimates"];
    let error = estimates["median_error"].as_f64().map_or(f64::INFINITY, |error| error * 100.0);
    let asked = estimates["asked"].as_u64().unwrap_or_default();
    row(
        &format!("  estimated wait, {asked} asked: wrong by, in the median"),
        &format!("{error:.0} %"),
        "25 %",
        error <= 25.0,
    );
    assert!(outside == 0 && most <= LIMIT as u64 && number("overtakings") == 0, "{seen:#}");
}
