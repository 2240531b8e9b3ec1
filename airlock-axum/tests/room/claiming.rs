//! A turn that comes, is taken up, or is missed.

use crate::support::{IDENTITY, PASS, Shop, secs};

#[tokio::test]
async fn the_status_tells_and_only_a_claim_lets_in() {
    let shop = Shop::new(1);
    let mut inside = shop.inside().await;
    let mut ada = shop.in_line().await;
    let waiting = ada.status().await;
    assert_eq!((&waiting["status"], &waiting["position"], &waiting["ahead"]), (&"queued".into(), &1.into(), &0.into()));
    // Too early costs nothing.
    ada.post("/.airlock/shop/claim").await.is_refused(409, "missed");
    assert_eq!(inside.post("/.airlock/shop/leave").await.status, 204);
    for _ in 0..2 {
        let offered = ada.status().await;
        assert_eq!(offered["status"], "offered");
        assert!(offered["claim_within_ms"].as_u64().is_some_and(|within| within > 0 && within <= 20_000), "{offered}");
    }
    // What needs a pass is not let in by an offer.
    ada.post("/shop").await.is_refused(503, "full");
    let mut passes = Vec::new();
    for _ in 0..2 {
        let claimed = ada.post("/.airlock/shop/claim").await;
        assert_eq!((claimed.status.as_u16(), &claimed.json()["status"]), (200, &"admitted".into()));
        assert_eq!(claimed.headers["cache-control"], "private, no-store");
        passes.push(ada.cookies[PASS].clone());
    }
    assert_eq!(passes[0], passes[1], "again for the same visitor");
    ada.post("/shop").await.is_welcome();
    assert_eq!(ada.status().await["status"], "admitted");
    assert_eq!(shop.in_use().await, 1);
}

#[tokio::test]
async fn coming_again_takes_an_offer_up() {
    let shop = Shop::new(1);
    let mut inside = shop.inside().await;
    let mut ada = shop.in_line().await;
    inside.post("/.airlock/shop/leave").await;
    assert_eq!(ada.status().await["status"], "offered");
    ada.get("/shop").await.is_welcome();
    assert!(ada.cookies.contains_key(PASS));
}

#[tokio::test]
async fn who_misses_its_turn_is_told() {
    let shop = Shop::new(1);
    let mut inside = shop.inside().await;
    let (mut ada, mut bob) = (shop.in_line().await, shop.in_line().await);
    inside.post("/.airlock/shop/leave").await;
    assert_eq!(ada.status().await["status"], "offered");
    shop.advance(secs(20));
    assert_eq!(bob.status().await["status"], "offered");
    ada.post("/.airlock/shop/claim").await.is_refused(409, "missed");
    assert_eq!(ada.status().await["status"], "none");
    ada.get("/shop").await.is_refused(503, "queued");
}

#[tokio::test]
async fn asking_is_presence_and_makes_no_place() {
    let shop = Shop::new(0);
    assert_eq!(shop.browser().status().await["status"], "none");
    assert_eq!(shop.waiting().await, 0);
    let mut ada = shop.in_line().await;
    for _ in 0..10 {
        shop.advance(secs(29));
        assert_eq!(ada.status().await["status"], "queued");
    }
    shop.advance(secs(30));
    assert_eq!(ada.status().await["status"], "none");
    assert_eq!(shop.waiting().await, 0);
}

#[tokio::test]
async fn who_leaves_the_line_makes_way() {
    let shop = Shop::new(0);
    let (mut ada, mut bob) = (shop.in_line().await, shop.in_line().await);
    assert_eq!(ada.post("/.airlock/shop/leave").await.status, 204);
    assert!(!ada.cookies.contains_key(IDENTITY));
    assert_eq!(bob.status().await["position"], 1);
    // Nobody in particular may leave as well.
    assert_eq!(shop.browser().post("/.airlock/shop/leave").await.status, 204);
    shop.browser().post("/.airlock/shop/claim").await.is_refused(409, "missed");
}

#[tokio::test]
async fn two_tabs_of_a_visitor_have_one_place() {
    let shop = Shop::new(1);
    let mut inside = shop.inside().await;
    let mut tab = shop.in_line().await;
    let mut other = tab.clone();
    other.navigate("/other").await.is_refused(503, "queued");
    assert_eq!(shop.waiting().await, 1);
    inside.post("/.airlock/shop/leave").await;
    assert_eq!(tab.post("/.airlock/shop/claim").await.status, 200);
    assert_eq!(other.post("/.airlock/shop/claim").await.status, 200);
    assert_eq!(tab.cookies[PASS], other.cookies[PASS]);
    assert_eq!(shop.in_use().await, 1);
}

#[tokio::test]
async fn where_the_line_is_paced_people_are_asked_to_come_less_often() {
    let shop = Shop::with(0, |room| room.poll_budget(1000));
    let mut ada = shop.in_line().await;
    assert_eq!(ada.status().await["refresh_after_ms"], 2000, "a short line");
    // One question a second would serve a line of ten, and ten thousand may wait.
    let airlock = airlock_axum::Airlock::builder("shop").seal(airlock_axum::Seal::lock()).build().expect("plain");
    let refused = airlock_axum::WaitingRoom::builder(airlock, crate::support::key()).poll_budget(1).build();
    assert_eq!(refused.expect_err("a contradiction").field(), "poll_budget");
}
