//! What is asked of a hub, and what it answers.

use std::fmt;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use super::super::topic::RESERVED;
use crate::error::ConfigError;
use crate::notifier::NotifyError;

type Body = Full<std::io::Cursor<Vec<u8>>>;

/// How much of an answer is read at the most, in bytes.
const LONGEST: usize = 1 << 20;

#[derive(Clone)]
pub(super) struct Hub {
    uri: Uri,
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

impl Hub {
    pub(super) fn new(url: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| {
            let example = "use the hub's own, such as `https://hub.example/.well-known/mercure`";
            ConfigError::new("hub", format!("{problem}; {example}"))
        };
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| wrong("this is no URL"))?;
        let authority = uri.authority().ok_or_else(|| wrong("the URL names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("the URL has a user or a password, which a hub does not ask for"));
        }
        if uri.query().is_some() {
            return Err(wrong("the URL has a query"));
        }
        let roots = match uri.scheme_str() {
            // Nothing to trust is needed.
            Some("http") => rustls::RootCertStore::empty(),
            Some("https") => system_roots()?,
            _ => return Err(wrong("the URL is neither `https` nor `http`")),
        };
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        Ok(Hub { uri, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Publishes a private update.
    pub(super) async fn publish(&self, topic: &str, data: &str, token: &str) -> Result<(), NotifyError> {
        let encoded = |text| utf8_percent_encode(text, RESERVED);
        let form = format!("topic={}&data={}&private=on&type=turn", encoded(topic), encoded(data));
        let request = request(Method::POST, self.uri.clone(), token, form.into_bytes())?;
        self.answer(request, "publisher").await.map(|_| ())
    }

    /// Where the hub says who is subscribed to a topic: a path, as the hub sees it.
    pub(super) fn subscriptions(&self, topic: &str) -> String {
        let path = self.uri.path().trim_end_matches('/');
        format!("{path}/subscriptions/{}", utf8_percent_encode(topic, RESERVED))
    }

    pub(super) async fn is_subscribed(&self, topic: &str, path: &str, token: &str) -> Result<bool, NotifyError> {
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(path.parse().map_err(|_| NotifyError::permanent("the path is too long"))?);
        let uri = Uri::from_parts(parts).map_err(|_| NotifyError::permanent("the hub's URL has no room for a path"))?;
        let answer = self.answer(request(Method::GET, uri, token, Vec::new())?, "subscriber").await?;
        let listed: Listed = serde_json::from_slice(&answer).map_err(|error| {
            NotifyError::permanent("the hub answers something else than subscriptions").caused_by(error)
        })?;
        Ok(listed.subscriptions.iter().any(|subscription| subscription.active && subscription.topic == topic))
    }

    async fn answer(&self, request: Request<Body>, key: &str) -> Result<Vec<u8>, NotifyError> {
        let away = |error| NotifyError::temporary("the hub cannot be reached").caused_by(error);
        let response = self.client.request(request).await.map_err(away)?;
        let status = response.status();
        // Read to its end, so that the connection can be used again.
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let problem = format!("the hub answers {status}: its {key} key is another one");
                return Err(NotifyError::permanent(problem));
            }
            StatusCode::NOT_FOUND if key == "subscriber" => {
                return Err(NotifyError::permanent("the hub answers 404: its subscriptions are not enabled"));
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                return Err(NotifyError::temporary(format!("the hub answers {status}")));
            }
            _ if status.is_server_error() => return Err(NotifyError::temporary(format!("the hub answers {status}"))),
            _ => return Err(NotifyError::permanent(format!("the hub answers {status}: is this the URL of a hub?"))),
        }
        let body = body.map_err(|error| NotifyError::temporary("the hub's answer broke off").caused_by(error))?;
        Ok(body.to_bytes().into())
    }
}

fn request(method: Method, uri: Uri, token: &str, body: Vec<u8>) -> Result<Request<Body>, NotifyError> {
    let bearer = HeaderValue::try_from(format!("Bearer {token}")).map(|mut bearer| {
        bearer.set_sensitive(true);
        bearer
    });
    let bearer = bearer.map_err(|_| NotifyError::permanent("a token does not fit a header"))?;
    let mut request = Request::new(Full::new(std::io::Cursor::new(body)));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    Ok(request)
}

fn system_roots() -> Result<rustls::RootCertStore, ConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(ConfigError::new(
            "hub",
            format!("it is `https`, and this system has no certificates to trust{why}"),
        ));
    }
    Ok(roots)
}

/// The answer of a hub's subscriptions, as far as it matters.
#[derive(Deserialize)]
struct Listed {
    subscriptions: Vec<Subscribed>,
}

#[derive(Deserialize)]
struct Subscribed {
    topic: String,
    active: bool,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uri)
    }
}
