//! Whether a request that changes something comes from a page of this host.

use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Uri};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// By `Sec-Fetch-Site`, else by `Origin`. A client that sends neither is no browser that could be tricked.
pub(crate) fn is_own(parts: &Parts) -> bool {
    let headers = &parts.headers;
    if headers.contains_key(SEC_FETCH_SITE) {
        return only(headers, &SEC_FETCH_SITE) == Some("same-origin");
    }
    if !headers.contains_key(ORIGIN) {
        return true;
    }
    only(headers, &ORIGIN).and_then(|origin| is_host(parts, origin)).unwrap_or(false)
}

fn is_host(parts: &Parts, origin: &str) -> Option<bool> {
    let origin: Uri = origin.parse().ok()?;
    let default = match origin.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host: Authority = match parts.uri.authority() {
        Some(authority) => authority.clone(),
        None => only(&parts.headers, &HOST)?.parse().ok()?,
    };
    let origin = origin.authority()?;
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
    Some(origin.host().eq_ignore_ascii_case(host.host()) && port(origin) == port(&host))
}

/// The value of a header that was sent once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn own(headers: &[(&str, &str)]) -> bool {
        let mut request = Request::post("/.airlock/shop/leave").header("host", "shop.example:8443");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_own(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_pages_of_this_host_may() {
        for may in [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("origin", "https://shop.example:8443")],
            &[("origin", "https://SHOP.example:8443")],
        ] {
            assert!(own(may), "{may:?}");
        }
        for may_not in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://shop.example:8443")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
            &[("origin", "https://shop.example")],
            &[("origin", "https://evil.example:8443")],
            &[("origin", "https://shop.example:8443.evil.example")],
            &[("origin", "ftp://shop.example:8443")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "https://shop.example:8443"), ("origin", "https://evil.example")],
        ] {
            assert!(!own(may_not), "{may_not:?}");
        }
    }
}
