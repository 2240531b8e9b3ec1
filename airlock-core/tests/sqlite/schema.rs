//! The tables: whose they are, and of which version.

use airlock_core::gate::{Outcome, Stay};
use airlock_core::store::sqlite::rusqlite::Connection;
use airlock_core::store::sqlite::{Database, Options};

use crate::folder::{Folder, ask, enter, impatient, told};

const NOW: u64 = 1_777_777_777_000_000;

fn with_prefix(prefix: &str) -> Options {
    Options { prefix: prefix.to_owned(), ..impatient() }
}

#[test]
fn what_was_there_is_there_again() {
    let folder = Folder::new();
    let mut database = folder.open().expect("it is new");
    for number in 1..=2 {
        ask(&mut database, "kept", enter(number, Stay::No), NOW).expect("it works");
    }
    drop(database);
    let mut database = folder.open().expect("it is ours");
    let outcome = ask(&mut database, "kept", enter(3, Stay::No), NOW + 1).expect("it works");
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
}

#[test]
fn one_file_has_room_for_several_prefixes_and_for_others_tables() {
    let folder = Folder::new();
    let theirs = Connection::open(folder.file()).expect("it is new");
    theirs
        .execute_batch(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (7); PRAGMA user_version = 9",
        )
        .expect("it works");
    let mut first = Database::open(&folder.file(), with_prefix("first_")).expect("nobody has that prefix");
    let mut second = Database::open(&folder.file(), with_prefix("second_")).expect("nobody has that prefix");
    for database in [&mut first, &mut second] {
        for number in 1..=2 {
            let outcome = ask(database, "any", enter(number, Stay::No), NOW).expect("it works");
            assert!(matches!(outcome, Outcome::Admitted(_)), "{outcome:?}");
        }
    }
    let version: i64 = theirs.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("it has one");
    let order: i64 = theirs.query_row("SELECT id FROM orders", [], |row| row.get(0)).expect("it is there");
    assert_eq!((version, order), (9, 7));
}

#[test]
fn a_prefix_is_no_way_into_the_statements() {
    let long = "a".repeat(33);
    for prefix in ["", "a b", "a;", "a\"", "a'", "1a", "sqlite_", "SQLite_x", "ä", "a.b", "a\0", &long] {
        let error = Database::open(std::path::Path::new(":memory:"), with_prefix(prefix)).expect_err("it is no prefix");
        assert!(told(&error).contains("is not 1 to 32 letters"), "{prefix}: {error}");
    }
    Database::open(std::path::Path::new(":memory:"), with_prefix(&"a".repeat(32))).expect("it is one");
}

#[test]
fn a_newer_version_is_refused() {
    let folder = Folder::new();
    drop(folder.open().expect("it is new"));
    let newer = Connection::open(folder.file()).expect("it is there");
    newer.execute_batch("UPDATE airlock_meta SET value = 1000 WHERE key = 'version'").expect("it works");
    let error = folder.open().expect_err("it is newer");
    let told = told(&error);
    assert!(told.contains("gates.db are of version 1000, and this release of Airlock knows up to"), "{told}");
    assert!(!error.is_unknown());
    let version: i64 = newer.query_row("SELECT value FROM airlock_meta", [], |row| row.get(0)).expect("it has one");
    assert_eq!(version, 1000);
}

#[test]
fn tables_of_somebody_else_are_left_alone() {
    for theirs in ["airlock_meta (a, b)", "airlock_gates (a)", "airlock_groups (id, name)", "airlock_meta (key, value)"]
    {
        let folder = Folder::new();
        let other = Connection::open(folder.file()).expect("it is new");
        other.execute_batch(&format!("CREATE TABLE {theirs}")).expect("it works");
        let error = folder.open().expect_err("it is somebody else's");
        let told = told(&error);
        assert!(told.contains("that Airlock did not make: use another table prefix"), "{theirs}: {told}");
        let tables: i64 = other
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
            .expect("it has some");
        assert_eq!(tables, 1, "{theirs}: a table was added");
    }
}

#[test]
fn tables_that_were_changed_are_refused() {
    let changes = [
        ("airlock_gates", "ALTER TABLE airlock_gates ADD COLUMN mine TEXT"),
        ("airlock_tickets", "ALTER TABLE airlock_tickets DROP COLUMN nonce"),
        ("airlock_groups", "DROP TABLE airlock_groups"),
        ("airlock_tickets", "DROP INDEX airlock_tickets_line"),
    ];
    for (table, change) in changes {
        let folder = Folder::new();
        let database = folder.open().expect("it is new");
        database.connection().execute_batch(change).expect("anybody with the right can");
        drop(database);
        let told = told(&folder.open().expect_err("it was changed"));
        assert!(told.contains(&format!("the table {table} in")) && told.contains("another shape"), "{change}: {told}");
    }
}

#[test]
fn many_may_open_a_new_file_at_once() {
    let folder = Folder::new();
    let open = || {
        let options = Options { busy_timeout: std::time::Duration::from_secs(60), ..Options::default() };
        Database::open(&folder.file(), options).map(drop).map_err(|error| told(&error))
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}
