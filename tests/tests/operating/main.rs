//! What operators do, as processes see it that share a store: one Redis server, one SQLite file, one folder.

#[path = "../flagship/client.rs"]
#[allow(dead_code, reason = "other tests ask for more")]
mod client;
mod limits;
mod node;
mod place;
mod scraped;
mod switching;
mod work;
