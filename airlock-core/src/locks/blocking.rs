//! The same locks for programs without a runtime: a call returns when it is done.
//!
//! ```
//! use std::time::Duration;
//! use airlock_core::locks::blocking::Locks;
//! use airlock_core::store::MemoryStore;
//!
//! let locks = Locks::new(MemoryStore::new())?;
//! let report = locks.try_lock("report:daily", Duration::from_secs(60))?;
//! report.release()?;
//!
//! // Waits in line for five seconds at most, does the work, and unlocks.
//! let invoices = locks.lock("invoices").wait(Duration::from_secs(5))?;
//! println!("number {}", invoices.fence());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A store that has to connect first does so in [`Locks::open`].
//!
//! # Implementation details
//!
//! [`Locks`] has a thread with a small runtime of its own, on which whatever is asked is run, and renewals go on while the
//! caller works. It ends when the last clone and the last guard are gone.
//!
//! Called inside a runtime it works, and blocks that runtime's thread for as long as it takes: up to the store's timeout
//! for whoever tries, and for the whole wait for whoever waits. Where the lock is held by a task of that same thread, that
//! is a wait in vain. Called by an observer of these locks, on the thread that would have to answer, it is an error.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::sync::{Arc, mpsc};
use std::thread::ThreadId;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::Locks as AsyncLocks;
use crate::airlock;
use crate::all::AllError;
use crate::error::{ConfigError, Error, LeaseLost, StoreError};
use crate::store::Store;
use crate::token::Token;

/// For how long what was given up in the background may take when nobody needs the thread any more.
const LINGER: Duration = Duration::from_secs(1);

/// Locks by key, on any store, for programs without a runtime. Clones are the same locks, and share a thread.
///
/// See the [module](self) for an example.
#[derive(Clone)]
pub struct Locks {
    // In this order: the gates are gone before their thread.
    locks: AsyncLocks,
    engine: Arc<Engine>,
}

impl Locks {
    /// Locks on this store, named `locks` there. Starts a thread.
    ///
    /// # Errors
    ///
    /// As [`locks::Locks::new`](super::Locks::new); when no thread can be started.
    pub fn new(store: impl Store) -> Result<Self, ConfigError> {
        Locks::start(async move { AsyncLocks::new(store) })
    }

    /// Locks of another name, with observers, or configured further. The seal is set here. Starts a thread.
    ///
    /// # Errors
    ///
    /// As [`locks::Locks::with`](super::Locks::with); when no thread can be started.
    pub fn with(builder: airlock::Builder) -> Result<Self, ConfigError> {
        Locks::start(async move { AsyncLocks::with(builder) })
    }

    /// Locks on a store that has to be connected first, on the thread of these locks.
    ///
    /// ```no_run
    /// # #[cfg(feature = "redis")]
    /// # fn main() -> Result<(), airlock_core::ConfigError> {
    /// use airlock_core::locks::blocking::Locks;
    /// use airlock_core::store::RedisStore;
    ///
    /// let locks = Locks::open(RedisStore::connect("redis://127.0.0.1:6379/0"))?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "redis"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// What connecting says; as [`new`](Locks::new).
    pub fn open<S: Store>(
        connect: impl IntoFuture<Output = Result<S, ConfigError>, IntoFuture: Send + 'static>,
    ) -> Result<Self, ConfigError> {
        let connect = connect.into_future();
        Locks::start(async move { AsyncLocks::new(connect.await?) })
    }

    fn start(
        locks: impl Future<Output = Result<AsyncLocks, ConfigError>> + Send + 'static,
    ) -> Result<Self, ConfigError> {
        let engine = Arc::new(Engine::start().map_err(|error| {
            ConfigError::new("store", format!("the thread of the blocking locks could not be started: {error}"))
        })?);
        let locks = engine.run(locks).map_err(|gone| ConfigError::new("store", gone.to_string()))??;
        Ok(Locks { locks, engine })
    }

    /// Takes the lock, if it is free now. `ttl`: 1 µs to 365 days.
    ///
    /// # Errors
    ///
    /// As [`locks::Locks::try_lock`](super::Locks::try_lock).
    pub fn try_lock(&self, key: &str, ttl: Duration) -> Result<LockGuard, Error> {
        let key = key.to_owned();
        self.guard(move |locks| async move { locks.try_lock(&key, ttl).await })
    }

