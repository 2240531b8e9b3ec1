//! The operator's dashboard, behind a password.

use std::sync::Arc;

use airlock_axum::{Airlock, ConfigError};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq as _;

/// Where the operator's password comes from.
const VARIABLE: &str = "AIRLOCK_ADMIN_PASSWORD";

/// The password of the user `admin`.
#[derive(Clone)]
pub(crate) struct Password {
    /// What a browser sends, as it sends it.
    credentials: Arc<str>,
    /// What to print: only what nobody could know otherwise.
    made: Option<Arc<str>>,
}

impl Password {
    /// From the environment, or else a new one.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        let given = match std::env::var_os(VARIABLE) {
            None => None,
            Some(text) => match text.into_string() {
                Ok(text) if !text.is_empty() => Some(text),
                Ok(_) => return Err(ConfigError::new(VARIABLE, "it is empty; unset it to have a password made up")),
                Err(_) => return Err(ConfigError::new(VARIABLE, "it is not UTF-8")),
            },
        };
        let made = given.is_none().then(|| Arc::from(format!("{:032x}", rand::random::<u128>())));
        let password = given.as_deref().or(made.as_deref()).unwrap_or_default();
        let credentials = BASE64.encode(format!("admin:{password}")).into();
        Ok(Password { credentials, made })
    }

    /// As a shell has to be told it.
    pub(crate) fn in_shell(&self) -> &str {
        self.made.as_deref().unwrap_or("$AIRLOCK_ADMIN_PASSWORD")
    }

    /// Takes as long whatever is wrong, as far as the length is right.
    fn is_in(&self, request: &Request) -> bool {
        let mut values = request.headers().get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some((scheme, credentials)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return false;
        };
        scheme.eq_ignore_ascii_case("basic")
            && bool::from(credentials.trim().as_bytes().ct_eq(self.credentials.as_bytes()))
    }
}

/// The dashboard of these airlocks.
pub(crate) fn router(airlocks: [&Airlock; 3], password: Password) -> Router {
    let guard = from_fn(move |request: Request, next: Next| {
        let password = password.clone();
        async move { if password.is_in(&request) { next.run(request).await } else { unauthorized() } }
    });
    Router::new().nest_service("/admin", airlock_axum::admin(airlocks).layer(guard))
}

fn unauthorized() -> Response {
    let challenge = [(WWW_AUTHENTICATE, r#"Basic realm="Airlock", charset="UTF-8""#)];
    (StatusCode::UNAUTHORIZED, challenge, "Sign in as admin with the password that was set or printed.\n")
        .into_response()
}
