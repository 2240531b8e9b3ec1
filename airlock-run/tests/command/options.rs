//! What it can be told, and what it cannot.

use std::process::{Command, Output, Stdio};

use airlock_core::clock::TestClock;
use airlock_core::store::FileStore;
use airlock_core::{Airlock, Seal};

use crate::place::{Place, output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airlock-run"));
    command.args(arguments).env_remove("AIRLOCK_STORE");
    output(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))
}

#[test]
fn what_cannot_be_is_64_and_runs_nothing() {
    let long = "x".repeat(513);
    let cases: [(&[&str], &str); 14] = [
        (&[], "--name"),
        (&["--name", "job"], "COMMAND"),
        (&["--name", "job", "--"], "COMMAND"),
        (&["--", "echo", "ran"], "--name"),
        (&["--name", "", "--", "echo", "ran"], "--name"),
        (&["--name", &long, "--", "echo", "ran"], "512"),
        (&["--name", "a\nb", "--", "echo", "ran"], "control"),
        (&["--name", "job", "--limit", "0", "--", "echo", "ran"], "--limit"),
        (&["--name", "job", "--limit", "-1", "--", "echo", "ran"], "--limit"),
        (&["--name", "job", "--ttl", "10ms", "--", "echo", "ran"], "less than a second"),
        (&["--name", "job", "--ttl", "2years", "--", "echo", "ran"], "365 days"),
        (&["--name", "job", "--wait", "soon", "--", "echo", "ran"], "forever"),
        (&["--name", "job", "--store", "postgres://host", "--", "echo", "ran"], "no such store"),
        (&["--name", "job", "--quiet", "--verbose", "--", "echo", "ran"], "--verbose"),
    ];
    let place = Place::file();
    for (arguments, expected) in cases {
        let with_store = [&["--store", &*place.store], arguments].concat();
        let output = run(if arguments.contains(&"--store") { arguments } else { &with_store });
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_says_what_it_ends_with_and_shows_examples() {
    for help in ["--help", "-h"] {
        let output = run(&[help]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        for expected in ["EXAMPLES", "EXIT STATUS", "75", "--wait", "AIRLOCK_STORE", "AIRLOCK_FENCE"] {
            assert!(said.contains(expected), "{expected} is not in {said}");
        }
    }
    assert_eq!(run(&["--version"]).status.code(), Some(0));
}

#[test]
fn the_environment_says_where_if_no_option_does() {
    let (here, there) = (Place::file(), Place::file());
    let _inside = there.inside(&[]);
    let code = |store: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_airlock-run"));
        command.args(["--name", "job", "--", "true"]).env("AIRLOCK_STORE", store);
        output(command.stdout(Stdio::null()).stderr(Stdio::piped()))
    };
    assert_eq!(code(&there.store).status.code(), Some(75));
    assert_eq!(code(&here.store).status.code(), Some(0));
    let wrong = code("redsi://:hunter2@host");
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(64), "{said}");
    assert!(said.contains("AIRLOCK_STORE") && !said.contains("hunter2"), "{said}");
    // An option comes first.
    assert_eq!(output(here.run(&[]).args(["--", "true"]).env("AIRLOCK_STORE", &there.store)).status.code(), Some(0));
}

/// Without any, all that this user runs have one place, whatever their environments are.
#[test]
fn by_default_it_is_a_folder_of_this_user() {
    let name = format!("airlock-run-test-{}", std::process::id());
    let run = |clear: bool, command: &[&str]| {
        let mut run = Command::new(env!("CARGO_BIN_EXE_airlock-run"));
        run.args(["--name", &name, "--"]).args(command).env_remove("AIRLOCK_STORE");
        if clear {
            let path = std::env::var_os("PATH").unwrap_or_default();
            run.env_clear().env("PATH", path);
        }
        output(run.stdout(Stdio::null()).stderr(Stdio::null())).status.code()
    };
    assert_eq!(run(true, &["true"]), Some(0));
    // One inside of the other finds it taken.
    let inner = [env!("CARGO_BIN_EXE_airlock-run"), "--name", &name, "--", "true"];
    assert_eq!(run(true, &inner), Some(75));
    assert_eq!(run(false, &inner), Some(75));
}

#[test]
fn who_is_told_to_be_quiet_says_nothing_of_what_is_normal() {
    let place = Place::file();
    let _inside = place.inside(&[]);
    let busy = |options: &[&str]| output(place.run(options).args(["--", "true"]));
    let said = busy(&[]);
    assert_eq!(said.status.code(), Some(75));
    assert_eq!(String::from_utf8_lossy(&said.stderr), "airlock-run: job: there is no room\n");
    let quiet = busy(&["--quiet", "--busy-code", "0"]);
    assert_eq!((quiet.status.code(), quiet.stderr.len()), (Some(0), 0));
}

/// Names that are used once leave nothing for ever.
#[test]
fn a_folder_with_many_names_is_tidied_up() {
    let place = Place::file();
    let folder = place.folder.path().join("gates");
    let files = || std::fs::read_dir(&folder).expect("it is there").count();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // They were used long ago.
        let store = FileStore::with_clock(&folder, &TestClock::new()).unwrap();
        let airlock = Airlock::builder("airlock-run").seal(Seal::lock()).store(store).build().unwrap();
        for number in 0..110 {
            airlock.try_enter(format!("once-{number}")).await.unwrap().release().await.unwrap();
        }
    });
    assert!(files() > 110, "{}", files());
    assert_eq!(place.code(&[], &["true"]), Some(0));
    assert!(files() < 100, "{}", files());
    // What is in use stays.
    let _inside = place.inside(&[]);
    assert_eq!(place.code(&[], &["true"]), Some(75));
}
