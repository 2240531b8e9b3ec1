//! A router is limited however the layer is put on it, and whether or not it is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airlock_axum::observer::EventKind;
use airlock_axum::{Admitted, AirlockLayer, by_extension, by_header};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get as on_get, post};
use tokio::sync::{Notify, Semaphore};

use crate::support::{PATIENCE, answer, get, oneshot, send, serve, text, watched};

/// Work that goes on until it is told to stop, and counts how many are at it.
#[derive(Clone)]
struct Work {
    stop: Arc<Semaphore>,
    begun: Arc<Notify>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Work {
    fn new() -> Self {
        Work { stop: Arc::new(Semaphore::new(0)), begun: Arc::default(), now: Arc::default(), most: Arc::default() }
    }

    async fn run(self) -> &'static str {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.begun.notify_one();
        self.stop.acquire().await.expect("never closed").forget();
        self.now.fetch_sub(1, Ordering::SeqCst);
        "worked\n"
    }
}

/// One route that works, in every way in which the layer can be put around it.
fn routers(layer: &AirlockLayer, work: &Work) -> Vec<(&'static str, Router)> {
    let handler = || {
        let work = work.clone();
        on_get(move || work.run())
    };
    let stateful = Router::new()
        .route("/work", on_get(|State(work): State<Work>| work.run()))
        .layer(layer.clone())
        .with_state(work.clone());
    let late = Router::new().route("/work", on_get(|State(work): State<Work>| work.run())).with_state(work.clone());
    vec![
        ("layer", Router::new().route("/work", handler()).layer(layer.clone())),
        ("route_layer", Router::new().route("/work", handler()).route_layer(layer.clone())),
        ("on the method", Router::new().route("/work", handler().layer(layer.clone()))),
        ("on the method's routes", Router::new().route("/work", handler().route_layer(layer.clone()))),
        ("state after", stateful),
        ("state before", late.layer(layer.clone())),
        (
            "nested",
            Router::new().nest("/a", Router::new()).merge(Router::new().route("/work", handler()).layer(layer.clone())),
        ),
        ("inner layers", Router::new().route("/work", handler()).layer(from_fn(pass)).layer(layer.clone())),
    ]
}

async fn pass(request: Request, next: Next) -> Response {
    next.run(request).await
}

#[tokio::test]
async fn a_bare_router_limits() {
    for index in 0..routers(&AirlockLayer::new(watched(1).airlock), &Work::new()).len() {
        let (room, work) = (watched(2), Work::new());
        let (how, router) = routers(&AirlockLayer::new(room.airlock.clone()), &work).swap_remove(index);
        let working: Vec<_> = (0..2)
            .map(|_| {
                let router = router.clone();
                tokio::spawn(async move { oneshot(&router, get("/work")).await })
            })
            .collect();
        while work.now.load(Ordering::SeqCst) < 2 {
            tokio::time::timeout(PATIENCE, work.begun.notified()).await.expect(how);
        }
        for _ in 0..3 {
            let refused = oneshot(&router, get("/work")).await;
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{how}");
            assert_eq!(refused.headers()["airlock-status"], "full");
        }
        work.stop.add_permits(2);
        for response in working {
            assert_eq!(text(response.await.unwrap()).await, "worked\n");
        }
        assert_eq!((room.inside().await, work.most.load(Ordering::SeqCst)), (0, 2), "{how}");
    }
}

#[tokio::test]
async fn a_served_router_limits() {
    for index in 0..routers(&AirlockLayer::new(watched(1).airlock), &Work::new()).len() {
        let (mut room, work) = (watched(2), Work::new());
        let (how, router) = routers(&AirlockLayer::new(room.airlock.clone()), &work).swap_remove(index);
        let address = serve(router).await;
        let mut working = Vec::new();
        for _ in 0..2 {
            working.push(send(address, "GET /work HTTP/1.1").await);
            room.until(EventKind::Admitted).await;
        }
        let refused = answer(send(address, "GET /work HTTP/1.1").await).await;
        assert!(
            refused.starts_with("HTTP/1.1 503 ") && refused.contains("airlock-status: full\r\n"),
            "{how}: {refused}"
        );
        work.stop.add_permits(2);
        for stream in working {
            assert!(answer(stream).await.ends_with("worked\n"), "{how}");
        }
        assert_eq!((room.inside().await, work.most.load(Ordering::SeqCst)), (0, 2), "{how}");
    }
}

#[tokio::test]
async fn a_served_crowd_that_waits_is_all_answered_and_never_more_than_the_limit() {
    let (room, work) = (watched(3), Work::new());
    let layer = AirlockLayer::new(room.airlock.clone()).wait(PATIENCE);
    let handler = work.clone();
    let address = serve(Router::new().route("/work", on_get(move || handler.run())).layer(layer)).await;
    // Everybody may stop at once: how many are at it is what the layer allows.
    work.stop.add_permits(100);
    let crowd: Vec<_> = (0..100)
        .map(|_| tokio::spawn(async move { answer(send(address, "GET /work HTTP/1.1").await).await }))
        .collect();
    for one in crowd {
        let answer = one.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("worked\n"), "{answer}");
    }
    assert!(work.most.load(Ordering::SeqCst) <= 3);
    assert_eq!(room.inside().await, 0);
}

#[tokio::test]
async fn what_is_not_gated_is_not_found_as_ever() {
    let layer = AirlockLayer::new(watched(1).airlock).resource(by_header("x-tenant"));
    let router = Router::new().route("/work", post(|| async { "worked" })).route_layer(layer);
    assert_eq!(oneshot(&router, get("/nothing")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(oneshot(&router, get("/work")).await.status(), StatusCode::BAD_REQUEST);
    let router =
        Router::new().route("/work", post(|| async { "worked" }).route_layer(AirlockLayer::new(watched(0).airlock)));
    assert_eq!(oneshot(&router, get("/work")).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[derive(Clone)]
struct Claims {
    tenant: String,
}

/// What authentication does: it turns something that it has checked into a claim.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get("authorization") else { return StatusCode::UNAUTHORIZED.into_response() };
    let tenant = key.to_str().expect("text").trim_start_matches("Bearer ").to_owned();
    request.extensions_mut().insert(Claims { tenant });
    next.run(request).await
}

#[tokio::test]
async fn behind_authentication_each_tenant_has_its_own_room() {
    let room = watched(1);
    let layer = AirlockLayer::new(room.airlock.clone()).resource(by_extension(|claims: &Claims| &claims.tenant));
    let router = Router::new()
        .route("/", on_get(|admitted: Admitted| async move { admitted.fence().to_string() }))
        .layer(layer)
        .layer(from_fn(authenticate));
    let request = |key: &str| {
        let mut request = get("/");
        request.headers_mut().insert("authorization", key.parse().unwrap());
        request
    };
    let _acme = room.airlock.try_enter("acme").await.unwrap();
    assert_eq!(oneshot(&router, request("Bearer acme")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(oneshot(&router, request("Bearer globex")).await.status(), StatusCode::OK);
    // Not let in by whoever is in front, nobody gets as far as the airlock.
    assert_eq!(oneshot(&router, get("/")).await.status(), StatusCode::UNAUTHORIZED);
}
