//! Files that are none of ours, or none any more.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use airlock_core::gate::{BlobError, Conditions, NEVER, Setting, Stay, SwitchState, Verb};
use airlock_core::store::file::Folder;
use airlock_core::{Secret, StoreError};

use crate::gates::{NOW, ask, enter, is_admitted, look, open};
use crate::random::{self, Random};

fn blob(error: &StoreError) -> &BlobError {
    let source = std::error::Error::source(error).unwrap_or_else(|| panic!("{error} has no source"));
    source.downcast_ref().unwrap_or_else(|| panic!("{error} has another source"))
}

/// Who asks is told which file it is, and what can be done; and the file stays as it is.
fn refused(folder: &Folder, resource: &str, content: &[u8]) -> StoreError {
    let path = folder.path_of("jobs", resource);
    fs::write(&path, content).expect("it can be written");
    let error = ask(folder, resource, enter(2, Stay::No), NOW).expect_err("it is no gate");
    assert!(error.to_string().starts_with(&path.display().to_string()) && !error.is_unknown(), "{error}");
    assert_eq!(fs::read(&path).expect("it is there"), content, "it was changed");
    error
}

#[test]
fn what_is_damaged_foreign_or_newer_is_told_apart() {
    let place = tempfile::tempdir().expect("a place for it");
    let folder = open(place.path());
    assert!(is_admitted(&folder, "good", 1, NOW));
    let good = fs::read(folder.path_of("jobs", "good")).expect("it is there");
    let text = String::from_utf8(good.clone()).expect("it is text");

    for cut in [0, 1, 12, 40, good.len() / 2, good.len() - 1] {
        let error = refused(&folder, "good", &good[..cut]);
        assert!(blob(&error).is_corrupt() && error.to_string().contains("remove it"), "{error}");
    }
    let error = refused(&folder, "good", text.replace("\"weight\":1", "\"weight\":2").as_bytes());
    assert!(blob(&error).is_corrupt(), "{error}");
    let error = refused(&folder, "good", text.replace("airlock-gate 1", "airlock-gate 2").as_bytes());
    assert!(blob(&error).is_newer() && error.to_string().contains("upgrade"), "{error}");
    let error = refused(&folder, "good", b"#!/bin/sh\n");
    assert!(blob(&error).is_foreign() && error.to_string().contains("move it away"), "{error}");
    // A gate, but another one's, copied by hand.
    let error = refused(&folder, "other", &good);
    assert!(blob(&error).is_foreign(), "{error}");

    // Nothing was lost by any of it.
    fs::write(folder.path_of("jobs", "good"), &good).expect("it can be written");
    assert_eq!(look(&folder, "good", NOW).expect("it is back"), (1, 0));
}

#[test]
fn noise_is_refused() {
    let seed = random::seed();
    let mut random = Random::new(seed);
    let place = tempfile::tempdir().expect("a place for it");
    let folder = open(place.path());
    for _ in 0..random::scaled(200) {
        let noise: Vec<u8> = (0..random.below(500)).map(|_| random.bits() as u8).collect();
        refused(&folder, "noise", &noise);
    }
    let error = refused(&folder, "large", &vec![b'x'; (16 << 20) + 1]);
    assert!(error.to_string().contains("larger"), "{error}");
}

