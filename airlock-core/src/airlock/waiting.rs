//! The stages of an entry that is not decided at once: asking a store that takes its time, and waiting in line.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::Sleep;
use tracing::{Level, Span, field};

use super::Airlock;
use super::entering::{lease, lease_of};
use crate::backoff::Backoff;
use crate::entrant::Entrant;
use crate::error::{Error, Reason, Refusal, StoreError};
use crate::gate::{Answer, Ending, Grant, Key, OnReentry, Outcome, Stay};
use crate::permit::Permit;
use crate::store::{BoxFuture, Command, GrantedBy, LazyTurn, Lease, News, Turn};
use crate::token::Token;

/// What would be left behind if the future that has it were dropped: dropping it gives it back.
struct Stake {
    of: Option<(Airlock, Lease)>,
    /// Whether the command that made it is still unanswered.
    doubt: bool,
}

impl Stake {
    fn take(&mut self) -> Option<(Airlock, Lease)> {
        self.of.take()
    }
}

impl Drop for Stake {
    fn drop(&mut self) {
        if let Some((airlock, lease)) = &self.of {
            airlock.inner().gates.give_back(lease, self.doubt);
        }
    }
}

/// In line.
pub(super) struct Waiting {
    stake: Stake,
    /// Where it is told, if it does not ask with a handle.
    turn: Option<Arc<Turn>>,
    /// Whom to wake was said with the question: there is nothing to ask before that.
    fresh: bool,
    timer: Timer,
    span: WaitSpan,
}

impl Waiting {
    pub(super) fn new(
        airlock: Airlock,
        lease: Lease,
        turn: Option<Arc<Turn>>,
        timeout: Option<Duration>,
        position: u64,
        fresh: bool,
    ) -> Self {
        let span = WaitSpan::new(&airlock);
        span.record(position);
        let stake = Stake { of: Some((airlock, lease)), doubt: false };
        let fresh = fresh && turn.is_none();
        Waiting { stake, turn, fresh, timer: Timer::new(timeout), span }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Permit, Error>> {
        let _entered = self.span.0.as_ref().map(|span| span.enter());
        let news = if std::mem::take(&mut self.fresh) { Poll::Pending } else { self.poll_news(cx) };
        match news {
            Poll::Ready(News::Granted(grant)) => {
                let permit = self.stake.take().map(|(airlock, lease)| {
                    let permit = Permit::new(airlock, lease, &grant);
                    permit.follows_from(self.span.0.as_deref());
                    permit
                });
                Poll::Ready(permit.ok_or_else(|| Refusal::new(Reason::Spent).into()))
            }
            Poll::Ready(News::Over(ending)) => {
                self.stake.take();
                Poll::Ready(Err(Refusal::new(ending.into()).into()))
            }
            Poll::Pending => {
                ready!(self.timer.poll(cx));
                // Who is told at this very moment is too late: what it was granted goes back with the stake.
                // Who waits in a line of this process does so whatever troubles another store.
                let stake = self.stake.of.as_ref().filter(|(_, lease)| lease.granted_by() == GrantedBy::Primary);
                let trouble = stake.and_then(|(airlock, _)| airlock.inner().gates.trouble());
                if let Some((airlock, _)) = &self.stake.of {
                    let meter = airlock.meter();
                    if trouble.is_some() { meter.unavailable() } else { meter.timed_out() }
                }
                Poll::Ready(Err(trouble.map_or_else(|| Refusal::new(Reason::TimedOut).into(), Error::from)))
            }
        }
    }
}

impl Waiting {
    fn poll_news(&self, cx: &mut Context<'_>) -> Poll<News> {
        match (&self.turn, &self.stake.of) {
            (Some(turn), _) => turn.poll_news(cx),
            (None, Some((airlock, Lease::Local(local)))) => airlock.inner().gates.poll_wait(*local, cx),
            (None, _) => Poll::Ready(News::Over(Ending::Spent)),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // A session that was granted belongs to its identity, which may be inside elsewhere: nobody gives it up by
        // not looking (G4).
        let Some((airlock, _)) = &self.stake.of else { return };
        let mut nobody = Context::from_waker(Waker::noop());
        if airlock.inner().spec.on_reentry == OnReentry::Share
            && let Poll::Ready(News::Granted(Grant { shared: true, .. })) = self.poll_news(&mut nobody)
        {
            self.stake.take();
        }
    }
}

/// The store has not answered; what it does with the token is unknown.
pub(super) struct Asking {
    step: AskingStep,
    stake: Stake,
    turn: Arc<LazyTurn>,
    entrant: Entrant<'static>,
    stay: Stay,
    timeout: Option<Duration>,
    timer: Timer,
    /// Where a store that fails is asked again.
    backoff: Option<Backoff>,
    /// Whether any command so far may have been carried out.
    unknown: bool,
}

enum AskingStep {
    Asks(BoxFuture<'static, Result<Answer, StoreError>>),
    /// It failed, and is left alone for a while.
    Pauses(Pin<Box<Sleep>>, StoreError),
}

/// What asking came to.
pub(super) enum Asked {
    Decided(Result<Permit, Error>),
    Queued(Waiting),
}

impl Asking {
    pub(super) fn new(
        airlock: Airlock,
        entrant: Entrant<'static>,
        token: Token,
        stay: Stay,
        (timeout, retries): (Option<Duration>, bool),
    ) -> Self {
        let turn = Arc::new(LazyTurn::default());
        let stake = Stake { of: Some((airlock.clone(), Lease::Token(token.clone()))), doubt: true };
        let step = AskingStep::Asks(Box::pin(ask(airlock, entrant.clone(), token, stay, turn.clone())));
        // Without an end to the wait, a failed store would be a silent endless wait (G23).
        let backoff = (retries && timeout.is_some()).then(Backoff::new);
        Asking { step, stake, turn, entrant, stay, timeout, timer: Timer::new(timeout), backoff, unknown: false }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Asked> {
        loop {
            let next = match &mut self.step {
                AskingStep::Asks(answer) => match answer.as_mut().poll(cx) {
                    Poll::Ready(Ok(answer)) => return Poll::Ready(self.settle(answer.outcome)),
                    Poll::Ready(Err(error)) => {
                        self.unknown |= error.is_unknown();
                        let Some(backoff) = &mut self.backoff else { return Poll::Ready(self.fail(error)) };
                        AskingStep::Pauses(Box::pin(tokio::time::sleep(backoff.pause())), error)
                    }
                    // The store's own deadline bounds this; the caller's may be shorter.
                    Poll::Pending => {
                        ready!(self.timer.poll(cx));
                        self.unknown = true;
                        if let Some((airlock, _)) = &self.stake.of {
                            airlock.meter().unavailable();
                        }
                        let error = StoreError::unknown("it did not answer while the caller waited");
                        return Poll::Ready(self.fail(error));
                    }
                },
                AskingStep::Pauses(pause, error) => {
                    if self.timer.poll(cx).is_ready() {
                        // What is left in its stead is never looked at.
                        let error = std::mem::replace(error, StoreError::not_executed(""));
                        return Poll::Ready(self.fail(error));
                    }
                    ready!(pause.as_mut().poll(cx));
                    match self.ask_again() {
                        Some(answer) => AskingStep::Asks(answer),
                        None => return Poll::Ready(Asked::Decided(Err(Refusal::new(Reason::Spent).into()))),
                    }
                }
            };
            self.step = next;
        }
    }

    /// With the same token and the same turn: what was carried out although it seemed to fail is not done twice (G3).
    fn ask_again(&self) -> Option<BoxFuture<'static, Result<Answer, StoreError>>> {
        let Some((airlock, Lease::Token(token))) = &self.stake.of else { return None };
        let (airlock, token, turn) = (airlock.clone(), token.clone(), self.turn.clone());
        Some(Box::pin(ask(airlock, self.entrant.clone(), token, self.stay, turn)))
    }

