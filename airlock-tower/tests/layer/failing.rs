//! What happens when the store cannot be asked, and a store that cannot.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use airlock_core::gate::{Answer, Micros, Spec, SwitchState};
use airlock_core::observer::Observers;
use airlock_core::store::{BoxFuture, Command, Gates, Lease, Store, Survey, SurveyQuery, Watch};
use airlock_core::{Airlock, ConfigError, Seal, StoreError, Token};
use airlock_tower::{AirlockLayer, OnStoreError};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer as _, ServiceExt as _};

use crate::support::{ROOM, Read, admitted, get, once, send};

/// A store that fails at everything.
#[derive(Clone)]
pub(crate) struct Failing(Arc<FailingGates>);

struct FailingGates {
    failure: Failure,
    given_back: AtomicUsize,
    given_back_in_doubt: AtomicUsize,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Failure {
    /// It says that it did nothing.
    NotExecuted,
    /// It does not know what it did.
    Unknown,
    /// It does not answer.
    Silent,
}

impl Failing {
    pub(crate) fn new(failure: Failure) -> Self {
        let given_back = AtomicUsize::new(0);
        Failing(Arc::new(FailingGates { failure, given_back, given_back_in_doubt: AtomicUsize::new(0) }))
    }

    pub(crate) fn airlock(&self) -> Airlock {
        Airlock::builder(ROOM).seal(Seal::lock()).store(self.clone()).build().expect("a plain configuration")
    }

    /// How many tokens were given up: in all, and with a command unanswered.
    fn given_back(&self) -> (usize, usize) {
        (self.0.given_back.load(Ordering::Relaxed), self.0.given_back_in_doubt.load(Ordering::Relaxed))
    }
}

impl Store for Failing {
    fn open(&self, _: &Spec, _: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        Ok(self.0.clone())
    }
}

impl FailingGates {
    async fn fail<T>(&self) -> Result<T, StoreError> {
        let what = "redis://s3cret-user@s3cret-host: connection refused";
        match self.failure {
            Failure::NotExecuted => Err(StoreError::not_executed(what)),
            Failure::Unknown => Err(StoreError::unknown(what)),
            Failure::Silent => std::future::pending().await,
        }
    }
}

impl Gates for FailingGates {
    fn apply<'a>(&'a self, _: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        Box::pin(self.fail())
    }

    fn give_back(&self, _: &Lease, doubt: bool) {
        self.given_back.fetch_add(1, Ordering::Relaxed);
        self.given_back_in_doubt.fetch_add(usize::from(doubt), Ordering::Relaxed);
    }

    fn token(&self, _: &Lease, _: bool) -> Option<Token> {
        None
    }

    fn watch(&self, _: &Lease, _: &Arc<Watch>) {}

    fn survey<'a>(&'a self, _: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
        Box::pin(self.fail())
    }

    fn switch<'a>(
        &'a self,
        _: SwitchState,
        _: Option<Micros>,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::not_executed("it is down")) })
    }

    fn report_unwell(&self, _: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::not_executed("it is down")) })
    }

    fn close(&self, _: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async { Ok(0) })
    }
}

#[tokio::test(start_paused = true)]
async fn told_to_admit_it_admits_everybody_under_no_lease() {
    for failure in [Failure::NotExecuted, Failure::Unknown, Failure::Silent] {
        for wait in [Duration::ZERO, Duration::from_secs(60)] {
            let store = Failing::new(failure);
            let layer = AirlockLayer::new(store.airlock()).on_store_error(OnStoreError::Admit).wait(wait);
            let service = tower::service_fn(|request: Request<()>| {
                let permit = admitted(&request).expect("a permit all the same");
                async move {
                    assert_eq!(permit.fence(), 0);
                    assert!(permit.is_lost().is_none());
                    assert!(permit.token().is_err(), "there is nothing to renew or release");
                    // Longer than any lease, and never stopped.
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("worked")))
                }
            });
            let both = [layer.layer(service).oneshot(get()), layer.layer(service).oneshot(get())];
            for response in futures_util::future::join_all(both).await {
                let read = Read::all(response.unwrap()).await;
                assert_eq!((read.status, &read.body[..]), (StatusCode::OK, &b"worked"[..]), "{failure:?}");
            }
        }
    }
}

#[tokio::test]
async fn told_to_admit_it_still_refuses_what_is_wrong() {
    let store = Failing::new(Failure::NotExecuted);
    let layer = AirlockLayer::new(store.airlock()).on_store_error(OnStoreError::Admit).weight(|_| 0);
    assert_eq!(send(&layer, get()).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_command_that_may_have_been_carried_out_is_followed_up() {
    let store = Failing::new(Failure::Unknown);
    send(&AirlockLayer::new(store.airlock()), get()).await;
    assert_eq!(store.given_back(), (1, 1));

    let store = Failing::new(Failure::NotExecuted);
    send(&AirlockLayer::new(store.airlock()), get()).await;
    assert_eq!(store.given_back(), (0, 0), "there is nothing to give back");

    let store = Failing::new(Failure::Silent);
    let layer = AirlockLayer::new(store.airlock()).wait(Duration::from_secs(60));
    let mut asking = Box::pin(layer.layer(crate::support::hello()).oneshot(get()));
    assert!(once(asking.as_mut()).is_pending());
    drop(asking);
    assert_eq!(store.given_back(), (1, 1));
}
