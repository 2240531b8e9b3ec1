//! Recipe: a place that is reserved, waited for elsewhere, and claimed: tables of a restaurant, for an app.
//!
//! Who comes gets a table, or a place in line to come back with. When it is its turn a table is held for it for five
//! minutes; who does not claim it in time has lost it to the next. What the client keeps is one token, which is all that it
//! takes: nothing is remembered here but by the airlock.

use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::{Airlock, Entered, Error, Format, Line, Problem, Seal, Standing, Token};
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::{StatusCode, header::AUTHORIZATION, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// How many tables there are
    #[arg(long, value_name = "N", default_value_t = 2)]
    tables: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();

    let five_minutes = Duration::from_secs(300);
    let tables = Airlock::builder("tables")
        // A table is free again after two hours, whether or not anybody says so.
        .seal(Seal::semaphore(options.tables).ttl(Duration::from_secs(2 * 3600)))
        // Who does not ask for five minutes has gone home.
        .line(Line::new().capacity(50).presence(five_minutes).claim_window(five_minutes))
        .build()?;

    let tables = Router::new()
        .route("/tables", post(reserve).get(look).delete(leave))
        .route("/tables/claim", post(claim))
        .with_state(tables);

    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}\n");
    println!("  curl -sS -X POST http://{address}/tables");
    println!("  curl -sS http://{address}/tables -H 'authorization: Bearer TOKEN'");
    println!("  curl -sS -X DELETE http://{address}/tables -H 'authorization: Bearer TOKEN'\n");
    println!("Ctrl-C stops it");
    Ok(axum::serve(listener, tables).await?)
}

/// A table, or a place in line.
async fn reserve(State(tables): State<Airlock>) -> Result<Response, Refused> {
    // In a real restaurant say who it is, once you have authenticated them, and nobody has two:
    // `Entrant::new("tonight").identity(user)`.
    Ok(match tables.enter("tonight").await? {
        // Not held by this request, but by whoever has the token.
        Entered::Admitted(permit) => seated(permit.fence(), &permit.detach().map_err(Error::from)?),
        Entered::Queued(ticket) => {
            let waits = json!({
                "standing": "waiting",
                "token": ticket.token.expose(),
                "position": ticket.place.position,
                "ask_again_after_s": ticket.place.refresh_after.as_secs(),
            });
            (StatusCode::ACCEPTED, Json(waits)).into_response()
        }
    })
}

/// How it stands. To ask is to say that one still waits.
async fn look(State(tables): State<Airlock>, Bearer(token): Bearer) -> Result<Response, Refused> {
    let standing = match tables.poll(&token).await? {
        Standing::Waiting(place) => json!({ "standing": "waiting", "position": place.position }),
        // The nonce is to be repeated by the claim: it is for this offer, and for no earlier one.
        Standing::Offered(offer) => json!({ "standing": "offered", "nonce": offer.nonce.to_string() }),
        Standing::Inside { fence, .. } => json!({ "standing": "seated", "number": fence }),
        _ => return Ok(StatusCode::GONE.into_response()),
    };
    Ok(Json(standing).into_response())
}

#[derive(Deserialize)]
struct Claim {
    nonce: String,
}

/// Takes what is held. To say it twice is as good as once.
async fn claim(
    State(tables): State<Airlock>,
    Bearer(token): Bearer,
    Json(claim): Json<Claim>,
) -> Result<Response, Refused> {
    let Ok(nonce) = claim.nonce.parse() else { return Ok(StatusCode::BAD_REQUEST.into_response()) };
    let permit = tables.claim(&token, nonce).await?;
    Ok(seated(permit.fence(), &permit.detach().map_err(Error::from)?))
}

/// Gives back whatever it is: a place in line, an offer, or a table.
async fn leave(State(tables): State<Airlock>, Bearer(token): Bearer) -> Result<StatusCode, Refused> {
    Ok(if tables.leave(&token).await? { StatusCode::NO_CONTENT } else { StatusCode::GONE })
}

fn seated(number: u64, token: &Token) -> Response {
    let seated = json!({ "standing": "seated", "number": number, "token": token.expose() });
    (StatusCode::CREATED, Json(seated)).into_response()
}

/// The token is a secret: in a header, never in a URL, where it would be logged.
struct Bearer(Token);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer ")).and_then(|token| token.parse().ok());
        token.map(Bearer).ok_or(StatusCode::UNAUTHORIZED)
    }
}

/// What an error of the airlock is over HTTP: 409 for a claim that was missed, 503 when the line is full, and so on.
struct Refused(Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        Problem::of(&self.0).response("tables", Format::default()).map(Body::from)
    }
}