#[test]
fn links_are_not_followed() {
    let place = tempfile::tempdir().expect("a place for it");
    let elsewhere = place.path().join("elsewhere");
    let folder = open(&place.path().join("gates"));
    fs::write(&elsewhere, "mine").expect("it can be written");
    let linked = |path: &Path, ask: &dyn Fn() -> Result<(), StoreError>| {
        let _ = fs::remove_file(path);
        symlink(&elsewhere, path).expect("it can be linked");
        let error = ask().expect_err("it is a link");
        let text = error.to_string();
        assert!(text.starts_with(&path.display().to_string()) && text.contains("symbolic link"), "{error}");
        assert_eq!(fs::read(&elsewhere).expect("it is there"), b"mine");
        fs::remove_file(path).expect("it is there");
    };
    let tick = || ask(&folder, "a", enter(1, Stay::No), NOW).map(drop);
    linked(&folder.path_of("jobs", "a"), &tick);
    tick().expect("it is well again");
    let lock = fs::read_dir(folder.path()).expect("it is there").find_map(|file| {
        let path = file.expect("it is there").path();
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lock-")).then_some(path)
    });
    // Others come by another handle, which has not opened the lock yet.
    linked(&lock.expect("there is a lock"), &|| ask(&open(folder.path()), "a", Verb::Tick, NOW).map(drop));

    // What is written is made anew, and follows nothing either.
    let new = format!("{}.new", folder.path_of("jobs", "b").display());
    symlink(&elsewhere, &new).expect("it can be linked");
    assert!(is_admitted(&folder, "b", 1, NOW));
    assert_eq!(fs::read(&elsewhere).expect("it is there"), b"mine");

    let link = place.path().join("link");
    symlink(folder.path(), &link).expect("it can be linked");
    let error = Folder::open(&link).expect_err("it is a link");
    assert!(error.to_string().contains("symbolic link"), "{error}");
}

#[test]
fn only_plain_files_are_read() {
    let place = tempfile::tempdir().expect("a place for it");
    let folder = open(place.path());
    let pipe = folder.path_of("jobs", "pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    // Nobody is at the other end: it must not wait for them.
    let error = ask(&folder, "pipe", Verb::Tick, NOW).expect_err("it is a pipe");
    assert!(error.to_string().contains("no plain file"), "{error}");
    fs::create_dir(folder.path_of("jobs", "folder")).expect("it can be made");
    let error = ask(&folder, "folder", Verb::Tick, NOW).expect_err("it is a folder");
    assert!(error.to_string().contains("no plain file"), "{error}");
}

#[test]
fn only_its_owner_can_read_or_write() {
    let place = tempfile::tempdir().expect("a place for it");
    let path = place.path().join("far/away/gates");
    let folder = open(&path);
    assert!(is_admitted(&folder, "a", 1, NOW));
    let closed = Setting { state: SwitchState::Closed, until: NEVER, because: None };
    let closed = Conditions { switch: closed, unwell_until: 0, forced: false };
    assert!(folder.swap_conditions("jobs", &Conditions::default(), &closed).expect("it is written"));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let files: Vec<_> =
        fs::read_dir(&path).expect("it is there").map(|file| file.expect("it is there").path()).collect();
    assert!(files.len() >= 3 && files.iter().all(|path| mode(path) == 0o600), "{files:?}");

    for open_to_others in [0o720, 0o702, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open_to_others)).expect("it is ours");
        let error = Folder::open(&path).expect_err("others can write there");
        assert!(error.to_string().contains("chmod go-w"), "{error}");
    }
    let file = place.path().join("file");
    fs::write(&file, "").expect("it can be written");
    assert!(Folder::open(&file).expect_err("it is a file").to_string().contains("no folder"));
}

/// What is in the folder releases nothing: tokens come as hashes, and are not shown by errors either.
#[test]
fn a_token_is_kept_as_it_is_asked_with() {
    let place = tempfile::tempdir().expect("a place for it");
    let folder = open(place.path());
    assert!(is_admitted(&folder, "a", 0x0403_0201, NOW));
    let text = fs::read_to_string(folder.path_of("jobs", "a")).expect("it is there");
    let hash: String =
        crate::ask::secret(0x0403_0201).expose_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(text.contains(&hash), "{text}");
    assert!(!format!("{:?}", Secret::from_bytes([1; 16])).contains('1'));
}

/// A folder that was removed while nothing was in it is made again.
#[test]
fn a_folder_that_is_gone_is_made_again() {
    let place = tempfile::tempdir().expect("a place for it");
    let folder = open(&place.path().join("gates"));
    assert!(is_admitted(&folder, "a", 1, NOW));
    fs::remove_dir_all(folder.path()).expect("it is there");
    assert!(folder.resources("jobs").expect("nothing is there").is_empty());
    assert!(is_admitted(&folder, "a", 1, NOW));
    assert_eq!(folder.resources("jobs").expect("it is read"), ["a"]);
}