    /// Asks for the lock, to [wait](Locking::wait) in line for it.
    pub fn lock<'a>(&'a self, key: &'a str) -> Locking<'a> {
        Locking { locks: self, key, ttl: AsyncLocks::TTL }
    }

    /// Waits in line for the lock, for as long as it takes, does the work, and unlocks: also when the work panics. A lock that
    /// is lost does not stop the work, which can [ask](LockGuard::is_lost) its guard.
    ///
    /// # Errors
    ///
    /// Unavailable; invalid when the key is no valid name.
    pub fn with_lock<T>(&self, key: &str, work: impl FnOnce(&LockGuard) -> T) -> Result<T, Error> {
        let guard = self.lock(key).wait_forever()?;
        Ok(work(&guard))
    }

    /// Takes all these locks, or none, whatever order they are listed in.
    ///
    /// # Errors
    ///
    /// As [`locks::Locks::try_lock_all`](super::Locks::try_lock_all).
    pub fn try_lock_all<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a str>,
        ttl: Duration,
    ) -> Result<Vec<LockGuard>, AllError> {
        let keys: Vec<String> = keys.into_iter().take(crate::All::MOST + 1).map(str::to_owned).collect();
        let locks = self.locks.clone();
        let all = async move { locks.try_lock_all(keys.iter().map(|key| &**key), ttl).await };
        let guards = self.engine.run(all).map_err(|gone| AllError::of_all(gone.into()))??;
        Ok(guards.into_iter().map(|guard| LockGuard::new(guard, &self.engine)).collect())
    }

    /// Takes a lock over that was [detached](LockGuard::detach), here or in another process.
    ///
    /// # Errors
    ///
    /// As [`locks::Locks::restore`](super::Locks::restore).
    pub fn restore(&self, token: &Token, ttl: Duration) -> Result<LockGuard, Error> {
        let token = token.clone();
        self.guard(move |locks| async move { locks.restore(&token, ttl).await })
    }

    /// Unlocks whoever has it. Answers whether somebody had it.
    ///
    /// # Errors
    ///
    /// As [`locks::Locks::force_unlock`](super::Locks::force_unlock).
    pub fn force_unlock(&self, key: &str) -> Result<bool, Error> {
        let (locks, key) = (self.locks.clone(), key.to_owned());
        self.engine.run(async move { locks.force_unlock(&key).await })?
    }

    /// Whether somebody has it, at this moment.
    ///
    /// # Errors
    ///
    /// As [`locks::Locks::is_locked`](super::Locks::is_locked).
    pub fn is_locked(&self, key: &str) -> Result<bool, Error> {
        let (locks, key) = (self.locks.clone(), key.to_owned());
        self.engine.run(async move { locks.is_locked(&key).await })?
    }

    fn guard<Fut>(&self, lock: impl FnOnce(AsyncLocks) -> Fut) -> Result<LockGuard, Error>
    where
        Fut: Future<Output = Result<super::LockGuard, Error>> + Send + 'static,
    {
        let guard = self.engine.run(lock(self.locks.clone()))??;
        Ok(LockGuard::new(guard, &self.engine))
    }
}

impl fmt::Debug for Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.locks.fmt(f)
    }
}

/// A lock to wait for.
///
/// See the [module](self) for an example.
#[derive(Debug)]
#[must_use = "nothing is asked until `wait`"]
pub struct Locking<'a> {
    locks: &'a Locks,
    key: &'a str,
    ttl: Duration,
}

impl Locking<'_> {
    /// For how long it stays locked when nobody renews it: 30 s by default, 1 µs to 365 days.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Waits in line, first come, first served, for at most so long.
    ///
    /// # Errors
    ///
    /// [Timed out](crate::Reason::TimedOut) when it was not free in time; unavailable; invalid when the key is no valid name
    /// or the ttl is out of bounds.
    pub fn wait(self, wait: Duration) -> Result<LockGuard, Error> {
        let (key, ttl) = (self.key.to_owned(), self.ttl);
        self.locks.guard(move |locks| async move { locks.lock(&key).ttl(ttl).wait(wait).await })
    }

    /// Waits in line, first come, first served, for as long as it takes.
    ///
    /// # Errors
    ///
    /// Unavailable; invalid when the key is no valid name or the ttl is out of bounds.
    pub fn wait_forever(self) -> Result<LockGuard, Error> {
        let (key, ttl) = (self.key.to_owned(), self.ttl);
        self.locks.guard(move |locks| async move { locks.lock(&key).ttl(ttl).await })
    }
}

