//! What the flagship tells Prometheus, as Prometheus reads it: compared with what was done to it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::{Duration, Instant};

use airlock_axum::{Airlock, AirlockLayer, Seal, metrics};
use airlock_tests::flagship::{Flagship, PATIENCE};
use airlock_tests::redis::Server;
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request, StatusCode};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::ServiceExt as _;

use crate::client::{Client, wait_for};

/// A page of `/metrics`: values by series, and of which kind each metric is.
#[derive(Debug, Default)]
struct Scrape {
    values: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
}

impl Scrape {
    async fn of(client: &Client) -> Self {
        let reply = client.get("/metrics", &[]).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        Scrape::read(std::str::from_utf8(&reply.body).expect("text"))
    }

    /// By the rules of the text format, as far as they are made use of.
    fn read(page: &str) -> Self {
        let mut scrape = Scrape::default();
        for line in page.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix("# ") {
                let words: Vec<&str> = comment.splitn(3, ' ').collect();
                let ["HELP" | "TYPE", name, rest] = words[..] else { panic!("{line}") };
                assert!(name.starts_with("airlock_") && !rest.is_empty(), "{line}");
                if words[0] == "TYPE" {
                    assert!(["counter", "gauge", "histogram"].contains(&rest), "{line}");
                    assert_eq!(scrape.kinds.insert(name.to_owned(), rest.to_owned()), None, "{line}");
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            let (name, labels) = series.strip_suffix('}').and_then(|it| it.split_once('{')).expect("all have labels");
            let kind = scrape.kind_of(name).unwrap_or_else(|| panic!("nobody said what kind {name} is"));
            assert!(kind != "counter" || name.ends_with("_total"), "{line}");
            let mut sorted: Vec<&str> = labels.split("\",").map(|label| label.trim_end_matches('"')).collect();
            sorted.sort_unstable();
            let series = format!("{name}{{{}}}", sorted.join(",").replace('"', ""));
            let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert_eq!(scrape.values.insert(series, value), None, "{line} is there twice");
        }
        scrape
    }

    fn kind_of(&self, name: &str) -> Option<&str> {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let kind = self.kinds.get(name).or_else(|| self.kinds.get(base?).filter(|kind| *kind == "histogram"));
        kind.map(String::as_str)
    }

    /// A value; 0 where there is none yet.
    fn value(&self, series: &str) -> f64 {
        self.values.get(series).copied().unwrap_or_default()
    }
}

/// A server of its own for each store, what its store is called, and what it needs.
fn servers(options: &[&str]) -> [(Flagship, &'static str, Option<Server>); 2] {
    let redis = Server::start();
    let url = redis.url();
    let on_redis = Flagship::start(&[options, &["--store", &url]].concat());
    [(Flagship::start(options), "memory", None), (on_redis, "redis", Some(redis))]
}

/// Scrapes until it shows that.
async fn until(client: &Client, series: &str, value: f64) -> Scrape {
    let since = Instant::now();
    loop {
        let scrape = Scrape::of(client).await;
        if scrape.value(series) == value {
            return scrape;
        }
        assert!(since.elapsed() < PATIENCE, "{series} is not {value}: {scrape:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_says_what_was_done() {
    for (server, store, _redis) in servers(&["--tenant-limit", "1", "--wait", "30", "--line", "1"]) {
        let client = Client::of(&server);
        let acme = [("x-tenant", "acme-and-sons"), ("x-user", "user-grace")];
        let of = |name: &str, more: &str| format!("airlock_{name}{{airlock=imports{more},store={store}}}");
        let counted = |scrape: &Scrape, name: &str| scrape.value(&of(&format!("{name}_total"), ""));
        let before = Scrape::of(&client).await;
        assert_eq!((counted(&before, "admitted"), before.value(&of("limit", ""))), (0.0, 1.0));
        let switch = format!("airlock_switch{{airlock=imports,state=open,store={store}}}");
        assert_eq!(before.value(&switch), 1.0);

        // One is inside for as long as it takes to look, one waits, and one finds the line full.
        let holds = client.send(Method::GET, "/stream?ms=20000&chunks=20", &acme);
        wait_for(&server, "admitted", 1);
        let waits = client.send(Method::POST, "/imports?ms=0", &acme);
        wait_for(&server, "queued", 1);
        client.post("/imports", &acme).await.is_refused(503, "line-full");

        let scrape = until(&client, &of("held", ""), 1.0).await;
        assert_eq!(counted(&scrape, "admitted"), 1.0, "{scrape:#?}");
        assert_eq!(counted(&scrape, "queued"), 1.0, "{scrape:#?}");
        let refused = format!("airlock_refused_total{{airlock=imports,reason=line-full,store={store}}}");
        assert_eq!(scrape.value(&refused), 1.0, "{scrape:#?}");
        let scrape = until(&client, &of("waiting", ""), 1.0).await;
        assert_eq!((scrape.value(&of("resources", "")), scrape.value(&of("capacity", ""))), (1.0, 1.0));

        // The body is dropped, and with it the place goes to whoever waits.
        holds.abort();
        assert_eq!(waits.await.expect("no panic").status, 200);
        let released = format!("airlock_ended_total{{airlock=imports,ending=released,store={store}}}");
        let scrape = until(&client, &released, 2.0).await;
        assert_eq!(counted(&scrape, "admitted"), 2.0);
        let push = scrape.value(&format!("airlock_woken_total{{airlock=imports,by=push,store={store}}}"));
        let asking = scrape.value(&format!("airlock_woken_total{{airlock=imports,by=asking,store={store}}}"));
        assert_eq!(push + asking, 1.0, "{scrape:#?}");

        // Histograms: as many spans as there were, none shorter than it can have been.
        let bucket = |name: &str, le: &str| {
            scrape.value(&format!("airlock_{name}_seconds_bucket{{airlock=imports,le={le},store={store}}}"))
        };
        assert_eq!((bucket("wait", "0"), bucket("wait", "+Inf")), (1.0, 2.0), "{scrape:#?}");
        assert_eq!(scrape.value(&of("wait_seconds_count", "")), 2.0);
        assert_eq!((bucket("hold", "+Inf"), scrape.value(&of("hold_seconds_count", ""))), (2.0, 2.0));
        assert!(scrape.value(&of("hold_seconds_sum", "")) > 0.0, "{scrape:#?}");
        let calls = scrape.value(&of("store_seconds_count", ""));
        assert_eq!(calls >= 5.0, store == "redis", "{calls} calls: only a store that is shared is called");

        until(&client, &of("held", ""), 0.0).await;
        let page = client.get("/metrics", &[]).await.body;
        let page = std::str::from_utf8(&page).expect("text");
        for name in ["acme-and-sons", "user-grace"] {
            assert!(!page.contains(name), "{name} is in {page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_shadow_mode_it_shows_who_would_have_been_refused() {
    for (server, store, _redis) in servers(&["--tenant-limit", "1", "--shadow"]) {
        let client = Client::of(&server);
        let acme = [("x-tenant", "acme")];
        let holds = client.send(Method::GET, "/stream?ms=20000&chunks=20", &acme);
        wait_for(&server, "admitted", 1);
        for _ in 0..3 {
            assert_eq!(client.post("/imports", &acme).await.status, 200);
        }
        assert_eq!(client.post("/imports", &[]).await.status, 200);
        let scrape = Scrape::of(&client).await;
        let would =
            |reason: &str| scrape.value(&format!("airlock_would_refuse_total{{airlock=imports,reason={reason}}}"));
        assert_eq!((would("full"), would("unidentified")), (3.0, 1.0), "{store}: {scrape:#?}");
        holds.abort();
    }
}

/// The only one that records in this process.
#[tokio::test]
async fn who_is_shed_is_counted_unless_it_is_let_in_anyway() {
    let recorder = PrometheusBuilder::new().set_buckets(&[1.0]).and_then(PrometheusBuilder::install_recorder);
    let recorder = recorder.expect("there is no other");
    let airlock = Airlock::builder("busy").seal(Seal::lock()).metrics().build().expect("a valid configuration");
    let sheds = AirlockLayer::new(airlock).shed_when(|_| true);
    for (layer, status) in [(sheds.clone(), StatusCode::SERVICE_UNAVAILABLE), (sheds.shadow(), StatusCode::OK)] {
        let app = Router::new().route("/", get(|| async { "welcome" })).layer(layer);
        let request = Request::get("/").body(Body::empty()).expect("a request");
        assert_eq!(app.oneshot(request).await.expect("routers do not fail").status(), status);
    }
    metrics::publish();
    let scrape = Scrape::read(&recorder.render());
    assert_eq!(scrape.value("airlock_shed_total{airlock=busy}"), 1.0, "{scrape:#?}");
    assert_eq!(scrape.value("airlock_would_refuse_total{airlock=busy,reason=shed}"), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_store_is_to_be_seen() {
    let mut redis = Server::start();
    let url = redis.url();
    let options = ["--store", &url, "--fallback", "memory", "--reset-after", "600"];
    let server = Flagship::start_in(&options, &[("RUST_LOG", OsStr::new("warn"))]);
    let client = Client::of(&server);
    let acme = [("x-tenant", "acme")];
    assert_eq!(client.post("/imports", &acme).await.status, 200);
    redis.kill();
    let mut locally = 0.0;
    let since = Instant::now();
    while locally < 3.0 {
        let reply = client.post("/imports", &acme).await;
        assert!(since.elapsed() < PATIENCE, "{reply:?}");
        locally += f64::from(u8::from(reply.status == 200 && reply.json()["granted_by"] == "memory"));
    }
    let scrape = Scrape::of(&client).await;
    assert_eq!(scrape.value("airlock_breakers{airlock=imports,state=open}"), 1.0, "{scrape:#?}");
    assert_eq!(scrape.value("airlock_failovers_total{airlock=imports,kind=over}"), 1.0);
    assert_eq!(scrape.value("airlock_admitted_total{airlock=imports,store=memory}"), locally);
    assert_eq!(scrape.value("airlock_admitted_total{airlock=imports,store=redis}"), 1.0);
    assert!(scrape.value("airlock_unavailable_total{airlock=imports}") >= 1.0, "{scrape:#?}");
    assert_eq!(scrape.value("airlock_breakers{airlock=shared,state=open}"), 0.0);
}
