//! Whom it lets in, and under which name.

use std::time::Duration;

use airlock_core::{Entrant, Reason};
use airlock_tower::{CallError, CallLayer};
use tower::{Service as _, ServiceBuilder, ServiceExt as _};

use super::{Job, done, job, worker};
use crate::support::{ROOM, airlock, at_once, in_line, inside, inside_of, occupy, once};

#[tokio::test(start_paused = true)]
async fn the_place_is_kept_until_the_inner_future_has_ended() {
    let airlock = airlock(1);
    let service = ServiceBuilder::new().layer(CallLayer::new(airlock.clone())).service(worker());
    let (first, result) = job("");
    let mut running = Box::pin(service.clone().oneshot(first));
    assert!(once(running.as_mut()).is_pending());
    assert_eq!(inside(&airlock), 1);

    let refused = at_once(service.clone().oneshot(done())).expect_err("there is no room");
    assert!(matches!(&refused, CallError::Refused(error) if error.refusal().unwrap().reason == Reason::Full));

    result.send(7).unwrap();
    assert!(matches!(once(running.as_mut()), std::task::Poll::Ready(Ok(7))));
    // Even if the future itself lingers.
    assert_eq!(inside(&airlock), 0);
    assert_eq!(service.oneshot(done()).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_lets_go_as_well() {
    let airlock = airlock(1);
    let service = ServiceBuilder::new().layer(CallLayer::new(airlock.clone())).service(worker());
    let (failing, result) = job("");
    drop(result);
    let mut failed = Box::pin(service.oneshot(failing));
    assert!(once(failed.as_mut()).is_ready());
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test(start_paused = true)]
async fn a_closure_names_the_entrant_by_the_request() {
    let airlock = airlock(1);
    let layer = CallLayer::new(airlock.clone()).entrant(|job: &Job| Entrant::new(job.tenant));
    let service = ServiceBuilder::new().layer(layer).service(worker());
    let (acme, _acme) = job("acme");
    let mut running = Box::pin(service.clone().oneshot(acme));
    assert!(once(running.as_mut()).is_pending());
    assert_eq!((inside_of(&airlock, "acme"), inside(&airlock)), (1, 0));

    let (again, _again) = job("acme");
    assert!(at_once(service.clone().oneshot(again)).unwrap_err().is_busy());
    let (globex, result) = job("globex");
    result.send(1).unwrap();
    assert_eq!(service.clone().oneshot(globex).await.unwrap(), 1);

    // An impossible name is no decision about room.
    let (nobody, _nobody) = job("");
    let error = at_once(service.oneshot(nobody)).unwrap_err();
    assert!(matches!(error, CallError::Refused(airlock_core::Error::Invalid(_))) && !error.is_busy());
}

#[tokio::test(start_paused = true)]
async fn an_entrant_or_a_name_is_the_same_for_all() {
    let airlock = airlock(3);
    let heavy = CallLayer::new(airlock.clone()).entrant(Entrant::new("erp").weight(2));
    let light = CallLayer::new(airlock.clone()).entrant("erp");
    let (first, _first) = job("acme");
    let mut running = Box::pin(ServiceBuilder::new().layer(heavy.clone()).service(worker()).oneshot(first));
    assert!(once(running.as_mut()).is_pending());
    assert_eq!(inside_of(&airlock, "erp"), 2);
    assert!(at_once(ServiceBuilder::new().layer(heavy).service(worker()).oneshot(done())).unwrap_err().is_busy());
    assert!(ServiceBuilder::new().layer(light).service(worker()).oneshot(done()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_let_in_by_turn_and_not_for_longer_than_it_may() {
    let airlock = airlock(1);
    let wait = Duration::from_secs(5);
    let mut service = ServiceBuilder::new().layer(CallLayer::new(airlock.clone()).wait(wait)).service(worker());
    let place = occupy(&airlock, ROOM);
    let mut first = Box::pin(service.ready().await.unwrap().call(done()));
    let mut second = Box::pin(service.ready().await.unwrap().call(done()));
    assert!(once(first.as_mut()).is_pending() && once(second.as_mut()).is_pending());
    assert_eq!(in_line(&airlock), 2);
    drop(place);
    assert!(once(second.as_mut()).is_pending(), "not before its turn");
    assert!(first.await.is_ok() && second.await.is_ok());

    let _place = occupy(&airlock, ROOM);
    let begun = tokio::time::Instant::now();
    let error = service.ready().await.unwrap().call(done()).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused(error) if error.refusal().unwrap().reason == Reason::TimedOut));
    assert!((wait..wait + Duration::from_millis(10)).contains(&begun.elapsed()));
    assert_eq!(in_line(&airlock), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_nothing_only_tries() {
    let airlock = airlock(1);
    let layer = CallLayer::new(airlock.clone()).wait(Duration::ZERO);
    let _place = occupy(&airlock, ROOM);
    let error = at_once(ServiceBuilder::new().layer(layer).service(worker()).oneshot(done())).unwrap_err();
    assert!(matches!(&error, CallError::Refused(error) if error.refusal().unwrap().reason == Reason::Full));
}
