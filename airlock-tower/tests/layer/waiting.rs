//! In which order those who wait are answered.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::admission::Priority;
use airlock_core::{Airlock, Seal};
use airlock_tower::{AirlockLayer, integer_header};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tower::{Layer as _, ServiceExt as _};

use crate::support::{ROOM, admitted, airlock, get, in_line, inside, occupy, once, send, with_header};

/// Sends one request for each of these, one after the other, while the room is taken; then lets them in one by one.
/// Answers the order in which their handlers ran.
async fn order(airlock: &Airlock, layer: &AirlockLayer, requests: Vec<Request<()>>) -> Vec<usize> {
    let served = Arc::new(Mutex::new(Vec::new()));
    let place = occupy(airlock, ROOM);
    let mut waiting = Vec::new();
    for (number, request) in requests.into_iter().enumerate() {
        let served = served.clone();
        let service = tower::service_fn(move |_: Request<()>| {
            served.lock().unwrap().push(number);
            async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("done"))) }
        });
        let mut response = Box::pin(layer.layer(service).oneshot(request));
        assert!(once(response.as_mut()).is_pending());
        assert_eq!(in_line(airlock), number as u64 + 1);
        waiting.push(tokio::spawn(async move { response.await.unwrap().into_body().collect().await.unwrap() }));
    }
    drop(place);
    for response in waiting {
        assert_eq!(response.await.unwrap().to_bytes(), "done");
    }
    assert_eq!((inside(airlock), in_line(airlock)), (0, 0));
    Arc::into_inner(served).expect("all are done").into_inner().unwrap()
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(60));
    let served = order(&airlock, &layer, (0..20).map(|_| get()).collect()).await;
    assert_eq!(served, Vec::from_iter(0..20));
}

#[tokio::test(start_paused = true)]
async fn the_higher_priority_first_then_arrival() {
    let airlock = Airlock::builder(ROOM).seal(Seal::lock()).admission(Priority::new()).build().unwrap();
    let layer = AirlockLayer::new(airlock.clone()).priority(integer_header("x-priority")).wait(Duration::from_secs(60));
    let priorities = ["0", "-2147483648", "7", "7", "2147483647", "-3", "+7"];
    let mut requests: Vec<_> = priorities.iter().map(|priority| with_header("x-priority", priority)).collect();
    // Without one it is 0.
    requests.push(get());
    assert_eq!(order(&airlock, &layer, requests).await, [4, 2, 3, 6, 0, 7, 5, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_does_not_barge() {
    let airlock = airlock(2);
    let patient = AirlockLayer::new(airlock.clone()).weight(integer_header("x-weight")).wait(Duration::from_secs(60));
    let hasty = AirlockLayer::new(airlock.clone());
    let place = occupy(&airlock, ROOM);
    let mut heavy = Box::pin(patient.layer(crate::support::hello()).oneshot(with_header("x-weight", "2")));
    assert!(once(heavy.as_mut()).is_pending());
    // One place is free, but it is the heavy one's.
    assert_eq!(inside(&airlock), 1);
    assert_eq!(send(&hasty, get()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(place);
    assert_eq!(heavy.await.unwrap().status(), StatusCode::OK);
    assert_eq!(send(&hasty, get()).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn the_permit_says_how_long_it_waited() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(60));
    let service = tower::service_fn(|request: Request<()>| {
        let permit = admitted(&request).expect("a permit");
        async move { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(format!("{}", permit.waited().is_zero())))) }
    });
    let at_once = layer.layer(service).oneshot(get()).await.unwrap();
    assert_eq!(at_once.into_body().collect().await.unwrap().to_bytes(), "true");
    let place = occupy(&airlock, ROOM);
    let mut waiting = Box::pin(layer.layer(service).oneshot(get()));
    assert!(once(waiting.as_mut()).is_pending());
    drop(place);
    assert_eq!(waiting.await.unwrap().into_body().collect().await.unwrap().to_bytes(), "false");
}
