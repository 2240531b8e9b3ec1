use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::Airlock;
use super::waiting::{Asked, Asking, Waiting};
use crate::entrant::Entrant;
use crate::error::{Error, StoreError};
use crate::gate::{Grant, Key, Outcome, Stay};
use crate::permit::Permit;
use crate::store::{Command, LazyTurn, Lease, Session};
use crate::token::{Local, Secret, Token};

/// Asks once. Await it, or [`start`](TryEnter::start) it.
///
/// See [`Airlock::try_enter`] for an example.
#[derive(Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct TryEnter<'a> {
    airlock: Airlock,
    entrant: Entrant<'a>,
}

impl<'a> TryEnter<'a> {
    pub(super) fn new(airlock: Airlock, entrant: Entrant<'a>) -> Self {
        TryEnter { airlock, entrant }
    }

    /// Asks now, and says whether the answer is there already: for front ends that want to do without a future.
    pub fn start(self) -> Started {
        start(self.airlock, &self.entrant, Stay::No, (None, false), None)
    }
}

impl IntoFuture for TryEnter<'_> {
    type Output = Result<Permit, Error>;
    type IntoFuture = Trying;

    #[inline(always)]
    fn into_future(self) -> Trying {
        // Not by `start`: inside one function, nothing large is made just to be looked at.
        Trying(match start(self.airlock, &self.entrant, Stay::No, (None, false), None) {
            Started::Decided(result) => TryState::Decided(result),
            Started::Pending(entering) => TryState::Pending(Box::new(entering)),
        })
    }
}

/// Waits in line. Await it, or [`start`](Acquire::start) it.
///
/// See the [crate documentation](crate) for an example.
#[derive(Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct Acquire<'a> {
    airlock: Airlock,
    entrant: Entrant<'a>,
    timeout: Option<Duration>,
    retry: bool,
}

impl<'a> Acquire<'a> {
    pub(super) fn new(airlock: Airlock, entrant: Entrant<'a>) -> Self {
        Acquire { airlock, entrant, timeout: None, retry: true }
    }

    /// How long to wait at most, on the clock of the tokio runtime; then it is
    /// [timed out](crate::Reason::TimedOut), or [unavailable](Error::Unavailable) where the store fails at that moment.
    /// Needs a runtime with time enabled.
    ///
    /// A store that fails is asked again until then, after 20 ms, and then after longer pauses of up to a second, a part
    /// of them by chance. Without a timeout it is asked once: a failed store is no reason to wait for ever.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether a store that fails is asked again, for as long as the [timeout](Acquire::timeout) lasts. It is by default;
    /// front ends that had better say at once that nobody knows do without.
    pub fn retry(mut self, retry: bool) -> Self {
        self.retry = retry;
        self
    }

    /// Asks now, and says whether the answer is there already: for front ends that want to do without a future.
    pub fn start(self) -> Started {
        start(self.airlock, &self.entrant, Stay::Here, (self.timeout, self.retry), None)
    }
}

impl<'a> IntoFuture for Acquire<'a> {
    type Output = Result<Permit, Error>;
    type IntoFuture = Entering<'a>;

    #[inline]
    fn into_future(self) -> Entering<'a> {
        Entering(State::Unasked(self))
    }
}

/// What asking came to so far.
///
/// ```
/// use airlock_core::{Airlock, Seal, Started};
///
/// let jobs = Airlock::builder("jobs").seal(Seal::lock()).build()?;
/// // In memory there is an answer at once, and no future is made.
/// let Started::Decided(Ok(permit)) = jobs.try_enter("invoice").start() else { panic!("it is free") };
/// assert!(matches!(jobs.acquire("invoice").start(), Started::Pending(_)));
/// # drop(permit);
/// # Ok::<(), airlock_core::ConfigError>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it gives back what was granted"]
pub enum Started {
    /// There is an answer.
    Decided(Result<Permit, Error>),
    /// It has to be waited for.
    Pending(Entering<'static>),
}

/// A permit to come: the future of [`Acquire`].
///
/// # Cancel safety
///
/// Dropping it leaves the line, or gives back what was granted in that very moment. It needs no runtime to be
/// dropped.
#[must_use = "futures do nothing unless polled; dropping it leaves the line"]
pub struct Entering<'a>(State<'a>);

/// A permit, or none: the future of [`TryEnter`].
///
/// # Cancel safety
///
/// Dropping it gives back whatever was granted. It needs no runtime to be dropped.
#[must_use = "futures do nothing unless polled"]
pub struct Trying(TryState);

