//! The gates of one airlock: its store's, and those that stand in for it.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::book::Route;
use super::breaker::{Attempt, Breakers};
use super::side::{Side, by_nobody, marked, with_key};
use crate::error::StoreError;
use crate::gate::{Answer, Conditions, Ending, Enter, Key, Micros, NEVER, Outcome, Setting, Stay, SwitchState, Verb};
use crate::store::{BoxFuture, Command, Gates, Lease, News, Survey, SurveyQuery, Watch};
use crate::sync::Mutex;
use crate::token::{Local, Secret, Token};

/// What is done with newcomers during an outage.
pub(super) enum Standby {
    Refuse,
    Admit,
    /// Gates that decide at once.
    Local(Arc<dyn Gates>),
}

pub(super) struct FallbackGates {
    pub(super) airlock: Arc<str>,
    pub(super) primary: Arc<dyn Gates>,
    pub(super) standby: Standby,
    pub(super) breakers: Breakers,
    /// Whether anybody was ever decided on locally: until then, nobody has to be looked for there.
    stood_in: AtomicBool,
    closing: AtomicBool,
    /// What the local gates were last told that is set for the whole airlock.
    told: Mutex<Conditions>,
    doubts: Doubts,
}

/// Tokens of newcomers whose answer by the primary is missing. Whoever asks gives them up, or asks again with the same;
/// if that is decided elsewhere, it is left to the fallback to give them up.
#[derive(Default)]
struct Doubts {
    any: AtomicBool,
    tokens: Mutex<HashSet<Secret>>,
}

impl Doubts {
    fn add(&self, token: Secret) {
        self.tokens.lock().insert(token);
        self.any.store(true, Ordering::Release);
    }

    /// Whether there was a doubt.
    fn settle(&self, token: &Secret) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let mut tokens = self.tokens.lock();
        let doubted = tokens.remove(token);
        self.any.store(!tokens.is_empty(), Ordering::Release);
        doubted
    }
}

/// The token of a newcomer, from when the primary is asked until it answers.
struct Doubt<'a> {
    doubts: &'a Doubts,
    token: Option<Secret>,
}

impl Doubt<'_> {
    fn none(mut self) {
        if let Some(token) = self.token.take() {
            self.doubts.settle(&token);
        }
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            self.doubts.add(token);
        }
    }
}

impl FallbackGates {
    pub(super) fn new(airlock: Arc<str>, primary: Arc<dyn Gates>, standby: Standby, breakers: Breakers) -> Self {
        let (stood_in, closing) = (AtomicBool::new(false), AtomicBool::new(false));
        let (told, doubts) = (Mutex::default(), Doubts::default());
        FallbackGates { airlock, primary, standby, breakers, stood_in, closing, told, doubts }
    }

    fn local(&self) -> Option<&Arc<dyn Gates>> {
        match &self.standby {
            Standby::Local(gates) => Some(gates),
            Standby::Refuse | Standby::Admit => None,
        }
    }

    /// The local gates, if anybody can be there.
    fn used_local(&self) -> Option<&Arc<dyn Gates>> {
        self.local().filter(|_| self.stood_in.load(Ordering::Acquire))
    }

