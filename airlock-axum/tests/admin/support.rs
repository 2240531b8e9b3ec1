//! What the tests share: two airlocks, and somebody who operates them.

use std::time::Duration;

use airlock_axum::clock::TestClock;
use airlock_axum::store::MemoryStore;
use airlock_axum::{Airlock, Entered, Entrant, Permit, Rate, Seal, admin};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) struct Scene {
    pub(crate) router: Router,
    pub(crate) imports: Airlock,
    pub(crate) clock: TestClock,
}

impl Scene {
    /// `imports`, two at once for each tenant, and `calls`, by a rate alone.
    pub(crate) fn new() -> Self {
        let clock = TestClock::new();
        let imports = Airlock::builder("imports").seal(Seal::semaphore(2).ttl(Duration::from_secs(600)));
        let imports = imports.store(MemoryStore::with_clock(&clock)).build().expect("a plain configuration");
        let calls = Airlock::builder("calls / out").seal(Seal::rate(Rate::per_hour(1))).build().expect("as plain");
        let router = Router::new().nest_service("/admin", admin([&imports, &calls]));
        Scene { router, imports, clock }
    }

    /// Ada and somebody anonymous are inside, Bob and somebody anonymous wait. Answers who is inside.
    pub(crate) async fn full(&self, tenant: &str) -> [Permit; 2] {
        let ada = self.imports.try_enter(Entrant::new(tenant).identity("ada")).await.expect("room");
        let anonymous = self.imports.try_enter(tenant).await.expect("room");
        for entrant in [Entrant::new(tenant).identity("bob"), Entrant::new(tenant)] {
            let Ok(Entered::Queued(_)) = self.imports.enter(entrant).await else { panic!("it is full") };
        }
        [ada, anonymous]
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        send(&self.router, method, &format!("/admin{path}"), headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = self.send(Method::GET, path, &[], "").await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(reply.headers["content-type"], "application/json");
        reply.json()
    }

    /// What is done says nothing more.
    #[track_caller]
    pub(crate) fn does(&self, method: Method, path: &str, body: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let reply = self.send(method, path, &[], body).await;
            assert_eq!((reply.status.as_u16(), &*reply.body), (204, ""), "{caller}: {reply:?}");
        }
    }

    pub(crate) async fn resource(&self, name: &str) -> Value {
        self.get(&format!("/airlocks/imports/resource?name={name}")).await
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, asked: &str) {
        assert_eq!(self.status.as_u16(), status, "{asked}: {self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{asked}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{asked}");
        assert!(problem["type"].is_string() && problem["title"].is_string(), "{asked}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{asked}: {problem}");
    }
}

pub(crate) async fn send(router: &Router, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header("host", "shop.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let response = match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    let cached = parts.headers["cache-control"].to_str().expect("text");
    assert!(cached.starts_with("private, no-store"), "{path}: {cached}");
    assert_eq!(parts.headers["x-content-type-options"], "nosniff", "{path}");
    Reply { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).expect("text") }
}
