//! Which request is for whom, and what all have in common.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, put};
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use super::fault::Fault;
use super::{Panel, events, looking, operating, page};
use crate::origin;

/// The longest body.
const LONGEST_BODY: usize = 4096;

pub(super) fn router(panel: Arc<Panel>) -> Router {
    Router::new()
        .route("/", only(get(page::get)))
        .route("/airlocks", only(get(looking::airlocks)))
        .route("/airlocks/{name}", only(get(looking::airlock)))
        .route("/airlocks/{name}/resource", only(get(looking::resource)))
        .route("/airlocks/{name}/switch", only(put(operating::switch).delete(operating::clear_switch)))
        .route("/airlocks/{name}/limit", only(put(operating::resize).delete(operating::clear_limit)))
        .route("/airlocks/{name}/holders", only(delete(operating::evict_holder)))
        .route("/airlocks/{name}/waiters", only(delete(operating::evict_waiter)))
        .route("/events", only(get(events::get)))
        .fallback(async || Fault::not_found("There is nothing here."))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn(in_common))
        .with_state(panel)
}

fn only(methods: MethodRouter<Arc<Panel>>) -> MethodRouter<Arc<Panel>> {
    methods.fallback(async || Fault::new(StatusCode::METHOD_NOT_ALLOWED, "This is not done by this method."))
}

/// Nothing is done for pages of other hosts, and nothing is kept by caches.
async fn in_common(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = if parts.method.is_safe() || origin::is_own(&parts) {
        next.run(Request::from_parts(parts, body)).await
    } else {
        Fault::new(StatusCode::FORBIDDEN, "This is only done for pages of this site.").into_response()
    };
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