    /// The gates at which somebody is, and the key by which they know it. A handle says so; of tokens and identities the
    /// local gates know whether they are theirs.
    fn home_of<'k>(&self, resource: &str, key: Key<'k>) -> (Side, &Arc<dyn Gates>, Key<'k>) {
        if let Key::Local(local) = key {
            let (side, local) = local.unmarked();
            let gates = if side == Side::Local { self.local() } else { None };
            return (side, gates.unwrap_or(&self.primary), Key::Local(local));
        }
        let local = self.used_local().filter(|gates| {
            let looked = gates.try_apply(&Command::new(resource, Verb::Look { key }));
            !matches!(looked, Some(Ok(Answer { outcome: Outcome::NotHeld, .. })) | None)
        });
        local.map_or((Side::Primary, &self.primary, key), |gates| (Side::Local, gates, key))
    }

    /// The same for a lease.
    fn home_of_lease(&self, lease: &Lease) -> (&Arc<dyn Gates>, Option<Lease>) {
        let (resource, key) = lease.address();
        match self.home_of(resource, key) {
            (_, gates, Key::Local(local)) => (gates, Some(Lease::Local(local))),
            (_, gates, _) => (gates, None),
        }
    }

    /// Decides on a newcomer without the primary. It may have asked there before, with the same token.
    fn stand_in(&self, command: &Command<'_>, enter: &Enter<'_>) -> Result<Answer, StoreError> {
        if let (Some(Key::Token(token)), false) = (enter.key, matches!(self.standby, Standby::Refuse))
            && self.doubts.settle(&token)
        {
            self.primary.give_back(&Lease::Token(Token::new(command.resource.into(), token)), true);
        }
        if self.closing.load(Ordering::Acquire) {
            return Ok(Answer { outcome: Outcome::Over(Ending::Closed), more: false, next_at: None, now: 0 });
        }
        match &self.standby {
            Standby::Refuse => Err(StoreError::not_asked("it failed too often, and is left alone for a while")),
            Standby::Admit => Ok(by_nobody()),
            Standby::Local(gates) => {
                self.stood_in.store(true, Ordering::Release);
                self.pass_on_conditions(gates);
                // Whoever stays beside the gate goes by its handle: a token would only be one more thing to know.
                let key = if enter.stay == Stay::Away { enter.key } else { None };
                let command = Command { verb: Verb::Enter(Enter { key, ..*enter }), ..*command };
                local_answer(gates, &command)
            }
        }
    }

    /// Has what is set for the whole airlock, here or in another process, hold for the local gates as well.
    fn pass_on_conditions(&self, gates: &Arc<dyn Gates>) {
        let Some(conditions) = self.primary.conditions() else { return };
        if *self.told.lock() == conditions {
            return;
        }
        // Outside the lock: somebody may be told of it. Whoever does the same meanwhile does no harm.
        let now = self.breakers.now();
        let left = |until: Micros| (until < NEVER).then(|| until.saturating_sub(now));
        let Setting { state, until, because } = &conditions.switch;
        at_once(gates.switch(*state, left(*until), because.as_deref()));
        at_once(gates.report_unwell(left(conditions.unwell_until)));
        *self.told.lock() = conditions;
    }

    /// A newcomer at a store that may answer at once.
    fn try_enter(&self, command: &Command<'_>, enter: &Enter<'_>) -> Option<Result<Answer, StoreError>> {
        let probe = match self.breakers.ask(command.resource) {
            Route::Elsewhere => return Some(self.stand_in(command, enter)),
            Route::Store => None,
            Route::Probe(probe) => Some(probe),
        };
        match self.primary.try_apply(command) {
            Some(Ok(answer)) => {
                self.breakers.answered(command.resource, probe);
                Some(Ok(marked(answer, Side::Primary)))
            }
            Some(Err(error)) => {
                self.breakers.failed(command.resource, probe);
                Some(self.after_failure(command, enter, error))
            }
            None => {
                self.breakers.abandoned(command.resource, probe);
                None
            }
        }
    }

    async fn enter(&self, command: Command<'_>, enter: &Enter<'_>) -> Result<Answer, StoreError> {
        let probe = match self.breakers.ask(command.resource) {
            Route::Elsewhere => return self.stand_in(&command, enter),
            Route::Store => None,
            Route::Probe(probe) => Some(probe),
        };
        let token = match enter.key {
            Some(Key::Token(token)) if !matches!(self.standby, Standby::Refuse) => Some(token),
            _ => None,
        };
        let mut doubt = Doubt { doubts: &self.doubts, token };
        let attempt = Attempt::new(&self.breakers, command.resource, probe);
        match self.primary.apply(command).await {
            Ok(answer) => {
                doubt.none();
                attempt.answered();
                Ok(marked(answer, Side::Primary))
            }
            Err(error) => {
                if !error.is_unknown() {
                    // That adds no doubt. An earlier question with the same token may have left one.
                    doubt.token = None;
                }
                drop(doubt);
                attempt.failed();
                self.after_failure(&command, enter, error)
            }
        }
    }

    /// Whoever finds out that there is an outage is treated as those after it.
    fn after_failure(&self, command: &Command<'_>, enter: &Enter<'_>, error: StoreError) -> Result<Answer, StoreError> {
        match &self.standby {
            Standby::Admit | Standby::Local(_) if self.breakers.is_open(command.resource) => {
                self.stand_in(command, enter)
            }
            _ => Err(error),
        }
    }

    /// A command about somebody who is at one of the two. It is always tried there, also during an outage.
    fn at_home<'a>(&'a self, command: &Command<'a>, key: Key<'a>) -> (Side, &'a Arc<dyn Gates>, Command<'a>) {
        let (side, gates, key) = self.home_of(command.resource, key);
        (side, gates, Command { verb: with_key(command.verb, key), ..*command })
    }

    /// An operator's command, to the local gates, which do what both are asked to do.
    fn apply_locally(&self, command: &Command<'_>) -> Option<Answer> {
        let gates = match command.verb {
            Verb::Switch { .. } => self.local(),
            Verb::Evict { .. } => self.used_local(),
            // Those who come in are decided on there.
            Verb::Inspect { .. } if self.breakers.is_open(command.resource) => self.used_local(),
            _ => None,
        };
        local_answer(gates?, command).ok()
    }

    async fn operate(&self, command: Command<'_>) -> Result<Answer, StoreError> {
        let locally = self.apply_locally(&command);
        match (command.verb, locally) {
            (Verb::Inspect { .. }, Some(seen)) => Ok(seen),
            (Verb::Evict { .. }, Some(Answer { outcome: Outcome::Done, .. })) => {
                // It may be at both; that it was here is certain.
                let _ = self.primary.apply(command).await;
                Ok(Answer { outcome: Outcome::Done, more: false, next_at: None, now: 0 })
            }
            _ => self.primary.apply(command).await,
        }
    }
}

