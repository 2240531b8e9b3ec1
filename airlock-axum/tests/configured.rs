//! Airlocks from configuration as the state of a router: of one's own, from which they come by `FromRef`.

use airlock_axum::config::{Airlocks, Format};
use airlock_axum::{Airlock, AirlockLayer, Entrant, by_path};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use tower::ServiceExt as _;

#[derive(Clone)]
struct App {
    airlocks: Airlocks,
    imports: Imports,
}

/// One that handlers ask for by its type.
#[derive(Clone)]
struct Imports(Airlock);

impl FromRef<App> for Airlocks {
    fn from_ref(app: &App) -> Self {
        app.airlocks.clone()
    }
}

impl FromRef<App> for Imports {
    fn from_ref(app: &App) -> Self {
        app.imports.clone()
    }
}

async fn named(State(airlocks): State<Airlocks>, Path(name): Path<String>) -> Result<String, StatusCode> {
    let airlock = airlocks.named(&name).map_err(|_| StatusCode::NOT_FOUND)?;
    let permit = airlock.try_enter("room").await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(format!("inside {}", permit.airlock().name()))
}

async fn import(State(Imports(imports)): State<Imports>) -> StatusCode {
    let busy = imports.try_enter(Entrant::new("room")).await.is_err();
    if busy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

#[tokio::test]
async fn handlers_and_layers_get_them_from_the_state() -> Result<(), Box<dyn std::error::Error>> {
    let airlocks = Airlocks::from_str("[imports]\nseal = 'lock'\n[exports]\nseal = 'lock'", Format::Toml).await?;
    let imports = airlocks.named("imports")?;
    let layer = AirlockLayer::new(airlocks.named("exports")?).resource(by_path("room"));
    let app = Router::new()
        .route("/named/{name}", get(named))
        .route("/imports", get(import))
        .route("/exports/{room}", get(|| async { "out" }).route_layer(layer))
        .with_state(App { airlocks: airlocks.clone(), imports: Imports(imports.clone()) });
    let status = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        app.clone().oneshot(request).await.expect("routers do not fail").status()
    };
    assert_eq!(status("/named/nonsense").await, StatusCode::NOT_FOUND);
    for path in ["/named/imports", "/imports"] {
        assert_eq!(status(path).await, StatusCode::OK);
        let inside = imports.try_enter("room").await?;
        assert_eq!(status(path).await, StatusCode::SERVICE_UNAVAILABLE);
        drop(inside);
        assert_eq!(status(path).await, StatusCode::OK);
    }
    let inside = airlocks.named("exports")?.try_enter("hall").await?;
    assert_eq!(status("/exports/hall").await, StatusCode::SERVICE_UNAVAILABLE);
    drop(inside);
    assert_eq!(status("/exports/hall").await, StatusCode::OK);
    Ok(())
}
