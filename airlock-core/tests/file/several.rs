//! Several processes at one folder: racing, killed, and waiting for each other.

use std::fs;
use std::path::Path;
use std::time::Duration;

use airlock_core::StoreError;
use airlock_core::gate::{Micros, Outcome, Stay};
use airlock_core::store::FileStore;
use airlock_core::store::file::Folder;

use crate::gates::{ask, enter, look, release};
use crate::processes::{Gates, killed, racing, waiting};

impl Gates for Folder {
    fn open(place: &Path) -> Self {
        crate::gates::open(place)
    }

    fn enter(&mut self, resource: &str, token: u32, stay: Stay, now: Micros) -> Result<Outcome, StoreError> {
        Ok(ask(self, resource, enter(token, stay), now)?.answer.outcome)
    }

    fn release(&mut self, resource: &str, token: u32, now: Micros) -> Result<Outcome, StoreError> {
        Ok(ask(self, resource, release(token), now)?.answer.outcome)
    }

    fn look(&mut self, resource: &str, now: Micros) -> Result<(u64, u64), StoreError> {
        look(self, resource, now)
    }
}

/// What another process does.
pub fn task(name: &str, place: &Path) {
    match name {
        "race" => racing::race::<Folder>(place),
        "write" => killed::write::<Folder>(place),
        "take turns" => waiting::take_turns(|| store(place)),
        "outlive" => waiting::outlive(|| store(place)),
        "grow" => crate::failing::grow(place),
        other => panic!("nobody knows how to {other}"),
    }
}

fn store(place: &Path) -> FileStore {
    FileStore::open(place).expect("it can be made")
}

#[test]
fn rx_13_an_expired_lock_has_one_new_holder() {
    racing::for_an_expired_lock::<Folder>();
}

#[test]
fn rx_14_a_fresh_lock_has_one_holder() {
    racing::for_a_fresh_lock::<Folder>();
}

#[test]
fn who_is_killed_leaves_the_gate_whole() {
    let place = tempfile::tempdir().expect("a place for it");
    let names = || fs::read_dir(place.path()).expect("it is there").map(|file| file.expect("it is there").path());
    let is_new = |file: &std::path::PathBuf| file.extension().is_some_and(|end| end == "new");
    let mut leftovers = 0;
    killed::while_they_write::<Folder>(place.path(), |_| leftovers += names().filter(is_new).count());
    println!("{leftovers} times something was found half-written");
    let cleaned = store(place.path()).cleaner().clean().expect("it is read");
    assert!(cleaned.failed.is_empty(), "{:?}", cleaned.failed);
    let left: Vec<_> = names().filter(is_new).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn who_waits_in_one_process_is_let_in_by_another() {
    let place = tempfile::tempdir().expect("a place for it");
    waiting::are_let_in_soon(place.path(), || store(place.path()));
}

#[test]
fn nobody_waits_for_a_process_that_was_killed() {
    let place = tempfile::tempdir().expect("a place for it");
    waiting::do_not_wait_for_the_dead(place.path(), Duration::from_secs(6), || store(place.path()));
}
