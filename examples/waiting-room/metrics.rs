//! What happens, for Prometheus.

use std::sync::Arc;

use airlock_axum::{ConfigError, metrics};
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of waits, holds and calls, in seconds: from half a millisecond to an hour.
const SECONDS: [f64; 16] =
    [0.0, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0];

/// What was counted so far.
#[derive(Clone)]
pub(crate) struct Page(Arc<PrometheusHandle>);

impl Page {
    /// Has everything recorded from now on.
    pub(crate) fn install() -> Result<Self, ConfigError> {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
        let handle = builder.and_then(PrometheusBuilder::install_recorder);
        handle.map(Arc::new).map(Page).map_err(|error| ConfigError::new("metrics", error.to_string()))
    }

    /// `/metrics`, for everybody: names of airlocks are in it, and neither resources nor identities.
    pub(crate) fn router(&self) -> Router {
        let page = self.0.clone();
        Router::new().route("/metrics", get(move || render(page.clone())))
    }
}

async fn render(page: Arc<PrometheusHandle>) -> Response {
    // Adding up takes a moment, in which this thread has others to serve.
    let rendered = tokio::task::spawn_blocking(move || {
        metrics::publish();
        page.render()
    });
    match rendered.await {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
