//! Any service and any call, where a refusal is an error.

mod entrant;
mod error;
mod future;
mod layer;
mod service;

pub use entrant::ChooseEntrant;
pub use error::CallError;
pub use future::CallFuture;
pub use layer::CallLayer;
pub use service::CallService;