/// A lock that is held. Dropping it unlocks, and waits for that: up to the store's timeout, and then it goes on in the
/// background.
///
/// See the [module](self) for an example.
#[must_use = "dropping a guard unlocks"]
pub struct LockGuard {
    /// There until it is released, detached or dropped.
    guard: Option<Arc<super::LockGuard>>,
    fence: u64,
    engine: Arc<Engine>,
}

impl LockGuard {
    fn new(guard: super::LockGuard, engine: &Arc<Engine>) -> Self {
        LockGuard { fence: guard.fence(), guard: Some(Arc::new(guard)), engine: engine.clone() }
    }

    /// Higher each time that this key is locked, see [`locks::LockGuard::fence`](super::LockGuard::fence).
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// Whether the lock is known to be lost, and how.
    pub fn is_lost(&self) -> Option<LeaseLost> {
        self.guard.as_ref().and_then(|guard| guard.is_lost())
    }

    /// Makes sure that it lasts for at least `ttl` from now, even if nobody renews it: 1 µs to 365 days. Never shortens it.
    ///
    /// # Errors
    ///
    /// As [`locks::LockGuard::renew_for`](super::LockGuard::renew_for).
    pub fn renew_for(&self, ttl: Duration) -> Result<(), Error> {
        let Some(guard) = self.guard.clone() else { return Err(LeaseLost { ending: None }.into()) };
        self.engine.run(async move { guard.renew_for(ttl).await })?
    }

    /// Unlocks, and says whether it was still held.
    ///
    /// # Errors
    ///
    /// As [`locks::LockGuard::release`](super::LockGuard::release).
    pub fn release(mut self) -> Result<(), Error> {
        match self.take() {
            Some(guard) => self.engine.run(guard.release())?,
            None => Err(LeaseLost { ending: None }.into()),
        }
    }

    /// Keeps it locked without this guard, for its ttl from now, and answers the token with which to
    /// [take it over](Locks::restore).
    ///
    /// # Errors
    ///
    /// As [`locks::LockGuard::detach`](super::LockGuard::detach).
    pub fn detach(mut self) -> Result<Token, Error> {
        match self.take() {
            Some(guard) => self.engine.run(guard.detach())?,
            None => Err(LeaseLost { ending: None }.into()),
        }
    }

    /// The only owner again: a renewal has ended before its call returns.
    fn take(&mut self) -> Option<super::LockGuard> {
        self.guard.take().and_then(Arc::into_inner)
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if let Some(guard) = self.take() {
            // What it did not get said, its own drop says in the background.
            let _ = self.engine.run(guard.release());
        }
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").field("fence", &self.fence).finish_non_exhaustive()
    }
}

/// A thread with a runtime, until it is dropped.
struct Engine {
    handle: Handle,
    thread: ThreadId,
    /// Dropped, it tells the thread to end.
    _open: oneshot::Sender<()>,
}

impl Engine {
    fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel();
        let thread = std::thread::Builder::new().name("airlock-locks".into()).spawn(move || drive(&runtime, closed))?;
        Ok(Engine { handle, thread: thread.thread().id(), _open: open })
    }

    /// Runs it on the thread, and waits for it.
    fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, StoreError> {
        if std::thread::current().id() == self.thread {
            let what = "blocking locks were used on their own thread, by an observer: that would wait for itself";
            return Err(StoreError::not_executed(what));
        }
        let (reply, answer) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let _ = reply.send(work.await);
        });
        answer.recv().map_err(|_| StoreError::unknown("the thread of the blocking locks is gone"))
    }
}

fn drive(runtime: &Runtime, closed: oneshot::Receiver<()>) {
    runtime.block_on(async {
        // Nothing is ever sent.
        let _ = closed.await;
        let metrics = Handle::current().metrics();
        let nothing_left = async {
            while metrics.num_alive_tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(LINGER, nothing_left).await;
    });
}
