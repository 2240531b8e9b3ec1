//! What it costs to be observed: a request through the layer with metrics, against the same without.

use std::hint::black_box;
use std::time::Duration;

use airlock_axum::{Airlock, AirlockLayer, Seal, by_header, metrics};
use airlock_tests::paired::{self, Comparison, time};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::FutureExt as _;
use http::Request;
use http_body_util::BodyExt as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tower::Service as _;

const TENANTS: usize = 10_000;
/// Requests are made in bundles of so many, outside of what is measured.
const BUNDLE: usize = 100;

fn main() {
    let buckets = [0.0, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0];
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &buckets)
        .and_then(PrometheusBuilder::install_recorder)
        .expect("there is no other");
    let airlock = || Airlock::builder("bench").seal(Seal::semaphore(2));
    let layer = |airlock: Airlock| AirlockLayer::new(airlock).resource(by_header("x-tenant"));
    let route = |layer| Route::new(Router::new().route("/", get(hello)).layer(layer));
    let plain = airlock().build().expect("a valid configuration");
    let counted = airlock().metrics().build().expect("a valid configuration");
    let (mut plain, mut counted) = (route(layer(plain)), route(layer(counted)));
    let scrape = || {
        time(|| {
            metrics::publish();
            assert!(black_box(prometheus.render()).contains("airlock_admitted_total"));
        })
    };

    paired::print_head();
    let comparison = |what, at_most| Comparison { what, operations: TENANTS as u32, rounds: 201, at_most };
    comparison("the layer with metrics : without", 1.15).run(|| counted.all(), || plain.all());
    comparison("the same, scraped every 10,000 requests", 1.15).run(|| counted.all() + scrape(), || plain.all());
}

/// A router as it is served: with its state set, it applies its layers once.
struct Route(Router);

impl Route {
    fn new(router: Router) -> Self {
        Route(router.with_state(()))
    }

    /// A request of each tenant, in an order that no cache guesses.
    fn all(&mut self) -> Duration {
        let mut total = Duration::ZERO;
        for bundle in 0..TENANTS / BUNDLE {
            let requests: Vec<_> = (0..BUNDLE).map(|n| request((bundle * BUNDLE + n) * 7919 % TENANTS)).collect();
            total += time(|| requests.into_iter().for_each(|request| self.one(request)));
        }
        total
    }

    /// One request, its body read to the end and dropped. Nothing in it waits.
    fn one(&mut self, request: Request<Body>) {
        let response = self.0.call(request).now_or_never().expect("nothing waits").expect("a router does not fail");
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        while let Some(frame) = body.frame().now_or_never().expect("nothing waits") {
            black_box(frame.expect("the body does not fail"));
        }
    }
}

fn request(tenant: usize) -> Request<Body> {
    Request::get("/").header("x-tenant", format!("tenant:{tenant}")).body(Body::empty()).expect("a valid request")
}

async fn hello() -> &'static str {
    "hello"
}
