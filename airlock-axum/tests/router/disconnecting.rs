//! Clients that go away, handlers that panic and leases that are lost, on a real socket.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};

use airlock_axum::gate::Ending;
use airlock_axum::observer::EventKind;
use airlock_axum::{AirlockLayer, Whom};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get as on_get;
use futures_util::stream;
use tokio::sync::mpsc;

use crate::support::{PATIENCE, ROOM, answer, send, serve, until, watched};

#[tokio::test]
async fn who_disconnects_while_it_waits_leaves_the_line() {
    let mut room = watched(1);
    let layer = AirlockLayer::new(room.airlock.clone()).wait(PATIENCE);
    let address = serve(Router::new().route("/", on_get(|| async { "worked" })).layer(layer)).await;
    let place = room.airlock.try_enter(ROOM).await.unwrap();
    let first = send(address, "GET / HTTP/1.1").await;
    room.until(EventKind::Queued).await;
    let second = send(address, "GET / HTTP/1.1").await;
    room.until(EventKind::Queued).await;
    drop(first);
    room.until(EventKind::Ended(Ending::Left)).await;
    assert_eq!(room.airlock.inspect(ROOM).await.unwrap().waiting, 1);
    drop(place);
    assert!(answer(second).await.ends_with("worked"));
}

#[tokio::test]
async fn who_disconnects_while_it_is_worked_for_lets_go() {
    let mut room = watched(1);
    let layer = AirlockLayer::new(room.airlock.clone());
    let address = serve(Router::new().route("/", on_get(pending::<()>)).layer(layer)).await;
    let stream = send(address, "GET / HTTP/1.1").await;
    room.until(EventKind::Admitted).await;
    drop(stream);
    room.until(EventKind::Ended(Ending::Released)).await;
    assert_eq!(room.inside().await, 0);
}

/// Answers with a body that is sent piece by piece.
fn trickling(layer: AirlockLayer) -> (mpsc::UnboundedSender<&'static str>, Router) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let handler = move || async move {
        let receiver: mpsc::UnboundedReceiver<&'static str> = receiver.lock().unwrap().take().expect("one request");
        Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
            let bytes = Bytes::from_static(receiver.recv().await?.as_bytes());
            Some((Ok::<_, Infallible>(bytes), receiver))
        }))
    };
    (sender, Router::new().route("/", on_get(handler)).layer(layer))
}

#[tokio::test]
async fn a_stream_holds_the_place_to_its_end() {
    let mut room = watched(1);
    let (sender, router) = trickling(AirlockLayer::new(room.airlock.clone()));
    let address = serve(router).await;
    let mut stream = send(address, "GET / HTTP/1.1").await;
    for part in ["one", "two"] {
        sender.send(part).unwrap();
        until(&mut stream, part).await;
        assert_eq!(room.inside().await, 1);
        assert!(answer(send(address, "GET / HTTP/1.1").await).await.starts_with("HTTP/1.1 503 "));
    }
    drop(sender);
    assert!(answer(stream).await.ends_with("0\r\n\r\n"), "a whole body");
    room.until(EventKind::Ended(Ending::Released)).await;
}

#[tokio::test]
async fn who_disconnects_in_the_middle_of_a_stream_lets_go() {
    let mut room = watched(1);
    let (sender, router) = trickling(AirlockLayer::new(room.airlock.clone()));
    let mut stream = send(serve(router).await, "GET / HTTP/1.1").await;
    sender.send("one").unwrap();
    until(&mut stream, "one").await;
    drop(stream);
    room.until(EventKind::Ended(Ending::Released)).await;
    assert!(sender.is_closed());
}

#[tokio::test]
async fn a_stream_whose_lease_is_lost_is_aborted() {
    let room = watched(1);
    let (sender, router) = trickling(AirlockLayer::new(room.airlock.clone()));
    let mut stream = send(serve(router).await, "GET / HTTP/1.1").await;
    sender.send("one").unwrap();
    until(&mut stream, "one").await;
    let fence = room.airlock.inspect(ROOM).await.unwrap().holders[0].fence;
    assert!(room.airlock.evict(ROOM, Whom::Fence(fence)).await.unwrap());
    let rest = answer(stream).await;
    assert!(!rest.contains("0\r\n\r\n"), "it must not look whole: {rest}");
    sender.closed().await;
}

#[tokio::test]
async fn a_handler_whose_lease_is_lost_is_a_500() {
    let mut room = watched(1);
    let layer = AirlockLayer::new(room.airlock.clone());
    let address = serve(Router::new().route("/", on_get(pending::<()>)).layer(layer)).await;
    let stream = send(address, "GET / HTTP/1.1").await;
    room.until(EventKind::Admitted).await;
    let fence = room.airlock.inspect(ROOM).await.unwrap().holders[0].fence;
    assert!(room.airlock.evict(ROOM, Whom::Fence(fence)).await.unwrap());
    let answer = answer(stream).await;
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("airlock-status: lost\r\n"), "{answer}");
    assert!(!answer.contains("retry-after"), "{answer}");
}

#[tokio::test]
async fn a_handler_that_panics_lets_go() {
    let mut room = watched(1);
    let layer = AirlockLayer::new(room.airlock.clone());
    let handler = || async {
        if true {
            panic!("the handler's own fault");
        }
    };
    let address = serve(Router::new().route("/", on_get(handler)).layer(layer)).await;
    for _ in 0..3 {
        assert_eq!(answer(send(address, "GET / HTTP/1.1").await).await, "", "the connection is gone");
        room.until(EventKind::Ended(Ending::Released)).await;
    }
    assert_eq!(room.inside().await, 0);
}

#[tokio::test]
async fn head_gets_the_refusals_headers_only() {
    let layer = AirlockLayer::new(watched(0).airlock);
    let address = serve(Router::new().route("/", on_get(|| async { "worked" })).layer(layer)).await;
    let get = answer(send(address, "GET / HTTP/1.1").await).await;
    let (get_head, body) = get.split_once("\r\n\r\n").unwrap();
    let head = answer(send(address, "HEAD / HTTP/1.1").await).await;
    assert!(head.starts_with("HTTP/1.1 503 ") && head.ends_with("\r\n\r\n"), "{head}");
    let length = format!("content-length: {}", body.len());
    for line in ["airlock-status: full", "retry-after: 1", "cache-control: private, no-store", &length] {
        assert!(head.lines().any(|other| other == line), "{line} in {head}");
        assert!(get_head.lines().any(|other| other == line), "{line} in {get_head}");
    }
}
