//! What the tests share: a shop behind a room, and browsers that keep their cookies.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::clock::TestClock;
use airlock_axum::store::MemoryStore;
use airlock_axum::{Admitted, Airlock, Line, OnReentry, PassKey, Seal, WaitingRoom, WaitingRoomBuilder};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const KEY: &[u8] = b"a key for tests, and for nothing else";

/// The shop, its room and its clock.
pub(crate) struct Shop {
    pub(crate) router: Router,
    pub(crate) airlock: Airlock,
    pub(crate) clock: TestClock,
}

pub(crate) fn key() -> PassKey {
    PassKey::new(KEY).expect("long enough")
}

pub(crate) fn airlock(name: &str, limit: u32, clock: &TestClock) -> Airlock {
    Airlock::builder(name)
        .seal(Seal::semaphore(limit))
        .line(Line::new())
        .on_reentry(OnReentry::Share)
        .store(MemoryStore::with_clock(clock))
        .build()
        .expect("a plain configuration")
}

impl Shop {
    /// So many at once, and all else as it is by default.
    pub(crate) fn new(limit: u32) -> Self {
        Shop::with(limit, |room| room)
    }

    pub(crate) fn with(limit: u32, configure: impl FnOnce(WaitingRoomBuilder) -> WaitingRoomBuilder) -> Self {
        let clock = TestClock::new();
        let airlock = airlock("shop", limit, &clock);
        Shop::of(airlock, clock, configure)
    }

    pub(crate) fn of(
        airlock: Airlock,
        clock: TestClock,
        configure: impl FnOnce(WaitingRoomBuilder) -> WaitingRoomBuilder,
    ) -> Self {
        let room = WaitingRoom::builder(airlock.clone(), key()).clock(&clock);
        let room = configure(room).build().expect("a configuration that works");
        let visit = |admitted: Admitted| async move { format!("welcome {}", admitted.fence()) };
        let shop = Router::new().route("/shop", get(visit).post(visit)).route("/other", get(visit));
        let router = shop.layer(room.layer()).merge(room.routes());
        Shop { router, airlock, clock }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { router: self.router.clone(), cookies: BTreeMap::new(), address: None }
    }

    /// Somebody inside, whose pass has come back once.
    pub(crate) async fn inside(&self) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.get("/shop").await.status, 200);
        assert_eq!(browser.get("/shop").await.status, 200);
        browser
    }

    /// Somebody in line, whose cookie has come back once.
    pub(crate) async fn in_line(&self) -> Browser {
        let mut browser = self.browser();
        browser.get("/shop").await.is_refused(503, "queued");
        assert_eq!(browser.status().await["status"], "queued");
        browser
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(crate) async fn in_use(&self) -> u64 {
        self.airlock.inspect(self.airlock.name()).await.expect("memory").in_use
    }

    pub(crate) async fn waiting(&self) -> u64 {
        self.airlock.inspect(self.airlock.name()).await.expect("memory").waiting
    }
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Sends what it was given before.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) router: Router,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) address: Option<SocketAddr>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, &[]).await
    }

    /// As a person's browser does.
    pub(crate) async fn navigate(&mut self, path: &str) -> Reply {
        let accept = "text/html,application/xhtml+xml,*/*;q=0.8";
        self.send(Method::GET, path, &[("sec-fetch-mode", "navigate"), ("accept", accept)]).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Reply {
        self.send(Method::POST, path, &[]).await
    }

    pub(crate) async fn status(&mut self) -> Value {
        let reply = self.get("/.airlock/shop/status").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.headers["cache-control"], "private, no-store");
        assert!(!reply.headers.contains_key(SET_COOKIE), "a question sets no cookie: {reply:?}");
        reply.json()
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("host", "shop.example");
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(address) = self.address {
            request = request.extension(ConnectInfo(address));
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            let (pair, attributes) = cookie.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a value");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = String::from_utf8(body.to_vec()).expect("text");
        Reply { status: parts.status, headers: parts.headers, body }
    }
}

pub(crate) const IDENTITY: &str = "__Host-airlock-visitor-shop";
pub(crate) const PASS: &str = "__Host-airlock-pass-shop";

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it is a problem of that name.
    #[track_caller]
    pub(crate) fn is_refused(&self, status: u16, name: &str) {
        let said = self.headers.get("airlock-status").map(|said| said.to_str().expect("text"));
        assert_eq!((self.status.as_u16(), said), (status, Some(name)), "{self:?}");
        assert_eq!(self.headers["cache-control"], "private, no-store");
        assert_eq!(self.headers.contains_key("retry-after"), matches!(status, 503 | 429));
        if !self.body.starts_with('<') && !self.body.is_empty() {
            assert_eq!(self.json()["type"], format!("urn:airlock:problem#{name}"));
        }
    }

    #[track_caller]
    pub(crate) fn is_welcome(&self) {
        assert!(self.status == 200 && self.body.starts_with("welcome "), "{self:?}");
    }

    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().expect("text")).collect()
    }
}
