//! Whoever drops a call leaves nothing behind, and whoever loses its lease is stopped.

use std::task::Poll;
use std::time::Duration;

use airlock_core::Whom;
use airlock_tower::CallLayer;
use tower::{Service as _, ServiceBuilder, ServiceExt as _};

use super::{done, job, worker};
use crate::support::{ROOM, airlock, at_once, in_line, inside, occupy, once};

#[tokio::test(start_paused = true)]
async fn dropping_a_call_that_runs_stops_it_and_lets_go() {
    let airlock = airlock(1);
    let service = ServiceBuilder::new().layer(CallLayer::new(airlock.clone())).service(worker());
    let (work, result) = job("");
    let mut running = Box::pin(service.oneshot(work));
    assert!(once(running.as_mut()).is_pending());
    drop(running);
    assert!(result.is_closed(), "the inner future is dropped");
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_that_waits_leaves_the_line() {
    let airlock = airlock(1);
    let layer = CallLayer::new(airlock.clone()).wait(Duration::from_secs(60));
    let mut service = ServiceBuilder::new().layer(layer).service(worker());
    let place = occupy(&airlock, ROOM);
    let polled = {
        let mut waiting = Box::pin(service.ready().await.unwrap().call(done()));
        assert!(once(waiting.as_mut()).is_pending());
        waiting
    };
    let unpolled = service.ready().await.unwrap().call(done());
    assert_eq!(in_line(&airlock), 2);
    drop(unpolled);
    drop(polled);
    assert_eq!(in_line(&airlock), 0);

    // Also if its turn has come, and it does not know yet.
    let waiting = service.ready().await.unwrap().call(done());
    drop(place);
    assert_eq!(inside(&airlock), 1);
    drop(waiting);
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_stops_the_call_and_is_an_error() {
    let airlock = airlock(1);
    let service = ServiceBuilder::new().layer(CallLayer::new(airlock.clone())).service(worker());
    let (work, result) = job("");
    let running = tokio::spawn(service.oneshot(work));
    while inside(&airlock) == 0 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    let fence = at_once(Box::pin(airlock.inspect(ROOM))).unwrap().holders[0].fence;
    assert!(airlock.evict(ROOM, Whom::Fence(fence)).await.unwrap());
    // On paused time this is over at once when nothing is going to happen.
    let ended = tokio::time::timeout(Duration::from_secs(60), running).await.expect("the call is stopped");
    let error = ended.unwrap().unwrap_err();
    assert!(error.is_lost() && !error.is_busy(), "{error:?}");
    assert!(result.is_closed(), "the inner future is dropped");
}

#[tokio::test(start_paused = true)]
async fn what_was_finished_is_not_lost_with_the_lease() {
    let airlock = airlock(1);
    let service = ServiceBuilder::new().layer(CallLayer::new(airlock.clone())).service(worker());
    let (work, result) = job("");
    let mut running = Box::pin(service.oneshot(work));
    assert!(once(running.as_mut()).is_pending());
    let fence = at_once(Box::pin(airlock.inspect(ROOM))).unwrap().holders[0].fence;
    assert!(airlock.evict(ROOM, Whom::Fence(fence)).await.unwrap());
    result.send(9).unwrap();
    assert!(matches!(once(running.as_mut()), Poll::Ready(Ok(9))));
}
