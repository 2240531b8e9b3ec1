//! Where gates live and where a command is decided.
//!
//! A store runs the gate's own [`step`](crate::gate::step) over its tables, as one atomic step per command; see
//! [`crate::gate`]. [`MemoryStore`] is always there.

mod fallback;
#[cfg(all(feature = "file", unix))]
#[doc(hidden)]
pub mod file;
mod memory;
mod noop;
#[cfg(feature = "redis")]
#[doc(hidden)]
pub mod redis;
mod settings;
#[cfg(feature = "shared")]
pub mod shared;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod turn;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) use fallback::by_nobody;
pub use fallback::{Breaker, BreakerStatus, Fallback, GrantedBy};
#[cfg(all(feature = "file", unix))]
pub use file::{Cleaned, Cleaner, Cleaning, FileStore};
pub use memory::MemoryStore;
pub use noop::{Asked, NoopStore};
#[cfg(feature = "redis")]
pub use redis::{RedisStore, RedisStoreBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteStore, SqliteStoreBuilder};
pub use turn::{LazyTurn, News, Turn, Watch};

use crate::error::{ConfigError, StoreError};
use crate::gate::{Answer, Conditions, Ending, Key, Micros, Setting, Spec, SwitchState, Switched, Verb};
use crate::observer::Observers;
use crate::token::{Local, Token};

/// A boxed future, as the `futures` crate names it.
///
/// It is what methods of a [`Store`]'s [`Gates`] answer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A place where gates live.
///
/// `examples/custom-store` is a whole store of one's own.
pub trait Store: Send + Sync + 'static {
    /// The gates of one airlock. Does no I/O: the first command does.
    ///
    /// # Errors
    ///
    /// When this store cannot run an airlock so configured.
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError>;
}

/// A store that is chosen while the program runs: `Arc<dyn Store>`.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        (**self).open(spec, observers)
    }
}

/// The gates of one airlock in one store.
///
/// `examples/custom-store` is a whole store of one's own.
///
/// `try_apply` decides at once where that is possible, without a box or a wait. `apply` must be cancel safe in
/// this sense: when its future is dropped, the caller gives the token up with doubt, and whatever the command
/// did is undone or spent (G3).
pub trait Gates: Send + Sync + 'static {
    /// Decides at once, or says at once that it cannot; or neither, and then nothing was done.
    fn try_apply(&self, command: &Command<'_>) -> Option<Result<Answer, StoreError>> {
        let _ = command;
        None
    }

    /// Decides.
    fn apply<'a>(&'a self, command: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>>;

    /// Gives up a lease, an offer or a place, in the background where it takes time. Needs no runtime, never
    /// blocks on I/O, and may be called in `Drop`. With `doubt`, a command with that token is unanswered.
    fn give_back(&self, lease: &Lease, doubt: bool);

    /// Whether whoever enters must choose a token first, or a handle of this process will do.
    fn needs_tokens(&self) -> bool {
        true
    }

    /// For a store that gives handles: what became of a place in line, or who is to be woken when it is known.
    /// Somebody who entered with [`Stay::Here`](crate::gate::Stay::Here) and without a turn asks here.
    fn poll_wait(&self, local: Local, cx: &mut Context<'_>) -> Poll<News> {
        let _ = (local, cx);
        Poll::Ready(News::Over(Ending::Spent))
    }

    /// The portable token of a lease; with `detach`, the lease is from now on kept by its deadline alone. None
    /// when the lease is known to be over.
    fn token(&self, lease: &Lease, detach: bool) -> Option<Token>;

    /// Has `watch` told when the lease is lost, at once if it is.
    fn watch(&self, lease: &Lease, watch: &Arc<Watch>);

    /// Why it cannot be asked at the moment, where that is known without asking: who waits in line and gives up at such a
    /// time is told this, and not that there was no room.
    fn trouble(&self) -> Option<StoreError> {
        None
    }

    /// What is set for the whole airlock, as far as this process knows it without asking: what stands in for this store
    /// while it is away goes by it.
    fn conditions(&self) -> Option<Conditions> {
        None
    }

    /// Resources in use, busiest first.
    fn survey<'a>(&'a self, query: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>>;

    /// Sets the switch of all resources without one of their own, from now on.
    fn switch<'a>(
        &'a self,
        state: SwitchState,
        reopen_in: Option<Micros>,
        because: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Has all steps of this process go by that switch, whatever is set, at all resources; or again by what is set. It is
    /// [an emergency](crate::emergency): nothing of it is kept, and no other process hears of it.
    ///
    /// What a store does not do about it is not done: newcomers that are to be refused do not come here.
    fn force(&self, switch: Option<Setting>) {
        let _ = switch;
    }

    /// Holds everybody up for so long from now on, because what is guarded is unwell; or not, with none.
    fn report_unwell(&self, unwell_for: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Sends the waiters of this process away, lets holders finish for `grace`, then hands back what is held.
    /// Answers how many leases those were.
    fn close(&self, grace: Duration) -> BoxFuture<'_, Result<usize, StoreError>>;
}

