//! Signals to `airlock-run` are signals to the command.

use std::process::{Command, Stdio};

use crate::place::{Place, Running, output};

#[test]
fn signals_are_passed_on() {
    let place = Place::file();
    let mut running = place.inside(&["--verbose"]);
    for signal in ["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM"] {
        running.signal(signal);
        assert_eq!(running.next(), signal);
    }
    // None of them ended the command, and so none of them ended anything.
    assert_eq!(place.code(&[], &["true"]), Some(75));
    running.end_with(9);
    let (code, said) = running.outcome();
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("airlock-run: job: USR1 is passed on\n"), "{said}");
}

#[test]
fn a_command_that_a_signal_ends_is_128_and_its_number() {
    let place = Place::file();
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129), ("USR1", 138), ("ALRM", 142)] {
        let mut run = place.run(&[]);
        // The same process says so and goes on as another.
        run.args(["--", "sh", "-c", "echo '@ inside job 0 0'; exec cat"]).stdin(Stdio::piped());
        let mut running = Running::new(run);
        running.enters();
        running.signal(signal);
        assert_eq!(running.wait().code(), Some(code), "{signal}");
        assert_eq!(place.code(&[], &["true"]), Some(0), "the place is free");
    }
}

/// What `nohup` and shells without job control do for those that they start lasts.
#[cfg(target_os = "linux")]
#[test]
fn what_was_ignored_stays_ignored() {
    let place = Place::file();
    let mut ignoring = Command::new("sh");
    let script = r#"trap '' HUP INT; exec "$0" "$@""#;
    ignoring.args(["-c", script, env!("CARGO_BIN_EXE_airlock-run"), "--store", &place.store, "--name", "job"]);
    ignoring.args(["--", "grep", "SigIgn", "/proc/self/status"]);
    let output = output(ignoring.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let ignored = String::from_utf8(output.stdout).unwrap();
    let mask = ignored.split_whitespace().last().and_then(|mask| u64::from_str_radix(mask, 16).ok()).expect("a mask");
    assert_eq!(mask & 0b11, 0b11, "{ignored}");
    assert_eq!(mask & (1 << 14), 0, "TERM is not: {ignored}");
}

/// Who is to be sent a signal is one process, and nothing is in between.
#[cfg(target_os = "linux")]
#[test]
fn the_command_is_a_child_of_nobody_else() {
    let place = Place::file();
    let mut running = place.inside(&[]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id)).expect("it runs");
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("a parent");
    assert_eq!(parent.trim(), running.own_id().to_string());
    running.end_with(0);
    assert_eq!(running.wait().code(), Some(0));
}
