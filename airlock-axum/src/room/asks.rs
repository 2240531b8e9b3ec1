//! What a request without a pass asks for.

use http::header::{ACCEPT, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// And what was sent before there was a standard for it.
const PURPOSES: [HeaderName; 3] =
    [HeaderName::from_static("sec-purpose"), HeaderName::from_static("purpose"), HeaderName::from_static("x-moz")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// To see a page: it may have a place.
    ToVisit,
    /// To have something changed: never kept, never sent again.
    ToChange,
    /// For a part of a page, or ahead of time: not worth a place.
    ForLess,
}

impl Asks {
    pub(super) fn of(parts: &Parts) -> Self {
        match parts.method {
            Method::GET if is_visit(&parts.headers) => Asks::ToVisit,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => Asks::ForLess,
            _ => Asks::ToChange,
        }
    }
}

/// CORS asks before it sends anything that could have a pass.
pub(super) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn is_visit(headers: &HeaderMap) -> bool {
    if headers.contains_key(UPGRADE) || is_ahead_of_time(headers) {
        return false;
    }
    if headers.keys().any(|name| name.as_str().starts_with("sec-fetch-")) {
        let is = |name, value: &str| headers.get(name).is_some_and(|header| header.as_bytes() == value.as_bytes());
        return is(SEC_FETCH_MODE, "navigate")
            && !["iframe", "frame", "embed", "object", "fencedframe"].iter().any(|dest| is(SEC_FETCH_DEST, dest));
    }
    accepts_a_page(headers)
}

fn is_ahead_of_time(headers: &HeaderMap) -> bool {
    let values = PURPOSES.into_iter().flat_map(|name| headers.get_all(name));
    values.filter_map(|value| value.to_str().ok()).any(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("prefetch") || value.contains("prerender") || value.contains("preview")
    })
}

/// Whether it takes HTML or JSON: by name, or because it takes anything. Who says nothing takes anything (RFC 9110, 12.5.1);
/// who names pictures first, and then anything, wants a picture.
fn accepts_a_page(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).map(str::to_ascii_lowercase);
    let mut anything = true;
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            part.strip_prefix("q=").is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        let by_name =
            matches!(name, "text/*" | "text/html" | "application/*" | "application/xhtml+xml" | "application/json")
                || name.starts_with("application/") && name.ends_with("+json");
        if by_name && !refused {
            return true;
        }
        anything &= name == "*/*" && !refused;
    }
    anything
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asks(method: &str, headers: &[(&str, &str)]) -> Asks {
        let mut request = Request::builder().method(method).uri("/shop");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Asks::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_visits_are_worth_a_place() {
        let navigate = ("sec-fetch-mode", "navigate");
        for visit in [
            &[navigate][..],
            &[navigate, ("sec-fetch-dest", "document"), ("accept", "image/*")],
            &[],
            &[("accept", "*/*")],
            &[("accept", "text/html,application/xhtml+xml")],
            &[("accept", "image/png, application/json;q=0.1")],
            &[("accept", "application/problem+json")],
            &[("accept", "TEXT/HTML")],
        ] {
            assert_eq!(asks("GET", visit), Asks::ToVisit, "{visit:?}");
            assert_eq!(asks("HEAD", visit), Asks::ForLess, "{visit:?}");
            assert_eq!(asks("POST", visit), Asks::ToChange, "{visit:?}");
        }
        for less in [
            &[("sec-fetch-mode", "cors")][..],
            &[("sec-fetch-mode", "no-cors"), ("accept", "text/html")],
            &[("sec-fetch-site", "same-origin"), ("accept", "text/html")],
            &[navigate, ("sec-purpose", "prefetch")],
            &[navigate, ("sec-purpose", "prefetch;prerender")],
            &[navigate, ("purpose", "Prefetch")],
            &[navigate, ("sec-fetch-dest", "iframe")],
            &[("accept", "text/html"), ("sec-purpose", "prefetch")],
            &[("accept", "image/png")],
            &[("accept", "image/avif,image/webp,image/*,*/*;q=0.8")],
            &[("accept", "text/css,*/*;q=0.1")],
            &[("accept", "text/event-stream")],
            &[("accept", "text/html;q=0, application/json; q=0.0")],
            &[("upgrade", "websocket"), ("connection", "upgrade")],
        ] {
            assert_eq!(asks("GET", less), Asks::ForLess, "{less:?}");
        }
        for method in ["PUT", "DELETE", "PATCH", "CONNECT", "PURGE"] {
            assert_eq!(asks(method, &[navigate]), Asks::ToChange, "{method}");
        }
    }
}
