//! What the tests and benchmarks in this folder share.

pub mod flagship;
mod frames;
pub mod paired;
pub mod proxy;
pub mod redis;
pub mod scratch;
