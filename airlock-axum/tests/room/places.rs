//! Who gets a place.

use http::Method;

use crate::support::{IDENTITY, PASS, Shop, secs};

#[tokio::test]
async fn who_finds_room_is_inside_with_a_pass() {
    let shop = Shop::new(1);
    let mut ada = shop.browser();
    let reply = ada.navigate("/shop").await;
    reply.is_welcome();
    assert_eq!(reply.headers["cache-control"], "private, no-store");
    assert_eq!(ada.cookies.keys().collect::<Vec<_>>(), [PASS]);
    // What is inside is the inner service's own.
    let again = ada.get("/shop").await;
    again.is_welcome();
    assert!(!again.headers.contains_key("cache-control") && again.cookies().is_empty(), "{again:?}");
    assert_eq!(reply.body, again.body, "one admission");
}

#[tokio::test]
async fn who_finds_none_is_in_line_with_an_identity() {
    let shop = Shop::new(1);
    let _inside = shop.inside().await;
    let (mut first, mut second) = (shop.browser(), shop.browser());
    let reply = first.get("/shop").await;
    reply.is_refused(503, "queued");
    assert_eq!(first.cookies.keys().collect::<Vec<_>>(), [IDENTITY]);
    let problem = reply.json();
    assert_eq!((&problem["position"], &problem["ahead"], &problem["waiting"]), (&1.into(), &0.into(), &1.into()));
    assert_eq!((&problem["position_exact"], &problem["airlock"]), (&true.into(), &"shop".into()));
    assert_eq!(reply.headers["airlock-position"], "1");
    assert!(!reply.headers.contains_key("airlock-estimated-wait"), "unknown until it has moved");
    // A new place is short, and is to be asked for in time.
    assert!(problem["refresh_after_ms"].as_u64().is_some_and(|after| after <= 10_000 / 3), "{problem}");
    let reply = second.navigate("/shop").await;
    assert!(reply.headers["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/html")));
    assert_eq!(reply.headers["airlock-position"], "2");
    // Coming again keeps the place.
    let reply = first.get("/shop").await;
    assert_eq!(reply.headers["airlock-position"], "1");
    let after = reply.json()["refresh_after_ms"].as_u64().expect("known");
    assert!(after <= 10_000, "a third of the presence, and half the claim window: {after}");
    assert_eq!(shop.waiting().await, 2);
}

#[tokio::test]
async fn everything_else_gets_none() {
    let shop = Shop::new(2);
    let head = shop.browser().send(Method::HEAD, "/shop", &[]).await;
    head.is_refused(503, "full");
    assert!(head.body.is_empty());
    for headers in [
        &[("sec-fetch-mode", "cors")][..],
        &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
        &[("sec-fetch-mode", "navigate"), ("sec-purpose", "prefetch")],
        &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
        &[("sec-fetch-mode", "websocket")],
        &[("upgrade", "websocket"), ("connection", "upgrade")],
        &[("accept", "image/webp")],
    ] {
        let mut browser = shop.browser();
        let reply = browser.send(Method::GET, "/shop", headers).await;
        reply.is_refused(503, "full");
        assert!(browser.cookies.is_empty(), "{headers:?}");
    }
    assert_eq!((shop.in_use().await, shop.waiting().await), (0, 0));
    // With a pass all of it is let through.
    let mut inside = shop.inside().await;
    inside.send(Method::GET, "/shop", &[("sec-fetch-mode", "cors")]).await.is_welcome();
    assert_eq!(inside.send(Method::HEAD, "/shop", &[]).await.status, 200);
}

