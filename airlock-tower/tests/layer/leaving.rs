//! Whoever goes away lets go: at every moment, and also by panicking.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use airlock_tower::AirlockLayer;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer as _, Service, ServiceExt as _};

use crate::support::{ROOM, airlock, get, hello, in_line, inside, occupy, once, send};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_response_future_dropped_while_the_handler_runs_lets_go() {
    let airlock = airlock(1);
    let service = tower::service_fn(|_: Request<()>| pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let mut running = Box::pin(AirlockLayer::new(airlock.clone()).layer(service).oneshot(get()));
    assert!(once(running.as_mut()).is_pending());
    assert_eq!(inside(&airlock), 1);
    drop(running);
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test(start_paused = true)]
async fn a_response_future_that_is_never_polled_lets_go() {
    let airlock = airlock(1);
    let mut service = AirlockLayer::new(airlock.clone()).layer(hello());
    let unpolled = service.ready().await.unwrap().call(get());
    assert_eq!(inside(&airlock), 1);
    drop(unpolled);
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_while_it_waits_leaves_the_line() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).wait(MINUTE);
    let place = occupy(&airlock, ROOM);
    let mut first = Box::pin(layer.layer(hello()).oneshot(get()));
    let mut second = Box::pin(layer.layer(hello()).oneshot(get()));
    assert!(once(first.as_mut()).is_pending());
    assert!(once(second.as_mut()).is_pending());
    assert_eq!(in_line(&airlock), 2);
    drop(first);
    assert_eq!(in_line(&airlock), 1);
    drop(place);
    assert_eq!(second.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_in_the_moment_of_its_turn_passes_it_on() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).wait(MINUTE);
    let place = occupy(&airlock, ROOM);
    let mut first = Box::pin(layer.layer(hello()).oneshot(get()));
    let mut second = Box::pin(layer.layer(hello()).oneshot(get()));
    assert!(once(first.as_mut()).is_pending());
    assert!(once(second.as_mut()).is_pending());
    // The first is inside from here on, and does not know it yet.
    drop(place);
    assert!(once(second.as_mut()).is_pending());
    drop(first);
    assert_eq!(second.await.unwrap().status(), StatusCode::OK);
    assert_eq!((inside(&airlock), in_line(&airlock)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_handler_lets_go() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).wait(MINUTE);
    let service = tower::service_fn(|_: Request<()>| async {
        tokio::task::yield_now().await;
        panic!("the handler's own fault");
        #[expect(unreachable_code, reason = "says what the handler would answer")]
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let task = tokio::spawn(layer.layer(service).oneshot(get()));
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(inside(&airlock), 0);

    // In `call` itself, and after waiting.
    let service =
        tower::service_fn(|_: Request<()>| -> std::future::Ready<Result<Response<Full<Bytes>>, Infallible>> {
            panic!("the handler's own fault")
        });
    let task = tokio::spawn({
        let service = layer.layer(service);
        async move { service.oneshot(get()).await }
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(inside(&airlock), 0);
    let place = occupy(&airlock, ROOM);
    let mut waiting = Box::pin(layer.layer(service).oneshot(get()));
    assert!(once(waiting.as_mut()).is_pending());
    drop(place);
    assert!(tokio::spawn(waiting).await.unwrap_err().is_panic());
    assert_eq!(inside(&airlock), 0);
    assert_eq!(send(&layer, get()).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_that_is_torn_away_leaves_nothing_behind() {
    let airlock = airlock(3);
    let layer = AirlockLayer::new(airlock.clone()).wait(MINUTE);
    let service = tower::service_fn(|_: Request<()>| pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let mut crowd: Vec<_> = (0..50).map(|_| Box::pin(layer.layer(service).oneshot(get()))).collect();
    for one in &mut crowd {
        assert!(once(one.as_mut()).is_pending());
    }
    assert_eq!((inside(&airlock), in_line(&airlock)), (3, 47));
    // From inside and out of the line alike; whoever is let in by that goes as well.
    while !crowd.is_empty() {
        drop(crowd.swap_remove(crowd.len() / 2));
    }
    assert_eq!((inside(&airlock), in_line(&airlock)), (0, 0));
}
