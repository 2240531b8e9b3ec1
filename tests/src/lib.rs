//! What the tests and benchmarks in this folder share.

pub mod ratio;
