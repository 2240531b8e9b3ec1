use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Airlock;
use super::waiting::{Asked, Asking, Waiting};
use crate::entrant::Entrant;
use crate::error::{Error, StoreError};
use crate::gate::{Key, Outcome, Stay};
use crate::permit::Permit;
use crate::store::{Command, LazyTurn, Lease};
use crate::token::{Local, Secret, Token};

/// Asks once. Await it, or [`start`](TryEnter::start) it.
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
        start(self.airlock, &self.entrant, Stay::No, None)
    }
}

impl IntoFuture for TryEnter<'_> {
    type Output = Result<Permit, Error>;
    type IntoFuture = Trying;

    #[inline]
    fn into_future(self) -> Trying {
        Trying(match self.start() {
            Started::Decided(result) => TryState::Decided(result),
            Started::Pending(entering) => TryState::Pending(Box::new(entering)),
        })
    }
}

/// Waits in line. Await it, or [`start`](Acquire::start) it.
#[derive(Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct Acquire<'a> {
    airlock: Airlock,
    entrant: Entrant<'a>,
    timeout: Option<Duration>,
}

impl<'a> Acquire<'a> {
    pub(super) fn new(airlock: Airlock, entrant: Entrant<'a>) -> Self {
        Acquire { airlock, entrant, timeout: None }
    }

    /// How long to wait at most, on the clock of the tokio runtime; then it is
    /// [timed out](Reason::TimedOut). Needs a runtime with time enabled.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Asks now, and says whether the answer is there already: for front ends that want to do without a future.
    pub fn start(self) -> Started {
        start(self.airlock, &self.entrant, Stay::Here, self.timeout)
    }
}

impl IntoFuture for Acquire<'_> {
    type Output = Result<Permit, Error>;
    type IntoFuture = Entering;

    #[inline]
    fn into_future(self) -> Entering {
        self.start().into_entering()
    }
}

/// What asking came to so far.
#[derive(Debug)]
#[must_use = "dropping it gives back what was granted"]
pub enum Started {
    /// There is an answer.
    Decided(Result<Permit, Error>),
    /// It has to be waited for.
    Pending(Entering),
}

impl Started {
    #[inline]
    fn into_entering(self) -> Entering {
        match self {
            Started::Decided(result) => Entering(State::Decided(result)),
            Started::Pending(entering) => entering,
        }
    }
}

/// A permit to come: the future of [`Acquire`].
///
/// # Cancel safety
///
/// Dropping it leaves the line, or gives back what was granted in that very moment. It needs no runtime to be
/// dropped.
#[must_use = "futures do nothing unless polled; dropping it leaves the line"]
pub struct Entering(State);

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
    Pending(Box<Entering>),
    Done,
}

enum State {
    Decided(Result<Permit, Error>),
    Waiting(Waiting),
    /// Boxed, because it is large, and its store takes its time anyway.
    Asking(Box<Asking>),
    Done,
}

#[inline(always)]
fn start(airlock: Airlock, entrant: &Entrant<'_>, stay: Stay, timeout: Option<Duration>) -> Started {
    let inner = airlock.inner();
    let token = inner.needs_tokens.then(|| Token::new(entrant.resource.as_ref().into(), Secret::random()));
    let key = token.as_ref().map(|token| Key::Token(token.secret()));
    let verb = match airlock.enter_verb(entrant, key, stay) {
        Ok(verb) => verb,
        Err(invalid) => return Started::Decided(Err(invalid.into())),
    };
    let turn = LazyTurn::default();
    // Who does not stay has no turn.
    let command = Command { resource: &entrant.resource, verb, turn: (stay != Stay::No).then_some(&turn) };
    let Some(answer) = inner.gates.try_apply(&command) else {
        let token = token.unwrap_or_else(|| Token::new(entrant.resource.as_ref().into(), Secret::random()));
        let asking = Asking::new(airlock, entrant.clone().into_owned(), token, stay, timeout);
        return Started::Pending(Entering(State::Asking(Box::new(asking))));
    };
    match answer.outcome {
        Outcome::Admitted(grant) => {
            Started::Decided(lease(token, grant.local).map(|lease| Permit::new(airlock, lease, &grant)))
        }
        Outcome::Queued(place) => match lease(token, place.local) {
            Ok(lease) => {
                let waiting = Waiting::new(airlock, lease, turn.into_inner(), timeout, place.position);
                Started::Pending(Entering(State::Waiting(waiting)))
            }
            Err(error) => Started::Decided(Err(error)),
        },
        other => Started::Decided(Err(airlock.refusal(other))),
    }
}

/// What the gates of a store without handles, which are given a token, and of one with handles know a ticket by.
#[inline(always)]
pub(super) fn lease(token: Option<Token>, local: Option<Local>) -> Result<Lease, Error> {
    match (local, token) {
        (Some(local), _) => Ok(Lease::Local(local)),
        (None, Some(token)) => Ok(Lease::Token(token)),
        (None, None) => Err(StoreError::not_executed("it gave no handle and wanted no token").into()),
    }
}

impl Future for Entering {
    type Output = Result<Permit, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match &mut self.0 {
                State::Decided(_) => State::Done,
                State::Waiting(waiting) => match waiting.poll(cx) {
                    Poll::Ready(result) => State::Decided(result),
                    Poll::Pending => return Poll::Pending,
                },
                State::Asking(asking) => match asking.poll(cx) {
                    Poll::Ready(Asked::Decided(result)) => State::Decided(result),
                    Poll::Ready(Asked::Queued(waiting)) => State::Waiting(waiting),
                    Poll::Pending => return Poll::Pending,
                },
                State::Done => return Poll::Pending,
            };
            if let State::Decided(result) = std::mem::replace(&mut self.0, next) {
                return Poll::Ready(result);
            }
        }
    }
}

impl Future for Trying {
    type Output = Result<Permit, Error>;

    #[inline]
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

impl fmt::Debug for Entering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            State::Decided(_) => "decided",
            State::Waiting(_) => "waiting",
            State::Asking(_) => "asking",
            State::Done => "done",
        };
        f.debug_tuple("Entering").field(&state).finish()
    }
}
