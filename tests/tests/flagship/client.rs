//! A plain HTTP client.

use std::fmt;
use std::net::SocketAddr;

use airlock_tests::flagship::{Flagship, PATIENCE};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::task::JoinHandle;

/// Asks one server, on as many connections as it takes.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) fn of(server: &Flagship) -> Self {
        Client { address: server.address(), http: legacy::Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends a request in a task of its own: aborting it hangs up.
    pub(crate) fn send(&self, method: Method, path: impl fmt::Display, headers: &[(&str, &str)]) -> JoinHandle<Reply> {
        self.send_body(method, path, headers, "")
    }

    /// The same with a body.
    pub(crate) fn send_body(
        &self,
        method: Method,
        path: impl fmt::Display,
        headers: &[(&str, &str)],
        body: &str,
    ) -> JoinHandle<Reply> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.http.request(request.body(Full::from(body.to_owned())).expect("a request"));
        tokio::spawn(async move {
            let reply = async {
                let (parts, body) = response.await.expect("an answer").into_parts();
                let body = body.collect().await.expect("a whole body").to_bytes();
                Reply { status: parts.status, headers: parts.headers, body }
            };
            tokio::time::timeout(PATIENCE, reply).await.expect("an answer in time")
        })
    }

    pub(crate) async fn post(&self, path: impl fmt::Display, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::POST, path, headers).await.expect("no panic")
    }

    pub(crate) async fn get(&self, path: impl fmt::Display, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, path, headers).await.expect("no panic")
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A number in what the work answered.
    pub(crate) fn number(&self, member: &str) -> u64 {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.json()[member].as_u64().unwrap_or_else(|| panic!("no {member}: {self:?}"))
    }

    pub(crate) fn fence(&self) -> u64 {
        self.number("fence")
    }

    /// Checks that this is a refusal of that name.
    #[track_caller]
    pub(crate) fn is_refused(&self, status: u16, name: &str) {
        assert_eq!((self.status.as_u16(), self.said()), (status, Some(name)), "{self:?}");
        assert_eq!(self.headers["cache-control"], "private, no-store");
        assert_eq!(self.headers.contains_key("retry-after"), status == 503);
        assert!(self.json()["type"].as_str().is_some_and(|kind| kind.ends_with(&format!("#{name}"))));
    }

    pub(crate) fn said(&self) -> Option<&str> {
        self.headers.get("airlock-status").map(|said| said.to_str().expect("text"))
    }
}

/// Waits for what only the server's log tells.
pub(crate) fn wait_for(server: &Flagship, event: &str, count: usize) {
    tokio::task::block_in_place(|| server.wait_for(event, count));
}
