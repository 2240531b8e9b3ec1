//! Commands to one gate, inside of a transaction.

use rusqlite::Connection;

use super::ledger::SqlLedger;
use super::line::Spacing;
use super::statements::Statements;
use crate::error::StoreError;
use crate::gate::{
    self, Answer, Change, Conditions, Effect, Effects, Ending, Enter, Key, Ledger as _, Micros, Outcome, RETRY_HORIZON,
    Record, Spec, Verb,
};
use crate::token::Secret;

/// What became of one command.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The answer to whoever asked.
    pub answer: Answer,
    /// What it did to whom, in that order: each with the token, as the database knows it, by which the ticket went then.
    pub effects: Vec<Effect<Option<Secret>>>,
    /// Whether there is nothing in the gate from then on that has to be kept.
    pub idle: bool,
    /// Whether who was admitted goes by the token that it asked with: to a session others may have come before.
    pub own: bool,
}

/// For how long a gate is kept when nobody has been there: twice the longest that anything lasts, and a minute.
fn kept(spec: &Spec) -> Micros {
    let Spec { ttl, line, .. } = spec;
    2 * (*ttl).max(line.presence).max(line.claim_window).max(RETRY_HORIZON) + 60_000_000
}

/// Whether it can be asked at all of a database, which does not live beside its guards.
pub(super) fn check(spec: &Spec, asked: &[(Verb<'_>, u64)]) -> Result<(), StoreError> {
    if spec.guarded {
        return Err(StoreError::not_executed("leases in SQLite have deadlines: no guard lives beside its gate"));
    }
    for (verb, _) in asked {
        match verb {
            Verb::Enter(Enter { key: Some(Key::Token(_)), .. }) => {}
            Verb::Enter(_) => return Err(StoreError::not_executed("who enters by SQLite needs a token")),
            _ if matches!(verb.key(), Some(Key::Local(_))) => {
                return Err(StoreError::not_executed("a handle means nothing to SQLite"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Decides one command after the other. Answers whether the gate is new, too.
pub(super) fn decide(
    (connection, sql, spacing): (&Connection, &Statements, Spacing),
    (spec, conditions, resource): (&Spec, &Conditions, &str),
    asked: &[(Verb<'_>, u64)],
    now: Micros,
    record: Record,
) -> rusqlite::Result<(Vec<Decided>, bool)> {
    let mut ledger = SqlLedger::open(connection, sql, spacing, (&spec.name, resource))?;
    let mut decided = Vec::with_capacity(asked.len());
    for (verb, entropy) in asked {
        let mut effects = Effects::new(record);
        let answer = gate::step(&mut ledger, spec, conditions, verb, now, *entropy, &mut effects);
        ledger.check()?;
        let own = goes_by_own_token(&ledger, verb, &answer);
        let effects =
            effects.iter().scan(Vec::new(), |renamed, effect| Some(named(&ledger, renamed, effect))).collect();
        let idle = gate::is_idle(&ledger);
        if idle {
            ledger.rest();
        }
        ledger.stepped();
        decided.push(Decided { answer, effects, idle, own });
    }
    let is_new = ledger.close(now, kept(spec))?;
    Ok((decided, is_new))
}

fn goes_by_own_token(ledger: &SqlLedger<'_>, verb: &Verb<'_>, answer: &Answer) -> bool {
    match (verb, &answer.outcome) {
        (Verb::Enter(Enter { key: Some(key), .. }), Outcome::Admitted(grant)) if grant.shared => {
            ledger.find(key).is_some()
        }
        _ => true,
    }
}

/// The effect with the token of its ticket. One that was taken over goes by the old one until then.
fn named(ledger: &SqlLedger<'_>, renamed: &mut Vec<u32>, effect: &Effect<u32>) -> Effect<Option<Secret>> {
    let Effect { id, change, fence, arrival, since, local, awaited, ref identity } = *effect;
    let (token, former) = ledger.tokens(id);
    let id_then = if renamed.contains(&id) { token } else { former.or(token) };
    if change == Change::Ended(Ending::Superseded) {
        renamed.push(id);
    }
    Effect { id: id_then, change, fence, arrival, since, local, awaited, identity: identity.clone() }
}
