//! The stream of what happens.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use airlock_core::Reason;
use airlock_core::observer::{EventKind, FailoverKind, Happened, OwnedEvent};
use airlock_tower::Problem;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures_util::stream::{self, Stream, StreamExt as _};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::Panel;
use super::fault::Fault;

/// How many streams may be open at once.
pub(super) const MOST: usize = 32;
/// So often something is sent at the least.
const HEARTBEAT: Duration = Duration::from_secs(10);

#[derive(Default, Serialize)]
struct Data<'a> {
    airlock: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    many: Option<u64>,
}

pub(super) async fn get(State(panel): State<Arc<Panel>>) -> Result<Response, Fault> {
    let Ok(open) = panel.streams.clone().try_acquire_owned() else {
        return Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, format!("{MOST} streams are open; end one of them.")));
    };
    let streams = panel.guarded.iter().map(|guarded| {
        let name: Arc<str> = guarded.airlock.name().into();
        let events = guarded.airlock.events();
        stream::unfold((events, name), |(mut events, name)| async move {
            let text = told(&name, &events.next().await?);
            Some((text, (events, name)))
        })
        .boxed()
    });
    let events = beating(stream::select_all(streams).boxed());
    // What it says first tells a client that it hears from now on.
    let begun = stream::once(async { ":\n\n".to_owned() }).chain(events);
    let body = begun.map(move |text| {
        let _ = &open;
        Ok::<_, Infallible>(Bytes::from(text))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// With a sign of life where there is nothing to say.
fn beating(events: impl Stream<Item = String> + Send + Unpin + 'static) -> impl Stream<Item = String> + Send {
    stream::unfold(events, |mut events| async move {
        let text = match tokio::time::timeout(HEARTBEAT, events.next()).await {
            Ok(text) => text?,
            Err(_) => ":\n\n".to_owned(),
        };
        Some((text, events))
    })
}

fn told(airlock: &str, happened: &Happened) -> String {
    match happened {
        Happened::Event(event) => message(event.kind.name(), &of(event)),
        Happened::Failover(failover) => {
            let name = match failover.kind {
                FailoverKind::Over => "failed-over",
                _ => "failed-back",
            };
            let resource = failover.resource.as_deref();
            message(name, &Data { airlock: &failover.airlock, resource, ..Data::default() })
        }
        Happened::Missed(many) => message("lost", &Data { airlock, many: Some(*many), ..Data::default() }),
        // What a later release tells of.
        _ => String::new(),
    }
}

fn of(event: &OwnedEvent) -> Data<'_> {
    let millis = |span: Duration| span.as_millis() as u64;
    let (reason, limit) = match event.kind {
        EventKind::Refused(denial) => (Some(Problem::for_reason(Reason::from(denial)).name()), None),
        EventKind::WouldRefuse(name) => (Some(name), None),
        EventKind::Resized(limit) => (None, limit),
        _ => (None, None),
    };
    Data {
        airlock: &event.airlock,
        resource: Some(&event.resource),
        identity: event.identity.as_deref(),
        fence: event.fence,
        waited_ms: event.waited.map(millis),
        held_ms: event.held.map(millis),
        reason,
        limit,
        many: None,
    }
}

fn message(name: &str, data: &Data<'_>) -> String {
    let mut message = String::with_capacity(128);
    // Into memory: neither can fail, and JSON has no line breaks.
    let _ = write!(message, "event: {name}\ndata: {}\n\n", serde_json::to_string(data).unwrap_or_default());
    message
}
