//! The page.

use http::Method;

use crate::support::{Shop, secs};

#[tokio::test]
async fn it_is_whole_and_asks_nobody_else() {
    let shop = Shop::new(0);
    let reply = shop.browser().navigate("/shop").await;
    reply.is_refused(503, "queued");
    let policy = reply.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
    let elements = reply.body.matches("<script").count() + reply.body.matches("<style").count();
    assert_eq!((elements, reply.body.matches(&format!("nonce=\"{}\"", nonce)).count()), (3, 3), "{}", reply.body);
    for elsewhere in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!reply.body.contains(elsewhere), "{elsewhere}");
    }
    for needed in
        ["<html lang=\"en\">", "<title>You are in line</title>", "<main>", "<h1", "role=\"status\"", "<progress"]
    {
        assert!(reply.body.contains(needed), "{needed}");
    }
    let other = shop.browser().navigate("/shop").await;
    assert!(!other.headers["content-security-policy"].to_str().expect("text").contains(nonce), "a nonce is used once");
    assert!(other.body.contains("One person is ahead of you."));
}

#[tokio::test]
async fn without_a_script_it_comes_back_in_time() {
    let shop = Shop::new(0);
    let mut ada = shop.browser();
    let refresh = async |ada: &mut crate::support::Browser| {
        let reply = ada.navigate("/shop").await;
        reply.headers["refresh"].to_str().expect("text").parse::<u64>().expect("seconds")
    };
    assert!((1..=3).contains(&refresh(&mut ada).await), "a third of a new place's presence");
    assert_eq!(refresh(&mut ada).await, 10);
    for _ in 0..5 {
        shop.advance(secs(10));
        assert_eq!(refresh(&mut ada).await, 10);
    }
    assert_eq!(ada.status().await["position"], 1);
}

#[tokio::test]
async fn nothing_that_a_visitor_writes_gets_into_it() {
    let shop = Shop::new(0);
    let evil = "\"><script>alert(1)</script>";
    for (method, path) in [
        (Method::GET, "/shop?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"),
        (Method::POST, "/shop?q=\"><script>alert(1)</script>"),
        (Method::POST, "/shop?q='onmouseover='alert(1)"),
        (Method::POST, "/shop?</script><script>alert(1)</script>"),
    ] {
        // What is no URL never gets here.
        let Ok(uri) = path.parse::<http::Uri>() else { continue };
        let headers = [
            ("accept", "text/html"),
            ("sec-fetch-mode", "navigate"),
            ("referer", evil),
            ("user-agent", evil),
            ("x-forwarded-for", evil),
            ("accept-language", evil),
            ("cookie", evil),
        ];
        let reply = shop.browser().send(method, &uri.to_string(), &headers).await;
        assert!(!reply.body.contains("<script>alert") && !reply.body.contains("'onmouseover='"), "{}", reply.body);
        for (name, value) in &reply.headers {
            assert!(!value.as_bytes().windows(5).any(|part| part == b"alert"), "{name}: {value:?}");
        }
    }
}

#[tokio::test]
async fn the_way_on_leads_to_this_host() {
    let shop = Shop::with(0, |room| room);
    let router = axum::Router::new().fallback_service(shop.router.clone());
    for path in ["//evil.example/x", "///evil.example", "/\\evil.example"] {
        let Ok(uri) = path.parse::<http::Uri>() else { continue };
        let mut browser = crate::support::Browser { router: router.clone(), ..shop.browser() };
        let reply = browser.send(Method::POST, &uri.to_string(), &[("accept", "text/html")]).await;
        assert!(!reply.body.contains("href=\"//") && !reply.body.contains("href=\"/\\"), "{}", reply.body);
    }
}

#[tokio::test]
async fn words_and_page_can_be_replaced() {
    use airlock_axum::Words;

    let words = Words { language: "de".into(), queued: "In der <Schlange>".into(), ..Words::default() };
    let shop = Shop::with(0, |room| room.words(words));
    let page = shop.browser().navigate("/shop").await.body;
    assert!(page.contains("<html lang=\"de\">") && page.contains("In der &#60;Schlange&#62;"), "{page}");
    assert!(!page.contains("<Schlange>"), "in no element: {page}");
    // Nor does any word end the script that is told it.
    let words = Words { left: "</script><script>alert(1)</script><!--".into(), ..Words::default() };
    let page = Shop::with(0, |room| room.words(words)).browser().navigate("/shop").await.body;
    assert_eq!((page.matches("</script>").count(), page.matches("<!--").count()), (2, 0), "{page}");
    let shop = Shop::with(0, |room| {
        room.page(|context| format!("<p nonce={}>{} {}", context.nonce, context.airlock, context.problem.name()))
    });
    let reply = shop.browser().navigate("/shop").await;
    assert!(reply.body.ends_with(">shop queued"), "{}", reply.body);
    assert!(reply.headers.contains_key("content-security-policy") && reply.headers.contains_key("refresh"));
}
