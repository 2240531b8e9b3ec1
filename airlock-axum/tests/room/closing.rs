//! An operator who closes it, and opens it again.

use airlock_axum::Switch;
use http::Method;

use crate::support::{Shop, secs};

#[tokio::test]
async fn closed_it_says_why_and_when_it_reopens() {
    let shop = Shop::new(1);
    let mut inside = shop.inside().await;
    let mut ada = shop.in_line().await;
    let closed = Switch::closed().because("We take <stock>.").reopen_in(secs(600));
    shop.airlock.switch(closed).await.expect("memory");
    shop.advance(secs(1));
    let told = ada.status().await;
    assert_eq!((&told["status"], &told["reason"]), (&"closed".into(), &"We take <stock>.".into()));
    assert!(told["reopens_in_ms"].as_u64().is_some_and(|after| after > 590_000 && after <= 600_000), "{told}");
    assert_eq!(told["position"], 1, "the place is kept");
    let mut stranger = shop.browser();
    assert_eq!(stranger.status().await["status"], "closed");
    let page = stranger.navigate("/shop").await;
    page.is_refused(503, "closed");
    assert!(page.body.contains("It is closed") && page.body.contains("We take &#60;stock&#62;."), "{}", page.body);
    assert!(page.body.contains("It opens again in about 10 minutes."), "{}", page.body);
    assert!(page.headers.contains_key("refresh") && stranger.cookies.is_empty());
    // Without a script it is the page that has to tell those in line, who keep their place.
    let page = ada.navigate("/shop").await;
    page.is_refused(503, "queued");
    for said in ["<title>It is closed</title>", "We take &#60;stock&#62;.", "in about 10 minutes", ">1</strong>"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    let problem = ada.get("/shop").await.json();
    assert_eq!((&problem["position"], &problem["reason"]), (&1.into(), &"We take <stock>.".into()));
    assert!(problem["reopens_in_ms"].is_u64(), "{problem}");
    // Also whoever asks for what gives no place.
    for (method, headers) in [
        (Method::GET, &[("sec-fetch-mode", "cors")][..]),
        (Method::HEAD, &[]),
        (Method::POST, &[("accept", "application/json")]),
    ] {
        let reply = stranger.send(method, "/shop", headers).await;
        reply.is_refused(503, "closed");
        let after: u64 = reply.headers["retry-after"].to_str().expect("a number").parse().expect("a number");
        assert!((590..=600).contains(&after), "{after}");
    }
    let page = stranger.send(Method::POST, "/shop", &[("accept", "text/html")]).await;
    page.is_refused(503, "closed");
    assert!(page.body.contains("This was not sent"), "{}", page.body);
    // Who is inside stays.
    inside.post("/shop").await.is_welcome();
    shop.airlock.switch(Switch::open()).await.expect("memory");
    shop.advance(secs(1));
    assert_eq!(ada.status().await["status"], "queued");
    assert_eq!(stranger.status().await["status"], "none");
}

#[tokio::test]
async fn where_everybody_is_let_past_nobody_needs_a_pass() {
    let shop = Shop::new(1);
    let _inside = shop.inside().await;
    let mut stranger = shop.browser();
    stranger.post("/shop").await.is_refused(503, "full");
    shop.airlock.switch(Switch::bypass()).await.expect("memory");
    shop.advance(secs(1));
    stranger.post("/shop").await.is_welcome();
    stranger.send(Method::GET, "/shop", &[("sec-fetch-mode", "cors")]).await.is_welcome();
    assert_eq!(stranger.send(Method::HEAD, "/shop", &[]).await.status, 200);
    assert!(stranger.cookies.is_empty());
    shop.airlock.switch(Switch::open()).await.expect("memory");
    shop.advance(secs(1));
    stranger.post("/shop").await.is_refused(503, "full");
}

#[tokio::test]
async fn it_reopens_by_itself() {
    let shop = Shop::new(1);
    shop.airlock.switch(Switch::closed().reopen_in(secs(60))).await.expect("memory");
    let reply = shop.browser().get("/shop").await;
    reply.is_refused(503, "closed");
    assert_eq!(reply.headers["retry-after"], "60");
    shop.advance(secs(60));
    shop.browser().get("/shop").await.is_welcome();
}
