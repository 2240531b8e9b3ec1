//! Recipe: a fair waiting line before a shop, for people with browsers.
//!
//! So many visitors are inside at once. All others see a page with their place in line, keep it when they look away for a
//! moment, and are let in by themselves when it is their turn: first come, first served, and nobody is overtaken.

use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::{PassKey, Session, WaitingRoom, presets};
use axum::{Router, routing::get};
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// How many visitors may be inside at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    inside: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();

    // `lottery_waiting_room` is the same for a sale in which coming early shall not pay.
    let airlock = presets::fair_waiting_room("shop", options.inside).build()?;

    // Visitors are known by signed cookies. Several processes, and the next start, need one key: `openssl rand -hex 32`.
    let key = match std::env::var_os("AIRLOCK_KEY") {
        Some(_) => PassKey::from_env("AIRLOCK_KEY")?,
        None => PassKey::generate(),
    };
    let room = WaitingRoom::builder(airlock, key)
        // Inside for ten minutes after the last request.
        .session(Session::sliding(Duration::from_secs(600)))
        // This example speaks plain HTTP. Behind TLS leave it out, and cookies are `Secure`.
        .insecure_for_development()
        .build()?;

    let shop = Router::new().route("/shop", get(|| async { "Welcome.\n" }));
    let app = shop.layer(room.layer()).merge(room.routes());

    let listener = TcpListener::bind(options.listen).await?;
    println!("listening on http://{}\n", listener.local_addr()?);
    println!("Open /shop in two browsers.\n");
    println!("Ctrl-C stops it");
    // Of each address only some may be new at a time. Behind a proxy say `.address(by_forwarded(…))` above.
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}
