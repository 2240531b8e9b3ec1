//! A request through the layer against the same request through `tower_governor`.

use std::hint::black_box;

use airlock_axum::{Admitted, Airlock, AirlockLayer, Seal, by_header};
use airlock_tests::ratio::{self, Ratio};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use criterion::Criterion;
use futures_util::FutureExt as _;
use http::Request;
use http_body_util::BodyExt as _;
use tower::Service as _;
use tower_governor::GovernorLayer;
use tower_governor::errors::GovernorError;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;

const TENANTS: usize = 10_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("layer");

    let governed = GovernorConfigBuilder::default()
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .key_extractor(ByTenant)
        .finish()
        .expect("a valid configuration");
    let governor = Router::new().route("/", get(hello)).layer(GovernorLayer::new(governed));
    let airlock = || {
        let airlock = Airlock::builder("bench").seal(Seal::semaphore(2)).build().expect("a valid configuration");
        AirlockLayer::new(airlock).resource(by_header("x-tenant"))
    };
    let layered = Router::new().route("/", get(hello)).layer(airlock());
    let extracted = Router::new().route("/", get(hello_admitted)).layer(airlock());
    let bare = Router::new().route("/", get(hello));

    for (name, router) in [("bare", bare), ("governor", governor), ("airlock", layered), ("extractor", extracted)] {
        // As served: with its state set, the router applies its layers once.
        let mut router: Router = router.with_state(());
        let mut tenants =
            (0..TENANTS).map(|n| format!("tenant:{}", n * 7919 % TENANTS)).collect::<Vec<_>>().into_iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    let tenant = tenants.next().expect("a cycle has no end");
                    Request::get("/").header("x-tenant", tenant).body(Body::empty()).expect("a valid request")
                },
                |request| one(&mut router, request),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    criterion.final_summary();
    ratio::print(&[
        Ratio {
            what: "through the layer, 10,000 tenants : tower_governor",
            measured: "layer/airlock",
            against: "layer/governor",
            at_most: 1.3,
        },
        Ratio {
            what: "the same with `Admitted` extracted : tower_governor",
            measured: "layer/extractor",
            against: "layer/governor",
            at_most: 1.35,
        },
    ]);
}

/// One request, its body read to the end and dropped. Nothing in it waits.
fn one(router: &mut Router, request: Request<Body>) {
    let response = router.call(request).now_or_never().expect("nothing waits").expect("a router does not fail");
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    while let Some(frame) = body.frame().now_or_never().expect("nothing waits") {
        black_box(frame.expect("the body does not fail"));
    }
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
