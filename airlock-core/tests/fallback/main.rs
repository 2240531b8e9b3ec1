//! A store that is away, and what stands in for it. Time is moved, and failures are made.

mod conformance;
mod events;
mod outage;
mod scripted;
mod sides;
mod support;
mod waiting;
