//! A refusal for gRPC clients, which take nothing from an HTTP status or a body.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{AIRLOCK_STATUS, Problem};
use crate::layer::Edit;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// All but printable ASCII, and the percent sign itself ("gRPC over HTTP2", Responses).
const NOT_IN_A_MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

/// A trailers-only answer: what would follow the messages is the head itself.
pub(super) fn respond(problem: &Problem, edit: Option<&Edit>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from_static(code(problem)));
    let mut message = utf8_percent_encode(problem.detail(), NOT_IN_A_MESSAGE).to_string();
    if let Some(because) = problem.because() {
        message.push(' ');
        message.extend(utf8_percent_encode(because, NOT_IN_A_MESSAGE));
    }
    // Printable ASCII only, which is what a header may have.
    if let Ok(message) = HeaderValue::from_maybe_shared(Bytes::from(message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(AIRLOCK_STATUS, HeaderValue::from_static(problem.name()));
    if matches!(problem.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        headers.insert(RETRY_AFTER, HeaderValue::from(problem.retry_after_seconds()));
    }
    if let Some(edit) = edit {
        edit(problem, &mut response);
    }
    // Whatever was made of it: with another status, or with bytes that are no message, it is no answer at all.
    *response.status_mut() = StatusCode::OK;
    response.body_mut().clear();
    response
}

fn code(problem: &Problem) -> &'static str {
    const RESOURCE_EXHAUSTED: &str = "8";
    const UNAVAILABLE: &str = "14";
    match problem.name() {
        "full" | "line-full" | "limited" | "timed-out" => RESOURCE_EXHAUSTED,
        _ => UNAVAILABLE,
    }
}
