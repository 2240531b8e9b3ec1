//! What goes wrong with a file: an error that says what, where and what to do, and nothing lost.

use std::fs;
use std::path::Path;

use airlock_core::gate::{Outcome, Stay, Verb};
use airlock_core::store::sqlite::rusqlite::Connection;
use airlock_core::store::sqlite::{Database, Options};

use crate::folder::{Folder, ask, dump, enter, give_up, impatient, key, told};

const NOW: u64 = 1_777_777_777_000_000;

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    for contents in [vec![0x5a; 100], (0..9000u32).map(|n| ((n * 7919) >> 3) as u8).collect()] {
        let folder = Folder::new();
        fs::write(folder.file(), &contents).expect("it can be written");
        let error = folder.open().expect_err("it is no database");
        let told = told(&error);
        assert!(told.contains("gates.db") && told.contains("is no SQLite database"), "{told}");
        assert!(!error.is_unknown());
        assert_eq!(fs::read(folder.file()).expect("it can be read"), contents);
    }
}

#[test]
fn a_file_that_was_cut_off_is_damaged_and_said_to_be() {
    let folder = Folder::new();
    let mut database = folder.open().expect("it is new");
    for number in 0..2000 {
        ask(&mut database, "crowded", enter(number, Stay::Here), NOW).expect("it works");
    }
    drop(database);
    let whole = fs::read(folder.file()).expect("it can be read");
    let mut reported = 0;
    for part in [1, 10, 100, 511, 4096, 5000, whole.len() / 3, whole.len() / 2, whole.len() - 4096] {
        fs::write(folder.file(), &whole[..part]).expect("it can be written");
        let result = folder.open().and_then(|mut database| {
            (0..2000).try_for_each(|number| ask(&mut database, "crowded", give_up(number), NOW).map(|_| ()))
        });
        // Never taken for something else; a file of nothing but its beginning may be.
        let error = result.expect_err("most of it is missing");
        let told = told(&error);
        assert!(
            told.contains("gates.db") && (told.contains("damaged") || told.contains("is no SQLite database")),
            "{told}"
        );
        assert!(!error.is_unknown(), "{told}");
        reported += 1;
    }
    assert_eq!(reported, 9);
}

#[test]
fn contents_at_random_are_errors_and_no_panic() {
    let seed = crate::random::seed();
    let mut random = crate::random::Random::new(seed);
    let folder = Folder::new();
    let mut database = folder.open().expect("it is new");
    for number in 0..300 {
        ask(&mut database, "crowded", enter(number, Stay::Here), NOW).expect("it works");
    }
    drop(database);
    let whole = fs::read(folder.file()).expect("it can be read");
    let mut failed = 0;
    for _ in 0..200 {
        let mut broken = whole.clone();
        for _ in 0..40 {
            let at = random.below(broken.len() as u64) as usize;
            broken[at] = random.bits() as u8;
        }
        fs::write(folder.file(), &broken).expect("it can be written");
        let result = folder.open().and_then(|mut database| {
            (0..300).try_for_each(|number| ask(&mut database, "crowded", give_up(number), NOW).map(|_| ()))
        });
        if let Err(error) = result {
            let told = told(&error);
            assert!(told.contains("gates.db") && !error.is_unknown(), "AIRLOCK_SEED={seed}: {told}");
            failed += 1;
        }
    }
    assert!(failed > 50, "AIRLOCK_SEED={seed}: only {failed} files in 200 were found to be broken");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Database::open(Path::new("/no/such/folder/gates.db"), impatient()).expect_err("there is none");
    let told = told(&error);
    assert!(told.contains("/no/such/folder/gates.db cannot be opened") && told.contains("has to exist"), "{told}");
    assert!(!error.is_unknown());
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    const FOLDER: &str = "AIRLOCK_TEST_READ_ONLY";
    if let Ok(path) = std::env::var(FOLDER) {
        // Somebody without rights.
        for file in ["gates.db", "new.db"] {
            let path = Path::new(&path).join(file);
            let result = Database::open(&path, impatient())
                .and_then(|mut database| ask(&mut database, "any", enter(1, Stay::No), NOW));
            let error = result.expect_err("it cannot be written");
            let told = told(&error);
            assert!(told.contains(file) && told.contains("needs the right to write"), "{told}");
            assert!(!error.is_unknown());
        }
        return;
    }
    let folder = Folder::new();
    drop(folder.open().expect("it is new"));
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    allow(&folder.file(), 0o444);
    allow(folder.path(), 0o555);
    let mut child = Command::new(std::env::current_exe().expect("it runs"));
    child.args(["--exact", "failures::a_folder_that_cannot_be_written_is_named", "--nocapture"]);
    child.env(FOLDER, folder.path()).current_dir("/");
    // To root nothing is forbidden.
    if Connection::open(folder.path().join("probe.db")).and_then(|db| db.execute_batch("CREATE TABLE t (a)")).is_ok() {
        child.uid(65534).gid(65534);
    }
    let output = child.output().expect("it starts");
    allow(folder.path(), 0o755);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn a_database_that_somebody_else_keeps_locked_is_not_waited_for_for_ever() {
    let folder = Folder::new();
    let mut database = folder.open().expect("it is new");
    let other = Connection::open(folder.file()).expect("it is there");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else has it");

    let error = ask(&mut database, "any", enter(1, Stay::No), NOW).expect_err("it is locked");
    let told = told(&error);
    assert!(told.contains("gates.db was locked by somebody else for 50ms"), "{told}");
    assert!(!error.is_unknown());

    other.execute_batch("ROLLBACK").expect("it is ours");
    let outcome = ask(&mut database, "any", enter(1, Stay::No), NOW).expect("it is free");
    assert!(matches!(outcome, Outcome::Admitted(_)), "{outcome:?}");
}

#[test]
fn a_full_disk_takes_nothing_back_and_still_takes_releases() {
    let folder = Folder::new();
    let mut database = folder.open().expect("it is new");
    ask(&mut database, "crowded", enter(0, Stay::No), NOW).expect("there is room");
    let set = |database: &Database, pages: i64| {
        let now: i64 = database
            .connection()
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get(0))
            .expect("it can be set");
        assert_eq!(now, pages);
    };
    let pages: i64 = database.connection().query_row("PRAGMA page_count", [], |row| row.get(0)).expect("it has some");
    set(&database, pages + 8);

    let mut number = 0;
    let (error, before) = loop {
        number += 1;
        let before = dump(&database, "airlock_");
        match ask(&mut database, "crowded", enter(number, Stay::Here), NOW + number) {
            Ok(_) => assert!(number < 100_000, "it is never full"),
            Err(error) => break (error, before),
        }
    };
    let told = told(&error);
    assert!(told.contains("gates.db is full") && told.contains("make room"), "{told}");
    assert!(!error.is_unknown());
    assert_eq!(dump(&database, "airlock_"), before, "something was changed all the same");

    // Who is inside can leave, and somebody else comes in for it.
    let outcome = ask(&mut database, "crowded", give_up(0), NOW + number).expect("a release needs no room");
    assert!(matches!(outcome, Outcome::Released), "{outcome:?}");
    let outcome = ask(&mut database, "crowded", enter(2, Stay::Here), NOW + number).expect("it is known");
    assert!(matches!(outcome, Outcome::Admitted(_)), "{outcome:?}");
    set(&database, 1 << 30);
    ask(&mut database, "crowded", enter(number, Stay::Here), NOW + number).expect("there is room again");
}

