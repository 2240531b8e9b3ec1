//! Tokens for a hub: RFC 7519, signed with HMAC-SHA256 (RFC 7515, `HS256`).
//!
//! Only signed here, and with one algorithm: that is a MAC over two pieces of base64. What is hard about such tokens is to check
//! those of others.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;

use crate::error::ConfigError;

/// The shortest key, as RFC 7518 (3.2) wants it.
const SHORTEST: usize = 32;

/// `{"typ":"JWT","alg":"HS256"}`
const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

/// A key; it shows itself to nobody.
#[derive(Clone)]
pub(super) struct Key(Arc<[u8]>);

impl Key {
    pub(super) fn new(field: &'static str, key: &[u8]) -> Result<Self, ConfigError> {
        if key.len() < SHORTEST {
            let problem = format!("it has {} bytes; HS256 needs {SHORTEST} or more, that nobody can guess", key.len());
            return Err(ConfigError::new(field, problem));
        }
        Ok(Key(key.into()))
    }

    /// A token that says so, for so long from now.
    pub(super) fn sign(&self, claims: &Claims<'_>, lasts: Duration) -> String {
        // A hub goes by the time of day.
        #[expect(clippy::disallowed_methods, reason = "no gate is decided by it")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = now.saturating_add(lasts);
        let exp = until.as_secs() + u64::from(until.subsec_nanos() > 0);
        // Strings and numbers only: there is nothing in it that could fail.
        let claims = serde_json::to_string(&Dated { mercure: claims, exp }).unwrap_or_default();
        self.signed(HEADER, &claims)
    }

    fn signed(&self, header: &str, claims: &str) -> String {
        let mut token = BASE64_URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(token.as_bytes());
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(mac.finalize().into_bytes(), &mut token);
        token
    }
}

/// What a token lets its bearer do at a hub.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Claims<'a> {
    Publish([&'a str; 1]),
    Subscribe([&'a str; 1]),
}

impl<'a> Claims<'a> {
    /// Publish private updates of this topic.
    pub(super) fn publish(topic: &'a str) -> Self {
        Claims::Publish([topic])
    }

    /// Receive private updates of this topic, or ask for this path.
    pub(super) fn subscribe(topic: &'a str) -> Self {
        Claims::Subscribe([topic])
    }
}

#[derive(Serialize)]
struct Dated<'a> {
    mercure: &'a Claims<'a>,
    exp: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.1.
    #[test]
    fn signs_as_the_standard_does() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = Key::new("key", &BASE64_URL_SAFE_NO_PAD.decode(key).expect("base64")).expect("long enough");
        let header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
        let claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        let expected = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(key.signed(header, claims), expected);
    }

    #[test]
    fn a_short_key_is_refused_and_not_repeated() {
        let error = Key::new("key", b"thirty-one bytes of secret, wow").map(|_| ()).expect_err("too short");
        assert!(error.to_string().contains("31 bytes") && !error.to_string().contains("secret"), "{error}");
    }
}
