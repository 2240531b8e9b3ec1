//! Disks that take nothing more.

use airlock_core::StoreError;
use airlock_core::gate::{Outcome, Page, Stay, Verb};
use airlock_core::store::sqlite::Database;

use crate::disks::Mounted;
use crate::folder::{ask, enter, give_up, impatient, told};

const NOW: u64 = 1_777_777_777_000_000;

fn open(disk: &Mounted) -> Result<Database, StoreError> {
    Database::open(&disk.path().join("gates.db"), impatient())
}

/// How many are inside, and how many wait, as somebody sees who comes anew.
fn found(disk: &Mounted) -> (u64, u64) {
    let look = Verb::Inspect { page: Page { offset: 0, count: 1 } };
    let mut database = open(disk).expect("it can be opened");
    match ask(&mut database, "crowded", look, NOW + 1).expect("it can be read") {
        Outcome::Seen(seen) => (seen.in_use, seen.waiting),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_disk_that_is_really_full_is_an_error_and_loses_nothing() {
    let Some(disk) = Mounted::new("2m") else { return };
    let mut database = open(&disk).expect("there is room");
    for number in 0..3 {
        ask(&mut database, "crowded", enter(number, Stay::Here), NOW).expect("there is room");
    }
    let ballast = disk.fill();
    let mut waiting = 1;
    let error = loop {
        match ask(&mut database, "crowded", enter(100 + waiting, Stay::Here), NOW) {
            Ok(_) => waiting += 1,
            Err(error) => break error,
        }
        assert!(waiting < 100_000, "it is never full");
    };
    let told = told(&error);
    assert!(told.contains("gates.db is full") && told.contains("make room"), "{told}");
    // Who leaves has to be written down as well; until there is room again, nobody has left.
    ask(&mut database, "crowded", give_up(0), NOW).expect_err("it is full");

    std::fs::remove_file(ballast).expect("it is there");
    assert_eq!(found(&disk), (2, waiting), "what was answered is so, and what was not is not");
    let outcome = ask(&mut database, "crowded", give_up(0), NOW + 1).expect("there is room again");
    assert!(matches!(outcome, Outcome::Released), "{outcome:?}");
    assert_eq!(found(&disk), (2, waiting - 1), "the next has come in");
}

#[test]
fn a_disk_that_becomes_read_only_is_an_error_and_loses_nothing() {
    let Some(disk) = Mounted::new("2m") else { return };
    let mut database = open(&disk).expect("there is room");
    ask(&mut database, "crowded", enter(1, Stay::No), NOW).expect("there is room");
    drop(database);
    disk.freeze();
    let result = open(&disk).and_then(|mut database| ask(&mut database, "crowded", give_up(1), NOW));
    let error = result.expect_err("it cannot be written");
    let told = told(&error);
    assert!(told.contains("gates.db") && told.contains("right to write") && !error.is_unknown(), "{told}");
    disk.thaw();
    assert_eq!(found(&disk), (1, 0));
}
