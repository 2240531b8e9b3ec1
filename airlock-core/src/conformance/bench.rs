//! What the rules are written with: an airlock on the store under test, and ways to wait without sleeping.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::{Subject, WATCHDOG};
use crate::gate::{Answer, Enter, Grant, Key, Outcome, Place, Spec, Stay, Verb};
use crate::observer::Observers;
use crate::store::{Command, Gates, LazyTurn, Store};
use crate::token::Secret;
use crate::{Airlock, Builder, ConfigError, Entered, Entrant, Error, Inspection, LeaseLost, Offer, Permit};
use crate::{Reason, Seal, Standing, Ticket};

/// The resource where nothing else is said.
pub(super) const ROOM: &str = "room";

/// Longer than any test moves the time.
pub(super) const LONG: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MICRO: Duration = Duration::from_micros(1);

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A semaphore with long leases.
pub(super) fn semaphore(limit: u32) -> Seal {
    Seal::semaphore(limit).ttl(LONG)
}

/// A lock with long leases.
pub(super) fn lock() -> Seal {
    semaphore(1)
}

/// Somebody with a name, at [`ROOM`].
pub(super) fn person(identity: &str) -> Entrant<'_> {
    Entrant::new(ROOM).identity(identity)
}

/// Somebody without a name who takes so much of [`ROOM`].
pub(super) fn heavy(weight: u32) -> Entrant<'static> {
    Entrant::new(ROOM).weight(weight)
}

/// An airlock, and the gates that its store opened for it.
pub(super) struct Bench {
    pub(super) airlock: Airlock,
    gates: Arc<dyn Gates>,
}

impl Bench {
    /// An airlock with this seal on a handle of the subject's store.
    pub(super) async fn new(subject: &impl Subject, seal: Seal) -> Self {
        Bench::with(subject, |builder| builder.seal(seal)).await
    }

    /// An airlock configured further.
    pub(super) async fn with(subject: &impl Subject, configure: impl FnOnce(Builder) -> Builder) -> Self {
        Bench::named(subject, "conformance", configure).await
    }

    /// An airlock of another name, where one test needs several that are configured differently.
    pub(super) async fn named(subject: &impl Subject, name: &str, configure: impl FnOnce(Builder) -> Builder) -> Self {
        let gates = Arc::new(Mutex::new(None));
        let tap = Tap { store: subject.store().await, gates: gates.clone() };
        let airlock = configure(builder(name).store(tap)).build().expect("a valid configuration");
        let gates = gates.lock().expect("no panic").take().expect("`build` opens the store");
        Bench { airlock, gates }
    }

    /// What is going on at [`ROOM`].
    pub(super) async fn inspect(&self) -> Inspection {
        self.airlock.inspect(ROOM).await.expect("a store that works")
    }

    /// Waits until [`ROOM`] is as it has to be.
    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&Inspection) -> bool) {
        let since = Instant::now();
        loop {
            let inspection = self.inspect().await;
            if is_so(&inspection) {
                return;
            }
            assert!(since.elapsed() < WATCHDOG, "still not: {what}; instead {}", brief(&inspection));
            tokio::task::yield_now().await;
        }
    }

    /// Polls a future until [`ROOM`] is as it has to be, or it ends: then that is no success of the wait.
    pub(super) async fn until_polling<F: Future + Unpin>(
        &self,
        future: &mut F,
        what: &str,
        is_so: impl Fn(&Inspection) -> bool,
    ) -> Option<F::Output> {
        let since = Instant::now();
        while !is_so(&self.inspect().await) {
            let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await;
            if let Poll::Ready(output) = polled {
                return Some(output);
            }
            assert!(since.elapsed() < WATCHDOG, "still not: {what}");
            tokio::task::yield_now().await;
        }
        None
    }

    /// Waits until nobody is at [`ROOM`].
    pub(super) async fn until_empty(&self) {
        self.until("nobody inside and nobody waiting", |seen| seen.in_use == 0 && seen.waiting == 0).await;
    }

    /// Waits until the store has nothing of this airlock any more.
    pub(super) async fn until_nothing_is_left(&self) {
        let since = Instant::now();
        loop {
            let survey = self.airlock.survey(0, 10).await.expect("a store that works");
            if survey.total == 0 {
                assert!(survey.resources.is_empty(), "no resources in use, but some are listed");
                return;
            }
            assert!(since.elapsed() < WATCHDOG, "still in the store: {survey:?}");
            tokio::task::yield_now().await;
        }
    }

    /// Somebody who finds room.
    pub(super) async fn inside<'a>(&self, entrant: impl Into<Entrant<'a>>) -> Permit {
        self.airlock.try_enter(entrant).await.expect("there is room")
    }

    /// Somebody finds room, and leaves again.
    pub(super) async fn passes<'a>(&self, entrant: impl Into<Entrant<'a>>) {
        self.inside(entrant).await.release().await.expect("a lease");
    }

    /// Why somebody who only tries is not let in.
    pub(super) async fn turned_away<'a>(&self, entrant: impl Into<Entrant<'a>>) -> Reason {
        refused(self.airlock.try_enter(entrant).await)
    }

    /// Somebody who takes a place in line and goes away.
    pub(super) async fn queued<'a>(&self, entrant: impl Into<Entrant<'a>>) -> Ticket {
        match self.airlock.enter(entrant).await {
            Ok(Entered::Queued(ticket)) => ticket,
            other => panic!("should be in line, not {other:?}"),
        }
    }

    /// What somebody in line is offered.
    pub(super) async fn offered(&self, ticket: &Ticket) -> Offer {
        match self.airlock.poll(&ticket.token).await {
            Ok(Standing::Offered(offer)) => offer,
            other => panic!("should be offered a place, not {other:?}"),
        }
    }

    /// Asks for somebody in line, who thereby stays, and answers its position.
    pub(super) async fn still_waiting(&self, ticket: &Ticket) -> u64 {
        match self.airlock.poll(&ticket.token).await {
            Ok(Standing::Waiting(place)) => place.position,
            other => panic!("should be waiting, not {other:?}"),
        }
    }

    /// Nothing is known of it any more.
    pub(super) async fn gone(&self, ticket: &Ticket) {
        let standing = self.airlock.poll(&ticket.token).await.expect("a store that works");
        assert_eq!(standing, Standing::Unknown, "should be out");
    }

    /// Somebody who waits on the spot; in line when this returns.
    pub(super) async fn waits(&self, entrant: impl Into<Entrant<'static>>) -> Waiter {
        let before = self.inspect().await.waiting;
        let waiter = Waiter(tokio::spawn(self.airlock.acquire(entrant).into_future()));
        self.until("one more in line", |seen| seen.waiting == before + 1).await;
        waiter
    }

    /// One command to the gate of [`ROOM`].
    pub(super) async fn apply(&self, verb: Verb<'_>) -> Answer {
        self.apply_at(ROOM, verb).await
    }

    /// One command to the gate of another resource.
    pub(super) async fn apply_at(&self, resource: &str, verb: Verb<'_>) -> Answer {
        soon("an answer", self.gates.apply(Command::new(resource, verb))).await.expect("a store that works")
    }

    /// One command of somebody who waits beside the gate.
    pub(super) async fn apply_beside(&self, verb: Verb<'_>, turn: &LazyTurn) -> Answer {
        let command = Command { resource: ROOM, verb, turn: Some(turn), waker: None };
        soon("an answer", self.gates.apply(command)).await.expect("a store that works")
    }
}

