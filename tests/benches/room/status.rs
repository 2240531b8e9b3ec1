//! How fast a visitor's status is answered, against a route that answers JSON of the same length.

use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::{Airlock, Line, PassKey, Seal, WaitingRoom};
use airlock_tests::paired::{self, Comparison, time};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;

/// How many wait.
const WAITING: usize = 1_000;
/// How many are asked for in a round, and at once.
const REQUESTS: usize = 2_000;
const AT_ONCE: usize = 32;

struct Asker {
    runtime: Runtime,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Asker {
    async fn get(&self, uri: &Uri, cookie: &str) -> http::Response<Bytes> {
        let request = Request::get(uri).header(header::ACCEPT, "application/json").header(header::COOKIE, cookie);
        let response = self.client.request(request.body(Empty::new()).expect("a request")).await.expect("an answer");
        let (parts, body) = response.into_parts();
        http::Response::from_parts(parts, body.collect().await.expect("whole").to_bytes())
    }

    /// How long it takes to ask for all of them.
    fn ask(&self, uri: &Uri, cookies: &[String]) -> Duration {
        time(|| {
            self.runtime.block_on(async {
                let asked = cookies.iter().cycle().take(REQUESTS).map(|cookie| self.get(uri, cookie));
                let mut answers = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE);
                while let Some(answer) = answers.next().await {
                    assert!(answer.status().is_success());
                }
            });
        })
    }
}

pub(crate) fn compare() {
    let airlock = Airlock::builder("shop").seal(Seal::semaphore(0)).line(Line::new().capacity(2 * WAITING as u64));
    let airlock = airlock.build().expect("a valid configuration");
    let room = WaitingRoom::builder(airlock, PassKey::generate()).per_address(u32::MAX).insecure_for_development();
    let room = room.build().expect("a valid room");
    let shop = Router::new().route("/shop", get(|| async { "welcome" })).layer(room.layer()).merge(room.routes());

    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let asker = Asker { runtime, client: Client::builder(TokioExecutor::new()).build_http() };
    let listener = server.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    let uri = |path: &str| -> Uri { format!("http://{address}{path}").parse().expect("a URL") };
    let (page, status, plain) = (uri("/shop"), uri("/.airlock/shop/status"), uri("/plain"));

    // What the plain route answers is what the room says to somebody in the middle of the line.
    let said = std::sync::Arc::new(std::sync::OnceLock::<serde_json::Value>::new());
    let says = said.clone();
    let json = get(move || {
        let says = says.clone();
        async move { axum::Json(says.get().cloned().unwrap_or_default()) }
    });
    let app = shop.route("/plain", json).into_make_service_with_connect_info::<SocketAddr>();
    server.spawn(async move { axum::serve(listener, app).await });

    let cookies: Vec<String> = asker.runtime.block_on(async {
        let mut cookies = Vec::new();
        for _ in 0..WAITING {
            let answer = asker.get(&page, "").await;
            let set = answer.headers().get(header::SET_COOKIE).and_then(|set| set.to_str().ok()).expect("an identity");
            cookies.push(set.split(';').next().unwrap_or_default().to_owned());
        }
        let answer = asker.get(&status, &cookies[WAITING / 2]).await;
        let told = serde_json::from_slice(answer.body()).expect("JSON");
        said.set(told).expect("once");
        cookies
    });
    paired::print_head();
    let what = "status over HTTP, 1,000 waiting : a plain JSON route";
    let comparison = Comparison { what, operations: REQUESTS as u32, rounds: 51, at_most: 2.0 };
    comparison.run(|| asker.ask(&status, &cookies), || asker.ask(&plain, &cookies));
}
