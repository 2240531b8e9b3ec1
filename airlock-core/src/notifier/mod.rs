//! Telling somebody who is away that its turn has come.
//!
//! Whoever waits beside the gate is woken. Who is [away](crate::Airlock::enter) asks again, and until then its place inside
//! stands empty: a [`Notifier`] tells it sooner, by whatever reaches it.
//!
//! | notifier | tells |
//! |---|---|
//! | [`NullNotifier`] | nobody |
//! | [`Turns`] | subscribers in this process, each only of its own turns |
//! | `MercureNotifier` (feature `mercure`) | browsers, by a Mercure hub |
//! | one of one's own | by mail, push, message: a [`Notifier`] is one function |
//!
//! # When
//!
//! A turn is told once, by the process whose command brought it about, whichever the store: when a place is held for an
//! identity that is away. Who has no identity cannot be named and is not told; nor is whoever took its place up in that very
//! step. It is a hint: it may be lost, or late, and asking again is what keeps a place.
//!
//! # What a notifier can do to its airlock
//!
//! Nothing. Turns wait in a queue of 1,024 for a thread that is started for the first of them and has up to 16 under way. What
//! does not fit is dropped. A try takes at most 5 s; one that failed is made again, with growing pauses with jitter, until the
//! time to claim is over. What was not told is counted and logged at most every 10 s, as an event at `WARN` with the target
//! `airlock` and the fields `airlock`, `event` (`not-told`), `failed`, `dropped` and `error`.
//!
//! # Implementation details
//!
//! | file | what it does |
//! |---|---|
//! | `courier.rs` | the queue, the thread, trying again |
//! | `tally.rs` | what was not told |
//! | `topic.rs` | under which topic an identity hears of its turns |
//! | `turns.rs` | the stream in this process |
//! | `mercure/` | the hub: requests, tokens, who is there |

mod courier;
#[cfg(feature = "mercure")]
mod mercure;
mod tally;
mod topic;
mod turns;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::store::BoxFuture;

pub(crate) use courier::Courier;
#[cfg(feature = "mercure")]
#[cfg_attr(docsrs, doc(cfg(feature = "mercure")))]
pub use mercure::MercureNotifier;
pub(crate) use topic::TopicPrefix;
pub use turns::{Subscription, Turns};

/// Tells an identity that its turn has come.
///
/// ```
/// use airlock_core::notifier::{Notifier, NotifyError, Turn};
/// use airlock_core::store::BoxFuture;
/// use airlock_core::{Airlock, Seal};
///
/// struct Mail;
///
/// impl Notifier for Mail {
///     fn notify<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), NotifyError>> {
///         Box::pin(async move {
///             println!("{}: it is your turn for {:?}", turn.identity, turn.claim_within());
///             Ok(())
///         })
///     }
/// }
///
/// let desk = Airlock::builder("desk").seal(Seal::lock()).notifier(Mail).build()?;
/// # let _ = desk;
/// # Ok::<(), airlock_core::ConfigError>(())
/// ```
pub trait Notifier: Send + Sync + 'static {
    /// Tells of one turn. Runs on a thread of its own, on a tokio runtime; see the [module](self) for what happens when it
    /// fails, panics, or takes too long.
    ///
    /// # Errors
    ///
    /// Its text is logged: no names in it, no secrets. [Temporary](NotifyError::temporary) ones are tried again.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when a try has taken too long. What it began may be begun again.
    fn notify<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), NotifyError>>;
}

impl<N: Notifier + ?Sized> Notifier for Arc<N> {
    fn notify<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), NotifyError>> {
        (**self).notify(turn)
    }
}

/// Tells nobody: for a configuration that has to name a notifier.
///
/// See the [module](self) for where it goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullNotifier;

impl Notifier for NullNotifier {
    fn notify<'a>(&'a self, _: &'a Turn) -> BoxFuture<'a, Result<(), NotifyError>> {
        Box::pin(async { Ok(()) })
    }
}

/// A place is held for somebody who is away.
///
/// See [`Turns`] for an example.
#[derive(Clone)]
#[non_exhaustive]
pub struct Turn {
    /// The airlock's name.
    pub airlock: Arc<str>,
    /// The resource's name.
    pub resource: Arc<str>,
    /// Whose turn it is.
    pub identity: Arc<str>,
    /// Under which this identity hears of its turns: see [`Airlock::topic`](crate::Airlock::topic).
    pub topic: Arc<str>,
    /// What a claim must repeat. For this identity alone: it is in no topic and no log.
    pub nonce: u64,
    /// When the offer ends, on the store's clock.
    pub claim_by: SystemTime,
    /// The same on this process's own.
    ends: Instant,
}

impl Turn {
    /// How much time is left to claim.
    pub fn claim_within(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Turn { airlock, resource, identity, topic, claim_by, .. } = self;
        f.debug_struct("Turn")
            .field("airlock", airlock)
            .field("resource", resource)
            .field("identity", identity)
            .field("topic", topic)
            .field("claim_by", claim_by)
            .finish_non_exhaustive()
    }
}

/// A turn could not be told.
///
/// See [`Notifier`] for where it comes from.
#[derive(Debug)]
pub struct NotifyError {
    is_temporary: bool,
    what: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl NotifyError {
    /// It may work in a moment, and is tried again.
    pub fn temporary(what: impl Into<Cow<'static, str>>) -> Self {
        NotifyError { is_temporary: true, what: what.into(), source: None }
    }

    /// It will not work either when it is tried again.
    pub fn permanent(what: impl Into<Cow<'static, str>>) -> Self {
        NotifyError { is_temporary: false, what: what.into(), source: None }
    }

    /// Adds what caused it. That is not logged.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether trying again makes sense.
    pub fn is_temporary(&self) -> bool {
        self.is_temporary
    }
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for NotifyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
