//! `Enter`: admission by the handler's own extractor, with what the layer's clients can rely on.

use std::convert::Infallible;
use std::time::Duration;

use airlock_axum::gate::Ending;
use airlock_axum::observer::EventKind;
use airlock_axum::{Airlock, Enter, EnterRejection, Entrant, Gate, Reason, Whom};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get as on_get;
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use crate::support::{PATIENCE, ROOM, Watched, answer, get, oneshot, send, serve, text, until, watched};

#[derive(Clone)]
struct App {
    room: Airlock,
}

/// Lets in by the path, and by who says it is.
struct ByTenant;

impl Gate<App> for ByTenant {
    type Rejection = Response;

    async fn entrant(parts: &mut Parts, app: &App) -> Result<(Airlock, Entrant<'static>), Response> {
        let Path(tenant) = Path::<String>::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let headers = HeaderMap::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let entrant = Entrant::new(tenant);
        Ok((
            app.room.clone(),
            match headers.get("x-user") {
                Some(user) if user == "mallory" => return Err(StatusCode::FORBIDDEN.into_response()),
                Some(user) => entrant.identity(user.to_str().expect("text").to_owned()),
                None => entrant,
            },
        ))
    }
}

fn router(room: &Watched) -> Router {
    let handler = |enter: Enter<ByTenant>| async move {
        let fence = enter.fence();
        enter.through(format!("number {fence}"))
    };
    Router::new().route("/{tenant}", on_get(handler)).with_state(App { room: room.airlock.clone() })
}

fn as_user(path: &str, user: &str) -> Request<Body> {
    let mut request = get(path);
    request.headers_mut().insert("x-user", user.parse().unwrap());
    request
}

async fn refused(router: &Router, request: Request<Body>, status: StatusCode, name: &str) -> Response {
    let response = oneshot(router, request).await;
    assert_eq!((response.status(), response.headers()["airlock-status"].to_str().unwrap()), (status, name));
    assert_eq!(response.headers()["cache-control"], "private, no-store");
    response
}

#[tokio::test]
async fn each_resource_has_its_own_room_and_refusals_are_the_layers() {
    let room = watched(1);
    let router = router(&room);
    let place = room.airlock.try_enter("acme").await.unwrap();
    let full = refused(&router, get("/acme"), StatusCode::SERVICE_UNAVAILABLE, "full").await;
    assert_eq!(
        (&full.headers()["retry-after"], &full.headers()["content-type"]),
        (&"1".parse().unwrap(), &"application/problem+json".parse().unwrap())
    );
    let problem: serde_json::Value = serde_json::from_str(&text(full).await).unwrap();
    assert_eq!((&problem["type"], &problem["airlock"]), (&"urn:airlock:problem#full".into(), &ROOM.into()));
    assert!(text(oneshot(&router, get("/globex")).await).await.starts_with("number "));

    let mut page = get("/acme");
    page.headers_mut().insert("accept", "text/html".parse().unwrap());
    let page = refused(&router, page, StatusCode::SERVICE_UNAVAILABLE, "full").await;
    assert!(text(page).await.starts_with("<!doctype html>"));

    let mut grpc = get("/acme");
    grpc.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    assert_eq!(refused(&router, grpc, StatusCode::OK, "full").await.headers()["grpc-status"], "8");

    drop(place);
    let _ada = room.airlock.try_enter(Entrant::new("acme").identity("ada")).await.unwrap();
    refused(&router, as_user("/acme", "ada"), StatusCode::CONFLICT, "duplicate").await;
    refused(&router, as_user("/acme", "\u{20}"), StatusCode::SERVICE_UNAVAILABLE, "full").await;
    refused(&router, get("/%0A"), StatusCode::BAD_REQUEST, "invalid").await;
    // The gate's own answer stays what it is.
    assert_eq!(oneshot(&router, as_user("/acme", "mallory")).await.status(), StatusCode::FORBIDDEN);

    room.airlock.shutdown(Duration::ZERO).await.unwrap();
    refused(&router, get("/globex"), StatusCode::SERVICE_UNAVAILABLE, "closed").await;
}

#[tokio::test]
async fn head_gets_the_refusals_headers_only() {
    let room = watched(1);
    let _place = room.airlock.try_enter("acme").await.unwrap();
    let mut head = get("/acme");
    *head.method_mut() = http::Method::HEAD;
    let response = refused(&router(&room), head, StatusCode::SERVICE_UNAVAILABLE, "full").await;
    assert_eq!(text(response).await, "");
}

/// One room for all; who finds none waits.
struct Patient;

impl<S: Send + Sync> Gate<(Airlock, S)> for Patient {
    type Rejection = Infallible;

    fn wait() -> Duration {
        PATIENCE
    }

    async fn entrant(_: &mut Parts, state: &(Airlock, S)) -> Result<(Airlock, Entrant<'static>), Infallible> {
        Ok((state.0.clone(), Entrant::new(ROOM)))
    }
}

type Chunks = std::sync::Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Bytes>>>;

