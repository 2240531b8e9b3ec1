//! The stream of events, on tokio's clock as well, which stands still between them.

use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::support::{Browser, Shop, secs};

struct Stream(Response<Body>);

async fn open(browser: &Browser, last: Option<&str>) -> Stream {
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut request = Request::get("/.airlock/shop/events").header("cookie", cookies.join("; "));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let request = request.body(Body::empty()).expect("a request");
    Stream(browser.router.clone().oneshot(request).await.expect("infallible"))
}

impl Stream {
    async fn chunk(&mut self) -> Option<String> {
        let frame = self.0.body_mut().frame().await?;
        Some(String::from_utf8(frame.expect("no error").into_data().expect("data").to_vec()).expect("text"))
    }

    /// The next event: its id, its name and its data.
    async fn event(&mut self) -> (u64, String, serde_json::Value) {
        loop {
            let chunk = self.chunk().await.expect("an event");
            if chunk == ":\n\n" {
                continue;
            }
            let field = |name: &str| {
                let line = chunk.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
                line.unwrap_or_else(|| panic!("no {name}: {chunk}")).to_owned()
            };
            let data = serde_json::from_str(&field("data")).expect("JSON");
            return (field("id").parse().expect("a number"), field("event"), data);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_tells_where_somebody_stands_until_its_turn() {
    let shop = Shop::new(1);
    let mut inside = shop.inside().await;
    let (mut first, second) = (shop.in_line().await, shop.in_line().await);
    let mut stream = open(&second, None).await;
    let headers = stream.0.headers();
    assert_eq!(stream.0.status(), 200);
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-store, no-transform");
    assert_eq!(headers["x-accel-buffering"], "no");
    let (id, name, data) = stream.event().await;
    assert_eq!((id, name.as_str(), &data["position"]), (1, "position", &2.into()));
    first.post("/.airlock/shop/leave").await;
    let (id, name, data) = stream.event().await;
    assert_eq!((id, name.as_str(), &data["position"]), (2, "position", &1.into()));
    shop.airlock.switch(airlock_axum::Switch::closed().because("Lunch.")).await.expect("memory");
    shop.advance(secs(1));
    let (_, name, data) = stream.event().await;
    assert_eq!((name.as_str(), &data["reason"]), ("closed", &"Lunch.".into()));
    shop.airlock.switch(airlock_axum::Switch::open()).await.expect("memory");
    shop.advance(secs(1));
    assert_eq!(stream.event().await.1, "position");
    inside.post("/.airlock/shop/leave").await;
    let (_, name, data) = stream.event().await;
    assert_eq!(name, "offered");
    assert!(data["claim_within_ms"].as_u64().is_some_and(|within| within <= 20_000));
    second.clone().post("/.airlock/shop/claim").await;
    assert_eq!(stream.event().await.1, "admitted");
    // It goes on: who is put out of the shop is told as well.
    second.clone().post("/.airlock/shop/leave").await;
    assert_eq!(stream.event().await.1, "missed");
}

/// What an operator writes is data, and never an event of its own.
#[tokio::test(start_paused = true)]
async fn a_reason_stays_within_its_event() {
    let shop = Shop::new(0);
    let mut ada = shop.in_line().await;
    let mut stream = open(&ada, None).await;
    stream.event().await;
    // No control character is taken: none could end a line.
    for evil in ["Lunch.\n\nevent: admitted\ndata: {}", "Lunch.\r\nset-cookie: evil=1", "\0"] {
        shop.airlock.switch(airlock_axum::Switch::closed().because(evil)).await.expect_err(evil);
    }
    let evil = "Lunch. data: {} </script><script>alert(1)</script> \u{2028} set-cookie: evil=1";
    shop.airlock.switch(airlock_axum::Switch::closed().because(evil)).await.expect("memory");
    shop.advance(secs(1));
    let chunk = stream.chunk().await.expect("an event");
    assert_eq!((chunk.matches('\n').count(), chunk.matches('\r').count()), (4, 0), "{chunk}");
    assert!(chunk.contains("\nevent: closed\n"), "{chunk}");
    assert_eq!(ada.status().await["reason"], evil);
    for browser in [&mut ada, &mut shop.browser()] {
        let page = browser.navigate("/shop").await;
        assert!(!page.body.contains("<script>alert") && page.body.contains("&#60;script&#62;alert"), "{}", page.body);
        assert!(!page.headers.values().any(|value| value.as_bytes().windows(4).any(|part| part == b"evil")));
    }
}

#[tokio::test(start_paused = true)]
async fn who_misses_its_turn_is_told() {
    let shop = Shop::new(1);
    let mut inside = shop.inside().await;
    let ada = shop.in_line().await;
    let mut stream = open(&ada, None).await;
    stream.event().await;
    inside.post("/.airlock/shop/leave").await;
    assert_eq!(stream.event().await.1, "offered");
    shop.advance(secs(20));
    assert_eq!(stream.event().await.1, "missed");
}

#[tokio::test(start_paused = true)]
async fn it_ends_after_a_minute_and_goes_on_from_there() {
    let shop = Shop::new(0);
    let ada = shop.in_line().await;
    let mut stream = open(&ada, Some("41")).await;
    let started = tokio::time::Instant::now();
    assert_eq!(stream.event().await.0, 42, "after the last that came through");
    let mut silent_since = started;
    loop {
        let chunk = stream.chunk().await.expect("how to come back");
        assert!(silent_since.elapsed() <= secs(15), "a heartbeat");
        silent_since = tokio::time::Instant::now();
        if chunk.starts_with("retry: ") {
            break;
        }
        assert_eq!(chunk, ":\n\n");
    }
    assert!(stream.chunk().await.is_none());
    let lasted = started.elapsed();
    assert!(lasted >= secs(54) && lasted <= secs(66) + Duration::from_millis(1), "{lasted:?}");
}

#[tokio::test(start_paused = true)]
async fn while_it_is_open_it_is_presence() {
    let shop = Shop::new(0);
    let ada = shop.in_line().await;
    let mut stream = open(&ada, None).await;
    stream.event().await;
    let mut other = shop.in_line().await;
    for _ in 0..3 {
        shop.advance(secs(20));
        // The stream looks again, and has nothing to say until its heartbeat.
        assert_eq!(stream.chunk().await.as_deref(), Some(":\n\n"));
        assert_eq!(other.status().await["position"], 2);
    }
    drop(stream);
    shop.advance(secs(29));
    other.status().await;
    shop.advance(secs(1));
    assert_eq!(other.status().await["position"], 1);
}

#[tokio::test(start_paused = true)]
async fn two_of_them_for_a_visitor_and_none_for_nobody() {
    let shop = Shop::new(0);
    let ada = shop.in_line().await;
    let (mut one, mut two) = (open(&ada, None).await, open(&ada, None).await);
    one.event().await;
    two.event().await;
    assert_eq!(open(&ada, None).await.0.status(), 429);
    drop(one);
    assert_eq!(open(&ada, None).await.0.status(), 200);
    let bob = shop.in_line().await;
    assert_eq!(open(&bob, None).await.event().await.2["position"], 2, "his own");
    let nobody = shop.browser().get("/.airlock/shop/events").await;
    nobody.is_refused(400, "unidentified");
    let mut forger = shop.browser();
    forger.cookies.insert(crate::support::IDENTITY.into(), "v1.x.y.z".into());
    forger.get("/.airlock/shop/events").await.is_refused(400, "unidentified");
}
