//! Somebody who comes to the shop with a client that keeps cookies.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use airlock_tests::flagship::{Flagship, PATIENCE};
use http::Method;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{Client, Reply};

/// Sends back the cookies that it was given.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) client: Client,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Visitor {
    pub(crate) fn of(server: &Flagship) -> Self {
        Visitor { client: Client::of(server), cookies: BTreeMap::new() }
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        let cookies = self.cookie();
        let mut headers = headers.to_vec();
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        let reply = self.client.send(method, path, &headers).await.expect("no panic");
        for cookie in reply.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("text");
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            // Plain HTTP.
            assert!(name.starts_with("airlock-") && name.ends_with("-shop") && !cookie.contains("Secure"), "{cookie}");
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    /// What it sends back.
    pub(crate) fn cookie(&self) -> String {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    pub(crate) async fn visit(&mut self) -> Reply {
        self.send(Method::GET, "/shop", &[]).await
    }

    pub(crate) async fn status(&mut self) -> Value {
        self.send(Method::GET, "/.airlock/shop/status", &[]).await.json()
    }

    /// Asks every second from now on, so that it keeps its place whatever else takes its time; until that is dropped.
    #[must_use = "it ends when it is dropped"]
    pub(crate) fn stays(&self) -> JoinSet<()> {
        let mut visitor = self.clone();
        let mut asking = JoinSet::new();
        asking.spawn(async move {
            loop {
                visitor.status().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        asking
    }

    pub(crate) async fn leave(&mut self) {
        assert_eq!(self.send(Method::POST, "/.airlock/shop/leave", &[]).await.status, 204);
    }

    /// Asks until it stands so.
    pub(crate) async fn until(&mut self, standing: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status().await;
            if status["status"] == standing {
                return status;
            }
            assert!(Instant::now() < deadline, "never {standing}: {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
