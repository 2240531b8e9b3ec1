//! Recipe: each tenant so many at once, and so many a minute, by a claim that has been verified.
//!
//! Who asks is what a signed token says (a JWT, HS256), not what a header says: else one tenant could use up another's
//! share, or make up as many as it likes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use airlock_axum::{Airlock, AirlockLayer, Rate, Seal, by_extension};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header::AUTHORIZATION};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router, routing::post};
use clap::Parser;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// How long an import takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500)]
    import_ms: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();

    // What tokens are signed with, at least 32 bytes: `openssl rand -hex 32`.
    let secret = std::env::var("JWT_KEY").ok().filter(|key| key.len() >= 32);
    let key = Arc::new(DecodingKey::from_secret(secret.ok_or("JWT_KEY is to be at least 32 bytes")?.as_bytes()));

    // Both or neither: who finds no room uses nothing of its rate up.
    let seal = Seal::semaphore(2).with_rate(Rate::per_minute(10));
    let imports = Airlock::builder("imports").seal(seal).build()?;
    let gate = AirlockLayer::new(imports).resource(by_extension(|claims: &Claims| &claims.tenant));

    let takes = Duration::from_millis(options.import_ms);
    let app = Router::new()
        .route("/imports", post(move |claims| import(claims, takes)))
        .layer(gate)
        // The last layer is the first that a request meets: authentication, then the gate.
        .layer(from_fn_with_state(key, authenticate));

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("  curl -sSi -X POST http://{address}/imports -H \"authorization: Bearer $TOKEN\"\n");
    println!("Ctrl-C stops it");
    Ok(axum::serve(listener, app).await?)
}

/// What a token says that was checked.
#[derive(Clone, Deserialize)]
struct Claims {
    tenant: String,
}

/// Puts the claims into the request's extensions, where the gate and the handler find them. Signature and expiry are
/// checked; a token that says that it needs no signature is none.
async fn authenticate(State(key): State<Arc<DecodingKey>>, mut request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let token = header.and_then(|header| header.strip_prefix("Bearer "));
    let claims = token.and_then(|token| decode::<Claims>(token, &key, &Validation::new(Algorithm::HS256)).ok());
    let Some(claims) = claims else { return StatusCode::UNAUTHORIZED.into_response() };
    request.extensions_mut().insert(claims.claims);
    next.run(request).await
}

async fn import(Extension(claims): Extension<Claims>, takes: Duration) -> String {
    tokio::time::sleep(takes).await;
    format!("imported for {}\n", claims.tenant)
}
