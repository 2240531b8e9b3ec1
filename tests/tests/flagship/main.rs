//! The flagship server seen from outside: real requests to a real process.

mod admin;
mod bad_input;
mod client;
mod contract;
#[allow(dead_code, reason = "shared with tests that use all of it")]
mod crowd;
mod emergency;
mod forms;
mod holding;
mod limits;
mod options;
mod order;
mod raw;
mod secrets;
mod shop;
mod stopping;
mod stores;
mod stream;
#[allow(dead_code, reason = "shared with tests that use all of it")]
mod visitor;
mod visitors;
