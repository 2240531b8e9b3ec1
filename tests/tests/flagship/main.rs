//! The flagship server seen from outside: real requests to a real process.

mod bad_input;
mod client;
mod holding;
mod limits;
mod options;
mod order;
mod raw;
mod shop;
mod stopping;
