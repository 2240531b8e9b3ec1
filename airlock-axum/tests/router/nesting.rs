//! Two layers around one route: the handler finds both permits.

use airlock_axum::{Admitted, Airlock, AirlockLayer, Seal, by_path};
use axum::Router;
use axum::http::{Extensions, Request, StatusCode};
use axum::routing::get as on_get;

use crate::support::{get, oneshot, text};

fn airlock(name: &str) -> Airlock {
    Airlock::builder(name).seal(Seal::semaphore(1)).build().expect("a plain configuration")
}

#[tokio::test]
async fn a_handler_finds_each_permit_by_its_airlocks_name() {
    let (all, tenants) = (airlock("all"), airlock("tenants"));
    let handler = |extensions: Extensions, admitted: Admitted| async move {
        let of = |name| Admitted::of(&extensions, name);
        assert_eq!(of("tenants").unwrap().fence(), admitted.fence());
        assert_eq!(admitted.airlock().name(), "tenants");
        let outer = of("all").unwrap();
        assert_eq!(outer.airlock().inspect("all").await.unwrap().holders[0].fence, outer.fence());
        assert!(of("others").is_none());
        "both"
    };
    let by_request = |request: Request<axum::body::Body>| async move {
        Admitted::of(request.extensions(), "all").expect("it is around").airlock().name().to_owned()
    };
    let router = Router::new()
        .route("/{tenant}", on_get(handler))
        .route("/{tenant}/request", on_get(by_request))
        .layer(AirlockLayer::new(tenants.clone()).resource(by_path("tenant")))
        .layer(AirlockLayer::new(all.clone()));
    assert_eq!(text(oneshot(&router, get("/acme")).await).await, "both");
    assert_eq!(text(oneshot(&router, get("/acme/request")).await).await, "all");

    let _tenant = tenants.try_enter("acme").await.unwrap();
    assert_eq!(oneshot(&router, get("/acme")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(oneshot(&router, get("/globex")).await).await, "both");
    let _all = all.try_enter("all").await.unwrap();
    assert_eq!(oneshot(&router, get("/globex")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn without_a_layer_there_is_none_of_any_name() {
    assert!(Admitted::of(&Extensions::new(), "all").is_none());
}
