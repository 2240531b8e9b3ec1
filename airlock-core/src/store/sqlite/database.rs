//! The file: opened, and what is done in it in one transaction.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Error, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior, ffi, params};

use super::decide;
use super::failure::{Phase, store_error};
use super::line::Spacing;
use super::patience;
use super::rows::usage;
use super::schema;
use super::statements::Statements;
use super::values::Int;
use crate::error::{ConfigError, StoreError};
use crate::gate::{Conditions, Micros, Record, Spec, Verb};
use crate::store::shared::{Asked, Call, Decided};
use crate::store::{Survey, SurveyQuery};

/// No database has fewer bytes than its smallest page.
const SMALLEST: u64 = 512;
/// How many gates that are kept are looked at, whether they are past, when one is made.
const LOOKED_AT: usize = 4;
/// How many gates a survey brings up to date before it counts.
const REFRESHED: u32 = 1000;

/// What to open.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the names of all tables begin with: 1 to 32 letters, digits and `_`, and no digit first.
    pub prefix: String,
    /// How long to wait while another process writes.
    pub busy_timeout: Duration,
    /// Whether every commit waits for the disk, so that a power cut takes nothing back.
    pub power_safe: bool,
    /// Who is a milestone of a long line: the same for all processes.
    pub spacing: Spacing,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            prefix: "airlock_".to_owned(),
            busy_timeout: Duration::from_millis(900),
            power_safe: false,
            spacing: Spacing::default(),
        }
    }
}

impl Options {
    /// Whether the prefix can be one.
    ///
    /// # Errors
    ///
    /// When it is not 1 to 32 letters, digits and `_`, begins with a digit, or with what SQLite keeps for itself.
    pub fn check(&self) -> Result<(), ConfigError> {
        let prefix = &self.prefix;
        let plain = prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let reserved = prefix.to_ascii_lowercase().starts_with("sqlite_");
        if plain && !reserved && (1..=32).contains(&prefix.len()) && !prefix.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(());
        }
        let problem = format!(
            "`{}` is not 1 to 32 letters, digits and `_`, with no digit and no `sqlite_` first",
            prefix.escape_debug()
        );
        Err(ConfigError::new("table_prefix", problem))
    }
}

/// An open database.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    sql: Statements,
    path: PathBuf,
    options: Options,
    /// Up to which gate it was looked whether they are past.
    looked_up_to: Cell<i64>,
}

/// A transaction under way: the database is this process's until it ends.
#[derive(Debug)]
pub struct Work<'a> {
    database: &'a Database,
}

impl Database {
    /// Opens the file, or makes it, and its tables. `:memory:` is one of its own.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or written, is no database or a damaged one, or has tables of those names that are not
    /// ours, were changed, or are a newer release's. Says what to do.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        options.check().map_err(|wrong| StoreError::not_executed(wrong.to_string()))?;
        let patience = options.busy_timeout;
        let failed = |error| store_error(error, Phase::Open, path, patience);
        patience::have_patience(patience);
        if std::fs::metadata(path).is_ok_and(|file| (1..SMALLEST).contains(&file.len())) {
            // To SQLite it would be an empty one.
            let damaged = Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_NOTADB), None);
            return Err(failed(damaged));
        }
        let mut connection = Connection::open(path).map_err(failed)?;
        set_up(&mut connection, &options).map_err(failed)?;
        // In WAL mode no reader is in a writer's way, nor the other way round.
        let mode = write_ahead(&connection, patience).map_err(failed)?;
        if mode != "wal" && mode != "memory" {
            return Err(StoreError::not_executed(format!(
                "the database {} cannot have a write-ahead log, but keeps its journal as `{mode}`: use a file on a local disk",
                path.display()
            )));
        }
        match schema::prepare(&mut connection, &options.prefix, schema::VERSIONS)
            .map_err(|unfit| unfit.into_words(path))
        {
            Ok(()) => {}
            Err(Ok(told)) => return Err(told),
            Err(Err(error)) => return Err(failed(error)),
        }
        let sql = Statements::new(&options.prefix);
        Ok(Database { connection, sql, path: path.to_owned(), options, looked_up_to: Cell::new(0) })
    }

    /// Does it in one transaction, which is committed if all of it was done, and else rolled back.
    ///
    /// # Errors
    ///
    /// What `work` says; and when somebody else has the database for longer than the busy timeout, or it cannot be written.
    /// Only where it fails at the very end is it unknown whether it was carried out.
    pub fn transact<T>(&mut self, work: impl FnOnce(&Work<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        patience::have_patience(self.options.busy_timeout);
        // The write lock first: what is read will not have changed when it is written.
        let begun = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        let transaction = begun.map_err(|error| self.failed(error, Phase::Work))?;
        let done = work(&Work { database: self })?;
        transaction.commit().map_err(|error| self.failed(error, Phase::Commit))?;
        Ok(done)
    }

    /// For tests that look at what is stored, and at what happens when it is something else.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Decides commands to one gate, in a transaction of their own. See [`Work::decide`].
    ///
    /// # Errors
    ///
    /// As [`transact`](Database::transact).
    pub fn decide(&mut self, call: &Call<'_>, now: Micros) -> Result<Decided, StoreError> {
        self.transact(|work| work.decide(call, now))
    }

    /// Another number than before when another connection has changed anything in the file since. Costs next to nothing.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn stamp(&self) -> Result<i64, StoreError> {
        let stamp = || self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0));
        stamp().map_err(|error| self.failed(error, Phase::Work))
    }

    /// What is set for all gates of an airlock, as it was given; empty if nothing is.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn conditions(&self, airlock: &str) -> Result<Vec<u8>, StoreError> {
        self.held(airlock).map_err(|error| self.failed(error, Phase::Work))
    }

    fn held(&self, airlock: &str) -> rusqlite::Result<Vec<u8>> {
        let mut statement = self.connection.prepare_cached(&self.sql.conditions)?;
        let held = statement.query_row([airlock], |row| row.get(0)).optional()?;
        Ok(held.unwrap_or_default())
    }

    fn failed(&self, error: rusqlite::Error, phase: Phase) -> StoreError {
        store_error(error, phase, &self.path, self.options.busy_timeout)
    }
}

