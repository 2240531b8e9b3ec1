//! Airlocks from configuration: what it describes is what they do, and all that is wrong is said at once, and where.

mod bad;
mod formats;
mod good;
mod nodes;
mod secrets;
mod shown;
