//! Disks that take nothing more.

use std::fs;
use std::path::Path;

use airlock_core::gate::{Conditions, NEVER, Setting, Stay, SwitchState};

use crate::disks::Mounted;
use crate::gates::{NOW, ask, enter, is_admitted, look, open, release};
use crate::processes::{Process, say};

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let Some(disk) = Mounted::new("128k") else { return };
    let folder = open(&disk.path().join("gates"));
    assert!(is_admitted(&folder, "a", 1, NOW));
    let kept = fs::read(folder.path_of("jobs", "a")).expect("it is there");
    let ballast = disk.fill();

    for verb in [release(1), enter(2, Stay::Away)] {
        let error = ask(&folder, "a", verb, NOW + 1).expect_err("the disk is full");
        let text = error.to_string();
        assert!(text.contains(folder.path().to_str().expect("a plain path")) && text.contains("make room"), "{text}");
        assert!(!error.is_unknown(), "{text}");
    }
    let closed = Setting { state: SwitchState::Closed, until: NEVER, because: None };
    let closed = Conditions { switch: closed, unwell_until: 0, forced: false };
    folder.swap_conditions("jobs", &Conditions::default(), &closed).expect_err("the disk is full");
    assert_eq!(folder.conditions("jobs").expect("nothing is set"), Conditions::default());
    assert_eq!(fs::read(folder.path_of("jobs", "a")).expect("it is there"), kept);
    let new = |file: &fs::DirEntry| file.path().extension().is_some_and(|end| end == "new");
    assert!(!fs::read_dir(folder.path()).expect("it is there").any(|file| new(&file.expect("it is there"))));

    fs::remove_file(ballast).expect("it is there");
    ask(&folder, "a", release(1), NOW + 1).expect("there is room again");
    assert!(is_admitted(&folder, "a", 2, NOW + 1));
}

#[test]
fn a_read_only_disk_is_an_error_and_loses_nothing() {
    let Some(disk) = Mounted::new("128k") else { return };
    let folder = open(&disk.path().join("gates"));
    assert!(is_admitted(&folder, "a", 1, NOW));
    disk.freeze();
    for folder in [&folder, &open(folder.path())] {
        let error = ask(folder, "a", release(1), NOW + 1).expect_err("the disk is read-only");
        let text = error.to_string();
        let names = text.contains(folder.path().to_str().expect("a plain path"));
        assert!(names && text.contains("has to be writable") && !error.is_unknown(), "{text}");
    }
    disk.thaw();
    assert_eq!(look(&folder, "a", NOW + 1).expect("it works again"), (1, 0));
    ask(&folder, "a", release(1), NOW + 1).expect("it works again");
}

/// Lets in one after the other, until the gate is larger than this process may write.
pub fn grow(place: &Path) {
    let folder = open(place);
    for token in 1.. {
        if let Err(error) = ask(&folder, "a", enter(token, Stay::Away), NOW) {
            say(&format!("{token} {error}"));
            return;
        }
    }
}

/// The same without a disk of one's own: a process that may write no file larger than some kilobytes. The signal that the
/// system sends for that is ignored, as services are told to.
#[test]
fn a_file_that_may_not_grow_is_an_error_and_loses_nothing() {
    let place = tempfile::tempdir().expect("a place for it");
    let limited = ["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""];
    let mut process = Process::through("sh", &limited, "grow", place.path());
    let said = process.answer().expect("it comes to an end");
    let (token, error) = said.split_once(' ').expect("a token and an error");
    assert!(
        error.contains(place.path().to_str().expect("a plain path")) && error.contains("nothing was lost"),
        "{said}"
    );
    let waiting = token.parse::<u64>().expect("a number") - 2;
    assert!(waiting > 5, "{said}");
    let folder = open(place.path());
    assert_eq!(look(&folder, "a", NOW).expect("it is read"), (1, waiting));
    assert!(ask(&folder, "a", enter(9999, Stay::Away), NOW).is_ok(), "whoever may write more goes on");
}
