//! The shop behind its waiting room, on each store.

use std::time::{Duration, Instant};

use airlock_tests::flagship::{Flagship, PATIENCE};
use airlock_tests::redis::Server;
use http::Method;

use crate::client::{Client, wait_for};
use crate::stream::Stream;
use crate::visitor::Visitor;

/// A server of its own for each store; the second is what it needs.
fn shops(options: &[&str]) -> [(Flagship, Option<Server>); 2] {
    let redis = Server::start();
    let url = redis.url();
    let on_redis = Flagship::start(&[options, &["--store", &url]].concat());
    [(Flagship::start(options), None), (on_redis, Some(redis))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_line_into_the_shop() {
    for (server, _store) in shops(&["--active-users", "1"]) {
        let (mut ada, mut bob) = (Visitor::of(&server), Visitor::of(&server));
        assert_eq!(ada.visit().await.status, 200);
        assert_eq!(ada.send(Method::POST, "/shop", &[]).await.status, 200);
        let queued = bob.visit().await;
        queued.is_refused(503, "queued");
        assert_eq!(queued.headers["airlock-position"], "1");
        assert_eq!(bob.status().await["position"], 1);
        let page = bob.send(Method::GET, "/shop", &[("accept", "text/html")]).await;
        assert!(page.headers.contains_key("refresh") && page.headers.contains_key("content-security-policy"));
        let head = bob.send(Method::HEAD, "/shop", &[]).await;
        assert_eq!((head.status.as_u16(), head.said(), head.body.len()), (503, Some("full"), 0));
        bob.send(Method::POST, "/shop", &[]).await.is_refused(503, "full");
        bob.send(Method::POST, "/.airlock/shop/claim", &[]).await;
        let foreign = ada.send(Method::POST, "/.airlock/shop/leave", &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(foreign.status, 403);

        assert_eq!(ada.send(Method::POST, "/.airlock/shop/leave", &[]).await.status, 204);
        let offered = bob.until("offered").await;
        assert!(offered["claim_within_ms"].as_u64().is_some_and(|within| within <= 20_000), "{offered}");
        let claimed = bob.send(Method::POST, "/.airlock/shop/claim", &[]).await;
        assert_eq!(
            (claimed.status.as_u16(), &claimed.headers["cache-control"]),
            (200, &"private, no-store".parse().unwrap())
        );
        assert_eq!(bob.send(Method::POST, "/shop", &[]).await.status, 200);
        assert_eq!(bob.status().await["status"], "admitted");
        ada.visit().await.is_refused(503, "queued");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lasts_for_as_long_as_somebody_comes_back() {
    for (server, _store) in shops(&["--active-users", "1", "--session", "2"]) {
        let mut ada = Visitor::of(&server);
        assert_eq!(ada.visit().await.status, 200);
        let mut bob = Visitor::of(&server);
        bob.visit().await.is_refused(503, "queued");
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(4) {
            assert_eq!(ada.send(Method::POST, "/shop", &[]).await.status, 200);
            assert_eq!(bob.status().await["status"], "queued");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        bob.until("offered").await;
        assert!(started.elapsed() >= Duration::from_secs(5), "hers was not over yet");
        ada.send(Method::POST, "/shop", &[]).await.is_refused(503, "full");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_one_address_only_so_many_are_new() {
    for (server, _store) in shops(&["--active-users", "1", "--per-address", "3"]) {
        assert_eq!(Visitor::of(&server).visit().await.status, 200);
        for _ in 0..3 {
            Visitor::of(&server).visit().await.is_refused(503, "queued");
        }
        let mut beyond = Visitor::of(&server);
        beyond.visit().await.is_refused(503, "line-full");
        assert!(beyond.cookies.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_tells_of_the_turn() {
    for (server, _store) in shops(&["--active-users", "1"]) {
        let (mut ada, mut bob) = (Visitor::of(&server), Visitor::of(&server));
        ada.visit().await;
        bob.visit().await.is_refused(503, "queued");
        let mut stream = Stream::open(&server, &bob, "").await;
        assert_eq!(stream.event().await["event"], "position");
        ada.leave().await;
        assert_eq!(stream.event().await["event"], "offered");
        bob.send(Method::POST, "/.airlock/shop/claim", &[]).await;
        assert_eq!(stream.event().await["event"], "admitted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_visitor_has_is_in_no_log() {
    for (server, _store) in shops(&["--active-users", "1"]) {
        let (mut ada, mut bob) = (Visitor::of(&server), Visitor::of(&server));
        ada.visit().await;
        bob.visit().await;
        ada.send(Method::POST, "/.airlock/shop/leave", &[]).await;
        wait_for(&server, "released", 1);
        let log = server.log().concat();
        assert!(log.contains("queued"), "{log}");
        for value in bob.cookies.values() {
            assert!(!log.contains(value.as_str()) && !log.contains(&value[value.len() - 20..]));
        }
    }
}

/// A visitor may come to any of several processes with each request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_are_one_shop() {
    let redis = Server::start();
    let url = redis.url();
    let node = || Flagship::start(&["--active-users", "1", "--store", &url]);
    let (here, there) = (node(), node());
    let mut ada = Visitor::of(&here);
    assert_eq!(ada.visit().await.status, 200);
    let mut ada_there = Visitor { client: Client::of(&there), cookies: ada.cookies.clone() };
    assert_eq!(ada_there.send(Method::POST, "/shop", &[]).await.status, 200, "her pass is good there");
    assert_eq!(ada.send(Method::POST, "/shop", &[]).await.status, 200);
    let mut bob = Visitor::of(&there);
    bob.visit().await.is_refused(503, "queued");
    // His cookie comes back elsewhere: the process that gave the place must not give it up.
    let mut bob_here = Visitor { client: Client::of(&here), cookies: bob.cookies.clone() };
    assert_eq!(bob_here.status().await["status"], "queued");
    let given = Instant::now();
    while given.elapsed() < Duration::from_secs(12) {
        assert_eq!(bob_here.status().await["position"], 1, "after {:?}", given.elapsed());
        assert_eq!(ada.send(Method::POST, "/shop", &[]).await.status, 200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // She leaves there, and here it is noticed within a second or two.
    assert_eq!(ada_there.send(Method::POST, "/.airlock/shop/leave", &[]).await.status, 204);
    let left = Instant::now();
    while ada.send(Method::POST, "/shop", &[]).await.status == 200 {
        assert!(left.elapsed() < Duration::from_secs(5), "it is not noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bob.until("offered").await;
    bob.visit().await;
    assert_eq!(bob_here.status().await["status"], "admitted");
}

/// Who is inside need not notice, and nobody else is told that there is no room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_hangs_is_unavailable() {
    let redis = Server::start();
    let server = Flagship::start(&["--store", &redis.url()]);
    let mut ada = Visitor::of(&server);
    ada.visit().await;
    assert_eq!(ada.visit().await.status, 200);
    redis.signal("STOP");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (inside, outside) = (ada.visit().await, Visitor::of(&server).visit().await);
    let asked = ada.send(Method::GET, "/.airlock/shop/status", &[]).await;
    redis.signal("CONT");
    assert_eq!(inside.status, 200, "{inside:?}");
    outside.is_refused(503, "unavailable");
    asked.is_refused(503, "unavailable");
    let mut bob = Visitor::of(&server);
    let deadline = Instant::now() + PATIENCE;
    while bob.visit().await.status != 200 {
        assert!(Instant::now() < deadline, "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
