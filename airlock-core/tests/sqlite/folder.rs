//! A folder of a test's own, gone with it; and what every test asks with.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use airlock_core::gate::{
    Conditions, Enter, Key, LineSpec, NEVER, OnMissed, OnReentry, Outcome, Pick, Record, SharedSpec, Spec, Stay, Verb,
};
use airlock_core::store::shared::{Asked, Call};
use airlock_core::store::sqlite::{Database, Options};
use airlock_core::{Secret, StoreError};

pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("airlock-sqlite-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("there is room for a folder");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of the database.
    pub fn file(&self) -> PathBuf {
        self.0.join("gates.db")
    }

    pub fn open(&self) -> Result<Database, StoreError> {
        Database::open(&self.file(), impatient())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where a test provokes a lock.
pub fn impatient() -> Options {
    Options { busy_timeout: Duration::from_millis(50), ..Options::default() }
}

/// A line of whoever comes first, before two places.
pub fn spec() -> Spec {
    Spec {
        name: "tests".into(),
        limit: 2,
        rate: None,
        leased: true,
        ttl: 30_000_000,
        max_hold: NEVER,
        pick: Pick::Head,
        line: LineSpec {
            capacity: NEVER,
            group_capacity: NEVER,
            presence: 30_000_000,
            claim_window: 20_000_000,
            on_missed: OnMissed::Drop,
        },
        on_reentry: OnReentry::Refuse,
        revision: 0,
        step_bound: 64,
        guarded: false,
        shared: Some(SharedSpec { presence: 6_000_000, confirmation: 4_000_000 }),
    }
}

pub fn key(number: u64) -> Key<'static> {
    Key::Token(Secret::from_bytes((u128::from(number) << 64 | 1).to_be_bytes()))
}

/// Somebody who waits, or only tries.
pub fn enter(number: u64, stay: Stay) -> Verb<'static> {
    Verb::Enter(Enter {
        key: Some(key(number)),
        identity: None,
        group: None,
        weight: 1,
        score: 0.0,
        per_second: 0.0,
        share: 1.0,
        cap: 0,
        stay,
    })
}

pub fn give_up(number: u64) -> Verb<'static> {
    Verb::GiveUp { key: key(number), doubt: false }
}

/// One command to one gate.
pub fn ask(database: &mut Database, resource: &str, verb: Verb<'_>, now: u64) -> Result<Outcome, StoreError> {
    ask_as(database, &spec(), resource, verb, now)
}

pub fn ask_as(
    database: &mut Database,
    spec: &Spec,
    resource: &str,
    verb: Verb<'_>,
    now: u64,
) -> Result<Outcome, StoreError> {
    let asked = [Asked::new(&verb, 0x1234_5678_9abc_def0 ^ now)?];
    let conditions = &Conditions::default();
    let call = Call { spec, conditions, resource, asked: &asked, record: Record::Names, now: Some(now) };
    let decided = database.decide(&call, now)?;
    Ok(decided.answered.into_iter().next().expect("one answer").answer.outcome)
}

/// The whole error, down to what caused it.
pub fn told(error: &StoreError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!("{error}{cause}")
}

/// All that is in the tables of that prefix, to see that nothing has changed.
pub fn dump(database: &Database, prefix: &str) -> Vec<String> {
    use airlock_core::store::sqlite::rusqlite::types::Value;
    let mut rows = Vec::new();
    for table in ["airlocks", "gates", "tickets", "milestones", "groups"] {
        let sql = format!("SELECT * FROM {prefix}{table} ORDER BY 1, 2");
        let mut statement = database.connection().prepare(&sql).expect("there is such a table");
        let columns = statement.column_count();
        let row = |row: &airlock_core::store::sqlite::rusqlite::Row<'_>| {
            (0..columns).map(|at| row.get::<_, Value>(at)).collect::<Result<Vec<_>, _>>()
        };
        let found = statement.query_map([], row).expect("it can be read");
        rows.extend(found.map(|row| format!("{table}: {:?}", row.expect("it can be read"))));
    }
    rows
}
