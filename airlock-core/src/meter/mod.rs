//! What is counted for metrics: numbers that are added up where something happens, and that nobody is
//! told of there.
//!
//! # Implementation details
//!
//! | file | what it does |
//! |---|---|
//! | `handles.rs` | what an airlock and its gates count with: null, unless somebody wants to know |
//! | `tally.rs` | the counts themselves |
//! | `histogram.rs` | spans of time by length |
//!
//! The counts are atomics, in as many parts as there are processors. Whoever enters or leaves adds to its own part, and
//! waits for nobody; who publishes adds the parts up. So no recorder, however slow or broken, is in anybody's way.
#![cfg_attr(
    not(all(feature = "metrics", feature = "shared")),
    allow(dead_code, reason = "without the feature nobody can want to know, and memory is not called")
)]

mod handles;
mod histogram;
mod tally;

pub(crate) use handles::{AirlockMeter, By, Meter};
#[cfg(feature = "metrics")]
pub(crate) use {
    handles::all,
    histogram::{BUCKETS, seconds},
    tally::{AirlockTally, DENIALS, ENDINGS, Published, Source, Spans, StoreTally},
};

use crate::gate::SwitchState;

/// What is to be seen in a store of one airlock.
pub(crate) struct Figures {
    /// The configured limit of one resource; none where a rate alone limits.
    pub(crate) limit: Option<u32>,
    /// The switch of all resources without one of their own, as this process goes by it.
    pub(crate) switch: SwitchState,
    /// None while it is not known.
    pub(crate) usage: Option<Totals>,
}

/// Of all resources in use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) resources: u64,
    /// Weight inside, offers included.
    pub(crate) held: u64,
    pub(crate) waiting: u64,
    pub(crate) offered: u64,
    /// Limits in force.
    pub(crate) capacity: u64,
}

/// How many resources' breakers are not closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Breakers {
    pub(crate) open: u64,
    pub(crate) half_open: u64,
}
