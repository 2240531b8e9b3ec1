//! What a pass is worth, and for how long.

use std::time::Duration;

use airlock_axum::{Session, Whom};
use http::Method;

use crate::support::{Browser, IDENTITY, PASS, Shop, secs};

const MICRO: Duration = Duration::from_micros(1);

#[tokio::test]
async fn a_session_slides_with_every_request() {
    let shop = Shop::with(1, |room| room.session(Session::sliding(secs(60))));
    let mut ada = shop.inside().await;
    for _ in 0..20 {
        shop.advance(secs(59));
        // A request that may not set cookies slides it as well.
        let reply = ada.send(Method::GET, "/shop", &[("sec-fetch-mode", "cors")]).await;
        reply.is_welcome();
        assert!(reply.cookies().is_empty());
    }
    shop.advance(secs(60));
    assert_eq!(shop.in_use().await, 0);
    // The pass is good for a day, and opens nothing any more.
    ada.post("/shop").await.is_refused(503, "full");
    ada.get("/shop").await.is_welcome();
}

/// RX-32: sliding the cookie did not renew the lease, and any cookie opened the door.
#[tokio::test]
async fn rx_32_a_pass_is_only_as_good_as_its_lease() {
    let shop = Shop::with(1, |room| room.session(Session::sliding(secs(60))));
    for nonsense in ["1", "x", "true", "v1", "v1.a.b.c", "", "v1....", "….…"] {
        let mut stranger = shop.browser();
        stranger.cookies.insert(PASS.into(), nonsense.into());
        stranger.send(Method::GET, "/shop", &[("sec-fetch-mode", "cors")]).await.is_refused(503, "full");
    }
    let mut ada = shop.inside().await;
    shop.advance(secs(50));
    ada.get("/shop").await.is_welcome();
    shop.advance(secs(50));
    // Without that request its lease would have been over, and somebody else inside.
    shop.browser().get("/shop").await.is_refused(503, "queued");
    ada.get("/shop").await.is_welcome();
}

#[tokio::test]
async fn a_session_may_be_fixed() {
    let shop = Shop::with(1, |room| room.session(Session::fixed(secs(60))));
    let mut ada = shop.browser();
    ada.get("/shop").await.is_welcome();
    for _ in 0..5 {
        shop.advance(secs(10));
        ada.get("/shop").await.is_welcome();
        // Neither does claiming again begin it anew.
        assert_eq!(ada.post("/.airlock/shop/claim").await.status, 200);
    }
    shop.advance(secs(10) - MICRO);
    ada.get("/shop").await.is_welcome();
    // Fences are unique, and so one may be a little ahead of its time.
    shop.advance(2 * MICRO);
    ada.post("/shop").await.is_refused(503, "full");
    assert_eq!(shop.in_use().await, 0);
}

#[tokio::test]
async fn no_session_is_longer_than_the_longest() {
    let shop = Shop::with(1, |room| room.session(Session::sliding(secs(60))).longest_session(secs(600)));
    let mut ada = shop.inside().await;
    for _ in 0..11 {
        shop.advance(secs(50));
        ada.get("/shop").await.is_welcome();
        // Neither does claiming again begin it anew.
        assert_eq!(ada.post("/.airlock/shop/claim").await.status, 200);
    }
    shop.advance(secs(50) + MICRO);
    ada.post("/shop").await.is_refused(503, "full");
    assert_eq!(shop.in_use().await, 0);
}

#[tokio::test]
async fn a_new_admission_is_short_until_its_pass_comes_back() {
    let shop = Shop::new(1);
    let mut gone = shop.browser();
    gone.get("/shop").await.is_welcome();
    shop.advance(secs(30) - MICRO);
    assert_eq!(shop.in_use().await, 1);
    shop.advance(MICRO);
    assert_eq!(shop.in_use().await, 0);
    let mut stays = shop.inside().await;
    shop.advance(secs(599));
    stays.get("/shop").await.is_welcome();
}

#[tokio::test]
async fn leaving_acts_at_once() {
    let shop = Shop::new(1);
    let mut ada = shop.inside().await;
    let before = ada.clone();
    let mut bob = shop.in_line().await;
    let reply =
        ada.send(Method::POST, "/.airlock/shop/leave", &[("content-type", "application/x-www-form-urlencoded")]);
    let reply = reply.await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (204, ""));
    assert!(ada.cookies.is_empty(), "{reply:?}");
    assert_eq!(bob.status().await["status"], "offered");
    // The pass that was kept somewhere else opens nothing.
    before.clone().post("/shop").await.is_refused(503, "full");
    // And by a visit it is back in line, behind the others.
    before.clone().get("/shop").await.is_refused(503, "queued");
}

#[tokio::test]
async fn an_eviction_acts_at_once() {
    let shop = Shop::new(1);
    let mut ada = shop.inside().await;
    let fence = shop.airlock.inspect("shop").await.expect("memory").holders[0].fence;
    assert!(shop.airlock.evict("shop", Whom::Fence(fence)).await.expect("memory"));
    ada.post("/shop").await.is_refused(503, "full");
    // Back through the line, with another number.
    ada.get("/shop").await.is_welcome();
    assert!(shop.airlock.inspect("shop").await.expect("memory").holders[0].fence > fence);
}

