//! What operators do, as processes see it that share a store: one Redis server, one SQLite file, one folder.

mod limits;
mod node;
mod place;
mod switching;
mod work;