#[tokio::test]
async fn what_would_change_something_is_not_sent() {
    let shop = Shop::new(1);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let mut browser = shop.browser();
        let reply = browser.send(method, "/shop?item=1", &[("accept", "text/html")]).await;
        reply.is_refused(503, "full");
        assert!(reply.body.contains("This was not sent"), "{reply:?}");
        assert!(reply.body.contains("href=\"/shop?item=1\""), "a way on by GET: {reply:?}");
        assert!(!reply.headers.contains_key("refresh"), "nothing is sent again by itself");
        assert!(browser.cookies.is_empty());
    }
    shop.browser().post("/shop").await.is_refused(503, "full");
    assert_eq!(shop.in_use().await, 0);
    shop.inside().await.post("/shop").await.is_welcome();
}

#[tokio::test]
async fn preflights_and_what_is_bypassed_pass() {
    let shop = Shop::with(0, |room| room.bypass(|parts| parts.headers.contains_key("x-staff")));
    let preflight = [("access-control-request-method", "POST"), ("origin", "https://else.example")];
    let reply = shop.browser().send(Method::OPTIONS, "/shop", &preflight).await;
    assert!(!reply.headers.contains_key("airlock-status"), "{reply:?}");
    let reply = shop.browser().send(Method::POST, "/shop", &[("x-staff", "1")]).await;
    assert_eq!((reply.body.as_str(), reply.cookies().len()), ("welcome 0", 0), "inside, without a lease");
    shop.browser().send(Method::OPTIONS, "/shop", &[]).await.is_refused(503, "full");
}

#[tokio::test]
async fn the_status_of_who_waits_can_be_another() {
    for status in [200, 202, 429, 503] {
        let shop = Shop::with(0, |room| room.queued_status(status.try_into().expect("a status")));
        shop.browser().get("/shop").await.is_refused(status, "queued");
        let page = shop.browser().navigate("/shop").await;
        page.is_refused(status, "queued");
        // Other refusals keep theirs.
        shop.browser().post("/shop").await.is_refused(503, "full");
    }
}

#[tokio::test]
async fn numbers_are_for_who_waits_or_for_all() {
    let hidden = Shop::new(0);
    hidden.in_line().await;
    assert!(hidden.browser().status().await["waiting"].is_null());
    let exposed = Shop::with(0, |room| room.expose(true));
    exposed.in_line().await;
    assert_eq!(exposed.browser().status().await["waiting"], 1);
    exposed.airlock.switch(airlock_axum::Switch::closed()).await.expect("memory");
    assert_eq!(exposed.browser().get("/shop").await.json()["waiting"], 1);
}

#[tokio::test]
async fn members_go_first() {
    let clock = airlock_axum::clock::TestClock::new();
    let airlock = airlock_axum::presets::members_first("shop", 0)
        .store(airlock_axum::store::MemoryStore::with_clock(&clock))
        .build()
        .expect("a preset");
    let priority = |parts: &http::request::Parts| parts.headers.contains_key("x-member").then_some(600);
    let shop = Shop::of(airlock, clock, |room| room.priority(priority));
    shop.in_line().await;
    let mut member = shop.browser();
    let reply = member.send(Method::GET, "/shop", &[("x-member", "1")]).await;
    assert_eq!(reply.headers["airlock-position"], "1");
}

#[tokio::test]
async fn nobody_waits_where_there_is_no_line() {
    let clock = airlock_axum::clock::TestClock::new();
    let airlock = airlock_axum::presets::anti_hug("shop", 1)
        .store(airlock_axum::store::MemoryStore::with_clock(&clock))
        .build()
        .expect("a preset");
    let shop = Shop::of(airlock, clock, |room| room);
    let mut inside = shop.inside().await;
    let reply = shop.browser().navigate("/shop").await;
    reply.is_refused(503, "full");
    assert!(reply.body.contains("There is no room at the moment") && reply.headers.contains_key("refresh"));
    // Without sessions in the airlock a visitor is one all the same.
    inside.get("/shop").await.is_welcome();
    inside.cookies.clear();
    inside.get("/shop").await.is_refused(503, "full");
    shop.advance(secs(600));
    shop.browser().get("/shop").await.is_welcome();
}
