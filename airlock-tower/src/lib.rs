//! [`AirlockLayer`] puts an [`Airlock`] in front of any HTTP service, and [`CallLayer`] in front of any other.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use airlock_core::{Airlock, Seal};
//! use airlock_tower::{AirlockLayer, by_extension};
//!
//! # struct Claims { tenant: String }
//! let imports = Airlock::builder("imports").seal(Seal::semaphore(2)).build()?;
//!
//! // Two at once for each tenant; the others wait up to five seconds for their turn.
//! let layer = AirlockLayer::new(imports)
//!     .resource(by_extension(|claims: &Claims| &claims.tenant))
//!     .wait(Duration::from_secs(5));
//! # let _ = layer;
//! # Ok(())
//! # }
//! ```
//!
//! A refusal is a response, not an error: 503 `full`, `timed-out` or `line-full`, 409 `duplicate`, 400 when the
//! request does not say who it is, each with the header `Airlock-Status` and a problem (RFC 9457) or a page as its
//! body; see [`Problem`].
//!
//! [`CallLayer`] is the same for services that are not HTTP and for outbound calls, where a refusal must not look like
//! an answer: there it is an error.
//!
//! # Cancel safety and fairness
//!
//! A client that disconnects while it waits leaves the line, as soon as the server notices: on HTTP/1 with an
//! unread body it may not, and the wait bounds it. Nobody barges; see [`airlock_core`].
//!
//! # Limits
//!
//! - A lost lease stops the inner future; it cannot stop a thread that blocks.
//! - Of two stacked layers a handler sees the inner one's permit; the other is found by its airlock's name, with
//!   [`WeakAdmitted::of`](airlock_core::WeakAdmitted::of).
//! - Two stacked layers that both wait can wait for each other until the time is over: let only the outer one wait.
//! - A header says what its sender wrote. It is no identity unless something in front sets or checks it.
//!
//! [`Airlock`]: airlock_core::Airlock

#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod asking;
mod body;
mod call;
mod future;
mod layer;
mod name;
mod number;
mod refusal;
mod service;
mod shadow;
mod timeout;
mod unmatched;

pub use address::{ByForwarded, Prefix, by_forwarded};
#[cfg(feature = "axum")]
pub use address::{ByPeer, by_peer};
pub use body::ResponseBody;
pub use call::{CallError, CallFuture, CallLayer, CallService, ChooseEntrant};
pub use future::ResponseFuture;
pub use layer::{AirlockLayer, Hold, OnStoreError};
pub use name::{By, ByCookie, ByExtension, ByHeader, Name, NameError, by, by_cookie, by_extension, by_header};
pub use number::{IntoNumber, integer_header};
pub use refusal::{Format, Problem};
pub use service::AirlockService;
pub use timeout::{grpc_timeout, seconds_header};

/// A network, such as a trusted proxy's: `"10.0.0.0/8".parse()`, or made of a single address.
pub use ipnet::IpNet;

/// Any error of a response body.
///
/// It is what a [`ResponseBody`] ends with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
