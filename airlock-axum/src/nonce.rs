//! Pages that run only what this server wrote.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderValue;
use rand::Rng as _;

/// What marks the scripts and styles that this server wrote, made anew for each page.
pub(crate) struct Nonce(String);

impl Nonce {
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 16];
        rand::rng().fill_bytes(&mut bytes);
        Nonce(BASE64.encode(bytes))
    }

    /// What is in the attribute `nonce` of each.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The policy of a page that requests nothing elsewhere and is in nobody's frame.
    pub(crate) fn policy(&self) -> HeaderValue {
        let Nonce(nonce) = self;
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        policy.try_into().expect("base64 is plain text")
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(…)")
    }
}
