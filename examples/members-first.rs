//! Recipe: members go first, and guests still get in.
//!
//! Who shows a member's card overtakes all guests who have not waited for more than ten minutes longer. Whether a card is
//! one is found out before anybody is gated: nobody is a member by saying so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use airlock_axum::{Admitted, AirlockLayer, presets};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header::AUTHORIZATION};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::get};
use clap::Parser;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// How long a dance takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    dance_ms: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();

    let cards = std::env::var("MEMBER_CARDS").map_err(|_| "say whose cards are good: MEMBER_CARDS=secret1,secret2")?;
    let cards: Cards = cards.split(',').map(str::to_owned).collect();

    // One dancer at a time, to keep it short.
    let club = presets::members_first("club", 1).build()?;
    let gate = AirlockLayer::new(club)
        // 600 are ten minutes: a guest gains one each second.
        .priority(|request| request.extensions.get::<Member>().map(|_| 600))
        .wait(Duration::from_secs(60));

    let takes = Duration::from_millis(options.dance_ms);
    let app = Router::new()
        .route("/dance", get(move |admitted| dance(admitted, takes)))
        .layer(gate)
        // The last layer is the first that a request meets.
        .layer(from_fn_with_state(cards, look_at_card));

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("  for i in 1 2 3; do curl -sS http://{address}/dance & done");
    println!("  curl -sS http://{address}/dance -H 'authorization: Bearer secret1'\n");
    println!("Ctrl-C stops it");
    Ok(axum::serve(listener, app).await?)
}

type Cards = Arc<[String]>;

/// What a request has whose card is good.
#[derive(Clone)]
struct Member;

/// Who shows no card is a guest; who shows a bad one is told so.
async fn look_at_card(State(cards): State<Cards>, mut request: Request, next: Next) -> Response {
    if let Some(header) = request.headers().get(AUTHORIZATION) {
        let card = header.as_bytes().strip_prefix(b"Bearer ").unwrap_or_default();
        // How long it takes says nothing of how much of it was right.
        if !cards.iter().any(|known| known.as_bytes().ct_eq(card).into()) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        request.extensions_mut().insert(Member);
    }
    next.run(request).await
}

async fn dance(admitted: Admitted, takes: Duration) -> String {
    tokio::time::sleep(takes).await;
    format!("danced as number {} after {:?}\n", admitted.fence(), admitted.waited())
}
