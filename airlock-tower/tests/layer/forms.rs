//! In which form a client hears that it is not let in: by `Accept`, and headers only for `HEAD`.

use airlock_core::{Airlock, Seal};
use airlock_tower::{AirlockLayer, by_header};
use http::{Method, Request};

use crate::support::{Read, airlock, send};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// A layer that lets nobody in.
fn full() -> AirlockLayer {
    AirlockLayer::new(airlock(0))
}

async fn refused(layer: &AirlockLayer, method: Method, accept: &[&str]) -> Read {
    let mut request = Request::builder().method(method);
    for value in accept {
        request = request.header("accept", *value);
    }
    Read::all(send(layer, request.body(()).unwrap()).await).await
}

#[tokio::test]
async fn a_problem_for_programs() {
    for accept in [
        &[][..],
        &["*/*"],
        &["application/json"],
        &["application/problem+json"],
        &["application/*"],
        &["application/json, text/html;q=0.9"],
        &["application/problem+json, text/html;q=0.9"],
        &["text/html;q=0.1", "application/json"],
        // Nothing that there is: the problem, rather than no word at all.
        &["image/png"],
        &["text/plain"],
        &["text/html;q=0"],
        &["html;;;,,"],
        &[""],
    ] {
        let read = refused(&full(), Method::GET, accept).await;
        assert_eq!(read.problem()["status"], 503, "{accept:?}");
    }
}

#[tokio::test]
async fn a_page_for_people() {
    for accept in [&[BROWSER][..], &["text/html"], &["text/html, application/json;q=0.9"], &["image/png", "text/html"]]
    {
        let read = refused(&full(), Method::GET, accept).await;
        assert_eq!(read.header("content-type"), Some("text/html; charset=utf-8"), "{accept:?}");
        assert_eq!(read.status, 503);
        assert_eq!(read.header("airlock-status"), Some("full"));
        assert_eq!(read.header("cache-control"), Some("private, no-store"));
        assert!(read.header("retry-after").is_some());
        let page = String::from_utf8(read.body.to_vec()).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.contains("No room"), "{page}");
        // Nothing is requested elsewhere.
        for remote in ["http:", "https:", "//", "<script", "<link", "<img", "url("] {
            assert!(!page.contains(remote), "{remote} in {page}");
        }
    }
}

#[tokio::test]
async fn the_page_and_the_problem_quote_what_they_show() {
    let name = r#"<b>"Tom & Jerry's"</b>"#;
    let airlock = Airlock::builder(name).seal(Seal::semaphore(0)).build().unwrap();
    let layer = AirlockLayer::new(airlock);
    let page = String::from_utf8(refused(&layer, Method::GET, &[BROWSER]).await.body.to_vec()).unwrap();
    assert!(page.contains("&lt;b&gt;&quot;Tom &amp; Jerry&#39;s&quot;&lt;/b&gt;"), "{page}");
    assert!(!page.contains("<b>"));
    assert_eq!(refused(&layer, Method::GET, &[]).await.problem()["airlock"], name);
}

#[tokio::test]
async fn the_page_does_not_repeat_a_name() {
    let layer = AirlockLayer::new(airlock(0)).resource(by_header("x-for"));
    for value in ["<script>s3cret</script>", "s3cret\ttab"] {
        let request = Request::builder().header("accept", BROWSER).header("x-for", value).body(()).unwrap();
        let text = Read::all(send(&layer, request).await).await.text();
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn headers_only_for_head() {
    for accept in [&[][..], &[BROWSER]] {
        let get = refused(&full(), Method::GET, accept).await;
        let mut head = refused(&full(), Method::HEAD, accept).await;
        assert!(head.body.is_empty());
        assert_eq!(head.status, get.status);
        // The length is that of the body which a GET gets.
        let length = head.headers.remove("content-length").expect("a length");
        assert_eq!(length, get.body.len().to_string());
        assert_eq!(head.headers, get.headers);
    }
    // Whatever somebody puts into the body.
    let layer = full().on_refused(|_, response| *response.body_mut() = "words".into());
    assert!(refused(&layer, Method::HEAD, &[]).await.body.is_empty());
    assert_eq!(refused(&layer, Method::GET, &[]).await.body, "words");
}

#[tokio::test]
async fn every_other_method_gets_the_body() {
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        assert_eq!(refused(&full(), method, &[]).await.problem()["status"], 503);
    }
}
