//! The stream of what happens.

use std::time::Duration;

use airlock_axum::{Entrant, Error};
use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::Scene;

/// A stream that is open.
struct Listener {
    body: BodyDataStream,
    heard: String,
}

impl Listener {
    async fn to(scene: &Scene) -> Self {
        let request = Request::get("/admin/events").body(Body::empty()).expect("a request");
        let response = match scene.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        assert_eq!(response.headers()["cache-control"], "private, no-store, no-transform");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Listener { body: response.into_body().into_data_stream(), heard: String::new() }
    }

    /// The next event and its data.
    async fn next(&mut self) -> (String, Value) {
        loop {
            while let Some((message, rest)) = self.heard.split_once("\n\n") {
                let (message, rest) = (message.to_owned(), rest.to_owned());
                self.heard = rest;
                if let Some((event, data)) = message.strip_prefix("event: ").and_then(|it| it.split_once("\ndata: ")) {
                    return (event.to_owned(), serde_json::from_str(data).expect("JSON"));
                }
                assert_eq!(message, ":", "a sign of life");
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.body.next()).await.expect("in time");
            self.heard += std::str::from_utf8(&chunk.expect("it goes on").expect("no error")).expect("text");
        }
    }
}

#[tokio::test]
async fn all_that_happens_is_told_as_it_happens() -> Result<(), Error> {
    let scene = Scene::new();
    let mut listener = Listener::to(&scene).await;
    let permit = scene.imports.try_enter(Entrant::new("acme\n\n").identity("ada")).await;
    assert!(permit.is_err(), "no such name, and nobody is told");
    let permit = scene.imports.try_enter(Entrant::new("acme").identity("a\"da")).await?;
    let (event, data) = listener.next().await;
    let expected = json!({ "airlock": "imports", "resource": "acme", "identity": "a\"da", "fence": permit.fence(), "waited_ms": 0 });
    assert_eq!((&*event, data), ("admitted", expected));
    scene.does(Method::PUT, "/airlocks/imports/limit?resource=acme", r#"{"limit":1}"#).await;
    let resized = json!({ "airlock": "imports", "resource": "acme", "limit": 1 });
    assert_eq!(listener.next().await, ("resized".to_owned(), resized));
    assert!(scene.imports.try_enter("acme").await.is_err());
    let refused = json!({ "airlock": "imports", "resource": "acme", "reason": "full" });
    assert_eq!(listener.next().await, ("refused".to_owned(), refused));
    scene.clock.advance(Duration::from_millis(1500));
    drop(permit);
    let (event, data) = listener.next().await;
    assert_eq!((&*event, &data["held_ms"]), ("released", &json!(1500)));
    // The other airlock's as well.
    let calls = scene.send(Method::PUT, "/airlocks/calls%20%2F%20out/limit?resource=x", &[], r#"{"limit":9}"#).await;
    assert_eq!(calls.status, 204);
    assert_eq!(listener.next().await.1["airlock"], "calls / out");
    Ok(())
}

#[tokio::test]
async fn a_stream_that_does_not_keep_up_is_told_what_it_lost_and_holds_nobody_up() -> Result<(), Error> {
    let scene = Scene::new();
    let mut listener = Listener::to(&scene).await;
    drop(scene.imports.try_enter("first").await?);
    assert_eq!(listener.next().await.1["resource"], "first");
    for _ in 0..2000 {
        drop(scene.imports.try_enter("acme").await?);
    }
    let (mut lost, mut told) = (0, 0);
    while lost + told < 4001 {
        match listener.next().await {
            (event, data) if event == "lost" => lost += data["many"].as_u64().expect("a number"),
            _ => told += 1,
        }
    }
    assert!(lost > 2000 && told > 1000, "{lost} lost, {told} told");
    assert_eq!(lost + told, 4001);
    Ok(())
}

#[tokio::test]
async fn only_so_many_streams_are_open_at_once() {
    let scene = Scene::new();
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(Listener::to(&scene).await);
    }
    scene.send(Method::GET, "/events", &[], "").await.is_problem(503, "one more");
    open.pop();
    open.push(Listener::to(&scene).await);
}
