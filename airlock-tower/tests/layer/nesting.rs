//! Layers around layers: each keeps its place, and each permit is found by its airlock's name.

use std::convert::Infallible;
use std::task::Poll;
use std::time::Duration;

use airlock_core::{Airlock, Seal, WeakAdmitted};
use airlock_tower::{AirlockLayer, OnStoreError};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::oneshot;
use tower::{ServiceBuilder, ServiceExt as _};

use crate::failing::{Failing, Failure};
use crate::support::{ROOM, Read, at_once, get, hello, inside_of, occupy, once};

fn named(name: &str) -> Airlock {
    Airlock::builder(name).seal(Seal::semaphore(1)).build().expect("a plain configuration")
}

fn layer(airlock: &Airlock) -> AirlockLayer {
    AirlockLayer::new(airlock.clone())
}

fn fence(airlock: &Airlock) -> u64 {
    at_once(Box::pin(airlock.inspect(airlock.name()))).expect("memory").holders[0].fence
}

#[tokio::test(start_paused = true)]
async fn the_innermost_is_the_handlers_and_each_is_found_by_name() {
    let airlocks = ["outer", "middle", "inner"].map(named);
    let seen = airlocks.clone();
    let handler = tower::service_fn(move |request: Request<()>| {
        let weak = request.extensions().get::<WeakAdmitted>().expect("it was let in").clone();
        assert_eq!(weak.upgrade().unwrap().fence(), fence(&seen[2]));
        for airlock in &seen {
            assert_eq!(inside_of(airlock, airlock.name()), 1);
            let admitted = weak.of(airlock.name()).expect("it is around");
            assert_eq!((admitted.airlock().name(), admitted.fence()), (airlock.name(), fence(airlock)));
        }
        assert!(weak.of("another").is_none());
        assert_eq!(format!("{weak:?}").matches("Permit {").count(), 3);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let [outer, middle, inner] = &airlocks;
    // The middle one's request waits, and is shown its permit on another path.
    let place = occupy(middle, "middle");
    let service = ServiceBuilder::new()
        .layer(layer(outer))
        .layer(layer(middle).wait(Duration::from_secs(60)))
        .layer(layer(inner))
        .service(handler);
    let mut response = Box::pin(service.oneshot(get()));
    assert!(once(response.as_mut()).is_pending());
    assert_eq!((inside_of(outer, "outer"), inside_of(inner, "inner")), (1, 0));
    drop(place);
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
    for airlock in &airlocks {
        assert_eq!(inside_of(airlock, airlock.name()), 0, "{}", airlock.name());
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_that_have_one_name_it_is_the_inner_one() {
    let (outer, inner) = (named(ROOM), named(ROOM));
    let seen = inner.clone();
    let handler = tower::service_fn(move |request: Request<()>| {
        let found = request.extensions().get::<WeakAdmitted>().and_then(|weak| weak.of(ROOM));
        assert_eq!(found.unwrap().fence(), fence(&seen));
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let service = ServiceBuilder::new().layer(layer(&outer)).layer(layer(&inner)).service(handler);
    assert_eq!(service.oneshot(get()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_skips_shows_nothing_and_one_that_admits_anyway_its_own() {
    let outer = named("outer");
    let broken = AirlockLayer::new(Failing::new(Failure::NotExecuted).airlock()).on_store_error(OnStoreError::Admit);
    let handler = tower::service_fn(|request: Request<()>| {
        let weak = request.extensions().get::<WeakAdmitted>().expect("it was let in").clone();
        assert!(weak.of("skipped").is_none());
        assert_ne!(weak.of("outer").unwrap().fence(), 0);
        assert_eq!(weak.of(ROOM).unwrap().fence(), 0, "no lease");
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let service = ServiceBuilder::new()
        .layer(layer(&outer))
        .layer(broken)
        .layer(layer(&named("skipped")).skip(|_| true))
        .service(handler);
    assert_eq!(service.oneshot(get()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_inside_holds_nothing_outside() {
    let (outer, inner) = (named("outer"), named("inner"));
    let _place = occupy(&inner, "inner");
    let service = ServiceBuilder::new().layer(layer(&outer)).layer(layer(&inner)).service(hello());
    let mut response = Box::pin(service.oneshot(get()));
    let Poll::Ready(Ok(response)) = once(response.as_mut()) else { panic!("it is refused at once") };
    let read = Read::all(response).await;
    assert_eq!((read.status, read.header("airlock-status")), (StatusCode::SERVICE_UNAVAILABLE, Some("full")));
    assert_eq!(read.problem()["airlock"], "inner");
    assert_eq!(inside_of(&outer, "outer"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_extensions_show_keeps_no_place() {
    let (outer, inner) = (named("outer"), named("inner"));
    let (sender, kept) = oneshot::channel();
    let sender = std::sync::Arc::new(std::sync::Mutex::new(Some(sender)));
    let handler = tower::service_fn(move |mut request: Request<()>| {
        let weak = request.extensions_mut().remove::<WeakAdmitted>().expect("it was let in");
        let sender = sender.lock().expect("not poisoned").take().expect("one request");
        sender.send(weak).expect("the test listens");
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let service = ServiceBuilder::new().layer(layer(&outer)).layer(layer(&inner)).service(handler);
    drop(service.oneshot(get()).await.unwrap());
    let weak = kept.await.unwrap();
    assert!(weak.upgrade().is_none() && weak.of("outer").is_none() && weak.of("inner").is_none());
    assert_eq!((inside_of(&outer, "outer"), inside_of(&inner, "inner")), (0, 0));
}
