//! Gates in a SQLite file, shared by the processes of one machine.
//!
//! # What is in the file
//!
//! Real tables, for whoever wants to look; `airlock_` is the [prefix](Options::prefix). Times are microseconds since 1970,
//! and 9007199254740991 is never. Nothing but Airlock may write to them.
//!
//! | table | has a row for each |
//! |---|---|
//! | `airlock_gates` | resource of an airlock: how much is in use, who waits, the last fence, the operator's limit and switch |
//! | `airlock_tickets` | who holds, is offered a place, waits, or has just gone (`state`), until its `deadline` |
//! | `airlock_groups` | group whose part of a line, or whose share, is counted |
//! | `airlock_milestones` | place in a long line from which on it is known how many wait |
//! | `airlock_airlocks` | airlock with something set for all of its gates |
//! | `airlock_meta` | `version` of these tables |
//!
//! A ticket's `token` is a hash: nobody can release a lease who has the file. How many are where:
//!
//! ```sql
//! SELECT airlock, resource, in_use, waiting FROM airlock_gates WHERE tickets > 0 ORDER BY waiting DESC, in_use DESC;
//! ```
//!
//! Who is inside, since when, and until when unless it renews its lease:
//!
//! ```sql
//! SELECT g.airlock, g.resource, t.identity, t.fence, t.weight,
//!        datetime(t.since / 1000000, 'unixepoch') AS since, datetime(t.deadline / 1000000, 'unixepoch') AS until
//! FROM airlock_tickets t JOIN airlock_gates g ON g.id = t.gate
//! WHERE t.state IN ('holding', 'offered') ORDER BY g.airlock, g.resource, t.fence;
//! ```
//!
//! The line before one resource, from its head:
//!
//! ```sql
//! SELECT t.identity, n.name AS "group", t.weight, datetime(t.arrival / 1000000, 'unixepoch') AS since
//! FROM airlock_tickets t JOIN airlock_gates g ON g.id = t.gate LEFT JOIN airlock_groups n ON n.gate = g.id AND n.id = t.group_id
//! WHERE t.state = 'waiting' AND g.airlock = 'imports' AND g.resource = 'tenant:acme'
//! ORDER BY t.lane, t.sort_key, t.arrival;
//! ```
//!
//! # What is promised
//!
//! A process that dies, at whatever moment, takes nothing with it but what it had not been answered yet. After a power cut the
//! file is whole, but the last moments before it may be missing (`synchronous = NORMAL`): whoever was inside is gone as well,
//! because all of them were on this machine, and fences go on from the clock. Where leases outlive the machine, because a
//! token was given to somebody elsewhere, [`power_safe`](Options::power_safe) has every commit wait for the disk.
//!
//! A gate with nothing in it keeps its last fence and arrival for twice the longest time that anything lasts there and a
//! minute, and then has no row (G2).
//!
//! # Implementation details
//!
//! The gate is [`step`](crate::gate::step) itself, over a ledger of rows (`ledger.rs`). A ledger lives for one transaction,
//! which has the write lock from its beginning; it reads the gate's own row first and writes it last, and each ticket that it
//! needs once. It never reads a whole gate: every question is answered by an index, and positions by a counted skip list
//! (`line.rs`), so that entering, leaving and letting in take O(log n), lotteries included. One thread has the connection
//! (`worker.rs`) and commits together what has arrived.

mod database;
mod decide;
mod failure;
mod groups;
mod ledger;
mod line;
mod patience;
mod rows;
mod schema;
mod statements;
mod values;
mod worker;

pub use database::{Database, Options, Work};
pub use decide::Decided;
pub use line::Spacing;
pub use worker::{Answer, Worker};

#[cfg(feature = "conformance")]
#[doc(hidden)]
pub use rusqlite;
