//! Recipe: closed for maintenance, by a switch.
//!
//! The operator closes the site with a reason and a time; whoever is being served is served to the end; all others are told
//! why, and when to come back; then it opens by itself, or at once when the operator says so. On a store that is shared one
//! switch is for the whole fleet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use airlock_axum::{Airlock, AirlockLayer, Seal, Switch};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header::AUTHORIZATION};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use clap::Parser;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// How long a page takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 50)]
    page_ms: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let token = std::env::var("OPERATOR_TOKEN").map_err(|_| "say who may close it: OPERATOR_TOKEN=secret")?;

    // It is here for its switch: the limit is one that nobody meets.
    let site = Airlock::builder("site").seal(Seal::semaphore(10_000)).build()?;

    let takes = Duration::from_millis(options.page_ms);
    let pages = Router::new()
        .route("/", get(move || page(takes)))
        .layer(AirlockLayer::new(site.clone()))
        // Not gated: whoever looks after this process is to know that it lives.
        .route("/healthz", get(|| async { "ok\n" }));
    let desk = Router::new()
        .route("/maintenance", put(close).delete(open))
        .layer(from_fn_with_state(Arc::from(token), operators_only))
        .with_state(site);

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("  curl -sS -X PUT http://{address}/maintenance -H \"authorization: Bearer $OPERATOR_TOKEN\" \\");
    println!("    --json '{{\"reason\":\"We are moving.\",\"minutes\":10}}'");
    println!("  curl -sSi http://{address}/");
    println!("  curl -sS -X DELETE http://{address}/maintenance -H \"authorization: Bearer $OPERATOR_TOKEN\"\n");
    println!("Ctrl-C stops it");
    Ok(axum::serve(listener, pages.merge(desk)).await?)
}

#[derive(Deserialize)]
struct Maintenance {
    /// Everybody who is refused is told.
    reason: String,
    minutes: u32,
}

async fn close(State(site): State<Airlock>, Json(said): Json<Maintenance>) -> Response {
    let reopens = Duration::from_secs(60 * u64::from(said.minutes));
    // `Switch::drain()` would serve those who wait in line first, had the site one.
    match site.switch(Switch::closed().because(said.reason).reopen_in(reopens)).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

async fn open(State(site): State<Airlock>) -> Response {
    match site.switch(Switch::open()).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

async fn operators_only(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).map_or(&b""[..], |header| header.as_bytes());
    let said = header.strip_prefix(b"Bearer ").unwrap_or_default();
    if bool::from(token.as_bytes().ct_eq(said)) {
        next.run(request).await
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn page(takes: Duration) -> &'static str {
    tokio::time::sleep(takes).await;
    "Welcome.\n"
}
