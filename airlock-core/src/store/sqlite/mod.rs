//! Gates in a SQLite file, shared by the processes of one machine.

mod database;
mod decide;
mod failure;
mod groups;
mod ledger;
mod line;
mod rows;
mod schema;
mod statements;
mod values;

pub use database::{Database, Options, Work};
pub use decide::Decided;
pub use line::Spacing;

#[cfg(feature = "conformance")]
#[doc(hidden)]
pub use rusqlite;