/// Small, for nearly always it is decided already.
enum TryState {
    Decided(Result<Permit, Error>),
    Pending(Box<Entering<'static>>),
    Done,
}

enum State<'a> {
    /// Asks when it is first polled, so that whom to wake is said with the question.
    Unasked(Acquire<'a>),
    Waiting(Waiting),
    /// Boxed, because it is large, and its store takes its time anyway.
    Asking(Box<Asking>),
    Done,
}

#[inline(always)]
fn start(
    airlock: Airlock,
    entrant: &Entrant<'_>,
    stay: Stay,
    (timeout, retry): (Option<Duration>, bool),
    waker: Option<&Waker>,
) -> Started {
    let inner = airlock.inner();
    let token = inner.needs_tokens.then(|| Token::new(entrant.resource.as_ref().into(), Secret::random()));
    let key = token.as_ref().map(|token| Key::Token(token.secret()));
    let verb = match airlock.enter_verb(entrant, key, stay) {
        Ok(verb) => verb,
        Err(invalid) => return Started::Decided(Err(invalid.into())),
    };
    let turn = LazyTurn::default();
    // Who does not stay has no turn, and who has a handle asks with it.
    let told = stay != Stay::No && inner.needs_tokens;
    let command = Command { resource: &entrant.resource, verb, turn: told.then_some(&turn), waker };
    let answer = match airlock.try_ask(&command) {
        Some(Ok(answer)) => answer,
        // A store that is known to be away is asked again as well, by those who have the time.
        Some(Err(error)) if !retry || timeout.is_none() => {
            airlock.meter().unavailable();
            return Started::Decided(Err(error.into()));
        }
        Some(Err(_)) | None => {
            let token = token.unwrap_or_else(|| Token::new(entrant.resource.as_ref().into(), Secret::random()));
            let asking = Asking::new(airlock, entrant.clone().into_owned(), token, stay, (timeout, retry));
            return Started::Pending(Entering(State::Asking(Box::new(asking))));
        }
    };
    match answer.outcome {
        Outcome::Admitted(grant) => {
            Started::Decided(lease_of(entrant, token, &grant).map(|lease| Permit::new(airlock, lease, &grant)))
        }
        Outcome::Queued(place) => match lease(token, place.local) {
            Ok(lease) => {
                let turn = told.then(|| turn.into_inner());
                let waiting = Waiting::new(airlock, lease, turn, timeout, place.position, waker.is_some());
                Started::Pending(Entering(State::Waiting(waiting)))
            }
            Err(error) => Started::Decided(Err(error)),
        },
        other => Started::Decided(Err(airlock.refusal(other))),
    }
}

/// What a place in line is known by: a handle, where the store gives one, else the token.
#[inline(always)]
pub(super) fn lease(token: Option<Token>, local: Option<Local>) -> Result<Lease, Error> {
    match (local, token) {
        (Some(local), _) => Ok(Lease::Local(local)),
        (None, Some(token)) => Ok(Lease::Token(token)),
        (None, None) => Err(StoreError::not_executed("it gave no handle and wanted no token").into()),
    }
}

/// What an admission is known by: a session that was there already goes by another token than this entry's.
#[inline(always)]
pub(super) fn lease_of(entrant: &Entrant<'_>, token: Option<Token>, grant: &Grant) -> Result<Lease, Error> {
    match &entrant.identity {
        Some(identity) if grant.shared && grant.local.is_none() => Ok(Lease::Session(Box::new(Session {
            resource: entrant.resource.as_ref().into(),
            identity: identity.as_ref().into(),
            fence: grant.fence,
        }))),
        _ => lease(token, grant.local),
    }
}

impl Entering<'_> {
    /// Whether it is known to be in line: it was asked, and there was no room at that moment.
    pub fn is_in_line(&self) -> bool {
        matches!(self.0, State::Waiting(_))
    }
}

impl Future for Entering<'_> {
    type Output = Result<Permit, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.0, State::Unasked(_))
            && let State::Unasked(acquire) = std::mem::replace(&mut self.0, State::Done)
        {
            let Acquire { airlock, entrant, timeout, retry } = acquire;
            match start(airlock, &entrant, Stay::Here, (timeout, retry), Some(cx.waker())) {
                Started::Decided(result) => return Poll::Ready(result),
                Started::Pending(Entering(next)) => self.0 = next,
            }
        }
        loop {
            let next = match &mut self.0 {
                State::Waiting(waiting) => {
                    let result = ready!(waiting.poll(cx));
                    self.0 = State::Done;
                    return Poll::Ready(result);
                }
                State::Asking(asking) => match ready!(asking.poll(cx)) {
                    Asked::Decided(result) => {
                        self.0 = State::Done;
                        return Poll::Ready(result);
                    }
                    Asked::Queued(waiting) => State::Waiting(waiting),
                },
                // Polled after it was done.
                State::Done | State::Unasked(_) => return Poll::Pending,
            };
            self.0 = next;
        }
    }
}

impl Future for Trying {
    type Output = Result<Permit, Error>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let TryState::Pending(entering) = &mut self.0 {
            return Pin::new(&mut **entering).poll(cx);
        }
        match std::mem::replace(&mut self.0, TryState::Done) {
            TryState::Decided(result) => Poll::Ready(result),
            TryState::Pending(_) | TryState::Done => Poll::Pending,
        }
    }
}

impl fmt::Debug for Trying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trying").finish_non_exhaustive()
    }
}

impl fmt::Debug for Entering<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            State::Unasked(_) => "unasked",
            State::Waiting(_) => "waiting",
            State::Asking(_) => "asking",
            State::Done => "done",
        };
        f.debug_tuple("Entering").field(&state).finish()
    }
}
