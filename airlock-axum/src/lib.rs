//! Airlock for axum: a line on a router, and an extractor that holds the place.
//!
//! This crate is [`airlock_core`] and [`airlock_tower`] under one name, with [`Admitted`] as an extractor.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use airlock_axum::{Admitted, Airlock, AirlockLayer, Seal, by_extension};
//! use axum::{Router, body::Bytes, response::IntoResponse, routing::post};
//!
//! # #[derive(Clone)] struct Claims { tenant: String }
//! let imports = Airlock::builder("imports").seal(Seal::semaphore(2)).build()?;
//!
//! let app: Router = Router::new()
//!     .route("/imports", post(import))
//!     .layer(
//!         AirlockLayer::new(imports)
//!             .resource(by_extension(|claims: &Claims| &claims.tenant))
//!             .wait(Duration::from_secs(5)),
//!     );
//!
//! async fn import(admitted: Admitted, body: Bytes) -> impl IntoResponse {
//!     format!("{} bytes, admission {}", body.len(), admitted.fence())
//! }
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! [`Admitted`] is the permit of the innermost layer around the route; another layer's is found by its airlock's name,
//! with [`Admitted::of`]. A handler that keeps a clone of it keeps the
//! place: in a WebSocket's task, or in a job that outlives the response. Where the layer may let requests pass
//! ungated, take `Option<Admitted>`. With no layer at all the extractor answers 500 and says what is missing.
//!
//! [`Enter`] does without a layer: it admits by itself, for handlers whose resource comes from their path, their state
//! or their authentication.
//!
//! With the feature `waiting-room`, `WaitingRoom` puts a page in front of a router that keeps people their place in line
//! and lets them in by itself.
//!
//! With the feature `admin`, the function `admin` makes a router with a live dashboard for the operator, and the same as JSON.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "admin")]
mod admin;
mod enter;
#[cfg(any(feature = "admin", feature = "waiting-room"))]
mod nonce;
#[cfg(any(feature = "admin", feature = "waiting-room"))]
mod origin;
mod path;
#[cfg(feature = "waiting-room")]
mod room;

#[cfg(feature = "admin")]
#[cfg_attr(docsrs, doc(cfg(feature = "admin")))]
pub use admin::admin;
pub use airlock_core::*;
pub use airlock_tower::*;
pub use enter::{Enter, EnterRejection, Gate, Refused};
pub use path::{ByPath, by_path};
#[cfg(feature = "waiting-room")]
#[cfg_attr(docsrs, doc(cfg(feature = "waiting-room")))]
pub use room::{
    PAGE_SCRIPT, PAGE_STYLE, PageContext, PassKey, Session, WaitingRoom, WaitingRoomBuilder, WaitingRoomLayer,
    WaitingRoomService, Words,
};

/// The README's code is code.
#[cfg(all(
    doctest,
    feature = "admin",
    feature = "redis",
    feature = "blocking",
    feature = "sqlite",
    feature = "waiting-room",
    feature = "config",
    feature = "mercure",
    feature = "metrics"
))]
#[doc = include_str!("../README.md")]
pub struct Readme;
