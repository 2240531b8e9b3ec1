//! `airlock-run` as a process, with commands that are processes as well, on a folder, a SQLite file and a Redis server.

#![cfg(unix)]

mod another;
mod dying;
mod losing;
mod options;
mod place;
mod signals;
mod statuses;
mod turns;