#[test]
fn rows_that_airlock_did_not_write_are_not_believed() {
    let wrong = [
        "UPDATE airlock_gates SET waiting = -1 WHERE id = 1",
        "UPDATE airlock_gates SET in_use = 1 << 60 WHERE id = 1",
        "UPDATE airlock_gates SET strategy = 'whoever' WHERE id = 1",
        "UPDATE airlock_tickets SET state = 'inside' WHERE gate = 1 AND state = 'holding'",
        "UPDATE airlock_tickets SET token = x'00' WHERE gate = 1 AND arrival = 1777777777000000",
        "UPDATE airlock_tickets SET group_id = 7 WHERE gate = 1 AND state = 'holding'",
        "UPDATE airlock_tickets SET weight = -1 WHERE gate = 1 AND state = 'holding'",
        "DELETE FROM airlock_milestones",
        "UPDATE airlock_milestones SET waiting = waiting + 100000",
    ];
    for sql in wrong {
        let folder = Folder::new();
        let options = Options { spacing: crate::DENSE, ..impatient() };
        let mut database = Database::open(&folder.file(), options).expect("it is new");
        for number in 0..20 {
            ask(&mut database, "crowded", enter(number, Stay::Here), NOW).expect("it works");
        }
        ask(&mut database, "other", enter(1, Stay::No), NOW).expect("it works");
        database.connection().execute_batch(sql).expect("anybody with the right can");
        let look = |number| (Verb::Look { key: key(number) }, NOW + 1);
        // When all of it is past, so that everything is met.
        let leave = |number| (give_up(number), NOW + 40_000_000);
        let mut asked = (0..20).map(look).chain((0..20).map(leave));
        let error = asked.find_map(|(verb, now)| ask(&mut database, "crowded", verb, now).err());
        let error = error.unwrap_or_else(|| panic!("{sql} was believed"));
        let told = told(&error);
        assert!(told.contains("gates.db") && told.contains("that Airlock did not write"), "{sql}: {told}");
        assert!(!error.is_unknown(), "{sql}: {told}");
        // Other gates are none of its business.
        let outcome = ask(&mut database, "other", give_up(1), NOW + 1).expect("it is as it was");
        assert!(matches!(outcome, Outcome::Released), "{sql}: {outcome:?}");
    }
}
