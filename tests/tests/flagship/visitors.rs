//! The crowd of simulated visitors, at the flagship's shop: two processes, real HTTP.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use airlock_tests::flagship::{Flagship, debug_example};
use serde_json::Value;

/// Built once.
fn crowd() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    Command::new(PROGRAM.get_or_init(|| debug_example("crowd")))
}

fn send(shop: &Flagship, options: &[&str]) -> (Output, Value) {
    let url = format!("http://{}/shop", shop.address());
    let output = crowd().arg(url).args(options).arg("--json").stdin(Stdio::null()).output().expect("the crowd starts");
    let summary = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, summary)
}

/// Nobody is let in too many, everybody gets in in order, by asking again or by listening.
#[test]
fn a_crowd_gets_in_in_order_and_never_too_many_at_once() {
    let shop = Flagship::start(&["--active-users", "3", "--per-address", "100", "--session", "30"]);
    let options = ["--visitors", "40", "--arrive-within", "1", "--browse", "0.1", "--think", "0.05", "--streams", "1"];
    let (output, seen) =
        send(&shop, &[&options[..], &["--expect-limit", "3", "--expect-fifo", "--seed", "7"]].concat());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        (&seen["admitted"], &seen["not_admitted"], &seen["overshoot"]),
        (&40.into(), &0.into(), &0.into()),
        "{seen}"
    );
    assert!((1..=3).contains(&seen["most_inside"].as_u64().expect("a number")), "{seen}");
    assert_eq!(seen["seed"], 7);
}

/// Those who leave, or vanish, are no failure; those who stay get in though some vanish.
#[test]
fn who_leaves_and_who_vanishes_is_told_apart() {
    let shop = Flagship::start(&["--active-users", "2", "--per-address", "100", "--session", "1"]);
    let options =
        ["--visitors", "30", "--arrive-within", "0.5", "--browse", "0.1", "--think", "0.05", "--streams", "1"];
    let (output, seen) =
        send(&shop, &[&options[..], &["--leave", "0.4", "--vanish", "0.2", "--patience", "1"]].concat());
    assert!(output.status.success(), "{output:?}");
    let number = |name: &str| seen[name].as_u64().expect("a number");
    assert_eq!(number("admitted") + number("left") + number("vanished"), 30, "{seen}");
    assert!(number("left") > 0, "{seen}");
}

/// Who stays and does not get in is what a crowd fails by, and it says why.
#[test]
fn who_does_not_get_in_is_a_failure() {
    let shop = Flagship::start(&["--active-users", "1", "--per-address", "1"]);
    let options = ["--visitors", "5", "--arrive-within", "0", "--browse", "60", "--timeout", "3"];
    let (output, seen) = send(&shop, &options);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!((&seen["admitted"], &seen["not_admitted"]), (&1.into(), &4.into()), "{seen}");
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(problem.contains("4 who stayed did not get in") && problem.contains("--per-address"), "{problem}");
}

#[test]
fn it_is_not_sent_at_strangers() {
    let shop = Flagship::start(&[]);
    let refused = |arguments: &[&str]| {
        let output = crowd().args(arguments).output().expect("the crowd starts");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["http://shop.example/"]).contains("--allow-remote"));
    assert!(refused(&["http://10.0.0.1/"]).contains("not this machine"));
    assert!(refused(&["--leave", "0.7", "--vanish", "0.7"]).contains("more than all"));
    assert!(refused(&["--airlock", "a b"]).contains("percent-encoded"));
    let url = format!("http://{}/shop", shop.address());
    assert!(refused(&[&url, "--airlock", "museum"]).contains("no waiting room"));
}