/// A builder with what suits most rules: a long lease, and a patient eye on the store.
pub(super) fn builder(name: &str) -> Builder {
    Airlock::builder(name).seal(lock()).store_timeout(WATCHDOG)
}

/// Somebody who waits on the spot. Dropping it leaves the line.
pub(super) struct Waiter(JoinHandle<Result<Permit, Error>>);

impl Waiter {
    /// What it came to.
    pub(super) async fn outcome(mut self) -> Result<Permit, Error> {
        soon("an end of the wait", &mut self.0).await.expect("a wait that does not panic")
    }

    /// It gets in.
    pub(super) async fn gets_in(self) -> Permit {
        self.outcome().await.expect("its turn")
    }

    /// It is still waiting.
    pub(super) fn is_waiting(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for what has to happen, and fails the test if it does not.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WATCHDOG, future).await {
        Ok(value) => value,
        Err(_) => panic!("still waiting for {what} after {WATCHDOG:?}"),
    }
}

/// Why it was refused.
pub(super) fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Reason {
    match result {
        Err(Error::Refused(refusal)) => refusal.reason,
        other => panic!("should be refused, not {other:?}"),
    }
}

/// It was told that the lease is lost.
pub(super) fn lost<T: std::fmt::Debug>(result: Result<T, Error>) -> LeaseLost {
    match result {
        Err(Error::Lost(lost)) => lost,
        other => panic!("the lease should be lost, not {other:?}"),
    }
}

/// It was told that the call was wrong.
pub(super) fn invalid<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Invalid(_))), "should be invalid, not {result:?}");
}

/// It was told that the store could not say.
pub(super) fn unavailable<T: std::fmt::Debug>(result: Result<T, Error>) {
    match result {
        Err(error @ Error::Unavailable(_)) => assert!(!error.is_busy(), "a failed store is not busy"),
        other => panic!("should be unavailable, not {other:?}"),
    }
}

/// The admission that a command came to.
pub(super) fn admitted(answer: &Answer) -> Grant {
    match answer.outcome {
        Outcome::Admitted(grant) => grant,
        ref other => panic!("should be admitted, not {other:?}"),
    }
}

/// The place that a command came to.
pub(super) fn in_line(answer: &Answer) -> Place {
    match answer.outcome {
        Outcome::Queued(place) => place,
        ref other => panic!("should be in line, not {other:?}"),
    }
}

/// A command to enter, of weight 1.
pub(super) fn enter<'a>(secret: Secret, identity: Option<&'a str>, stay: Stay) -> Verb<'a> {
    let key = Some(Key::Token(secret));
    Verb::Enter(Enter { key, identity, group: None, weight: 1, score: 0.0, per_second: 0.0, share: 1.0, cap: 0, stay })
}

/// A command to give up.
pub(super) fn give_up(secret: Secret, doubt: bool) -> Verb<'static> {
    Verb::GiveUp { key: Key::Token(secret), doubt }
}

/// An inspection in so many words that a failure can be read.
fn brief(seen: &Inspection) -> String {
    format!("limit {}, in use {}, offered {}, waiting {}", seen.limit, seen.in_use, seen.offered, seen.waiting)
}

/// A store that remembers which gates it opened.
struct Tap<S> {
    store: S,
    gates: Arc<Mutex<Option<Arc<dyn Gates>>>>,
}

impl<S: Store> Store for Tap<S> {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        let gates = self.store.open(spec, observers)?;
        *self.gates.lock().expect("no panic") = Some(gates.clone());
        Ok(gates)
    }
}