#[tokio::test]
async fn an_eviction_elsewhere_is_noticed_within_a_second() {
    let clock = airlock_axum::clock::TestClock::new();
    let store = airlock_axum::store::MemoryStore::with_clock(&clock);
    let node = || {
        let shop = airlock_axum::Airlock::builder("shop").seal(airlock_axum::Seal::semaphore(1)).store(store.clone());
        Shop::of(shop.build().expect("alike"), clock.clone(), |room| room)
    };
    let (here, there) = (node(), node());
    let mut ada = here.inside().await;
    // The other node knows her by her pass alone.
    let mut elsewhere = Browser { router: there.router.clone(), ..ada.clone() };
    elsewhere.get("/shop").await.is_welcome();
    let fence = here.airlock.inspect("shop").await.expect("memory").holders[0].fence;
    assert!(there.airlock.evict("shop", Whom::Fence(fence)).await.expect("memory"));
    elsewhere.post("/shop").await.is_refused(503, "full");
    here.advance(secs(1));
    ada.post("/shop").await.is_refused(503, "full");
}

#[tokio::test]
async fn an_older_pass_is_worth_nothing_and_costs_nothing() {
    let shop = Shop::new(2);
    let mut ada = shop.inside().await;
    let mut older = ada.clone();
    let fence = shop.airlock.inspect("shop").await.expect("memory").holders[0].fence;
    assert!(shop.airlock.evict("shop", Whom::Fence(fence)).await.expect("memory"));
    ada.get("/shop").await.is_welcome();
    assert_ne!(ada.cookies[PASS], older.cookies[PASS]);
    for _ in 0..3 {
        older.post("/shop").await.is_refused(503, "full");
        ada.post("/shop").await.is_welcome();
    }
}

#[tokio::test]
async fn requests_in_flight_are_capped() {
    use airlock_axum::{Line, PassKey, Seal, WaitingRoom};
    use axum::body::Body;
    use tower::ServiceExt as _;

    let airlock = airlock_axum::Airlock::builder("shop").seal(Seal::semaphore(1)).line(Line::new());
    let room = WaitingRoom::builder(airlock.build().expect("plain"), PassKey::generate()).in_flight(2).build();
    let room = room.expect("plain");
    // A body that goes on for as long as somebody reads it.
    let endless =
        || async { Body::from_stream(futures_util::stream::repeat(Ok::<_, std::convert::Infallible>("more"))) };
    let router = axum::Router::new().route("/shop", axum::routing::get(endless)).layer(room.layer());
    let send = async |pass: Option<&str>| {
        let mut request = http::Request::get("/shop");
        if let Some(pass) = pass {
            request = request.header("cookie", format!("{PASS}={pass}"));
        }
        router.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("infallible")
    };
    let first = send(None).await;
    let cookie = first.headers()["set-cookie"].to_str().expect("text").to_owned();
    let pass = cookie.split(['=', ';']).nth(1).expect("a value");
    let (one, two) = (send(Some(pass)).await, send(Some(pass)).await);
    let third = send(Some(pass)).await;
    assert_eq!((third.status().as_u16(), &third.headers()["airlock-status"]), (429, &"limited".parse().expect("text")));
    drop(one);
    let third = send(Some(pass)).await;
    assert_eq!(third.status(), 200);
    drop((first, two, third));
}

#[tokio::test]
async fn a_pass_of_an_old_key_is_good_while_that_key_is() {
    use airlock_axum::{PassKey, WaitingRoom};

    let shop = Shop::new(2);
    let ada = shop.inside().await;
    let new = PassKey::generate();
    let room = |key| {
        let room = WaitingRoom::builder(shop.airlock.clone(), key).clock(&shop.clock).build().expect("alike");
        axum::Router::new().route("/shop", axum::routing::post(|| async { "welcome again" })).layer(room.layer())
    };
    let rotated = room(new.clone().with_previous(crate::support::key()));
    Browser { router: rotated, ..ada.clone() }.post("/shop").await.is_welcome();
    let forgotten = room(new);
    Browser { router: forgotten, ..ada.clone() }.post("/shop").await.is_refused(503, "full");
}

#[tokio::test]
async fn while_everybody_is_let_past_passes_last_for_a_minute() {
    let shop = Shop::new(0);
    let mut ada = shop.in_line().await;
    shop.airlock.switch(airlock_axum::Switch::bypass()).await.expect("memory");
    let mut bob = shop.browser();
    for visitor in [&mut ada, &mut bob] {
        visitor.get("/shop").await.is_welcome();
        visitor.post("/shop").await.is_welcome();
    }
    shop.airlock.switch(airlock_axum::Switch::open()).await.expect("memory");
    shop.advance(secs(60));
    bob.post("/shop").await.is_refused(503, "full");
    bob.get("/shop").await.is_refused(503, "queued");
    assert!(bob.cookies.contains_key(IDENTITY));
}
