//! Recipe: a small site that is suddenly on everybody's front page.
//!
//! As many pages are made at once as the machine can make; a few readers more wait a moment for theirs; all others are told
//! at once to come back, which costs next to nothing. Without it all would get their pages too late, and so nobody any.

use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::{Airlock, AirlockLayer, Line, Seal};
use axum::response::Html;
use axum::{Router, routing::get};
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// How long a page takes to be made, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 200)]
    page_ms: u64,

    /// How long a reader waits for its turn, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    wait_ms: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();

    let site = Airlock::builder("site")
        // What the machine can do: as many as there are connections to the database, for example.
        .seal(Seal::semaphore(4))
        // Who is in line gets in before its wait is over, or nearly: a longer line only has people wait in vain.
        // `presets::anti_hug("site", 4)` is the same without any line.
        .line(Line::new().capacity(16))
        .build()?;
    let gate = AirlockLayer::new(site)
        .wait(Duration::from_millis(options.wait_ms))
        // What takes nothing to be sent needs no turn.
        .skip(|request| request.uri.path() == "/style.css");

    let page_takes = Duration::from_millis(options.page_ms);
    let app = Router::new()
        .route("/", get(move || page(page_takes)))
        .route("/style.css", get(|| async { "body { max-width: 40em }" }))
        .layer(gate);

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("  for i in $(seq 40); do curl -sS -o /dev/null -w '%{{http_code}} ' http://{address}/ & done; wait\n");
    println!("Ctrl-C stops it");
    Ok(axum::serve(listener, app).await?)
}

/// What takes its time.
async fn page(takes: Duration) -> Html<&'static str> {
    tokio::time::sleep(takes).await;
    Html("<!doctype html><title>My trains</title><link rel=stylesheet href=/style.css><h1>My trains</h1>")
}
