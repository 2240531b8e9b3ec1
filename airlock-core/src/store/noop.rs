use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{BoxFuture, Command, Gates, Lease, MemoryStore, News, Store, Survey, SurveyQuery, Watch};
use crate::error::{ConfigError, StoreError};
use crate::gate::{Answer, Denial, Enter, Micros, Outcome, Pick, Spec, Stay, SwitchState, Verb};
use crate::observer::Observers;
use crate::sync::Mutex;
use crate::token::{Local, Token};

/// Always open, or always shut: for tests of code that uses an [`Airlock`](crate::Airlock), whatever its limit is.
///
/// Open, everybody is let in at once, however many there are, whoever they are, and whatever the seal, the rate, the
/// operator's switch or health say. Permits are real: they have fences that grow, tokens, can be renewed, evicted and
/// lost, and `inspect` shows how many are inside; as nobody is a duplicate, they are so without a name. Shut, whoever asks is refused at once and nobody waits. Both write down what
/// they were asked.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::store::NoopStore;
/// use airlock_core::{Airlock, Entrant, Error, Seal};
///
/// /// The code under test.
/// async fn import(imports: &Airlock, tenant: &str) -> Result<&'static str, Error> {
///     let entrant = Entrant::new(format!("tenant:{tenant}")).identity("nightly").weight(2);
///     match imports.try_enter(entrant).await {
///         Ok(_permit) => Ok("imported"),
///         Err(error) if error.is_busy() => Ok("later"),
///         Err(error) => Err(error),
///     }
/// }
///
/// let store = NoopStore::open();
/// let imports = Airlock::builder("imports").seal(Seal::semaphore(5)).store(store.clone()).build()?;
/// assert_eq!(import(&imports, "acme").await?, "imported");
/// let asked = store.asked();
/// assert_eq!((&*asked[0].resource, asked[0].weight), ("tenant:acme", 2));
/// assert_eq!(imports.inspect("tenant:acme").await?.in_use, 0, "it has left again");
///
/// let full = Airlock::builder("imports").seal(Seal::semaphore(5)).store(NoopStore::shut()).build()?;
/// assert_eq!(import(&full, "acme").await?, "later");
/// # Ok(())
/// # }
/// ```
///
/// Clones are the same store. What was asked is kept for as long as one of them lives.
#[derive(Clone)]
pub struct NoopStore {
    shut: Option<Denial>,
    memory: MemoryStore,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// What somebody asked a [`NoopStore`].
///
/// See [`NoopStore`] for an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Asked {
    /// The airlock's name.
    pub airlock: Arc<str>,
    /// The resource.
    pub resource: String,
    /// Who asked, unless it was anonymous.
    pub identity: Option<String>,
    /// The group it belongs to.
    pub group: Option<String>,
    /// How much of the capacity it asked for.
    pub weight: u32,
    /// The score that the admission strategy gave it: minus the priority, under `Priority`.
    pub score: f64,
    /// Whether it would have waited.
    pub stay: Stay,
}

impl NoopStore {
    /// Lets everybody in.
    pub fn open() -> Self {
        NoopStore::new(None)
    }

    /// Refuses everybody, as [full](crate::Reason::Full): what a limit does.
    pub fn shut() -> Self {
        NoopStore::refusing(Denial::Full)
    }

    /// Refuses everybody for that reason.
    pub fn refusing(reason: Denial) -> Self {
        NoopStore::new(Some(reason))
    }

    fn new(shut: Option<Denial>) -> Self {
        NoopStore { shut, memory: MemoryStore::new(), asked: Arc::default() }
    }

    /// All that was asked, in that order: each time somebody wanted to enter, let in or not.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }
}

impl fmt::Debug for NoopStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoopStore").field("shut", &self.shut).finish_non_exhaustive()
    }
}

impl Store for NoopStore {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        let boundless = Spec { limit: u32::MAX, rate: None, pick: Pick::Nobody, ..spec.clone() };
        let gates = self.memory.open(&boundless, observers)?;
        Ok(Arc::new(NoopGates { airlock: spec.name.clone(), store: self.clone(), gates, observers: observers.clone() }))
    }
}

/// The gates of a memory store without limits, and somebody at the door who writes.
struct NoopGates {
    airlock: Arc<str>,
    store: NoopStore,
    gates: Arc<dyn Gates>,
    observers: Observers,
}

impl NoopGates {
    fn note(&self, resource: &str, enter: &Enter<'_>) {
        self.store.asked.lock().push(Asked {
            airlock: self.airlock.clone(),
            resource: resource.to_owned(),
            identity: enter.identity.map(str::to_owned),
            group: enter.group.map(str::to_owned),
            weight: enter.weight,
            score: enter.score,
            stay: enter.stay,
        });
    }
}

/// As it looks to whoever is refused.
fn closed(mut answer: Answer) -> Answer {
    if let Outcome::Seen(seen) = &mut answer.outcome {
        seen.airlock_switch.state = SwitchState::Closed;
    }
    answer
}

impl Gates for NoopGates {
    fn try_apply(&self, command: &Command<'_>) -> Option<Result<Answer, StoreError>> {
        let answer = |outcome| Some(Ok(Answer { outcome, more: false, next_at: None, now: 0 }));
        match (command.verb, self.store.shut) {
            (Verb::Enter(enter), None) => {
                self.note(command.resource, &enter);
                // Nobody is a duplicate.
                let verb = Verb::Enter(Enter { identity: None, ..enter });
                self.gates.try_apply(&Command { verb, ..*command })
            }
            (Verb::Enter(enter), Some(reason)) => {
                self.note(command.resource, &enter);
                self.observers.refused(command.resource, enter.identity, reason);
                answer(Outcome::Refused { reason, retry_after: None, because: None })
            }
            (Verb::Resize { .. } | Verb::Switch { .. }, _) => answer(Outcome::Done),
            (Verb::Inspect { .. }, Some(Denial::Closed)) => Some(self.gates.try_apply(command)?.map(closed)),
            _ => self.gates.try_apply(command),
        }
    }

    fn apply<'a>(&'a self, command: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        // Not before it is polled: a future that is dropped unpolled has done nothing.
        Box::pin(async move {
            match self.try_apply(&command) {
                Some(answer) => answer,
                None => self.gates.apply(command).await,
            }
        })
    }

    fn give_back(&self, lease: &Lease, doubt: bool) {
        self.gates.give_back(lease, doubt);
    }

    fn needs_tokens(&self) -> bool {
        self.gates.needs_tokens()
    }

    fn poll_wait(&self, local: Local, cx: &mut Context<'_>) -> Poll<News> {
        self.gates.poll_wait(local, cx)
    }

    fn token(&self, lease: &Lease, detach: bool) -> Option<Token> {
        self.gates.token(lease, detach)
    }

    fn watch(&self, lease: &Lease, watch: &Arc<Watch>) {
        self.gates.watch(lease, watch);
    }

    fn survey<'a>(&'a self, query: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
        self.gates.survey(query)
    }

    fn switch<'a>(
        &'a self,
        _state: SwitchState,
        _reopen_in: Option<Micros>,
        _because: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn report_unwell(&self, _unwell_for: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn close(&self, grace: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.gates.close(grace)
    }
}
