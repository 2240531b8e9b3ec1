//! `Admitted` in a handler's arguments: there behind a layer, and a clear 500 where it is missing.

use airlock_axum::{Admitted, AirlockLayer, MissingAdmitted, WeakAdmitted};
use axum::extract::FromRequestParts as _;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get as on_get;
use axum::{Extension, Router};

use crate::support::{get, oneshot, text, watched};

#[tokio::test]
async fn it_is_the_permit_of_the_layer() {
    let room = watched(1);
    let handler = |admitted: Admitted, again: Admitted| async move {
        assert_eq!(admitted.fence(), again.fence());
        format!("{} {}", admitted.airlock().name(), admitted.fence())
    };
    let router = Router::new().route("/", on_get(handler)).layer(AirlockLayer::new(room.airlock.clone()));
    let before = room.airlock.try_enter("room").await.unwrap().fence();
    let said = text(oneshot(&router, get("/")).await).await;
    let fence: u64 = said.strip_prefix("room ").unwrap().parse().unwrap();
    assert!(fence > before);
    assert_eq!(room.inside().await, 0);
}

#[tokio::test]
async fn without_a_layer_it_is_a_500_that_names_what_is_missing() {
    let router = Router::new().route("/", on_get(|admitted: Admitted| async move { admitted.fence().to_string() }));
    let response = oneshot(&router, get("/")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let said = text(response).await;
    assert!(
        said.contains("`Admitted`") && said.contains("AirlockLayer::new") && said.contains("Option<Admitted>"),
        "{said}"
    );
    assert_eq!(said, MissingAdmitted.to_string());
    assert_eq!(MissingAdmitted.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn optional_it_is_none_without_a_layer_and_where_the_layer_skips() {
    let handler = |admitted: Option<Admitted>| async move { if admitted.is_some() { "gated" } else { "ungated" } };
    let bare = Router::new().route("/", on_get(handler)).route("/free", on_get(handler));
    assert_eq!(text(oneshot(&bare, get("/")).await).await, "ungated");
    let layer = AirlockLayer::new(watched(1).airlock).skip(|parts| parts.uri.path() == "/free");
    let gated = bare.layer(layer);
    assert_eq!(text(oneshot(&gated, get("/")).await).await, "gated");
    assert_eq!(text(oneshot(&gated, get("/free")).await).await, "ungated");
}

#[tokio::test]
async fn of_two_layers_it_is_the_innermost() {
    let (outer, inner) = (watched(1), watched(1));
    let handler = {
        let inner = inner.airlock.clone();
        |admitted: Admitted| async move {
            let holders = inner.inspect("room").await.unwrap().holders;
            assert_eq!(admitted.fence(), holders[0].fence);
        }
    };
    let router = Router::new()
        .route("/", on_get(handler))
        .layer(AirlockLayer::new(inner.airlock.clone()))
        .layer(AirlockLayer::new(outer.airlock.clone()));
    assert_eq!(oneshot(&router, get("/")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn from_an_extension_that_nobody_keeps_it_is_missing() {
    let room = watched(1);
    let handler = |Extension(weak): Extension<WeakAdmitted>| async move { Extension(weak) };
    let router = Router::new().route("/", on_get(handler)).layer(AirlockLayer::new(room.airlock.clone()));
    let mut response = oneshot(&router, get("/")).await;
    let weak = response.extensions_mut().remove::<WeakAdmitted>().expect("the handler's");
    assert!(weak.upgrade().is_none(), "an empty body lets go at once");
    let (mut parts, _) = get("/").into_parts();
    parts.extensions.insert(weak);
    assert_eq!(Admitted::from_request_parts(&mut parts, &()).await.unwrap_err(), MissingAdmitted);
}
