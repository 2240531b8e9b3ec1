//! A store that takes its time: the memory store behind a wait before and after every command, as a server would be.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use airlock_core::gate::{Answer, Micros, Outcome, Spec, SwitchState};
use airlock_core::observer::Observers;
use airlock_core::store::{BoxFuture, Command, Gates, Lease, MemoryStore, Store, Survey, SurveyQuery, Watch};
use airlock_core::{ConfigError, StoreError, Token};

/// Decides nothing at once, and gives no handles: everything goes by token.
#[derive(Clone, Debug)]
pub(crate) struct YieldingStore(pub(crate) MemoryStore);

impl Store for YieldingStore {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        Ok(Arc::new(YieldingGates(self.0.open(spec, observers)?)))
    }
}

struct YieldingGates(Arc<dyn Gates>);

impl Gates for YieldingGates {
    fn apply<'a>(&'a self, command: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        Box::pin(between_yields(async move {
            let mut answer = self.0.apply(command).await?;
            match &mut answer.outcome {
                Outcome::Admitted(grant) => grant.local = None,
                Outcome::Queued(place) => place.local = None,
                _ => {}
            }
            Ok(answer)
        }))
    }

    fn give_back(&self, lease: &Lease, doubt: bool) {
        self.0.give_back(lease, doubt);
    }

    fn needs_tokens(&self) -> bool {
        true
    }

    fn token(&self, lease: &Lease, detach: bool) -> Option<Token> {
        self.0.token(lease, detach)
    }

    fn watch(&self, lease: &Lease, watch: &Arc<Watch>) {
        self.0.watch(lease, watch);
    }

    fn survey<'a>(&'a self, query: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
        Box::pin(between_yields(self.0.survey(query)))
    }

    fn switch<'a>(
        &'a self,
        state: SwitchState,
        reopen_in: Option<Micros>,
        because: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(between_yields(self.0.switch(state, reopen_in, because)))
    }

    fn report_unwell(&self, unwell_for: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(between_yields(self.0.report_unwell(unwell_for)))
    }

    fn close(&self, grace: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(between_yields(self.0.close(grace)))
    }
}

async fn between_yields<T>(work: impl Future<Output = T>) -> T {
    yield_once().await;
    let done = work.await;
    yield_once().await;
    done
}

/// Pending once. Not tokio's, so that it is woken at once and works without a runtime.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
