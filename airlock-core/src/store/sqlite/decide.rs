//! Commands to one gate, inside of a transaction.

use rusqlite::Connection;

use super::ledger::SqlLedger;
use super::line::Spacing;
use super::statements::Statements;
use crate::error::StoreError;
use crate::gate::Micros;
use crate::store::shared::{Call, Decided, decide_on};

/// Decides one command after the other. Answers whether the gate is new, too. `failed` says what an error of the database
/// means.
pub(super) fn decide(
    (connection, sql, spacing): (&Connection, &Statements, Spacing),
    call: &Call<'_>,
    now: Micros,
    failed: impl Fn(rusqlite::Error) -> StoreError,
) -> Result<(Decided, bool), StoreError> {
    let gate = (&*call.spec.name, call.resource);
    let mut ledger = SqlLedger::open(connection, sql, spacing, gate).map_err(&failed)?;
    let decided = decide_on(&mut ledger, call, now, |ledger, idle| {
        ledger.check().map_err(&failed)?;
        if idle {
            ledger.rest();
        }
        Ok(())
    })?;
    let is_new = ledger.close(decided.now, call.spec.kept()).map_err(&failed)?;
    Ok((decided, is_new))
}
