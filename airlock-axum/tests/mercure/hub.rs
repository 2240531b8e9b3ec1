//! A stand-in for a Mercure hub, which checks requests as the specification (draft-dunglas-mercure) says.
//!
//! No package registry has a hub of the protocol as it is now: npm's `mercure` speaks a draft of 2019, with targets instead of
//! private topics, and the hub itself is a Go program. So the tests of Mercure show that requests are right, not that a hub is.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::mpsc;

pub(crate) const PATH: &str = "/.well-known/mercure";

#[derive(Clone)]
pub(crate) struct Hub(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    publisher: &'static str,
    subscriber: &'static str,
    state: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    subscriptions: Vec<Subscribed>,
    /// Answers given before the next update is taken.
    failures: Vec<StatusCode>,
    /// What was asked, whole: `POST` bodies and paths.
    asked: Vec<String>,
}

struct Subscribed {
    topic: String,
    allowed: Vec<String>,
    updates: mpsc::UnboundedSender<String>,
}

impl Hub {
    pub(crate) async fn start(publisher: &'static str, subscriber: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let hub = Hub(Arc::new(Inner { address, publisher, subscriber, state: Mutex::default() }));
        let router = Router::new()
            .route(PATH, get(subscribe).post(publish))
            .fallback(get(subscriptions))
            .with_state(hub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        hub
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}{PATH}", self.0.address)
    }

    pub(crate) fn fails_with(&self, failures: &[StatusCode]) {
        self.0.state.lock().unwrap().failures = failures.to_vec();
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.state.lock().unwrap().asked.clone()
    }

    /// Claims of a bearer token, if it is signed with that key and not over.
    fn claims(&self, headers: &HeaderMap, key: &str) -> Result<Value, StatusCode> {
        let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let token = bearer.ok_or(StatusCode::UNAUTHORIZED)?;
        verify(token, key).ok_or(StatusCode::UNAUTHORIZED)
    }
}

/// RFC 7515 and 7519, for HS256.
pub(crate) fn verify(token: &str, key: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let json = |part: &str| serde_json::from_slice::<Value>(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    if json(header)?["alg"] != "HS256" {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(signed.as_bytes());
    mac.verify_slice(&BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let claims = json(claims)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    (claims["exp"].as_u64()? > now).then_some(claims)
}

fn selectors(claims: &Value, of: &str) -> Vec<String> {
    let listed = claims["mercure"][of].as_array().into_iter().flatten();
    listed.filter_map(|selector| selector.as_str().map(str::to_owned)).collect()
}

/// Whether a selector covers a topic: "*", or the topic itself. A hub takes URI templates as well, so none may be in a token.
fn covers(selectors: &[String], topic: &str) -> bool {
    assert!(selectors.iter().all(|selector| !selector.contains(['{', '}'])), "a template: {selectors:?}");
    selectors.iter().any(|selector| selector == "*" || selector == topic)
}

fn form(text: &str) -> HashMap<String, String> {
    let decoded = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8().expect("UTF-8").into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

async fn publish(State(hub): State<Hub>, headers: HeaderMap, body: Bytes) -> Response {
    let text = String::from_utf8(body.to_vec()).expect("a form is ASCII");
    hub.0.state.lock().unwrap().asked.push(text.clone());
    if let Some(failure) = hub.0.state.lock().unwrap().failures.pop() {
        return failure.into_response();
    }
    if headers.get("content-type").is_none_or(|kind| kind != "application/x-www-form-urlencoded") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let claims = match hub.claims(&headers, hub.0.publisher) {
        Ok(claims) => claims,
        Err(status) => return status.into_response(),
    };
    let form = form(&text);
    let Some(topic) = form.get("topic") else { return StatusCode::BAD_REQUEST.into_response() };
    if !form.contains_key("private") {
        return (StatusCode::BAD_REQUEST, "a turn is private").into_response();
    }
    if !covers(&selectors(&claims, "publish"), topic) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let kind = form.get("type").map(|kind| format!("event: {kind}\n")).unwrap_or_default();
    let update = format!("{kind}data: {}\n\n", form["data"]);
    for subscribed in &hub.0.state.lock().unwrap().subscriptions {
        if subscribed.topic == *topic && covers(&subscribed.allowed, topic) {
            let _ = subscribed.updates.send(update.clone());
        }
    }
    "urn:uuid:1".into_response()
}

async fn subscribe(State(hub): State<Hub>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let claims = match hub.claims(&headers, hub.0.subscriber) {
        Ok(claims) => claims,
        Err(status) => return status.into_response(),
    };
    let Some(topic) = form(&query.unwrap_or_default()).remove("topic") else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (updates, mut received) = mpsc::unbounded_channel();
    let allowed = selectors(&claims, "subscribe");
    hub.0.state.lock().unwrap().subscriptions.push(Subscribed { topic, allowed, updates });
    let body = futures_util::stream::poll_fn(move |cx| {
        received.poll_recv(cx).map(|update| update.map(Ok::<_, std::convert::Infallible>))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}

/// `/.well-known/mercure/subscriptions{/topic}`: for whoever may receive that very path.
async fn subscriptions(State(hub): State<Hub>, uri: Uri, headers: HeaderMap) -> Response {
    hub.0.state.lock().unwrap().asked.push(uri.path().to_owned());
    let Some(topic) = uri.path().strip_prefix(PATH).and_then(|path| path.strip_prefix("/subscriptions/")) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let claims = match hub.claims(&headers, hub.0.subscriber) {
        Ok(claims) => claims,
        Err(status) => return status.into_response(),
    };
    if !covers(&selectors(&claims, "subscribe"), uri.path()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let topic = percent_decode_str(topic).decode_utf8().expect("UTF-8").into_owned();
    let state = hub.0.state.lock().unwrap();
    let listed = state.subscriptions.iter().filter(|subscribed| subscribed.topic == topic).map(|subscribed| {
        json!({ "type": "Subscription", "topic": subscribed.topic, "subscriber": "urn:uuid:2",
                "active": !subscribed.updates.is_closed() })
    });
    let listed: Vec<Value> = listed.collect();
    axum::Json(json!({ "@context": "https://mercure.rocks/", "type": "Subscriptions", "subscriptions": listed }))
        .into_response()
}
