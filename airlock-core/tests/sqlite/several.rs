//! Several processes at one file: racing, killed, and waiting for each other.

use std::path::Path;
use std::time::Duration;

use airlock_core::StoreError;
use airlock_core::gate::{Micros, Outcome, Page, Spec, Stay, Verb};
use airlock_core::store::SqliteStore;
use airlock_core::store::sqlite::{Database, Options, rusqlite};

use crate::folder::{ask_as, enter, give_up, spec};
use crate::processes::{Gates, killed, racing, waiting};

/// However long the others take: how fast this machine is at the moment is no rule.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it asks again: so that it makes no difference, and so that a test need not take long.
const SELDOM: Duration = Duration::from_secs(60);
const OFTEN: Duration = Duration::from_secs(1);

fn lock() -> Spec {
    Spec { limit: 1, ..spec() }
}

impl Gates for Database {
    fn open(place: &Path) -> Self {
        std::fs::create_dir_all(place).expect("a place for it");
        let options = Options { busy_timeout: PATIENCE, ..Options::default() };
        Database::open(&place.join("gates.db"), options).expect("it can be made")
    }

    fn enter(&mut self, resource: &str, token: u32, stay: Stay, now: Micros) -> Result<Outcome, StoreError> {
        ask_as(self, &lock(), resource, enter(token.into(), stay), now)
    }

    fn release(&mut self, resource: &str, token: u32, now: Micros) -> Result<Outcome, StoreError> {
        ask_as(self, &lock(), resource, give_up(token.into()), now)
    }

    fn look(&mut self, resource: &str, now: Micros) -> Result<(u64, u64), StoreError> {
        match ask_as(self, &lock(), resource, Verb::Inspect { page: Page { offset: 0, count: 10 } }, now)? {
            Outcome::Seen(seen) => Ok((seen.in_use, seen.waiting)),
            other => panic!("{other:?}"),
        }
    }
}

/// What another process does.
pub fn task(name: &str, place: &Path) {
    match name {
        "race" => racing::race::<Database>(place),
        "write" => killed::write::<Database>(place),
        "take turns" => waiting::take_turns(|| store(place, SELDOM)),
        "outlive" => waiting::outlive(|| store(place, OFTEN)),
        other => panic!("nobody knows how to {other}"),
    }
}

fn store(place: &Path, re_ask: Duration) -> SqliteStore {
    let builder = SqliteStore::builder().busy_timeout(PATIENCE).re_ask(re_ask);
    builder.open(place.join("gates.db")).expect("it can be made")
}

#[test]
fn rx_13_an_expired_lock_has_one_new_holder() {
    racing::for_an_expired_lock::<Database>();
}

#[test]
fn rx_14_a_fresh_lock_has_one_holder() {
    racing::for_a_fresh_lock::<Database>();
}

#[test]
fn who_is_killed_leaves_the_database_whole() {
    let place = tempfile::tempdir().expect("a place for it");
    killed::while_they_write::<Database>(place.path(), |when| {
        // By somebody who knows nothing of Airlock.
        let check = || {
            let connection = rusqlite::Connection::open(place.path().join("gates.db"))?;
            connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
        };
        assert_eq!(check().as_deref(), Ok("ok"), "{when}");
    });
}

#[test]
fn who_waits_in_one_process_is_let_in_by_another() {
    let place = tempfile::tempdir().expect("a place for it");
    waiting::are_let_in_soon(place.path(), || store(place.path(), SELDOM));
}

#[test]
fn nobody_waits_for_a_process_that_was_killed() {
    let place = tempfile::tempdir().expect("a place for it");
    waiting::do_not_wait_for_the_dead(place.path(), 3 * OFTEN, || store(place.path(), OFTEN));
}
