//! The layer in front of plain tower services: whom it lets in, for how long, and what the others are told.

mod call;
mod failing;
mod forms;
mod forwarded;
mod grpc;
mod holding;
mod leaving;
mod lost;
mod naming;
mod nesting;
mod options;
mod readiness;
mod refusals;
mod shadow;
mod shedding;
mod support;
mod timeouts;
mod traits;
mod waiting;
