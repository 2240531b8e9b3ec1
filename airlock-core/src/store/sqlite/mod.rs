//! Gates in a SQLite file, shared by the processes of one machine.

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
