//! What was wrong with a request.

use airlock_core::Error;
use airlock_tower::Problem;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// A problem that is the request's own, or the store's.
#[derive(Debug)]
pub(super) enum Fault {
    Request(StatusCode, String),
    Store(Box<Error>),
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Fault {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Fault::Request(status, detail.into())
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Fault::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Fault::new(StatusCode::NOT_FOUND, detail)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(invalid) => Fault::invalid(format!("This cannot be done: {invalid}.")),
            error => Fault::Store(Box::new(error)),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, detail) = match self {
            Fault::Request(status, detail) => (status, detail),
            Fault::Store(error) => return unavailable(&Problem::of(&error)),
        };
        let title = status.canonical_reason().unwrap_or_default();
        document(status, &Document { r#type: "about:blank", title, status: status.as_u16(), detail: &detail })
    }
}

/// As everywhere else.
fn unavailable(problem: &Problem) -> Response {
    let (status, detail) = (problem.status(), problem.detail());
    let r#type = &format!("urn:airlock:problem#{}", problem.name());
    let mut response = document(status, &Document { r#type, title: problem.title(), status: status.as_u16(), detail });
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("airlock-status"), HeaderValue::from_static(problem.name()));
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn document(status: StatusCode, document: &Document<'_>) -> Response {
    // Strings and numbers only: there is nothing in it that could fail.
    let mut response = Response::new(Body::from(serde_json::to_vec(document).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
