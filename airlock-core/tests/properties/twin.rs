//! The same gate somewhere else: it is asked the same, and must answer and become the same.

use airlock_core::gate::{Answer, Conditions, Effects, Micros, Spec, Table};

use crate::ask::Ask;
use crate::model::Known;
use crate::rows::Rows;

/// A gate outside of this process.
pub trait Twin {
    /// The next command, and what came of it here.
    fn step(&mut self, step: &Taken<'_>) -> Result<(), String>;
    /// That was the last one.
    fn finish(&mut self) -> Result<(), String>;
}

/// A step that was taken.
#[derive(Debug)]
pub struct Taken<'a> {
    /// The configuration of the node that asked.
    pub spec: &'a Spec,
    pub conditions: &'a Conditions,
    pub ask: &'a Ask,
    pub now: Micros,
    pub entropy: u64,
    pub answer: &'a Answer,
    pub effects: &'a Effects<u32>,
    /// By whatever strategy is in force.
    pub fair: bool,
    pub before: &'a [Known],
    pub known: &'a [Known],
    pub table: &'a Table,
    pub rows: &'a Rows,
}