    fn fail(&mut self, error: StoreError) -> Asked {
        if !self.unknown {
            self.stake.take();
        }
        Asked::Decided(Err(error.into()))
    }

    fn settle(&mut self, outcome: Outcome) -> Asked {
        let Some((airlock, Lease::Token(token))) = self.stake.take() else {
            return Asked::Decided(Err(Refusal::new(Reason::Spent).into()));
        };
        match outcome {
            Outcome::Admitted(grant) => {
                let lease = lease_of(&self.entrant, Some(token), &grant);
                Asked::Decided(lease.map(|lease| Permit::new(airlock, lease, &grant)))
            }
            Outcome::Queued(place) => match lease(Some(token), place.local) {
                // The whole wait counts, asking included; the timer goes on.
                Ok(lease) => {
                    let mut waiting = Waiting::new(
                        airlock,
                        lease,
                        Some(self.turn.get().clone()),
                        self.timeout,
                        place.position,
                        false,
                    );
                    waiting.timer = std::mem::replace(&mut self.timer, Timer::new(None));
                    Asked::Queued(waiting)
                }
                Err(error) => Asked::Decided(Err(error)),
            },
            other => {
                let refusal = airlock.refusal(other);
                if self.unknown {
                    // An earlier question may have been carried out, or still be: dropping this gives it up with doubt.
                    self.stake.of = Some((airlock, Lease::Token(token)));
                }
                Asked::Decided(Err(refusal))
            }
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // What has certainly not been carried out needs no undoing.
        if matches!(self.step, AskingStep::Pauses(..)) && !self.unknown {
            self.stake.take();
        }
    }
}

/// Asks a store that takes its time, with everything that the question needs on board.
async fn ask(
    airlock: Airlock,
    entrant: Entrant<'static>,
    token: Token,
    stay: Stay,
    turn: Arc<LazyTurn>,
) -> Result<Answer, StoreError> {
    let key = Some(Key::Token(token.secret()));
    // The entrant was checked before; a rank that changes its mind is no reason to ask.
    let Ok(verb) = airlock.enter_verb(&entrant, key, stay) else {
        return Err(StoreError::not_executed("the admission strategy is not stable"));
    };
    let command = Command { resource: &entrant.resource, verb, turn: Some(&turn), waker: None };
    // What was said of an emergency meanwhile counts for those who ask again.
    match airlock.in_emergency(&command) {
        Some(answer) => Ok(answer),
        None => airlock.ask_store(command).await,
    }
}

/// How long the caller waits, if not for ever. Boxed: it is large, and most callers that wait have none.
struct Timer(Option<Box<Timeout>>);

struct Timeout {
    after: Duration,
    /// Made at the first poll, when there is a runtime for certain.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn new(timeout: Option<Duration>) -> Self {
        Timer(timeout.map(|after| Box::new(Timeout { after, sleep: None })))
    }

    /// Ready when the caller's time is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(timeout) = &mut self.0 else { return Poll::Pending };
        let after = timeout.after;
        timeout.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(after))).as_mut().poll(cx)
    }
}

/// The span of a wait, made only where somebody looks.
struct WaitSpan(Option<Box<Span>>);

impl WaitSpan {
    fn new(airlock: &Airlock) -> Self {
        WaitSpan(tracing::enabled!(target: "airlock", Level::DEBUG).then(|| {
            let name = airlock.name();
            Box::new(tracing::debug_span!(target: "airlock", "wait", airlock = name, position = field::Empty))
        }))
    }

    fn record(&self, position: u64) {
        if let Some(span) = &self.0 {
            span.record("position", position);
        }
    }
}
