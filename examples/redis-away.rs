//! Recipe: Redis is away, and the work goes on.
//!
//! As long as Redis answers, one limit holds for the whole fleet. When it does not, each process lets two in by itself, and
//! goes back when Redis is there again: nobody has to do anything. What is better, with N processes twice N at once or
//! none at all, depends on the work: `.refuse()` and `.admit()` are the other answers.

use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::store::{Fallback, GrantedBy, RedisStore};
use airlock_axum::{Admitted, Airlock, AirlockLayer, Seal};
use axum::{Router, routing::post};
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// Where Redis is. A URL with a password is better said by the variable REDIS_URL, which nobody sees
    #[arg(long, value_name = "URL")]
    redis: Option<String>,

    /// How long Redis is left alone before it is tried again, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    reset_after: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let url = options.redis.or_else(|| std::env::var("REDIS_URL").ok());

    // A server that is away at the start is no error either: it is found when it comes.
    let redis = RedisStore::connect(&url.unwrap_or_else(|| "redis://127.0.0.1:6379/0".to_owned())).await?;
    let store = Fallback::new(redis).reset_after(Duration::from_secs(options.reset_after.into())).local(2);
    let imports = Airlock::builder("imports").seal(Seal::semaphore(20)).store(store).build()?;
    let app = Router::new().route("/imports", post(import)).layer(AirlockLayer::new(imports));

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("  while sleep 1; do curl -sS -X POST http://{address}/imports; done\n");
    println!("Ctrl-C stops it");
    Ok(axum::serve(listener, app).await?)
}

/// A permit says who granted it, and finds its way back there by itself.
async fn import(admitted: Admitted) -> &'static str {
    match admitted.granted_by() {
        GrantedBy::Local => "imported, let in by this process alone\n",
        _ => "imported, let in by Redis\n",
    }
}
