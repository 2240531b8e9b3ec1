//! Gates in Redis: the script that decides there, and what is said to it and by it.
//!
//! # Implementation details
//!
//! `gate/` is written a second time in Lua (`lua/`), because a decision has to be one atomic step on the server. That
//! both decide alike is a test (`tests/redis`): the same random commands, the same clock and the same entropy.

pub mod keys;
pub mod msgpack;
pub mod script;
pub mod wire;