/// Streams what it is sent.
fn streaming(room: &Watched) -> (mpsc::UnboundedSender<Bytes>, Router) {
    let (sender, chunks) = mpsc::unbounded_channel();
    let chunks: Chunks = std::sync::Arc::new(tokio::sync::Mutex::new(chunks));
    let handler = |State((_, chunks)): State<(Airlock, Chunks)>, enter: Enter<Patient>| async move {
        let stream = futures_util::stream::unfold(chunks, |chunks| async move {
            let chunk = chunks.lock().await.recv().await?;
            Some((Ok::<_, Infallible>(chunk), chunks))
        });
        enter.through(Body::from_stream(stream))
    };
    let forgetful = |enter: Enter<Patient>| async move { format!("number {}", enter.fence()) };
    let router = Router::new().route("/", on_get(handler)).route("/forgetful", on_get(forgetful));
    (sender, router.with_state((room.airlock.clone(), chunks)))
}

#[tokio::test]
async fn a_stream_holds_the_place_to_its_end_and_the_next_in_line_follows() {
    let mut room = watched(1);
    let (chunks, router) = streaming(&room);
    let address = serve(router).await;
    let mut first = send(address, "GET / HTTP/1.1").await;
    room.until(EventKind::Admitted).await;
    let second = send(address, "GET /forgetful HTTP/1.1").await;
    room.until(EventKind::Queued).await;
    for word in ["one", "two"] {
        chunks.send(Bytes::from_static(word.as_bytes())).unwrap();
        until(&mut first, word).await;
        assert_eq!(room.inside().await, 1);
    }
    drop(chunks);
    room.until(EventKind::Admitted).await;
    assert!(answer(second).await.contains("number "));
    // Who does not go through lets go with the handler.
    room.until(EventKind::Ended(Ending::Released)).await;
    assert_eq!(room.inside().await, 0);
}

#[tokio::test]
async fn who_disconnects_lets_go_and_who_waited_leaves_the_line() {
    let mut room = watched(1);
    let (_chunks, router) = streaming(&room);
    let address = serve(router).await;
    let first = send(address, "GET / HTTP/1.1").await;
    room.until(EventKind::Admitted).await;
    let second = send(address, "GET / HTTP/1.1").await;
    room.until(EventKind::Queued).await;
    drop(second);
    room.until(EventKind::Ended(Ending::Left)).await;
    drop(first);
    room.until(EventKind::Ended(Ending::Released)).await;
    assert_eq!(room.inside().await, 0);
}

#[tokio::test]
async fn a_stream_whose_lease_is_lost_is_aborted() {
    let room = watched(1);
    let (chunks, router) = streaming(&room);
    let mut body = oneshot(&router, get("/")).await.into_body().into_data_stream();
    chunks.send(Bytes::from_static(b"one")).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "one");
    let fence = room.airlock.inspect(ROOM).await.unwrap().holders[0].fence;
    assert!(room.airlock.evict(ROOM, Whom::Fence(fence)).await.unwrap());
    assert!(body.next().await.unwrap().is_err());
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn a_lease_lost_while_the_handler_ran_is_a_500() {
    let room = watched(1);
    let handler = |State((airlock, ())): State<(Airlock, ())>, enter: Enter<Patient>| async move {
        assert!(airlock.evict(ROOM, Whom::Fence(enter.fence())).await.unwrap());
        enter.through("done all the same")
    };
    let router = Router::new().route("/", on_get(handler)).with_state((room.airlock.clone(), ()));
    let response = refused(&router, get("/"), StatusCode::INTERNAL_SERVER_ERROR, "lost").await;
    assert!(!response.headers().contains_key("retry-after"));
    assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn a_clone_of_the_permit_keeps_the_place() {
    let room = watched(1);
    let (kept, mut keeper) = mpsc::unbounded_channel();
    let handler = move |enter: Enter<Patient>| {
        kept.send((*enter).clone()).expect("the test listens");
        async move { enter.through("kept") }
    };
    let router = Router::new().route("/", on_get(handler)).with_state((room.airlock.clone(), ()));
    assert_eq!(text(oneshot(&router, get("/")).await).await, "kept");
    let admitted = keeper.recv().await.unwrap();
    assert_eq!(room.inside().await, 1);
    drop(admitted);
    assert_eq!(room.inside().await, 0);
}

#[tokio::test]
async fn a_handler_may_look_at_the_refusal() {
    let room = watched(1);
    let handler = |enter: Result<Enter<ByTenant>, EnterRejection<Response>>| async move {
        match enter {
            Ok(enter) => enter.through("in"),
            Err(EnterRejection::Refused(refused)) => {
                assert_eq!(refused.error().refusal().unwrap().reason, Reason::Full);
                "another time, then".into_response()
            }
            Err(rejection) => rejection.into_response(),
        }
    };
    let router = Router::new().route("/{tenant}", on_get(handler)).with_state(App { room: room.airlock.clone() });
    let place = room.airlock.try_enter("acme").await.unwrap();
    assert_eq!(text(oneshot(&router, get("/acme")).await).await, "another time, then");
    drop(place);
    assert_eq!(text(oneshot(&router, get("/acme")).await).await, "in");
}
