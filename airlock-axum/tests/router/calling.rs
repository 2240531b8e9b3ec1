//! Outbound calls over real sockets: what is limited from the outside never meets more of itself than it may.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airlock_axum::{Airlock, CallLayer, Entrant, Seal};
use axum::Router;
use axum::body::Body;
use axum::routing::get as on_get;
use http::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Notify, Semaphore};
use tower::{ServiceBuilder, ServiceExt as _};

use crate::support::{PATIENCE, serve};

/// An upstream that counts how many call it at once.
#[derive(Clone)]
struct Upstream {
    go_on: Arc<Semaphore>,
    called: Arc<Notify>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Upstream {
    fn new() -> Self {
        Upstream {
            go_on: Arc::new(Semaphore::new(0)),
            called: Arc::default(),
            now: Arc::default(),
            most: Arc::default(),
        }
    }

    async fn call(self) -> StatusCode {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.called.notify_one();
        self.go_on.acquire().await.expect("never closed").forget();
        self.now.fetch_sub(1, Ordering::SeqCst);
        // As overloaded as a limiter's own answer would look.
        StatusCode::SERVICE_UNAVAILABLE
    }

    async fn until_called(&self, times: usize) {
        while self.now.load(Ordering::SeqCst) < times {
            tokio::time::timeout(PATIENCE, self.called.notified()).await.expect("it is called");
        }
    }
}

#[tokio::test]
async fn an_http_client_is_limited_per_host_and_tells_a_refusal_from_an_answer() {
    let upstream = Upstream::new();
    let handler = upstream.clone();
    let address = serve(Router::new().route("/", on_get(move || handler.call()))).await;
    let airlock = Airlock::builder("upstreams").seal(Seal::semaphore(2)).build().unwrap();
    let by_host = |request: &Request<Body>| Entrant::new(request.uri().authority().expect("absolute").to_string());
    let layer = CallLayer::new(airlock.clone()).entrant(by_host);
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let trying = ServiceBuilder::new().layer(layer.clone()).service(client.clone());
    let waiting = ServiceBuilder::new().layer(layer.wait(PATIENCE)).service(client);

    let uri: Uri = format!("http://{address}/").parse().unwrap();
    let get = || Request::get(uri.clone()).body(Body::empty()).unwrap();
    let crowd: Vec<_> = (0..20).map(|_| tokio::spawn(waiting.clone().oneshot(get()))).collect();
    upstream.until_called(2).await;

    let refused = trying.clone().oneshot(get()).await.unwrap_err();
    assert!(refused.is_busy());
    // Another host has a gate of its own, and nobody there: that is the client's own error.
    let elsewhere = Request::get("http://127.0.0.1:1/").body(Body::empty()).unwrap();
    assert!(trying.oneshot(elsewhere).await.unwrap_err().into_inner().is_some_and(|error| error.is_connect()));

    upstream.go_on.add_permits(20);
    for call in crowd {
        assert_eq!(call.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(upstream.most.load(Ordering::SeqCst), 2);
    assert_eq!(airlock.inspect(&address.to_string()).await.unwrap().in_use, 0);
}
