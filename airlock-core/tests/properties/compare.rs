//! Whether two answers, two steps or two ledgers are the same. Handles and ids are each ledger's own.

use airlock_core::gate::{Answer, Change, Effect, Effects, Grant, Ledger, Outcome, Place, State, Table, Ticket};

use crate::ask::{Ask, Name};
use crate::ensure;
use crate::rows::Rows;

/// Equal, apart from handles.
pub fn same(a: &Outcome, b: &Outcome) -> bool {
    match (a, b) {
        (Outcome::Admitted(a), Outcome::Admitted(b)) => without_handle(*a) == without_handle(*b),
        (Outcome::Queued(a), Outcome::Queued(b)) => Place { local: None, ..*a } == Place { local: None, ..*b },
        (
            Outcome::Offered { nonce, fence, claim_by },
            Outcome::Offered { nonce: nonce_b, fence: fence_b, claim_by: claim_by_b },
        ) => (nonce, fence, claim_by) == (nonce_b, fence_b, claim_by_b),
        (
            Outcome::Refused { reason, retry_after, because },
            Outcome::Refused { reason: reason_b, retry_after: retry_after_b, because: because_b },
        ) => (reason, retry_after, because) == (reason_b, retry_after_b, because_b),
        (Outcome::Over(a), Outcome::Over(b)) => a == b,
        (Outcome::Renewed(a), Outcome::Renewed(b)) => a == b,
        (Outcome::Seen(a), Outcome::Seen(b)) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

fn without_handle(grant: Grant) -> Grant {
    Grant { local: None, ..grant }
}

/// Whether the second answer to a command that was sent twice says what the first said.
pub fn means_the_same(ask: &Ask, first: &Outcome, second: &Outcome) -> bool {
    match (ask, first, second) {
        // Who is out is out, and only a token in doubt is remembered.
        (Ask::GiveUp { name, doubt }, Outcome::Released | Outcome::Left, Outcome::NotHeld) => {
            !doubt || matches!(name, Name::Identity { .. })
        }
        (ask, Outcome::Done, Outcome::NotHeld) if ask.evicts() => true,
        _ => same(first, second),
    }
}

pub fn answers(table: &Answer, rows: &Answer, fair: bool) -> Result<(), String> {
    let alike = match (&table.outcome, &rows.outcome) {
        // Under fair shares those who wait are shown group by group, in the order of the ledger's own numbers for them.
        (Outcome::Seen(a), Outcome::Seen(b)) if fair => {
            let (mut a, mut b) = (a.clone(), b.clone());
            let shown = a.waiters.len() == b.waiters.len();
            (a.waiters, b.waiters) = Default::default();
            shown && a == b
        }
        (a, b) => same(a, b),
    };
    let alike = alike && (table.more, table.next_at) == (rows.more, rows.next_at);
    ensure!(alike, "a table answers {table:?}, rows {rows:?}");
    Ok(())
}

pub fn effects(table: &Effects<u32>, rows: &Effects<u64>) -> Result<(), String> {
    let alike = table.iter().map(plain).eq(rows.iter().map(plain))
        && table.iter().map(|effect| effect.token).eq(rows.iter().map(|effect| effect.token));
    ensure!(alike, "a table tells {table:?}, rows {rows:?}");
    Ok(())
}

/// What does not depend on the ledger.
pub fn plain<Id>(effect: &Effect<Id>) -> (Change, u64, u64, u64, Option<&str>) {
    let change = match effect.change {
        Change::Granted(grant) => Change::Granted(without_handle(grant)),
        other => other,
    };
    (change, effect.fence, effect.arrival, effect.since, effect.identity.as_deref())
}

/// Everything that both know, by arrival, which is unique.
pub fn states(table: &Table, rows: &Rows) -> Result<(), String> {
    ensure!(table.meta() == rows.meta(), "a table knows {:?}, rows {:?}", table.meta(), rows.meta());
    let mut in_table: Vec<(u32, &Ticket)> = table.tickets().collect();
    let mut in_rows: Vec<(u64, &Ticket)> = rows.tickets().collect();
    ensure!(in_table.len() == in_rows.len(), "a table has {in_table:?}, rows {in_rows:?}");
    in_table.sort_unstable_by_key(|(_, ticket)| ticket.arrival);
    in_rows.sort_unstable_by_key(|(_, ticket)| ticket.arrival);
    for ((id, a), (row, b)) in in_table.into_iter().zip(in_rows) {
        // Groups are numbered by each ledger; how many are in line is not.
        let count = |ticket: &Ticket, of: &dyn Fn(_) -> _| ticket.group.map(of);
        let (in_a, in_b) = (count(a, &|id| table.read_group(id)), count(b, &|id| rows.read_group(id)));
        let plain = |ticket: &Ticket| Ticket { group: None, lane: 0, ..*ticket };
        let alike = plain(a) == plain(b) && in_a == in_b;
        ensure!(alike, "a table has {a:?}, rows {b:?}");
        ensure!(table.identity(id) == rows.identity(row), "another identity of {a:?}");
    }
    Ok(())
}

/// Two tables that came the same way, one of them by short cuts: even slots and handles are the same.
pub fn twins(table: (&Table, &Outcome), quick: (&Table, &Outcome)) -> Result<(), String> {
    let handle = |outcome: &Outcome| match outcome {
        Outcome::Admitted(grant) => grant.local,
        Outcome::Queued(place) => place.local,
        _ => None,
    };
    let alike = same(table.1, quick.1) && handle(table.1) == handle(quick.1);
    ensure!(alike, "a step answers {:?}, the short cut {:?}", table.1, quick.1);
    ensure!(table.0.meta() == quick.0.meta(), "a step leaves {:?}, the short cut {:?}", table.0.meta(), quick.0.meta());
    ensure!(Ledger::floor(table.0) == Ledger::floor(quick.0), "the short cut has another floor");
    // The rank of who is inside, or was, has no meaning any more.
    let plain = |(slot, ticket): (u32, &Ticket)| match ticket.state {
        State::Holding | State::Spent => (slot, Ticket { score: 0.0, per_second: 0.0, ..*ticket }),
        _ => (slot, *ticket),
    };
    let alike = table.0.tickets().map(plain).eq(quick.0.tickets().map(plain));
    ensure!(alike, "a step leaves {:?}, the short cut {:?}", table.0, quick.0);
    ensure!(table.0.inside(0, u64::MAX) == quick.0.inside(0, u64::MAX), "the short cut has others inside");
    Ok(())
}
