//! A node that has too much to do refuses before it asks the gate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use airlock_core::observer::Event;
use airlock_core::{Airlock, Seal};
use airlock_tower::{AirlockLayer, OnStoreError, by_header};
use http::{Request, StatusCode};
use tokio::sync::Semaphore;
use tower::limit::ConcurrencyLimit;
use tower::{Layer as _, Service as _, ServiceExt as _};

use crate::failing::{Failing, Failure};
use crate::support::{ROOM, Read, airlock, at_once, get, hello, in_line, occupy, send};

#[tokio::test(start_paused = true)]
async fn who_is_shed_is_told_so_and_the_gate_hears_nothing() {
    let events = Arc::new(AtomicUsize::new(0));
    let seen = events.clone();
    let observer = move |_: &Event<'_>| {
        seen.fetch_add(1, Ordering::Relaxed);
    };
    let airlock = Airlock::builder(ROOM).seal(Seal::lock()).observer(observer).build().unwrap();
    let overloaded = Arc::new(AtomicBool::new(true));
    let load = overloaded.clone();
    let layer = AirlockLayer::new(airlock).shed_when(move |_| load.load(Ordering::Relaxed));

    let read = Read::all(send(&layer, get()).await).await;
    assert_eq!((read.status, read.header("airlock-status")), (StatusCode::SERVICE_UNAVAILABLE, Some("shed")));
    assert_eq!((read.header("retry-after"), read.header("cache-control")), (Some("1"), Some("private, no-store")));
    let problem = read.problem();
    assert_eq!((&problem["type"], &problem["status"]), (&"urn:airlock:problem#shed".into(), &503.into()));
    assert_eq!(events.load(Ordering::Relaxed), 0);

    overloaded.store(false, Ordering::Relaxed);
    assert_eq!(send(&layer, get()).await.status(), StatusCode::OK);
    assert!(events.load(Ordering::Relaxed) > 0);
}

#[tokio::test(start_paused = true)]
async fn neither_a_line_nor_a_broken_store_nor_a_missing_name_comes_first() {
    let airlock = airlock(1);
    let _place = occupy(&airlock, ROOM);
    let waiting = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(60)).shed_when(|_| true);
    assert_eq!(Read::all(send(&waiting, get()).await).await.header("airlock-status"), Some("shed"));
    assert_eq!(in_line(&airlock), 0);

    let broken = AirlockLayer::new(Failing::new(Failure::Silent).airlock());
    let broken = broken.on_store_error(OnStoreError::Admit).shed_when(|_| true);
    assert_eq!(Read::all(send(&broken, get()).await).await.header("airlock-status"), Some("shed"));

    let nameless = AirlockLayer::new(airlock).resource(by_header("x-tenant")).shed_when(|_| true);
    assert_eq!(Read::all(send(&nameless, get()).await).await.header("airlock-status"), Some("shed"));
}

#[tokio::test(start_paused = true)]
async fn it_may_depend_on_the_request_and_leaves_what_is_skipped() {
    let layer = AirlockLayer::new(airlock(1))
        .skip(|parts| parts.uri.path() == "/healthz")
        .shed_when(|parts| parts.method != http::Method::DELETE);
    let request = |method: &str, path: &str| Request::builder().method(method).uri(path).body(()).unwrap();
    assert_eq!(send(&layer, request("DELETE", "/")).await.status(), StatusCode::OK);
    assert_eq!(send(&layer, request("GET", "/healthz")).await.status(), StatusCode::OK);
    assert_eq!(send(&layer, request("GET", "/")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let mut grpc = request("POST", "/");
    grpc.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let read = Read::all(send(&layer, grpc).await).await;
    assert_eq!((read.status, read.header("grpc-status")), (StatusCode::OK, Some("14")));
}

#[tokio::test(start_paused = true)]
async fn who_is_shed_leaves_no_permit_of_the_inner_service_parked() {
    let semaphore = Arc::new(Semaphore::new(1));
    let layer = AirlockLayer::new(airlock(1)).shed_when(|_| true);
    let mut service = layer.layer(ConcurrencyLimit::with_semaphore(hello(), semaphore.clone()));
    let shed = at_once(service.ready()).unwrap().call(get());
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(shed.await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
}