impl Work<'_> {
    /// Decides commands to one gate, one after the other. `now` is the clock, unless the call says what time it is.
    ///
    /// # Errors
    ///
    /// When the database fails, or has something in it that Airlock did not write. The transaction is to be given up then.
    pub fn decide(&self, call: &Call<'_>, now: Micros) -> Result<Decided, StoreError> {
        let Database { connection, sql, options, .. } = self.database;
        let failed = |error| self.database.failed(error, Phase::Work);
        let (decided, is_new) = decide::decide((connection, sql, options.spacing), call, now, failed)?;
        if is_new {
            // So that gates that were made and left are not more and more.
            self.forget_past(decided.now, LOOKED_AT)?;
        }
        Ok(decided)
    }

    /// Looks at that many gates, after those that were looked at last, and removes those in which nothing can be any more.
    /// Answers how many it removed.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn forget_past(&self, now: Micros, count: usize) -> Result<usize, StoreError> {
        let Database { connection, sql, looked_up_to, .. } = self.database;
        self.attempt(|| {
            let (mut removed, mut from_the_start) = (0, looked_up_to.get() == 0);
            for _ in 0..count {
                let mut next = connection.prepare_cached(&sql.next_gate)?;
                let next = next.query_row([looked_up_to.get()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
                let Some((id, Int(expires_at))) = next else {
                    looked_up_to.set(0);
                    if std::mem::replace(&mut from_the_start, true) {
                        break;
                    }
                    continue;
                };
                looked_up_to.set(id);
                if expires_at <= now {
                    for part in [&sql.remove_tickets, &sql.remove_milestones, &sql.remove_groups, &sql.remove_gate] {
                        connection.prepare_cached(part)?.execute([id])?;
                    }
                    removed += 1;
                }
            }
            Ok(removed)
        })
    }

    /// Sets what holds for all gates of an airlock, if `held` is what is set; else answers no, and nothing has changed.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn swap_conditions(&self, airlock: &str, held: &[u8], wanted: &[u8]) -> Result<bool, StoreError> {
        let Database { connection, sql, .. } = self.database;
        self.attempt(|| {
            if self.database.held(airlock)? != held {
                return Ok(false);
            }
            match wanted {
                [] => connection.prepare_cached(&sql.clear_conditions)?.execute([airlock])?,
                _ => connection.prepare_cached(&sql.set_conditions)?.execute(params![airlock, wanted])?,
            };
            Ok(true)
        })
    }

    /// The resources of an airlock that are in use, busiest first. What is past its deadline is cleared away before, as far
    /// as a thousand gates go.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn survey(
        &self,
        spec: &Spec,
        conditions: &Conditions,
        of: SurveyQuery<'_>,
        now: Micros,
        entropy: u64,
    ) -> Result<Survey, StoreError> {
        let Database { connection, sql, .. } = self.database;
        let stale: Vec<String> = self.attempt(|| {
            let mut statement = connection.prepare_cached(&sql.stale)?;
            statement.query_map(params![&*spec.name, Int(now), REFRESHED], |row| row.get(0))?.collect()
        })?;
        let tick = [Asked::new(&Verb::Tick, entropy)?];
        for resource in stale {
            let (asked, resource) = (&tick[..], &*resource);
            let call = Call { spec, conditions, resource, asked, record: Record::Nothing, now: Some(now) };
            self.decide(&call, now)?;
        }
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.attempt(|| {
            let mut statement = connection.prepare_cached(&sql.in_use)?;
            let survey = statement.query_row(params![&*spec.name, Int(now), of.text], |row| {
                let (Int(total), Int(in_use), Int(waiting)) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Survey { total: total as usize, in_use, waiting, ..Survey::default() })
            })?;
            let mut statement = connection.prepare_cached(&sql.busiest)?;
            let values = params![&*spec.name, Int(now), of.text, spec.limit, whole(of.count), whole(of.offset)];
            let resources = statement.query_map(values, |row| usage(row, now))?;
            Ok(Survey { resources: resources.collect::<rusqlite::Result<_>>()?, ..survey })
        })
    }

    fn attempt<T>(&self, work: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work().map_err(|error| self.database.failed(error, Phase::Work))
    }
}

fn set_up(connection: &mut Connection, options: &Options) -> rusqlite::Result<()> {
    patience::install(connection)?;
    connection.set_prepared_statement_cache_capacity(128);
    // After a power cut all who were inside are gone with their processes, and the file is as it was a moment before: to wait
    // for the disk with every commit is worth it only where leases outlive the machine.
    connection.pragma_update(None, "synchronous", if options.power_safe { "FULL" } else { "NORMAL" })?;
    connection.pragma_update(None, "cache_size", -16_000)
}

/// Answers how the journal is kept from then on.
fn write_ahead(connection: &Connection, patience: Duration) -> rusqlite::Result<String> {
    let started = Instant::now();
    loop {
        // Where several processes do this to a new file at once, SQLite does not wait for its turn.
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && started.elapsed() < patience =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}
