//! The inner service is called only when it said that it is ready, and nobody sits on one that did.

use std::sync::Arc;
use std::time::Duration;

use airlock_tower::{CallError, CallLayer};
use tokio::sync::Semaphore;
use tower::limit::ConcurrencyLimit;
use tower::{Layer as _, Service as _, ServiceExt as _};

use super::{done, worker};
use crate::readiness::{Broken, Strict};
use crate::support::{ROOM, airlock, at_once, get, in_line, inside, occupy, once};

#[tokio::test(start_paused = true)]
async fn who_finds_room_calls_the_service_that_was_readied_and_who_waited_a_clone() {
    let airlock = airlock(1);
    let strict = Strict::default();
    let mut service = CallLayer::new(airlock.clone()).wait(Duration::from_secs(60)).layer(strict.clone());
    assert!(service.ready().await.unwrap().call(get()).await.is_ok());
    let place = occupy(&airlock, ROOM);
    let waiting = service.ready().await.unwrap().call(get());
    assert_eq!(in_line(&airlock), 1);
    drop(place);
    assert!(waiting.await.is_ok());
    assert!(service.ready().await.unwrap().call(get()).await.is_ok());
    assert_eq!(strict.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_waits_or_is_refused_sits_on_no_permit_of_the_inner_service() {
    let airlock = airlock(1);
    let semaphore = Arc::new(Semaphore::new(1));
    let layer = CallLayer::new(airlock.clone());
    let inner = ConcurrencyLimit::with_semaphore(worker(), semaphore.clone());
    let place = occupy(&airlock, ROOM);

    let mut refusing = layer.clone().layer(inner.clone());
    let refused = refusing.ready().await.unwrap().call(done());
    assert_eq!(semaphore.available_permits(), 1, "an idle connection must not keep somebody else out");
    assert!(at_once(refused).unwrap_err().is_busy());

    let mut waiting = layer.wait(Duration::from_secs(60)).layer(inner);
    waiting.ready().await.unwrap();
    assert_eq!(semaphore.available_permits(), 0, "readied");
    let mut waiting = Box::pin(waiting.call(done()));
    assert!(once(waiting.as_mut()).is_pending());
    assert_eq!(semaphore.available_permits(), 1, "parked while waiting");

    // Somebody else has the permit when the turn comes: then it waits for that, inside.
    let taken = semaphore.clone().try_acquire_owned().unwrap();
    drop(place);
    assert!(once(waiting.as_mut()).is_pending());
    assert_eq!(inside(&airlock), 1);
    drop(taken);
    assert!(waiting.await.is_ok());
    assert_eq!((semaphore.available_permits(), inside(&airlock)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_inner_service_that_fails_to_get_ready_is_an_error_and_lets_go() {
    let airlock = airlock(1);
    let mut service = CallLayer::new(airlock.clone()).wait(Duration::from_secs(60)).layer(Broken);
    assert!(matches!(at_once(service.ready()), Err(CallError::Inner("broken"))));

    let place = occupy(&airlock, ROOM);
    let mut waiting = Box::pin(service.call(get()));
    drop(place);
    assert!(once(waiting.as_mut()).is_ready());
    assert_eq!(inside(&airlock), 0, "even if the future lingers");
}
