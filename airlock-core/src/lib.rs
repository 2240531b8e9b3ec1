//! At most this many at once, and an honest line for everyone else.
//!
//! An [`Airlock`] guards resources, strings such as `tenant:acme:imports`, each with a gate of its own. A
//! [`Seal`] says how many may be inside, an [admission strategy](admission) who of those who wait is next, a
//! [`store`] where that is decided. Swap one piece, get a different system.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use airlock_core::admission::Fifo;
//! use airlock_core::store::MemoryStore;
//! use airlock_core::{Airlock, Seal};
//!
//! let imports = Airlock::builder("imports")
//!     .seal(Seal::semaphore(2).ttl(Duration::from_secs(60)))
//!     .admission(Fifo::new())
//!     .store(MemoryStore::new())
//!     .build()?;
//!
//! // In and out: the permit is released when it is dropped.
//! let permit = imports.acquire("tenant:acme").timeout(Duration::from_secs(5)).await?;
//! println!("inside, number {}", permit.fence());
//! drop(permit);
//!
//! // Or around a piece of work, which stops if the lease is lost.
//! let report = imports.with_admitted("tenant:acme", |permit| async move { permit.fence() }).await?;
//! # let _ = report;
//! # Ok(())
//! # }
//! ```
//!
//! The [`guide`] says what the words mean, how to choose, and what is promised.
//!
//! Several places at once, or none: [`Airlock::enter_all`] and [`All`]. Nothing but locks by key: [`locks`], with or without
//! a runtime.
//!
//! # Fairness
//!
//! Nobody barges: a newcomer enters only if it would be picked before everyone who waits. A place that comes
//! free goes to the waiter who is next in the same step, not to whoever asks first.
//!
//! # Cancel safety
//!
//! Dropping a future that waits leaves the line, or gives back what was granted in that very moment. Dropping a
//! [`Permit`] releases it. Neither needs a runtime.
//!
//! # What is logged
//!
//! Each transition is a `tracing` event at `DEBUG` with the target `airlock` and the fields `airlock` (its
//! name), `event` (`admitted`, `queued`, `offered`, `requeued`, `refused`, `released`, `left`, `lapsed`,
//! `missed`, `absent`, `evicted`, `superseded`, `too-heavy`, `spent`, `closed`, `resized`, `would-refuse`), `reason` (of a refusal, as
//! [`Reason::name`] has it), `resource_hash`, `identity_hash`, `fence`,
//! `waited_us` and `held_us` (microseconds). Where a [`Fallback`](store::Fallback) stands in for its store, that is an
//! event at `WARN` (`failed-over`), and its end one at `INFO` (`failed-back`), each with its `policy`. An
//! [`emergency`] is one at `WARN` (`emergency`, `emergency-over`).
//!
//! Resources, identities and tokens are other people's and never logged; an [observer](observer::Observer) gets the names.
//! A hash is 16 hexadecimal digits of SipHash with a key that each process draws for itself: lines of one process about
//! the same name can be found, and nobody can try out whose name it is. Only keys of [`locks`] are the program's own, and
//! logged as they are: a lock that is not to be had, or is lost, is an event `lock-failed` with the fields `airlock`,
//! `resource` (the key) and `reason` (a [`Reason::name`], `lost`, `unavailable`), at `DEBUG` where it was refused and at `WARN`
//! otherwise.
//!
//! A wait is a span at `DEBUG`, named `wait`, with the fields `airlock` and `position`. The time inside is one named `hold`,
//! which follows from it: see [`Permit::span`].
//!
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod admission;
mod admitted;
mod airlock;
mod all;
mod backoff;
pub mod clock;
#[cfg(feature = "config")]
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod emergency;
mod entrant;
mod error;
pub mod gate;
pub mod guide;
mod line;
pub mod locks;
mod meter;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
pub mod name;
pub mod notifier;
pub mod observer;
mod permit;
pub mod presets;
mod rate;
mod seal;
pub mod store;
mod switch;
mod sync;
mod token;

#[cfg(feature = "axum")]
pub use admitted::MissingAdmitted;
pub use admitted::{Admitted, WeakAdmitted};
pub use airlock::{Acquire, Airlock, Builder, Entered, Entering, Started, TryEnter, Trying};
pub use airlock::{Door, Offer, Place, Standing, Ticket, Visitor};
pub use all::{AcquireAll, All, AllError, Permits};
pub use entrant::Entrant;
pub use error::{ConfigError, Error, InvalidEntrant, LeaseLost, Reason, Refusal, StoreError};
pub use gate::{Ending, Inspection, OnMissed, OnReentry, Whom};
pub use line::Line;
pub use permit::Permit;
pub use rate::Rate;
pub use seal::Seal;
pub use switch::Switch;
pub use token::{InvalidToken, Local, Secret, Token};
