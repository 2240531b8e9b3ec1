//! HTTP as a browser speaks it, as far as a waiting room cares.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{ACCEPT, COOKIE, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::events::Events;
use crate::options::Options;

/// How much of a page is read at the most, in bytes.
const LONGEST: usize = 1 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all visitors send their requests with.
pub(crate) struct Client {
    pool: Pool<HttpConnector, Empty<Bytes>>,
    /// No more requests at once than there are connections.
    places: Semaphore,
    page: Uri,
    routes: String,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    /// What the airlock says about it, where it says something: `queued`, `full` and others.
    pub(crate) fn verdict(&self) -> Option<&str> {
        self.headers.get("airlock-status")?.to_str().ok()
    }

    pub(crate) fn told(&self) -> Told {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn retry_after(&self) -> Duration {
        let seconds = self.headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        Duration::from_secs(seconds.unwrap_or(1))
    }
}

/// How things stand, as the room tells it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    pub(crate) status: serde_json::Value,
    pub(crate) estimated_wait_ms: Option<u64>,
    pub(crate) refresh_after_ms: Option<u64>,
}

impl Told {
    pub(crate) fn status(&self) -> &str {
        self.status.as_str().unwrap_or_default()
    }

    /// When to ask again.
    pub(crate) fn refresh_after(&self) -> Duration {
        Duration::from_millis(self.refresh_after_ms.unwrap_or(1000).clamp(50, 60_000))
    }
}

impl Client {
    pub(crate) fn new(options: &Options) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(PATIENCE));
        let connections = options.connections as usize;
        let pool = Pool::builder(TokioExecutor::new()).pool_max_idle_per_host(connections).build(connector);
        let host = options.url.authority().map_or("", |authority| authority.as_str());
        let routes = format!("http://{host}/.airlock/{}", options.airlock);
        Client { pool, places: Semaphore::new(connections), page: options.url.clone(), routes }
    }

    /// Opens the page.
    pub(crate) async fn visit(&self, cookies: &Cookies) -> Result<Reply, String> {
        self.send(Method::GET, self.page.clone(), cookies).await
    }

    /// Asks one of the room's own routes.
    pub(crate) async fn ask(&self, method: Method, route: &str, cookies: &Cookies) -> Result<Reply, String> {
        self.send(method, self.route(route), cookies).await
    }

    /// Listens to what happens, on a connection of its own.
    pub(crate) async fn listen(&self, cookies: &Cookies, last: Option<&str>) -> Result<Result<Events, Reply>, String> {
        let mut request = request(Method::GET, self.route("events"), cookies, "text/event-stream");
        if let Some(last) = last.and_then(|last| HeaderValue::from_str(last).ok()) {
            request.headers_mut().insert("last-event-id", last);
        }
        let response = self.pool.request(request).await.map_err(|error| format!("no answer: {error}"))?;
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::OK {
            return Ok(Ok(Events::new(body)));
        }
        let body = Limited::new(body, LONGEST).collect().await.map_err(|error| format!("no whole answer: {error}"))?;
        Ok(Err(Reply { status: parts.status, headers: parts.headers, body: body.to_bytes() }))
    }

    fn route(&self, route: &str) -> Uri {
        // The page's host and a name that stands for itself.
        format!("{}/{route}", self.routes).parse().expect("a host, a path and nothing else")
    }

    async fn send(&self, method: Method, uri: Uri, cookies: &Cookies) -> Result<Reply, String> {
        let _place = self.places.acquire().await.map_err(|closed| closed.to_string())?;
        let whole = async {
            let request = request(method, uri, cookies, "application/json");
            let response = self.pool.request(request).await.map_err(|error| format!("no answer: {error}"))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, LONGEST).collect().await;
            let body = body.map_err(|error| format!("no whole answer: {error}"))?;
            Ok(Reply { status: parts.status, headers: parts.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(PATIENCE, whole).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }
}

fn request(method: Method, uri: Uri, cookies: &Cookies, accept: &'static str) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if let Some(cookies) = cookies.header() {
        headers.insert(COOKIE, cookies);
    }
    request
}

/// A visitor's cookies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Sets, changes and clears what the answer says.
    pub(crate) fn take(&mut self, headers: &HeaderMap) {
        for set in headers.get_all(SET_COOKIE).into_iter().filter_map(|set| set.to_str().ok()) {
            let mut parts = set.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let is_cleared = parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
            self.0.retain(|(known, _)| known != name);
            if !is_cleared {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { None } else { HeaderValue::try_from(pairs.join("; ")).ok() }
    }

    /// The number of the admission, which a pass shows to whoever looks: the time of it on the store's clock, in microseconds,
    /// or a little more.
    pub(crate) fn fence(&self) -> Option<u64> {
        use base64::Engine as _;
        let (_, pass) = self.0.iter().find(|(name, _)| name.contains("airlock-pass-"))?;
        let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(pass.split('.').nth(2)?).ok()?;
        // Its purpose, the visitor, and then the fence.
        let fence = payload.get(17..25)?.try_into().ok()?;
        Some(u64::from_be_bytes(fence)).filter(|fence| *fence > 0)
    }
}
