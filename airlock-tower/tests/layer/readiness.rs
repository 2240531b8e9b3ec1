//! The inner service is called only when it said that it is ready, and nobody sits on one that did.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use airlock_tower::AirlockLayer;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tower::limit::ConcurrencyLimit;
use tower::{Layer as _, Service, ServiceExt as _};

use crate::support::{ROOM, airlock, at_once, get, hello, in_line, inside, occupy, once};

/// Panics when it is called without having been readied. A clone has not been.
#[derive(Debug, Default)]
pub(crate) struct Strict {
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Strict {
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Strict { ready: false, calls: self.calls.clone() }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been readied");
        self.calls.fetch_add(1, Ordering::Relaxed);
        ready(Ok(Response::default()))
    }
}

#[tokio::test(start_paused = true)]
async fn who_finds_room_calls_the_service_that_was_readied() {
    let strict = Strict::default();
    let mut service = AirlockLayer::new(airlock(1)).layer(strict.clone());
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(get()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(strict.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_had_to_wait_calls_a_clone_that_is_readied_after_admission() {
    let airlock = airlock(1);
    let strict = Strict::default();
    let mut service = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(60)).layer(strict.clone());
    let place = occupy(&airlock, ROOM);
    let waiting = service.ready().await.unwrap().call(get());
    assert_eq!(in_line(&airlock), 1);
    drop(place);
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
    // And the service itself is as good as ever.
    assert_eq!(service.ready().await.unwrap().call(get()).await.unwrap().status(), StatusCode::OK);
    assert_eq!(strict.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn skipped_requests_call_the_service_that_was_readied() {
    let layer = AirlockLayer::new(airlock(1)).skip(|_| true);
    let mut service = layer.layer(Strict::default());
    assert_eq!(service.ready().await.unwrap().call(get()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "called without having been readied")]
async fn the_strict_service_is_strict() {
    let mut service = AirlockLayer::new(airlock(1)).layer(Strict::default());
    let _ = service.call(get()).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_sits_on_no_permit_of_the_inner_service() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(60));
    let semaphore = Arc::new(Semaphore::new(1));
    let mut service = layer.layer(ConcurrencyLimit::with_semaphore(hello(), semaphore.clone()));
    let place = occupy(&airlock, ROOM);

    service.ready().await.unwrap();
    assert_eq!(semaphore.available_permits(), 0, "readied");
    let mut waiting = Box::pin(service.call(get()));
    assert!(once(waiting.as_mut()).is_pending());
    assert_eq!(semaphore.available_permits(), 1, "parked while waiting");

    // Somebody else has the permit when the turn comes: then it waits for that, inside.
    let taken = semaphore.clone().try_acquire_owned().unwrap();
    drop(place);
    assert!(once(waiting.as_mut()).is_pending());
    assert_eq!(inside(&airlock), 1);
    drop(taken);
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
    assert_eq!(semaphore.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_leaves_no_permit_of_the_inner_service_parked() {
    let airlock = airlock(1);
    let semaphore = Arc::new(Semaphore::new(1));
    let mut service =
        AirlockLayer::new(airlock.clone()).layer(ConcurrencyLimit::with_semaphore(hello(), semaphore.clone()));
    let _place = occupy(&airlock, ROOM);
    let response = service.ready().await.unwrap().call(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(semaphore.available_permits(), 1, "an idle connection must not keep somebody else out");
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_while_the_inner_service_gets_ready_lets_go() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(60));
    let semaphore = Arc::new(Semaphore::new(1));
    let mut service = layer.layer(ConcurrencyLimit::with_semaphore(hello(), semaphore.clone()));
    let place = occupy(&airlock, ROOM);
    let mut waiting = Box::pin(service.ready().await.unwrap().call(get()));
    assert!(once(waiting.as_mut()).is_pending());
    let _taken = semaphore.try_acquire_owned().unwrap();
    drop(place);
    assert!(once(waiting.as_mut()).is_pending());
    assert_eq!(inside(&airlock), 1);
    drop(waiting);
    assert_eq!(inside(&airlock), 0);
}

/// Fails to get ready, once somebody has been let in after waiting.
#[derive(Clone, Debug)]
pub(crate) struct Broken;

impl Service<Request<()>> for Broken {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Err("broken"))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Err("called"))
    }
}

#[tokio::test(start_paused = true)]
async fn an_inner_service_that_fails_is_an_error_and_lets_go() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(60));
    let mut service = layer.layer(Broken);
    assert_eq!(at_once(service.ready()).err(), Some("broken"));
    assert_eq!(at_once(service.call(get())).err(), Some("called"));
    assert_eq!(inside(&airlock), 0);

    let place = occupy(&airlock, ROOM);
    let waiting = service.call(get());
    drop(place);
    assert_eq!(waiting.await.err(), Some("broken"));
    assert_eq!(inside(&airlock), 0);
}