/// What gates say that decide at once.
fn local_answer(gates: &Arc<dyn Gates>, command: &Command<'_>) -> Result<Answer, StoreError> {
    let decided = gates.try_apply(command);
    let decided = decided.unwrap_or_else(|| Err(StoreError::not_executed("the local store did not decide at once")));
    decided.map(|answer| marked(answer, Side::Local))
}

impl Gates for FallbackGates {
    fn try_apply(&self, command: &Command<'_>) -> Option<Result<Answer, StoreError>> {
        match (&command.verb, command.verb.key()) {
            (Verb::Enter(enter), _) => self.try_enter(command, enter),
            (_, Some(key)) => {
                let (side, gates, command) = self.at_home(command, key);
                Some(gates.try_apply(&command)?.map(|answer| marked(answer, side)))
            }
            (_, None) => {
                let answer = self.primary.try_apply(command)?;
                // A store that decides at once has done so; the other follows.
                self.apply_locally(command);
                Some(answer)
            }
        }
    }

    fn apply<'a>(&'a self, command: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        match (command.verb, command.verb.key()) {
            (Verb::Enter(enter), _) => Box::pin(async move { self.enter(command, &enter).await }),
            (_, Some(_)) => Box::pin(async move {
                let Some(key) = command.verb.key() else { return self.operate(command).await };
                let (side, gates, command) = self.at_home(&command, key);
                Ok(marked(gates.apply(command).await?, side))
            }),
            (_, None) => Box::pin(self.operate(command)),
        }
    }

    fn give_back(&self, lease: &Lease, doubt: bool) {
        if let Lease::Token(token) = lease {
            self.doubts.settle(&token.secret());
        }
        let (gates, own) = self.home_of_lease(lease);
        gates.give_back(own.as_ref().unwrap_or(lease), doubt);
    }

    fn needs_tokens(&self) -> bool {
        self.primary.needs_tokens()
    }

    fn poll_wait(&self, local: Local, cx: &mut Context<'_>) -> Poll<News> {
        match (local.unmarked(), self.local()) {
            ((Side::Primary, local), _) => self.primary.poll_wait(local, cx),
            ((Side::Local, local), Some(gates)) => gates.poll_wait(local, cx),
            ((Side::Local, _), None) => Poll::Ready(News::Over(Ending::Spent)),
        }
    }

    fn token(&self, lease: &Lease, detach: bool) -> Option<Token> {
        let (gates, own) = self.home_of_lease(lease);
        gates.token(own.as_ref().unwrap_or(lease), detach)
    }

    fn watch(&self, lease: &Lease, watch: &Arc<Watch>) {
        let (gates, own) = self.home_of_lease(lease);
        gates.watch(own.as_ref().unwrap_or(lease), watch);
    }

    fn trouble(&self) -> Option<StoreError> {
        self.primary.trouble()
    }

    fn conditions(&self) -> Option<Conditions> {
        self.primary.conditions()
    }

    fn survey<'a>(&'a self, query: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
        Box::pin(async move {
            match (self.primary.survey(query).await, self.used_local()) {
                (Err(_), Some(gates)) => gates.survey(query).await,
                (surveyed, _) => surveyed,
            }
        })
    }

    fn switch<'a>(
        &'a self,
        state: SwitchState,
        reopen_in: Option<Micros>,
        because: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            if let Some(gates) = self.local() {
                gates.switch(state, reopen_in, because).await?;
            }
            self.primary.switch(state, reopen_in, because).await
        })
    }

    fn force(&self, switch: Option<Setting>) {
        if let Some(gates) = self.local() {
            gates.force(switch.clone());
        }
        self.primary.force(switch);
    }

    fn report_unwell(&self, unwell_for: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if let Some(gates) = self.local() {
                gates.report_unwell(unwell_for).await?;
            }
            self.primary.report_unwell(unwell_for).await
        })
    }

    fn close(&self, grace: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.closing.store(true, Ordering::Release);
        let Some(gates) = self.local() else { return self.primary.close(grace) };
        Box::pin(async move {
            // At the same time: the grace is for both.
            let (primary, local) = both(self.primary.close(grace), gates.close(grace)).await;
            Ok(primary? + local?)
        })
    }
}

/// Does what local gates do as soon as they are asked to.
fn at_once<T>(future: impl Future<Output = T>) {
    let done = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    debug_assert!(done.is_ready());
}

/// Resolves when both have.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(done) = one.as_mut().poll(cx)
        {
            first = Some(done);
        }
        if second.is_none()
            && let Poll::Ready(done) = other.as_mut().poll(cx)
        {
            second = Some(done);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}
