//! What it ends with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use airlock_tests::redis::Server;

use crate::place::{Place, output};

#[test]
fn the_commands_own_status_is_its() {
    for place in Place::all() {
        for code in [0, 1, 3, 75, 255] {
            assert_eq!(place.code(&[], &["sh", "-c", &format!("exit {code}")]), Some(code), "{}", place.store);
        }
    }
}

#[test]
fn what_the_command_reads_and_says_is_its_own() {
    let place = Place::file();
    let mut run = place.run(&["--verbose"]);
    run.args(["--", "sh", "-c", "echo out; echo err >&2; echo \"$AIRLOCK_NAME $AIRLOCK_FENCE\""]);
    let output = output(&mut run);
    let out = String::from_utf8(output.stdout).unwrap();
    let (first, told) = out.trim_end().split_once('\n').expect("two lines");
    let (name, fence) = told.split_once(' ').expect("two words");
    assert_eq!((first, name), ("out", "job"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("err\n"), "{said}");
    assert!(said.contains(&format!("airlock-run: job: inside as number {}", fence.parse::<u64>().unwrap())), "{said}");
    assert!(said.contains("the command has ended with 0") && said.contains("the place is free"), "{said}");
}

#[test]
fn a_signal_that_ends_the_command_is_128_and_its_number() {
    let place = Place::file();
    for (signal, code) in [("TERM", 143), ("KILL", 137), ("INT", 130), ("USR1", 138)] {
        assert_eq!(place.code(&[], &["sh", "-c", &format!("kill -{signal} $$")]), Some(code), "{signal}");
    }
}

#[test]
fn a_command_that_is_not_there_or_cannot_be_run_holds_nothing() {
    let place = Place::file();
    let plain = place.folder.path().join("plain");
    fs::write(&plain, "echo never\n").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let plain = plain.to_str().unwrap();
    for (command, code, why) in [("airlock-no-such-command", 127, "No such file"), (plain, 126, "denied")] {
        let output = output(place.run(&["--quiet"]).args(["--", command, "--version"]));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(&format!("airlock-run: cannot run {command}: ")) && said.contains(why), "{said}");
        assert_eq!(place.code(&[], &["true"]), Some(0), "the place is free");
    }
}

#[test]
fn a_store_that_cannot_be_asked_is_69() {
    let mut place = Place::redis();
    place.redis.as_mut().expect("a server").kill();
    assert_eq!(place.code(&[], &["true"]), Some(69));
    assert_eq!(place.code(&["--wait", "100ms"], &["true"]), Some(69));

    place.store = format!("file:{}", place.folder.path().join("open").display());
    let open = place.folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let output = output(place.run(&[]).args(["--", "true"]));
    assert_eq!(output.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&output.stderr).contains("others can write there"), "{output:?}");
    place.store = format!("sqlite:{}", place.folder.path().join("missing").join("airlock.db").display());
    assert_eq!(place.code(&[], &["true"]), Some(69));
}

#[test]
fn a_password_is_in_no_message() {
    let server = Server::start_with(&["--requirepass", "swordfish"]);
    let address = server.address();
    let mut place = Place::file();
    for store in
        [format!("redis://:hunter2@{address}/0"), "redis:/:hunter2@host".to_owned(), "redis://:hunter2@[/".to_owned()]
    {
        place.store = store;
        let output = output(place.run(&["--verbose"]).args(["--", "true"]));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(64 | 69)), "{said}");
        assert!(!said.contains("hunter2") && !said.is_empty(), "{said}");
    }
}
