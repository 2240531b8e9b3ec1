use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;
use tracing::{Level, Span, field};

use super::Airlock;
use crate::entrant::Entrant;
use crate::error::{Error, Reason, Refusal, StoreError};
use crate::gate::{Answer, Key, Outcome, Stay};
use crate::permit::Permit;
use crate::store::{BoxFuture, Command, Lease, News, Turn};
use crate::token::{Secret, Token};

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
        start(self.airlock, &self.entrant, None)
    }
}

impl IntoFuture for TryEnter<'_> {
    type Output = Result<Permit, Error>;
    type IntoFuture = Entering;

    #[inline]
    fn into_future(self) -> Entering {
        self.start().into_entering()
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
        start(self.airlock, &self.entrant, Some(Patience { timeout: self.timeout }))
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
            Started::Decided(result) => Entering(State::Decided(Some(result))),
            Started::Pending(entering) => entering,
        }
    }
}

/// A permit to come: the future of [`TryEnter`] and [`Acquire`].
///
/// # Cancel safety
///
/// Dropping it leaves the line, or gives back what was granted in that very moment. It needs no runtime to be
/// dropped.
#[must_use = "futures do nothing unless polled; dropping it leaves the line"]
pub struct Entering(State);

/// How long somebody waits: whoever has none only tries.
#[derive(Clone, Copy)]
struct Patience {
    timeout: Option<Duration>,
}

enum State {
    Decided(Option<Result<Permit, Error>>),
    Pending(Box<Pending>),
}

/// Boxed: whoever waits can spare an allocation, and whoever does not gets a small future.
struct Pending {
    airlock: Airlock,
    stage: Stage,
    turn: Arc<Turn>,
    patience: Option<Patience>,
    /// Made at the first poll, when there is a runtime for certain.
    timer: Option<Pin<Box<Sleep>>>,
    /// Made only where somebody looks.
    span: Option<Box<Span>>,
}

enum Stage {
    /// The store has not answered; what it does with the token is unknown.
    Asking { answer: BoxFuture<'static, Result<Answer, StoreError>>, token: Token },
    /// In line.
    Waiting(Lease),
    /// Nothing is left to give up.
    Settled,
}

fn start(airlock: Airlock, entrant: &Entrant<'_>, patience: Option<Patience>) -> Started {
    let stay = if patience.is_some() { Stay::Here } else { Stay::No };
    let inner = airlock.inner();
    let token = inner.needs_tokens.then(|| Token::new(entrant.resource.as_ref().into(), Secret::random()));
    let key = token.as_ref().map(|token| Key::Token(token.secret()));
    let verb = match airlock.enter_verb(entrant, key, stay) {
        Ok(verb) => verb,
        Err(invalid) => return Started::Decided(Err(invalid.into())),
    };
    let turn = patience.map(|_| Turn::new());
    let command = Command { resource: &entrant.resource, verb, turn: turn.as_ref() };
    if let Some(answer) = inner.gates.try_apply(&command) {
        return match answer.outcome {
            Outcome::Admitted(grant) => match lease(token, grant.local) {
                Some(lease) => Started::Decided(Ok(Permit::new(airlock, lease, &grant))),
                None => Started::Decided(Err(no_handle().into())),
            },
            Outcome::Queued(place) => match (lease(token, place.local), turn) {
                (Some(lease), Some(turn)) => {
                    let pending = Pending::new(airlock, Stage::Waiting(lease), turn, patience);
                    pending.record_position(place.position);
                    Started::Pending(Entering(State::Pending(Box::new(pending))))
                }
                _ => Started::Decided(Err(no_handle().into())),
            },
            other => Started::Decided(Err(airlock.refusal(other))),
        };
    }
    let token = token.unwrap_or_else(|| Token::new(entrant.resource.as_ref().into(), Secret::random()));
    let turn = turn.unwrap_or_else(Turn::new);
    let answer = ask(airlock.clone(), entrant.clone().into_owned(), token.clone(), stay, turn.clone());
    let stage = Stage::Asking { answer: Box::pin(answer), token };
    let pending = Pending::new(airlock, stage, turn, patience);
    Started::Pending(Entering(State::Pending(Box::new(pending))))
}

/// Asks a store that takes its time, with everything that the question needs on board.
async fn ask(
    airlock: Airlock,
    entrant: Entrant<'static>,
    token: Token,
    stay: Stay,
    turn: Arc<Turn>,
) -> Result<Answer, StoreError> {
    let key = Some(Key::Token(token.secret()));
    // The entrant was checked before; a rank that changes its mind is no reason to ask.
    let Ok(verb) = airlock.enter_verb(&entrant, key, stay) else {
        return Err(StoreError::not_executed("the admission strategy is not stable"));
    };
    let command = Command { resource: &entrant.resource, verb, turn: Some(&turn) };
    airlock.within_timeout(airlock.0.gates.apply(command)).await
}

#[inline(always)]
fn lease(token: Option<Token>, local: Option<crate::token::Local>) -> Option<Lease> {
    match (local, token) {
        (Some(local), _) => Some(Lease::Local(local)),
        (None, Some(token)) => Some(Lease::Token(token)),
        (None, None) => None,
    }
}

fn no_handle() -> StoreError {
    StoreError::not_executed("it gave no handle and wanted no token")
}

impl Pending {
    fn new(airlock: Airlock, stage: Stage, turn: Arc<Turn>, patience: Option<Patience>) -> Self {
        let span = tracing::enabled!(target: "airlock", Level::DEBUG).then(|| {
            let name = airlock.name();
            Box::new(tracing::debug_span!(target: "airlock", "wait", airlock = name, position = field::Empty))
        });
        Pending { airlock, stage, turn, patience, timer: None, span }
    }

