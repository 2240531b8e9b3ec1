//! The dashboard: one document, nothing requested elsewhere.

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};

use crate::nonce::Nonce;

#[derive(Template)]
#[template(path = "admin.html")]
struct Page<'a> {
    nonce: &'a str,
    style: &'static str,
    script: &'static str,
}

/// All of it comes with the document but the figures, which its script asks for.
pub(super) async fn get() -> Response {
    let nonce = Nonce::random();
    let page = Page {
        nonce: nonce.as_str(),
        style: include_str!("../../templates/admin.css"),
        script: include_str!("../../templates/admin.js"),
    };
    // It writes into memory, and nothing in it can fail.
    let mut response = Response::new(Body::from(page.render().unwrap_or_default()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, nonce.policy());
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
