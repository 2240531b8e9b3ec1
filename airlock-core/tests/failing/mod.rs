//! A store that fails when it is told to, in front of the memory store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use airlock_core::gate::{Answer, Micros, Setting, Spec, SwitchState};
use airlock_core::observer::Observers;
use airlock_core::store::{BoxFuture, Command, Gates, Lease, MemoryStore, Store, Survey, SurveyQuery, Watch};
use airlock_core::{ConfigError, StoreError, Token};

/// Goes by tokens, as a server would.
#[derive(Clone, Default)]
pub(crate) struct FailingStore {
    pub(crate) memory: MemoryStore,
    pub(crate) plan: Arc<Plan>,
}

/// Which commands fail, and how many there were.
#[derive(Default)]
pub(crate) struct Plan {
    works: AtomicUsize,
    fails: AtomicUsize,
    asked: AtomicUsize,
}

impl Plan {
    /// So many commands work, and so many after them fail.
    pub(crate) fn fail_after(&self, works: usize, fails: usize) {
        self.works.store(works, Ordering::SeqCst);
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// How many commands there were since it was last asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    fn is_next_to_fail(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.works.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_err()
            && self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    }
}

impl Store for FailingStore {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        Ok(Arc::new(FailingGates { gates: self.memory.open(spec, observers)?, plan: self.plan.clone() }))
    }
}

struct FailingGates {
    gates: Arc<dyn Gates>,
    plan: Arc<Plan>,
}

fn down<T>() -> Result<T, StoreError> {
    Err(StoreError::not_executed("it is down"))
}

impl Gates for FailingGates {
    fn apply<'a>(&'a self, command: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        Box::pin(async move { if self.plan.is_next_to_fail() { down() } else { self.gates.apply(command).await } })
    }

    fn give_back(&self, lease: &Lease, doubt: bool) {
        self.gates.give_back(lease, doubt);
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
        state: SwitchState,
        reopen_in: Option<Micros>,
        because: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.gates.switch(state, reopen_in, because)
    }

    fn force(&self, switch: Option<Setting>) {
        self.gates.force(switch);
    }

    fn report_unwell(&self, unwell_for: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.gates.report_unwell(unwell_for)
    }

    fn close(&self, grace: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.gates.close(grace)
    }
}
