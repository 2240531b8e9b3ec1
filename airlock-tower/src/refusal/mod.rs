//! Refusals as responses.
//!
//! | what happened | status | `Airlock-Status` |
//! |---|---|---|
//! | no room, and no line or only tried | 503 | `full` |
//! | rate or cool-down spent | 429 | `limited` |
//! | waited as long as the layer allows | 503 | `timed-out` |
//! | the line, or this group's part of it, is full | 503 | `line-full` |
//! | in line, and may come back (waiting room) | 503 | `queued` |
//! | this identity is already inside | 409 | `duplicate` |
//! | this identity entered again elsewhere | 409 | `superseded` |
//! | the offer is gone | 409 | `missed` |
//! | the store is down | 503 | `unavailable` |
//! | shutting down, or put out of the line | 503 | `closed` |
//! | this node is overloaded | 503 | `shed` |
//! | lease lost while the handler ran | 500 | `lost` |
//! | the request does not say who it is | 400 | `unidentified` |
//! | a malformed name or number, or too heavy | 400 | `invalid` |
//!
//! A gRPC request gets the same as a trailers-only answer: HTTP 200 with `grpc-status`.

mod format;
mod grpc;
mod page;

use std::time::Duration;

use airlock_core::{Error, LeaseLost, Place, Reason};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

pub use format::Format;

use crate::layer::Edit;
use crate::name::NameError;

/// Says what happened, for clients that do not read bodies.
const AIRLOCK_STATUS: HeaderName = HeaderName::from_static("airlock-status");
const AIRLOCK_POSITION: HeaderName = HeaderName::from_static("airlock-position");
/// In whole seconds.
const AIRLOCK_ESTIMATED_WAIT: HeaderName = HeaderName::from_static("airlock-estimated-wait");

/// Why a request was not let in, or not to its end.
///
/// The response has its [`status`](Problem::status), the header `Airlock-Status` with its [`name`](Problem::name),
/// `Cache-Control: private, no-store`, `Retry-After` for 503 and 429, and a body: `application/problem+json` (RFC
/// 9457), or a page if the client prefers `text/html`.
///
/// A gRPC client gets a trailers-only answer instead: HTTP 200, `grpc-status` RESOURCE_EXHAUSTED (8) for `full`,
/// `line-full`, `limited` and `timed-out`, UNAVAILABLE (14) for all else, and the same headers.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::{Airlock, Seal};
/// use airlock_tower::{Format, Problem};
///
/// // For front ends that admit by themselves; the layer does it for you.
/// let jobs = Airlock::builder("jobs").seal(Seal::lock()).build()?;
/// let _inside = jobs.try_enter("invoice").await?;
/// let error = jobs.try_enter("invoice").await.unwrap_err();
/// let response = Problem::of(&error).response(jobs.name(), Format::default());
/// assert_eq!((response.status().as_u16(), &response.headers()["airlock-status"]), (503, &"full".parse()?));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    detail: String,
    retry_after: Option<Duration>,
    reopens_in: Option<Duration>,
    because: Option<String>,
    /// Boxed: most are about nobody in line.
    place: Option<Box<Place>>,
    waiting: Option<u64>,
}

impl Problem {
    /// The status code.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What happened in one word, such as `full`: the value of `Airlock-Status`, and the end of the problem's type.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// When asking again makes sense, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// When it opens again, where it is `closed` and that is known.
    pub fn reopens_in(&self) -> Option<Duration> {
        self.reopens_in
    }

    /// What the operator [has to say](airlock_core::Switch::because) about it.
    pub fn because(&self) -> Option<&str> {
        self.because.as_deref()
    }

