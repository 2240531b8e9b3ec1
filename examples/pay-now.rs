//! Recipe: "pay now", once at a time for each user.
//!
//! Who presses the button twice, or in two tabs, is told that a payment is under way: 409, and nothing is paid twice at the
//! same time. (That nothing is paid twice one after the other is a matter of an order that is paid or not.)

use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::{Airlock, AirlockLayer, Seal, by_extension};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router, routing::post};
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    /// Address and port to listen on, where only the proxy can reach it; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// How long a payment takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    payment_ms: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();

    // A hundred payments at once, and one of each user: an identity that is inside is refused as `duplicate`.
    let payments = Airlock::builder("payments").seal(Seal::semaphore(100)).build()?;
    let gate = AirlockLayer::new(payments).identity(by_extension(|User(name): &User| name));

    let takes = Duration::from_millis(options.payment_ms);
    let app = Router::new()
        .route("/pay", post(move |user| pay(user, takes)))
        .layer(gate)
        // The last layer is the first that a request meets.
        .layer(from_fn(signed_in));

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("  for i in 1 2; do curl -sS -X POST http://{address}/pay -H 'x-user: ada' & done; wait\n");
    println!("Ctrl-C stops it");
    Ok(axum::serve(listener, app).await?)
}

/// Who is signed in.
#[derive(Clone)]
struct User(String);

/// Believes the header `x-user`. There has to be a proxy in front that signs people in, sets this header by itself, removes
/// one that came from outside, and is the only one that can reach this server. Without such a proxy take what a session
/// or a token says that you have checked, as the recipe `per-tenant` does.
async fn signed_in(mut request: Request, next: Next) -> Response {
    let user = request.headers().get("x-user").and_then(|user| user.to_str().ok()).filter(|user| !user.is_empty());
    // Without a name it would be nobody in particular, and nobody is ever the same as somebody else.
    let Some(user) = user.map(|user| User(user.to_owned())) else { return StatusCode::UNAUTHORIZED.into_response() };
    request.extensions_mut().insert(user);
    next.run(request).await
}

async fn pay(Extension(User(name)): Extension<User>, takes: Duration) -> String {
    tokio::time::sleep(takes).await;
    format!("{name} has paid\n")
}
