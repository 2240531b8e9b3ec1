//! What is published is what happened, with the documented names and labels, and nobody is in anybody's way.

mod labels;
mod memory;
mod outage;
mod recorder;
mod shared;
mod shelf;
