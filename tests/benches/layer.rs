//! A request through the layer against the same request through `tower_governor`.

use std::hint::black_box;
use std::time::Duration;

use airlock_axum::{Admitted, Airlock, AirlockLayer, Seal, by_header};
use airlock_tests::paired::{self, Comparison, time};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::FutureExt as _;
use http::Request;
use http_body_util::BodyExt as _;
use tower::Service as _;
use tower_governor::GovernorLayer;
use tower_governor::errors::GovernorError;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;

const TENANTS: usize = 10_000;
/// Requests are made in bundles of so many, outside of what is measured.
const BUNDLE: usize = 100;

fn main() {
    paired::print_head();
    let layer = || {
        let airlock = Airlock::builder("bench").seal(Seal::semaphore(2)).build().expect("a valid configuration");
        AirlockLayer::new(airlock).resource(by_header("x-tenant"))
    };
    let governed = GovernorConfigBuilder::default()
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .key_extractor(ByTenant)
        .finish()
        .expect("a valid configuration");
    let mut governor = Route::new(Router::new().route("/", get(hello)).layer(GovernorLayer::new(governed)));
    let mut bare = Route::new(Router::new().route("/", get(hello)));
    let mut layered = Route::new(Router::new().route("/", get(hello)).layer(layer()));
    let mut extracted = Route::new(Router::new().route("/", get(hello_admitted)).layer(layer()));

    let comparison = |what, at_most| Comparison { what, operations: TENANTS as u32, rounds: 101, at_most };
    comparison("through the layer, 10,000 tenants : tower_governor", 1.3).run(|| layered.all(), || governor.all());
    comparison("the same with `Admitted` extracted : tower_governor", 1.35).run(|| extracted.all(), || governor.all());
    comparison("(for comparison) the bare route : tower_governor", 1.0).run(|| bare.all(), || governor.all());
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

async fn hello_admitted(admitted: Admitted) -> &'static str {
    black_box(admitted.fence());
    "hello"
}

#[derive(Clone)]
struct ByTenant;

impl KeyExtractor for ByTenant {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
        let tenant = request.headers().get("x-tenant").and_then(|tenant| tenant.to_str().ok());
        tenant.map(str::to_owned).ok_or(GovernorError::UnableToExtractKey)
    }
}
