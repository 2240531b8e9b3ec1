//! Crowds that take no cookies.

use std::net::{IpAddr, SocketAddr};

use http::Method;

use crate::support::{Browser, IDENTITY, Shop, secs};

fn from(shop: &Shop, address: &str) -> Browser {
    let address: IpAddr = address.parse().expect("an address");
    Browser { address: Some(SocketAddr::new(address, 4711)), ..shop.browser() }
}

#[tokio::test]
async fn a_new_place_is_short_until_its_cookie_comes_back() {
    let shop = Shop::new(0);
    let mut back = shop.browser();
    back.get("/shop").await.is_refused(503, "queued");
    for _ in 0..20 {
        shop.browser().get("/shop").await.is_refused(503, "queued");
    }
    shop.advance(secs(9));
    assert_eq!(back.status().await["waiting"], 21);
    shop.advance(secs(1));
    // Whoever came back has all of its presence.
    let told = back.status().await;
    assert_eq!((&told["position"], &told["waiting"]), (&1.into(), &1.into()));
    shop.advance(secs(29));
    assert_eq!(back.status().await["status"], "queued");
}

#[tokio::test]
async fn a_crowd_without_cookies_neither_fills_the_line_nor_the_room() {
    let shop = Shop::with(5, |room| room.per_address(1000));
    for _ in 0..200 {
        shop.browser().get("/shop").await;
    }
    assert_eq!((shop.in_use().await, shop.waiting().await), (5, 195));
    // Places are over after ten seconds, admissions after thirty, and what was offered meanwhile after its window.
    shop.advance(secs(10));
    shop.browser().status().await;
    shop.browser().status().await;
    shop.browser().status().await;
    shop.browser().status().await;
    assert_eq!((shop.in_use().await, shop.waiting().await), (5, 0));
    let mut person = shop.in_line().await;
    shop.advance(secs(20));
    assert_eq!(person.status().await["status"], "offered");
    person.get("/shop").await.is_welcome();
    assert_eq!(shop.in_use().await, 1);
}

#[tokio::test]
async fn of_each_address_only_so_many_are_new() {
    let shop = Shop::with(0, |room| room.per_address(3));
    let mut new: Vec<Browser> = Vec::new();
    for _ in 0..3 {
        new.push(from(&shop, "2001:db8:1:2::1"));
        new.last_mut().expect("one").get("/shop").await.is_refused(503, "queued");
    }
    // The whole network is one address.
    let mut beyond = from(&shop, "2001:db8:1:2:ffff::9");
    let refused = beyond.get("/shop").await;
    refused.is_refused(503, "line-full");
    assert!(beyond.cookies.is_empty());
    from(&shop, "2001:db8:1:3::1").get("/shop").await.is_refused(503, "queued");
    from(&shop, "192.0.2.1").get("/shop").await.is_refused(503, "queued");
    // Who has a cookie is not new.
    new[0].get("/shop").await.is_refused(503, "queued");
    beyond.get("/shop").await.is_refused(503, "queued");
    from(&shop, "2001:db8:1:2::7").get("/shop").await.is_refused(503, "line-full");
    shop.advance(secs(10));
    from(&shop, "2001:db8:1:2::7").get("/shop").await.is_refused(503, "queued");
}

#[tokio::test]
async fn those_let_in_are_counted_as_well() {
    let shop = Shop::with(10, |room| room.per_address(2));
    let mut ada = from(&shop, "192.0.2.1");
    ada.get("/shop").await.is_welcome();
    from(&shop, "192.0.2.1").get("/shop").await.is_welcome();
    from(&shop, "192.0.2.1").get("/shop").await.is_refused(503, "line-full");
    ada.get("/shop").await.is_welcome();
    from(&shop, "192.0.2.1").get("/shop").await.is_welcome();
    assert_eq!(shop.in_use().await, 3);
}

#[tokio::test]
async fn behind_a_proxy_it_is_the_forwarded_address() {
    let proxies = ["10.0.0.0/8".parse::<airlock_axum::IpNet>().expect("a network")];
    let shop = Shop::with(0, |room| {
        room.per_address(1).address(airlock_axum::by_forwarded(proxies, airlock_axum::Prefix::default()))
    });
    let send = async |forwarded: &str| {
        from(&shop, "10.0.0.1").send(Method::GET, "/shop", &[("x-forwarded-for", forwarded)]).await
    };
    send("192.0.2.1").await.is_refused(503, "queued");
    send("192.0.2.2, 192.0.2.1").await.is_refused(503, "line-full");
    send("192.0.2.2").await.is_refused(503, "queued");
    send("nonsense").await.is_refused(400, "invalid");
}

/// The cookie comes back to another node than the one that gave the place.
#[tokio::test]
async fn a_place_is_settled_on_any_node() {
    let clock = airlock_axum::clock::TestClock::new();
    let store = airlock_axum::store::MemoryStore::with_clock(&clock);
    let node = || {
        let shop = airlock_axum::Airlock::builder("shop").seal(airlock_axum::Seal::semaphore(0)).store(store.clone());
        Shop::of(shop.build().expect("alike"), clock.clone(), |room| room)
    };
    let (here, there) = (node(), node());
    let mut gone = here.browser();
    gone.get("/shop").await.is_refused(503, "queued");
    let mut ada = here.browser();
    ada.get("/shop").await.is_refused(503, "queued");
    let mut elsewhere = Browser { router: there.router.clone(), ..ada };
    assert_eq!(elsewhere.status().await["position"], 2);
    clock.advance(secs(10));
    here.browser().status().await;
    assert_eq!(elsewhere.status().await["position"], 1, "and not given up");
    assert!(elsewhere.cookies.contains_key(IDENTITY));
}
