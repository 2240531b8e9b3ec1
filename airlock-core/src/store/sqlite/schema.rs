//! The tables: made, brought up to date, and looked at before they are trusted.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::error::StoreError;

/// What each version adds to the one before it. Never changed, only added to.
pub(super) const VERSIONS: &[&str] = &[include_str!("schema/1.sql")];

/// The tables, without the prefix.
const TABLES: [&str; 6] = ["meta", "airlocks", "gates", "tickets", "milestones", "groups"];

/// Why the tables cannot be used.
#[derive(Debug)]
pub(super) enum Unfit {
    /// SQLite failed.
    Failed(rusqlite::Error),
    /// A newer Airlock has been here.
    Newer { found: usize, known: usize },
    /// Somebody else's table has one of the names.
    Foreign { table: String },
    /// One of the tables has been changed.
    Changed { table: String },
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        Unfit::Failed(error)
    }
}

impl Unfit {
    /// In words, unless it is for SQLite to say.
    pub(super) fn into_words(self, path: &std::path::Path) -> Result<StoreError, rusqlite::Error> {
        let path = path.display();
        Ok(StoreError::not_executed(match self {
            Unfit::Failed(error) => return Err(error),
            Unfit::Newer { found, known } => format!(
                "the tables in {path} are of version {found}, and this release of Airlock knows up to {known}: update it, \
                 or use another table prefix"
            ),
            Unfit::Foreign { table } => {
                format!("{path} has a table {table} that Airlock did not make: use another table prefix")
            }
            Unfit::Changed { table } => format!(
                "the table {table} in {path} has another shape than Airlock gave it: restore it, or use another table prefix"
            ),
        }))
    }
}

/// Makes the tables that are missing.
pub(super) fn prepare(connection: &mut Connection, prefix: &str, versions: &[&str]) -> Result<(), Unfit> {
    if version(connection, prefix)? != Some(versions.len()) {
        bring_up(connection, prefix, versions)?;
    }
    let mut pristine = Connection::open_in_memory()?;
    bring_up(&mut pristine, prefix, versions)?;
    for table in TABLES {
        let table = format!("{prefix}{table}");
        if shape(connection, &table)? != shape(&pristine, &table)? {
            return Err(Unfit::Changed { table });
        }
    }
    Ok(())
}

fn bring_up(connection: &mut Connection, prefix: &str, versions: &[&str]) -> Result<(), Unfit> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let found = match version(&transaction, prefix)? {
        Some(found) if found > versions.len() => return Err(Unfit::Newer { found, known: versions.len() }),
        Some(found) => found,
        None => {
            for table in TABLES {
                let table = format!("{prefix}{table}");
                if exists(&transaction, &table)? {
                    return Err(Unfit::Foreign { table });
                }
            }
            0
        }
    };
    for changes in &versions[found..] {
        transaction.execute_batch(&changes.replace('@', prefix))?;
    }
    let sql = format!(
        "INSERT INTO {prefix}meta (key, value) VALUES ('version', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1"
    );
    transaction.execute(&sql, [versions.len() as i64])?;
    transaction.commit()?;
    Ok(())
}

/// Of the tables that are there.
fn version(connection: &Connection, prefix: &str) -> Result<Option<usize>, Unfit> {
    let table = format!("{prefix}meta");
    if !exists(connection, &table)? {
        return Ok(None);
    }
    let columns = shape(connection, &table)?;
    if !columns.iter().any(|column| column.starts_with("key "))
        || !columns.iter().any(|column| column.starts_with("value "))
    {
        return Err(Unfit::Foreign { table });
    }
    let sql = format!("SELECT value FROM {table} WHERE key = 'version'");
    let found: Option<i64> = connection.query_row(&sql, [], |row| row.get(0)).optional()?;
    match found.and_then(|found| usize::try_from(found).ok()) {
        Some(found) if found > 0 => Ok(Some(found)),
        _ => Err(Unfit::Foreign { table }),
    }
}

fn exists(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = ?1")?.exists([table])
}

/// Its columns and indexes, each in a line.
fn shape(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let columns = "SELECT name || ' ' || type || ' ' || \"notnull\" || ' ' || pk FROM pragma_table_xinfo(?1)";
    let indexes = "SELECT 'index ' || name || ' ' || \"unique\" || ' ' || origin || ' ' || partial FROM pragma_index_list(?1) \
                   ORDER BY name";
    let mut shape = Vec::new();
    for sql in [columns, indexes] {
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([table], |row| row.get(0))?;
        for row in rows {
            shape.push(row?);
        }
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "airlock_";

    fn fresh(versions: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().expect("it needs no room");
        prepare(&mut connection, PREFIX, versions).expect("it is new");
        connection
    }

    #[test]
    fn an_older_one_is_brought_up_and_keeps_what_is_in_it() {
        let mut connection = fresh(VERSIONS);
        connection.execute_batch("INSERT INTO airlock_airlocks VALUES ('jobs', x'00')").expect("it is a table");
        let next =
            [VERSIONS, &["ALTER TABLE @airlocks ADD COLUMN note TEXT", "CREATE INDEX @noted ON @airlocks (note)"]];
        let next = next.concat();
        prepare(&mut connection, PREFIX, &next).expect("it knows how");
        prepare(&mut connection, PREFIX, &next).expect("it has been done");
        assert_eq!(version(&connection, PREFIX).expect("it is written"), Some(next.len()));
        let kept = "SELECT count(*) FROM airlock_airlocks WHERE name = 'jobs' AND note IS NULL";
        assert_eq!(connection.query_row(kept, [], |row| row.get(0)), Ok(1));
        // A release that does not know of it leaves it alone.
        let older = prepare(&mut connection, PREFIX, VERSIONS);
        assert!(matches!(older, Err(Unfit::Newer { found: 3, known: 1 })), "{older:?}");
    }

    #[test]
    fn one_that_cannot_be_brought_up_stays_as_it_was() {
        let mut connection = fresh(VERSIONS);
        let next =
            [VERSIONS, &["ALTER TABLE @airlocks ADD COLUMN note TEXT", "ALTER TABLE @nothing ADD COLUMN note TEXT"]];
        prepare(&mut connection, PREFIX, &next.concat()).expect_err("there is no such table");
        prepare(&mut connection, PREFIX, VERSIONS).expect("it is as it was");
    }
}
