//! The recipes in `examples`, as the processes that they are: those that serve over HTTP, the others to their end.

#[allow(dead_code, reason = "shared with tests that use all of it")]
#[path = "../flagship/client.rs"]
mod client;
mod crowds;
mod operators;
mod people;
mod places;
mod programs;
mod recipe;
#[allow(dead_code, reason = "shared with tests that use all of it")]
#[path = "../flagship/visitor.rs"]
mod visitor;
