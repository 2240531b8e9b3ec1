//! What no route matches is not found, whether or not it says who it is; what is matched has to say.

use airlock_axum::{Admitted, AirlockLayer, by_header};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get as on_get;
use tower::{Layer as _, ServiceExt as _};

use crate::support::{ROOM, get, oneshot, text, watched};

fn by_tenant(limit: u32) -> AirlockLayer {
    AirlockLayer::new(watched(limit).airlock).resource(by_header("x-tenant"))
}

#[tokio::test]
async fn a_layer_on_the_router_leaves_a_404_as_it_is() {
    let nested = Router::new().route("/inner", on_get(|| async { "inner" })).layer(by_tenant(1));
    for router in [
        Router::new().route("/work", on_get(|| async { "worked" })).layer(by_tenant(1)),
        Router::new().route("/work", on_get(|| async { "worked" })).layer(by_tenant(1)).with_state(()),
        Router::new().route("/work", on_get(|| async { "worked" })).nest("/api", Router::new()).layer(by_tenant(1)),
        Router::new().route("/work", on_get(|| async { "worked" })).layer(by_tenant(1)).merge(nested.clone()),
    ] {
        assert_eq!(oneshot(&router, get("/nothing")).await.status(), StatusCode::NOT_FOUND);
        let unidentified = oneshot(&router, get("/work")).await;
        assert_eq!(unidentified.status(), StatusCode::BAD_REQUEST);
        assert_eq!(unidentified.headers()["airlock-status"], "unidentified");
    }
    let outer = Router::new().nest("/api", nested);
    assert_eq!(oneshot(&outer, get("/api/nothing")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(oneshot(&outer, get("/api/inner")).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_fallback_of_ones_own_answers_and_is_gated_as_the_airlock() {
    let room = watched(1);
    let router = Router::new()
        .route("/work", on_get(|| async { "worked" }))
        .fallback(|_: Admitted| async { (StatusCode::NOT_FOUND, "nothing like it") })
        .layer(AirlockLayer::new(room.airlock.clone()).resource(by_header("x-tenant")));
    assert_eq!(text(oneshot(&router, get("/nothing")).await).await, "nothing like it");

    // To say nothing is no way around the limit: the fallback may be a gateway to everything.
    let place = room.airlock.try_enter(ROOM).await.unwrap();
    assert_eq!(oneshot(&router, get("/nothing")).await.headers()["airlock-status"], "full");
    drop(place);
    assert_eq!(text(oneshot(&router, get("/nothing")).await).await, "nothing like it");
}

#[tokio::test]
async fn before_a_router_has_looked_everybody_has_to_say() {
    let router: Router = Router::new().route("/work", on_get(|| async { "worked" }));
    let service = by_tenant(1).layer(router);
    for path in ["/work", "/nothing"] {
        let response = service.clone().oneshot(get(path)).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn what_says_it_wrongly_is_told_so_wherever_it_goes() {
    let router = Router::new().layer(by_tenant(1));
    let mut request = get("/nothing");
    request.headers_mut().append("x-tenant", "acme".parse().unwrap());
    request.headers_mut().append("x-tenant", "globex".parse().unwrap());
    assert_eq!(oneshot(&router, request).await.status(), StatusCode::BAD_REQUEST);
}