/// One command to one gate.
///
/// For stores that are not built on [`shared`](crate#modules), as [`MemoryStore`] is.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// The gate's resource. Ignored where the key is a handle of this process.
    pub resource: &'a str,
    /// What is asked.
    pub verb: Verb<'a>,
    /// For who waits beside the gate and goes by a token: where to tell it that its turn has come.
    pub turn: Option<&'a LazyTurn>,
    /// For who waits beside the gate and goes by a handle: whom to wake when it should
    /// [ask again](Gates::poll_wait), if that is known already.
    pub waker: Option<&'a Waker>,
}

impl<'a> Command<'a> {
    /// A command of somebody who does not wait.
    pub fn new(resource: &'a str, verb: Verb<'a>) -> Self {
        Command { resource, verb, turn: None, waker: None }
    }
}

/// What a guard or a waiting future has of its ticket.
///
/// For stores that are not built on [`shared`](crate#modules), as [`MemoryStore`] is.
#[derive(Clone, Debug)]
pub enum Lease {
    /// A handle, in a store of this process.
    Local(Local),
    /// A token.
    Token(Token),
    /// The session of an identity: its later entries have tokens of their own, which the lease does not know (G4).
    Session(Box<Session>),
}

/// Whose session, boxed in a [`Lease`] so that the others stay small.
///
/// For stores that are not built on [`shared`](crate#modules), as [`MemoryStore`] is.
#[derive(Clone, Debug)]
pub struct Session {
    /// The resource.
    pub resource: Arc<str>,
    /// Whose session.
    pub identity: Arc<str>,
    /// The number of its admission.
    pub fence: u64,
}

impl Lease {
    /// The resource, where it is needed, and the key by which a gate knows it.
    pub fn address(&self) -> (&str, Key<'_>) {
        match self {
            Lease::Local(local) => ("", Key::Local(*local)),
            Lease::Token(token) => (token.resource(), Key::Token(token.secret())),
            Lease::Session(session) => {
                (&session.resource, Key::Identity { identity: &session.identity, fence: session.fence })
            }
        }
    }
}

/// Which resources to survey.
///
/// For stores that are not built on [`shared`](crate#modules), as [`MemoryStore`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SurveyQuery<'a> {
    /// Those whose names contain this, whatever its ASCII case; empty for all.
    pub text: &'a str,
    /// From which on, of the busiest first.
    pub offset: usize,
    /// How many.
    pub count: usize,
}

impl SurveyQuery<'_> {
    /// Whether a resource's name is wanted.
    pub fn matches(&self, resource: &str) -> bool {
        let (text, name) = (self.text.as_bytes(), resource.as_bytes());
        text.is_empty() || name.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
    }

    /// The page, of all that match.
    pub(crate) fn page_of(&self, mut matching: Vec<Usage>) -> Survey {
        matching.sort_unstable_by(|a, b| (b.waiting, b.in_use, &a.resource).cmp(&(a.waiting, a.in_use, &b.resource)));
        Survey {
            total: matching.len(),
            in_use: matching.iter().map(|usage| usage.in_use).sum(),
            waiting: matching.iter().map(|usage| usage.waiting).sum(),
            resources: matching.into_iter().skip(self.offset).take(self.count).collect(),
            ..Survey::default()
        }
    }
}

/// Resources in use, and what is set for all of the airlock's.
///
/// See [`Airlock::search`](crate::Airlock::search) for an example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// How many there are in all, of those asked for.
    pub total: usize,
    /// Weight inside all of them together, offers included.
    pub in_use: u64,
    /// How many wait at all of them together.
    pub waiting: u64,
    /// A page of them, busiest first.
    pub resources: Vec<Usage>,
    /// The airlock's switch, for resources without one of their own.
    pub switch: Switched,
    /// For how long from now on nobody is let in because what is guarded is unwell, in microseconds.
    pub unwell_for: Option<Micros>,
}

impl Survey {
    /// With what holds for all of the airlock's resources.
    pub(crate) fn under(self, conditions: &Conditions, now: Micros) -> Self {
        Survey { switch: conditions.switch.shown(now), unwell_for: conditions.unwell_for(now), ..self }
    }
}

/// How busy one resource is.
///
/// See [`Airlock::search`](crate::Airlock::search) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Its name.
    pub resource: String,
    /// The limit in force.
    pub limit: u32,
    /// The configured limit.
    pub configured: u32,
    /// The operator's limit, if there is one.
    pub limit_override: Option<u32>,
    /// Weight inside, offers included.
    pub in_use: u64,
    /// How many are offered a place and have not claimed it.
    pub offered: u64,
    /// How many wait.
    pub waiting: u64,
    /// Its own switch, which wins over the airlock's.
    pub switch: Option<Switched>,
}
