//! Recipe: "send the code again", once a minute.
//!
//! A cool-down for each mailbox: who asks too soon is told how long to wait, and no second mail is sent, however often the
//! button is pressed, in however many tabs.

use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::{Airlock, Format, Problem, presets};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router, routing::post};
use clap::Parser;
use serde::Deserialize;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// How long a code is not sent again, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();

    let codes = presets::cooldown("codes", Duration::from_secs(options.every.into())).build()?;
    let app = Router::new().route("/codes", post(send)).with_state(codes);

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("  curl -sSi http://{address}/codes --json '{{\"email\":\"ada@example.org\"}}'\n");
    println!("Ctrl-C stops it");
    Ok(axum::serve(listener, app).await?)
}

#[derive(Deserialize)]
struct Wanted {
    email: String,
}

/// Anybody may say any address: the mailbox is what is guarded, not who asks. Somebody who goes through a list of them is to
/// be met in front, by a layer with a rate and `.resource(by_peer(…))`.
async fn send(State(codes): State<Airlock>, Json(Wanted { email }): Json<Wanted>) -> Response {
    // One mailbox, however it is written.
    let mailbox = email.trim().to_lowercase();
    match codes.try_enter(mailbox.as_str()).await {
        // A cool-down is used up when it is granted: there is nothing to hold on to. It is used up as well if the mail
        // cannot be sent, which is as it should be with a mail server that is in trouble.
        Ok(_) => {
            send_mail(&mailbox).await;
            (StatusCode::ACCEPTED, "sent\n").into_response()
        }
        // 429 with `Retry-After`, or 400 where it is no name that anything can have.
        Err(error) => Problem::of(&error).response(codes.name(), Format::default()).map(Body::from),
    }
}

/// Here is where it would be sent. Whether there is such a mailbox is nobody's business: the answer is the same.
async fn send_mail(_mailbox: &str) {}
