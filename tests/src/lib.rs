//! What the tests and benchmarks in this folder share.

pub mod flagship;
pub mod paired;
pub mod redis;
