//! What is gated: work that sleeps, and a body that trickles.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airlock_axum::Admitted;
use airlock_axum::store::GrantedBy;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, RequestExt as _};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The longest work, in milliseconds.
const LONGEST_MS: u64 = 60_000;
/// The most lines of a stream.
const MOST_CHUNKS: u64 = 10_000;

/// What the query asks for.
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Work {
    #[serde(default)]
    ms: u64,
    #[serde(default = "ten")]
    chunks: u64,
}

impl Work {
    /// Sleeps for as long as the work takes.
    pub(crate) async fn done(self) {
        tokio::time::sleep(Duration::from_millis(self.ms)).await;
    }
}

fn ten() -> u64 {
    10
}

/// Refuses work that cannot be done, before it takes anybody's place.
pub(crate) async fn check_query(mut request: Request, next: Next) -> Response {
    let problem = match request.extract_parts::<Query<Work>>().await {
        Err(rejection) => format!("The query is wrong: {}", rejection.body_text()),
        Ok(Query(work)) if work.ms > LONGEST_MS => format!("`ms` is at most {LONGEST_MS}."),
        Ok(Query(work)) if !(1..=MOST_CHUNKS).contains(&work.chunks) => {
            format!("`chunks` is at least 1 and at most {MOST_CHUNKS}.")
        }
        Ok(Query(work)) => {
            request.extensions_mut().insert(work);
            return next.run(request).await;
        }
    };
    bad_request(&problem)
}

fn bad_request(detail: &str) -> Response {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": "Bad Request",
        "status": StatusCode::BAD_REQUEST.as_u16(),
        "detail": detail,
    });
    let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::BAD_REQUEST, content_type, problem.to_string()).into_response()
}

/// What was done, when, under which number, and who had let it in.
#[derive(Serialize)]
struct Done {
    tenant: Option<String>,
    fence: u64,
    granted_by: &'static str,
    waited_ms: u64,
    started_at_ms: u64,
    ended_at_ms: u64,
}

/// Works for `ms`, inside.
pub(crate) async fn import(
    admitted: Admitted,
    Extension(work): Extension<Work>,
    headers: HeaderMap,
) -> impl IntoResponse {
    let started_at_ms = unix_ms();
    work.done().await;
    let tenant = headers.get("x-tenant").map(|tenant| String::from_utf8_lossy(tenant.as_bytes()).into_owned());
    Json(Done {
        tenant,
        fence: admitted.fence(),
        granted_by: match admitted.granted_by() {
            GrantedBy::Local => "memory",
            GrantedBy::Nobody => "nobody",
            _ => "store",
        },
        waited_ms: admitted.waited().as_millis() as u64,
        started_at_ms,
        ended_at_ms: unix_ms(),
    })
}

/// A body of `chunks` lines over `ms`. The place is held until it has ended, though the handler is long done.
pub(crate) async fn stream(Extension(work): Extension<Work>) -> impl IntoResponse {
    let (started, whole) = (Instant::now(), Duration::from_millis(work.ms));
    let lines = stream::unfold(1, move |line| async move {
        if line > work.chunks {
            return None;
        }
        // Each at its own time, counted from the start: many short sleeps would add up to a longer one.
        tokio::time::sleep_until(started + whole.mul_f64(line as f64 / work.chunks as f64)).await;
        let text = Bytes::from(format!("line {line} of {}\n", work.chunks));
        Some((Ok::<_, std::convert::Infallible>(text), line + 1))
    });
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from_stream(lines))
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
