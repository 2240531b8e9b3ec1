use headers_accept::Accept;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method};
use mediatype::MediaType;
use mediatype::names::{APPLICATION, HTML, JSON, TEXT};

/// In which form a client wants to hear that it is not let in: a problem, a page or gRPC's own, and whether without a
/// body.
///
/// See [`Problem`](crate::Problem) for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    pub(crate) html: bool,
    /// In gRPC's own words, whatever it accepts.
    pub(crate) grpc: bool,
    /// Headers only.
    pub(crate) head: bool,
}

impl Format {
    /// As this request's method and headers say.
    pub fn of(parts: &Parts) -> Self {
        Format { html: prefers_html(&parts.headers), grpc: is_grpc(&parts.headers), head: parts.method == Method::HEAD }
    }

    /// Whether it wants a page: for front ends with pages of their own.
    pub fn is_page(self) -> bool {
        self.html && !self.grpc
    }
}

/// Whether it is `application/grpc`, or the like with a codec or a dialect: `application/grpc+proto`,
/// `application/grpc-web`.
fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";

    let Some(value) = headers.get(CONTENT_TYPE) else { return false };
    let value = value.as_bytes();
    value.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
        && matches!(value.get(GRPC.len()), None | Some(b'+' | b'-' | b';' | b' '))
}

/// Whether a client would rather have a page than a problem (RFC 9110, 12.5.1). In doubt it gets the problem.
fn prefers_html(headers: &HeaderMap) -> bool {
    const PAGE: MediaType<'_> = MediaType::new(TEXT, HTML);
    const DOCUMENT: MediaType<'_> = MediaType::new(APPLICATION, JSON);

    let values = || headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    // Most clients that are programs never mention any text, and then there is nothing to weigh.
    let is_text = |value: &str| value.as_bytes().windows(5).any(|part| part.eq_ignore_ascii_case(b"text/"));
    if !values().any(is_text) {
        return false;
    }
    let all: Vec<String> = values().flat_map(|value| value.split(',')).map(plain).collect();
    let Ok(accept) = all.join(",").parse::<Accept>() else { return false };
    accept.negotiate(&[DOCUMENT, PAGE]) == Some(&PAGE)
}

/// A media range without parameters other than its weight: there is one page and one problem, in UTF-8. The problem is
/// `application/problem+json`; who accepts any JSON accepts it.
fn plain(range: &str) -> String {
    let range = range.to_ascii_lowercase();
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().replace("application/problem+json", "application/json");
    match parts.find(|part| part.starts_with("q=")) {
        Some(weight) => format!("{name};{weight}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(accept: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        prefers_html(&headers)
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let grpc = |content_type: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
            is_grpc(&headers)
        };
        for one in ["application/grpc", "Application/gRPC+proto", "application/grpc;v=1", "application/grpc-web+proto"]
        {
            assert!(grpc(one), "{one}");
        }
        for other in ["application/grpcx", "application/json", "application/gr", "text/application/grpc", ""] {
            assert!(!grpc(other), "{other}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn a_page_only_for_who_prefers_it() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(prefers(&[browser]));
        assert!(prefers(&["text/html"]));
        assert!(prefers(&["text/html;q=0.9, application/json;q=0.5"]));
        assert!(prefers(&["application/xml", "text/html"]));
        assert!(prefers(&["TEXT/HTML", "application/json; Q=0.5"]));
        assert!(prefers(&["text/html;charset=utf-8"]));
        assert!(prefers(&["text/html; level=1; q=0.9, application/json;q=0.1"]));
        assert!(prefers(&["text/*"]));
        assert!(prefers(&["text/*;q=0.9, application/json;q=0.1"]));
        for problem in [
            &[][..],
            &["*/*"],
            &["application/json"],
            &["application/problem+json, text/html;q=0.9"],
            &["text/html;q=0.5, */*"],
            &["text/html;q=0, application/json"],
            &["html nonsense ;;;,,"],
            &["application/json", "text/html;q=0.1"],
            &["text/*;q=0.1, application/json"],
            &["text/plain"],
            &["text/html;charset=utf-8;q=0.1, */*"],
        ] {
            assert!(!prefers(problem), "{problem:?}");
        }
    }
}
