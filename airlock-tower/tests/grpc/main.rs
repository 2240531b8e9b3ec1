//! gRPC over real sockets: a tonic server behind `AirlockLayer`, a tonic client behind `CallLayer`.

mod echo;
mod outbound;
mod served;

use std::time::Duration;

/// Long enough to be over only when something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
