//! The operator's side, as the HTTP contract says it is: requests to a router that nobody serves.

mod events;
mod looking;
mod mounting;
mod operating;
mod refusing;
mod support;
