//! A store that goes by tokens, fails as it is told to, and remembers what it was asked.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::gate::{Answer, Conditions, Key, Micros, Outcome, Spec, SwitchState, Verb};
use airlock_core::observer::Observers;
use airlock_core::store::{BoxFuture, Command, Gates, Lease, MemoryStore, Store, Survey, SurveyQuery, Watch};
use airlock_core::{ConfigError, StoreError, Token};

/// How it misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    None,
    /// Nothing is carried out.
    Fails,
    /// Nothing is carried out, and there is no answer, ever.
    Hangs,
    /// Everything is carried out, and nobody hears of it.
    LosesTheAnswer,
}

#[derive(Clone)]
pub(crate) struct Scripted {
    memory: MemoryStore,
    script: Arc<Script>,
}

struct Script {
    fault: AtomicU8,
    asked: Mutex<Vec<&'static str>>,
    conditions: Mutex<Conditions>,
}

impl Scripted {
    pub(crate) fn on(memory: MemoryStore) -> Self {
        let script =
            Script { fault: AtomicU8::new(Fault::None as u8), asked: Mutex::default(), conditions: Mutex::default() };
        Scripted { memory, script: Arc::new(script) }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.script.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// What another process has set for the whole airlock, and this one has heard of.
    pub(crate) fn hear(&self, conditions: Conditions) {
        *self.script.conditions.lock().expect("no panic under it") = conditions;
    }

    /// What it was asked since this was last asked.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.script.asked.lock().expect("no panic under it"))
    }
}

impl Script {
    fn note(&self, what: &'static str) {
        self.asked.lock().expect("no panic under it").push(what);
    }

    async fn pass<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let fault = self.fault.load(Ordering::SeqCst);
        if fault == Fault::Fails as u8 {
            return Err(StoreError::not_executed("it fails, as it was told to"));
        }
        if fault == Fault::Hangs as u8 {
            return std::future::pending().await;
        }
        let answer = answer.await;
        if fault == Fault::LosesTheAnswer as u8 {
            return Err(StoreError::unknown("the answer was lost, as it should be"));
        }
        answer
    }
}

impl Store for Scripted {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        Ok(Arc::new(ScriptedGates { gates: self.memory.open(spec, observers)?, script: self.script.clone() }))
    }
}

struct ScriptedGates {
    gates: Arc<dyn Gates>,
    script: Arc<Script>,
}

fn name(verb: &Verb<'_>) -> &'static str {
    match verb {
        Verb::Enter(_) => "enter",
        Verb::Poll { .. } => "poll",
        Verb::Look { .. } => "look",
        Verb::Claim { .. } => "claim",
        Verb::Renew { .. } => "renew",
        Verb::Restore { .. } => "restore",
        Verb::GiveUp { .. } => "give up",
        Verb::Resize { .. } => "resize",
        Verb::Switch { .. } => "switch",
        Verb::Evict { .. } => "evict",
        Verb::Inspect { .. } => "inspect",
        _ => "other",
    }
}

impl Gates for ScriptedGates {
    fn apply<'a>(&'a self, command: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        Box::pin(async move {
            self.script.note(name(&command.verb));
            self.script
                .pass(async {
                    let mut answer = self.gates.apply(command).await?;
                    match &mut answer.outcome {
                        Outcome::Admitted(grant) => grant.local = None,
                        Outcome::Queued(place) => place.local = None,
                        _ => {}
                    }
                    Ok(answer)
                })
                .await
        })
    }

    /// In the background, and therefore never lost.
    fn give_back(&self, lease: &Lease, doubt: bool) {
        let (_, key) = lease.address();
        assert!(!matches!(key, Key::Local(_)), "that is no handle of this store");
        self.script.note(if doubt { "give back with doubt" } else { "give back" });
        self.gates.give_back(lease, doubt);
    }

    fn token(&self, lease: &Lease, detach: bool) -> Option<Token> {
        self.gates.token(lease, detach)
    }

    fn watch(&self, lease: &Lease, watch: &Arc<Watch>) {
        self.gates.watch(lease, watch);
    }

    fn trouble(&self) -> Option<StoreError> {
        let fault = self.script.fault.load(Ordering::SeqCst);
        (fault != Fault::None as u8).then(|| StoreError::not_executed("it is known to fail"))
    }

    fn conditions(&self) -> Option<Conditions> {
        Some(self.script.conditions.lock().expect("no panic under it").clone())
    }

    fn survey<'a>(&'a self, query: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
        Box::pin(self.script.pass(self.gates.survey(query)))
    }

    fn switch<'a>(
        &'a self,
        state: SwitchState,
        reopen_in: Option<Micros>,
        because: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.script.pass(self.gates.switch(state, reopen_in, because)))
    }

    fn report_unwell(&self, unwell_for: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.script.pass(self.gates.report_unwell(unwell_for)))
    }

    fn close(&self, grace: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.gates.close(grace)
    }
}