    const NOTHING: Problem = Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        name: "",
        title: "",
        detail: String::new(),
        retry_after: None,
        reopens_in: None,
        because: None,
        place: None,
        waiting: None,
    };

    /// The place in line, where it is `queued`.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_deref()
    }

    /// In line, and to come back: for front ends whose clients do not wait on their connection.
    pub fn queued(place: Place) -> Self {
        Problem {
            retry_after: Some(place.refresh_after),
            waiting: Some(place.waiting),
            place: Some(Box::new(place)),
            ..Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "queued",
                "You are in line",
                "As many as are allowed are inside. Your place in line is kept: come back for it.",
            )
        }
    }

    /// What a request is told that does not say who it is.
    pub fn unnamed(error: &NameError) -> Self {
        if error.is_malformed() {
            return Problem::invalid(error.to_string());
        }
        let detail = error.to_string();
        Problem::new(StatusCode::BAD_REQUEST, "unidentified", "Who is asking?", sentence(detail))
    }

    /// The same under another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Problem { status, ..self }
    }

    /// The same in other words.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Problem { detail: detail.into(), ..self }
    }

    /// The same, to be tried again after that.
    #[must_use]
    pub fn with_retry_after(self, after: Duration) -> Self {
        Problem { retry_after: Some(after), ..self }
    }

    /// The same, with how many wait: where everybody may know.
    #[must_use]
    pub fn with_waiting(self, waiting: u64) -> Self {
        Problem { waiting: Some(waiting), ..self }
    }

    /// The same of somebody who waits while it is closed: with what the operator has to say, and when it opens again.
    #[must_use]
    pub fn while_closed(self, because: Option<&str>, reopens_in: Option<Duration>) -> Self {
        Problem { because: because.map(str::to_owned), reopens_in, ..self }
    }

    /// What an airlock's error is to a client.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Refused(refusal) => Problem {
                retry_after: refusal.retry_after(),
                reopens_in: refusal.reopens_in(),
                because: refusal.because().map(str::to_owned),
                ..Problem::for_reason(refusal.reason)
            },
            Error::Unavailable(_) => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Unavailable",
                "Whether there is room cannot be found out at the moment.",
            ),
            Error::Invalid(invalid) => Problem::invalid(invalid.to_string()),
            Error::Lost(lost) => Problem::lost(lost),
            _ => Problem::for_reason(Reason::Full),
        }
    }

    pub(crate) fn lost(_: &LeaseLost) -> Self {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "lost",
            "The place inside was lost",
            "The request was stopped while it was being worked on. It may have been carried out in part: look before \
             you repeat it.",
        )
    }

    pub(crate) fn shed() -> Self {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shed",
            "Too much to do",
            "This server has too much to do at the moment. Try again later.",
        )
    }

    fn invalid(detail: String) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", "Invalid request", sentence(detail))
    }

    /// What a refusal for that reason is to a client.
    pub fn for_reason(reason: Reason) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let (status, name, title, detail) = match reason {
            Reason::Limited => (
                StatusCode::TOO_MANY_REQUESTS,
                "limited",
                "Too many in this time",
                "As many as are allowed in this time have been let in. Try again later.",
            ),
            Reason::TimedOut => (
                unavailable,
                "timed-out",
                "No room in time",
                "There was no room for as long as this request could wait. Try again later.",
            ),
            Reason::LineFull => {
                (unavailable, "line-full", "The line is full", "Too many wait already. Try again later.")
            }
            Reason::GroupLineFull => {
                (unavailable, "line-full", "The line is full", "Too many of this group wait already. Try again later.")
            }
            Reason::Duplicate => (
                StatusCode::CONFLICT,
                "duplicate",
                "Already inside",
                "A request of the same identity is being worked on. Wait for its end.",
            ),
            Reason::Superseded => (
                StatusCode::CONFLICT,
                "superseded",
                "Superseded",
                "The same identity asked again elsewhere, and this request's place in line went over to that one.",
            ),
            Reason::Missed | Reason::Absent | Reason::Spent => {
                (StatusCode::CONFLICT, "missed", "Missed", "The place that was held is gone. Ask for a new one.")
            }
            Reason::TooHeavy => (
                StatusCode::BAD_REQUEST,
                "invalid",
                "Invalid request",
                "The request asks for more than the limit in force.",
            ),
            Reason::Closed => (unavailable, "closed", "Closed", "It is closed at the moment. Try again later."),
            Reason::ShuttingDown => (unavailable, "closed", "Closed", "This server is shutting down. Try again."),
            Reason::Evicted => (unavailable, "closed", "Closed", "An operator closed this request's place in line."),
            _ => (unavailable, "full", "No room", "As many as are allowed are inside. Try again later."),
        };
        Problem::new(status, name, title, detail)
    }

    fn new(status: StatusCode, name: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Problem { status, name, title, detail: detail.into(), ..Problem::NOTHING }
    }

    /// The whole response: for front ends that admit by themselves. `airlock` is the airlock's name.
    pub fn response(&self, airlock: &str, format: Format) -> Response<Bytes> {
        self.respond(airlock, None, format)
    }

    /// The whole response, edited as the layer's user wishes.
    pub(crate) fn respond(&self, airlock: &str, edit: Option<&Edit>, format: Format) -> Response<Bytes> {
        if format.grpc {
            return grpc::respond(self, edit);
        }
        let (content_type, body) = self.document(airlock, format);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        headers.insert(AIRLOCK_STATUS, HeaderValue::from_static(self.name));
        if self.is_to_be_repeated() {
            headers.insert(RETRY_AFTER, HeaderValue::from(self.retry_after_seconds()));
        }
        if let Some(place) = &self.place {
            headers.insert(AIRLOCK_POSITION, HeaderValue::from(place.position));
            if let Some(wait) = place.estimated_wait {
                headers.insert(AIRLOCK_ESTIMATED_WAIT, HeaderValue::from(whole_seconds(wait)));
            }
        }
        if let Some(edit) = edit {
            let body = response.body().clone();
            edit(self, &mut response);
            if response.status() != self.status {
                self.follow(&mut response, &body, airlock, format);
            }
        }
        if format.head {
            // The length is that of what a GET would have got (RFC 9110, 8.6).
            let length = std::mem::take(response.body_mut()).len();
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }

    /// What depends on the status follows one of the layer's user's choosing (RFC 9457, 3.1.2), except for a body that
    /// is the user's as well.
    fn follow(&self, response: &mut Response<Bytes>, ours: &Bytes, airlock: &str, format: Format) {
        let chosen = Problem { status: response.status(), ..self.clone() };
        if response.body() == ours {
            *response.body_mut() = chosen.document(airlock, format).1;
        }
        let headers = response.headers_mut();
        if chosen.is_to_be_repeated() && !headers.contains_key(RETRY_AFTER) {
            headers.insert(RETRY_AFTER, HeaderValue::from(self.retry_after_seconds()));
        }
    }

    fn is_to_be_repeated(&self) -> bool {
        matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }

    fn document(&self, airlock: &str, format: Format) -> (&'static str, Bytes) {
        if format.html {
            ("text/html; charset=utf-8", page::render(self, airlock).into())
        } else {
            ("application/problem+json", self.json(airlock).into())
        }
    }

    /// Whole seconds, rounded up, never 0: a crowd told 0 comes back at once.
    fn retry_after_seconds(&self) -> u64 {
        whole_seconds(self.retry_after.unwrap_or_default()).max(1)
    }

    fn json(&self, airlock: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            airlock: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            position: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            position_exact: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            ahead: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            waiting: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            chance: Option<f64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            estimated_wait_ms: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            refresh_after_ms: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_after_ms: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            reopens_in_ms: Option<u64>,
        }
        let place = self.place.as_deref();
        let document = Document {
            r#type: format!("urn:airlock:problem#{}", self.name),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            airlock,
            position: place.map(|place| place.position),
            position_exact: place.map(|place| place.position_exact),
            ahead: place.map(|place| place.ahead),
            waiting: self.waiting,
            chance: place.and_then(|place| place.chance),
            estimated_wait_ms: place.and_then(|place| place.estimated_wait).map(|wait| wait.as_millis() as u64),
            refresh_after_ms: place.map(|place| place.refresh_after.as_millis() as u64),
            retry_after_ms: self.retry_after.map(|after| after.as_millis() as u64),
            reason: self.because(),
            reopens_in_ms: self.reopens_in.map(|after| after.as_millis() as u64),
        };
        // Strings and numbers only: there is nothing in it that could fail.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// What happened, in a few words.
    pub fn title(&self) -> &str {
        self.title
    }

    /// What happened, in a sentence or two.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// Rounded up.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// An error's text as a sentence.
fn sentence(text: String) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => text,
    }
}
