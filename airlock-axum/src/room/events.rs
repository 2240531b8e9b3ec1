//! The stream of what happens to a visitor. While it is open it is presence.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use airlock_core::Reason;
use airlock_tower::{NameError, Problem};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::Room;
use super::cookie::VisitorId;
use super::status::{Asker, Status};

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Each stream lasts so long, more or less a tenth: coming back proves that somebody is there.
const LASTS: Duration = Duration::from_secs(60);
/// So often something is sent at the least.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often the gate is asked for those at the front, and for all others.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(3);
/// How many count as the front.
const FRONT: u64 = 20;
/// How many streams a visitor may have.
const MOST: u32 = 2;

impl Room {
    pub(super) async fn get_events(self: &Arc<Self>, parts: &Parts) -> Response {
        let asker = self.asker(parts);
        let Some(id) = asker.visitors().next() else {
            let nobody = NameError::unidentified("there is no cookie of this waiting room, or none that is good");
            return self.problem(parts, &Problem::unnamed(&nobody));
        };
        let Some(open) = Open::new(self, id) else {
            let detail = "This visitor has as many streams open as it may have.";
            return self.problem(parts, &Problem::for_reason(Reason::Limited).with_detail(detail));
        };
        let lasts = LASTS.mul_f64(0.9 + rand::random::<f64>() / 5.0);
        let stream = Stream {
            open,
            asker,
            ends: Instant::now() + lasts,
            told: None,
            spoke: Instant::now(),
            id: last_event_id(&parts.headers),
            over: false,
            ready: VecDeque::new(),
        };
        let body = stream::unfold(stream, |mut stream| async move {
            let chunk = stream.next().await?;
            Some((Ok::<_, Infallible>(Bytes::from(chunk)), stream))
        });
        let mut response = Response::new(Body::from_stream(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        response
    }
}

/// Numbers go on from the last that came through.
fn last_event_id(headers: &HeaderMap) -> u64 {
    let id = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    id.filter(|id| *id < u64::MAX / 2).unwrap_or(0)
}

/// A stream of a visitor's that is open.
struct Open {
    room: Arc<Room>,
    id: VisitorId,
}

impl Open {
    fn new(room: &Arc<Room>, id: VisitorId) -> Option<Self> {
        let mut streams = room.streams.lock();
        let count = streams.entry(id).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Open { room: room.clone(), id })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut streams = self.room.streams.lock();
        if let Some(count) = streams.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.id);
            }
        }
    }
}

struct Stream {
    open: Open,
    asker: Asker,
    ends: Instant,
    /// What was said last.
    told: Option<Status>,
    spoke: Instant,
    id: u64,
    over: bool,
    ready: VecDeque<String>,
}

impl Stream {
    /// What is sent next; none at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                self.spoke = Instant::now();
                return Some(chunk);
            }
            if self.over {
                return None;
            }
            if self.told.is_some() {
                self.pause().await;
            }
            // Boxed, so that the room it takes is not kept by a stream that only waits.
            Box::pin(self.look()).await;
        }
    }

    async fn look(&mut self) {
        if Instant::now() >= self.ends {
            return self.end();
        }
        // A store that is away is asked again; meanwhile nothing changes.
        if let Ok(status) = self.open.room.status(&self.asker).await
            && self.told.as_ref().is_none_or(|told| differ(told, &status))
        {
            self.tell(status);
        } else if self.spoke.elapsed() >= HEARTBEAT {
            self.ready.push_back(":\n\n".to_owned());
        }
        // Nobody could be asked even once: that is no first event.
        if self.told.is_none() {
            self.told = Some(Status::default());
        }
    }

    fn tell(&mut self, status: Status) {
        let event = match status.status {
            "queued" => "position",
            "none" => "missed",
            other => other,
        };
        self.id += 1;
        // Strings and numbers only: there is nothing in it that could fail.
        let data = serde_json::to_string(&status).unwrap_or_default();
        self.ready.push_back(format!("id: {}\nevent: {event}\ndata: {data}\n\n", self.id));
        self.told = Some(status);
    }

    fn end(&mut self) {
        let again = rand::random_range(500..2500);
        self.ready.push_back(format!("retry: {again}\n\n"));
        self.over = true;
    }

    /// Waits until it makes sense to look again.
    async fn pause(&self) {
        let room = &self.open.room;
        let front = self.told.as_ref().is_none_or(|told| told.position.is_none_or(|position| position <= FRONT));
        // As rarely as the line is long, where there is a budget.
        let wanted = self.told.as_ref().and_then(|told| told.refresh_after_ms).map(Duration::from_millis);
        let pause = if front { SOON } else { LATER };
        let pause = match room.options.poll_budget {
            Some(_) if !front => wanted.unwrap_or(LATER),
            _ => wanted.map_or(pause, |wanted| wanted.min(pause)),
        };
        let until = (Instant::now() + pause.min(HEARTBEAT)).min(self.ends);
        if !front {
            return tokio::time::sleep_until(until).await;
        }
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = room.moved.notified() => {}
        }
    }
}

/// Whether there is something to tell: times alone are told with the next change.
fn differ(told: &Status, status: &Status) -> bool {
    (told.status, told.position, &told.reason) != (status.status, status.position, &status.reason)
}
