//! What the tables of a configuration say, each as what a program would have made of it.

mod admission;
pub(super) mod airlock;
mod line;
pub(super) mod notifier;
mod outage;
mod seal;
pub(super) mod store;
