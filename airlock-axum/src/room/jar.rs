//! Which cookies a room sets, and how it finds them again.

use cookie::time::Duration as Seconds;
use cookie::{Cookie, SameSite};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::cookie::Purpose;

/// What stands for itself in the name of a cookie and in a path; no name is another's once it is encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// How many cookies of one name are looked at: another site of the same domain may have set some.
const MOST: usize = 4;

/// A name as it stands in a path or a cookie's name.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}

/// The two cookies of a room.
#[derive(Clone, Debug)]
pub(super) struct Jar {
    identity: String,
    pass: String,
    secure: bool,
    domain: Option<String>,
}

impl Jar {
    pub(super) fn new(airlock: &str, secure: bool, domain: Option<String>) -> Self {
        let prefix = match (secure, &domain) {
            (false, _) => "",
            (true, None) => "__Host-",
            (true, Some(_)) => "__Secure-",
        };
        let name = |purpose| format!("{prefix}airlock-{purpose}-{}", encoded(airlock));
        Jar { identity: name("visitor"), pass: name("pass"), secure, domain }
    }

    fn name(&self, purpose: Purpose) -> &str {
        match purpose {
            Purpose::Identity => &self.identity,
            Purpose::Pass => &self.pass,
        }
    }

    /// The values of a cookie, as they were sent. Taken apart before they are decoded: what stands beside them may be in
    /// any encoding.
    pub(super) fn values<'a>(&'a self, headers: &'a HeaderMap, purpose: Purpose) -> impl Iterator<Item = &'a str> {
        let name = self.name(purpose).as_bytes();
        let pairs =
            headers.get_all(COOKIE).into_iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
        let values = pairs.filter_map(move |pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let value = pair[equals + 1..].trim_ascii();
            (pair[..equals].trim_ascii() == name).then(|| std::str::from_utf8(value).ok()).flatten()
        });
        values.take(MOST)
    }

    /// A `Set-Cookie` that lasts for so many seconds.
    pub(super) fn set(&self, purpose: Purpose, value: String, seconds: u64) -> HeaderValue {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let mut cookie = Cookie::build((self.name(purpose).to_owned(), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .max_age(Seconds::seconds(seconds));
        if let Some(domain) = &self.domain {
            cookie = cookie.domain(domain.clone());
        }
        let text = cookie.build().to_string();
        text.try_into().expect("its name is encoded, its value is base64, and its domain was checked")
    }

    /// A `Set-Cookie` that has it forgotten.
    pub(super) fn clear(&self, purpose: Purpose) -> HeaderValue {
        self.set(purpose, String::new(), 0)
    }
}