    fn record_position(&self, position: u64) {
        if let Some(span) = &self.span {
            span.record("position", position);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Permit, Error>> {
        let span = self.span.clone();
        let _entered = span.as_ref().map(|span| span.enter());
        loop {
            match &mut self.stage {
                Stage::Asking { answer, token } => {
                    let answer = match answer.as_mut().poll(cx) {
                        Poll::Ready(answer) => answer,
                        // The store's own deadline bounds this; the caller's may be shorter.
                        Poll::Pending => {
                            ready!(self.poll_timer(cx));
                            let error = StoreError::unknown("it did not answer while the caller waited");
                            return Poll::Ready(Err(error.into()));
                        }
                    };
                    let token = token.clone();
                    match answer {
                        Ok(Answer { outcome: Outcome::Queued(place), .. }) => {
                            self.record_position(place.position);
                            self.stage = Stage::Waiting(self::lease(Some(token), place.local).ok_or_else(no_handle)?);
                        }
                        Ok(Answer { outcome: Outcome::Admitted(grant), .. }) => {
                            self.stage = Stage::Settled;
                            let lease = self::lease(Some(token), grant.local).ok_or_else(no_handle)?;
                            return Poll::Ready(Ok(self.permit(lease, &grant)));
                        }
                        Ok(other) => {
                            self.stage = Stage::Settled;
                            return Poll::Ready(Err(self.airlock.refusal(other.outcome)));
                        }
                        Err(error) => {
                            if !error.is_unknown() {
                                self.stage = Stage::Settled;
                            }
                            return Poll::Ready(Err(error.into()));
                        }
                    }
                }
                Stage::Waiting(lease) => {
                    match self.turn.poll_news(cx) {
                        Poll::Ready(News::Granted(grant)) => {
                            let lease = lease.clone();
                            self.stage = Stage::Settled;
                            return Poll::Ready(Ok(self.permit(lease, &grant)));
                        }
                        Poll::Ready(News::Over(ending)) => {
                            self.stage = Stage::Settled;
                            return Poll::Ready(Err(Refusal::new(ending.into()).into()));
                        }
                        Poll::Pending => {}
                    }
                    ready!(self.poll_timer(cx));
                    self.give_up();
                    return Poll::Ready(Err(Refusal::new(Reason::TimedOut).into()));
                }
                Stage::Settled => return Poll::Pending,
            }
        }
    }

    fn permit(&self, lease: Lease, grant: &crate::gate::Grant) -> Permit {
        Permit::new(self.airlock.clone(), lease, grant)
    }

    /// Ready when the caller's time is over.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(timeout) = self.patience.and_then(|patience| patience.timeout) else { return Poll::Pending };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        timer.as_mut().poll(cx)
    }

    fn give_up(&mut self) {
        let gates = &self.airlock.inner().gates;
        match std::mem::replace(&mut self.stage, Stage::Settled) {
            Stage::Asking { token, .. } => gates.give_back(&Lease::Token(token), true),
            Stage::Waiting(lease) => gates.give_back(&lease, false),
            Stage::Settled => {}
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Future for Entering {
    type Output = Result<Permit, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Decided(result) => match result.take() {
                Some(result) => Poll::Ready(result),
                // Polled after it was done.
                None => Poll::Pending,
            },
            State::Pending(pending) => pending.poll(cx),
        }
    }
}

impl fmt::Debug for Entering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            State::Decided(_) => "decided",
            State::Pending(pending) => match pending.stage {
                Stage::Asking { .. } => "asking",
                Stage::Waiting(_) => "waiting",
                Stage::Settled => "settled",
            },
        };
        f.debug_tuple("Entering").field(&state).finish()
    }
}
