//! Cookies that nobody made, and requests from pages of other sites.

use airlock_axum::clock::TestClock;
use http::Method;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::support::{Browser, IDENTITY, PASS, Shop, airlock, secs};

/// Neither inside, nor known.
async fn counts_as_none(browser: &mut Browser) {
    browser.send(Method::POST, "/shop", &[]).await.is_refused(503, "full");
    assert_eq!(browser.status().await["status"], "none", "{:?}", browser.cookies);
}

#[tokio::test]
async fn what_was_made_for_something_else_counts_as_none() {
    let shop = Shop::new(1);
    let ada = shop.inside().await;
    let bob = shop.in_line().await;
    let clock = TestClock::new();
    let museum = Shop::of(airlock("museum", 1, &clock), clock, |room| room);
    let pass = ada.cookies[PASS].clone();
    let identity = bob.cookies[IDENTITY].clone();
    for (name, value) in [(PASS, &identity), (IDENTITY, &pass)] {
        let mut swapped = shop.browser();
        swapped.cookies.insert(name.into(), value.clone());
        counts_as_none(&mut swapped).await;
    }
    // Another airlock of the same key.
    let mut elsewhere = museum.browser();
    elsewhere.cookies.insert(PASS.replace("shop", "museum"), pass.clone());
    elsewhere.cookies.insert(PASS.into(), pass.clone());
    elsewhere.post("/shop").await.is_refused(503, "full");
    // Under another key.
    let stranger = Shop::of(airlock("shop", 1, &shop.clock), shop.clock.clone(), |room| room);
    let router = {
        let room = airlock_axum::WaitingRoom::builder(stranger.airlock.clone(), airlock_axum::PassKey::generate());
        let room = room.clock(&shop.clock).build().expect("plain");
        let shop = axum::Router::new().route("/shop", axum::routing::post(|| async { "welcome" }));
        shop.layer(room.layer()).merge(room.routes())
    };
    counts_as_none(&mut Browser { router, ..ada.clone() }).await;
}

#[tokio::test]
async fn a_cookie_ends() {
    let shop = Shop::new(1);
    let mut ada = shop.inside().await;
    let mut bob = shop.in_line().await;
    for _ in 0..(24 * 60 * 60 / 25) {
        shop.advance(secs(25));
        ada.post("/shop").await;
        bob.status().await;
    }
    // Their places are still there, and they could not say whose they are.
    assert_eq!((shop.in_use().await, shop.waiting().await), (1, 1));
    counts_as_none(&mut ada).await;
    counts_as_none(&mut bob).await;
}

/// A pass is worth its lease to whoever has it, and never a place beside that.
#[tokio::test]
async fn another_visitors_pass_is_no_place_of_ones_own() {
    let shop = Shop::new(2);
    let mut ada = shop.inside().await;
    let mut mallory = shop.inside().await;
    mallory.cookies.insert(PASS.into(), ada.cookies[PASS].clone());
    mallory.post("/shop").await.is_welcome();
    assert_eq!(shop.in_use().await, 2);
    // It is over with hers: where an operator ends it, and where she does.
    let fence = ada.get("/shop").await.body.trim_start_matches("welcome ").parse().expect("a number");
    assert!(shop.airlock.evict("shop", airlock_axum::Whom::Fence(fence)).await.expect("memory"));
    mallory.post("/shop").await.is_refused(503, "full");
    ada.get("/shop").await.is_welcome();
    mallory.post("/shop").await.is_refused(503, "full");
    mallory.cookies.insert(PASS.into(), ada.cookies[PASS].clone());
    mallory.post("/shop").await.is_welcome();
    ada.post("/.airlock/shop/leave").await;
    mallory.post("/shop").await.is_refused(503, "full");
}

/// Each differs from a good one in a bit, a length or a part, or is just noise.
#[tokio::test]
async fn mutated_and_random_cookies_count_as_none() {
    let seed = std::env::var("AIRLOCK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("AIRLOCK_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let count = if std::env::var_os("AIRLOCK_LONG").is_some() { 1_000_000 } else { 20_000 };
    let shop = Shop::new(1);
    let ada = shop.inside().await;
    let good = ada.cookies[PASS].clone();
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/=~ ";
    let letter = |random: &mut SmallRng| char::from(LETTERS[random.random_range(0..LETTERS.len())]);
    let mut mallory = shop.browser();
    for _ in 0..count {
        let at = random.random_range(0..good.len());
        let value = match random.random_range(0..6) {
            0 => good[..at].to_owned(),
            1 => format!("{}{}{}", &good[..at], letter(&mut random), &good[at..]),
            2 => format!("{}{}", &good[..at], &good[at + 1..]),
            3 => format!("{}{}{}", &good[..at], letter(&mut random), &good[at + 1..]),
            4 => (0..random.random_range(0..200)).map(|_| letter(&mut random)).collect(),
            _ => {
                let other = random.random_range(0..good.len());
                format!("{}{}", &good[..at], &good[other..])
            }
        };
        if value.trim() == good {
            continue;
        }
        mallory.cookies.insert(PASS.into(), value);
        let reply = mallory.send(Method::POST, "/shop", &[]).await;
        assert_eq!(reply.status, 503, "{:?}", mallory.cookies);
    }
    ada.clone().post("/shop").await.is_welcome();
}

#[tokio::test]
async fn a_good_one_among_bad_ones_is_found() {
    let shop = Shop::new(1);
    let ada = shop.inside().await;
    let cookie = format!("{PASS}=x; other=\u{1}; {PASS}={}; {PASS}=y", ada.cookies[PASS]);
    let mut tossed = shop.browser();
    // Another host of the domain may set cookies of any name that is not `__Host-`.
    let reply = tossed.send(Method::POST, "/shop", &[("cookie", &cookie.replace('\u{1}', "z"))]).await;
    reply.is_welcome();
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let shop = Shop::new(1);
    let mut ada = shop.inside().await;
    let mut bob = shop.in_line().await;
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://shop.example")],
    ] {
        for (browser, path) in [(&mut ada, "/.airlock/shop/leave"), (&mut bob, "/.airlock/shop/claim")] {
            let reply = browser.send(Method::POST, path, headers).await;
            assert_eq!((reply.status.as_u16(), reply.cookies().len()), (403, 0), "{headers:?}");
        }
    }
    ada.post("/shop").await.is_welcome();
    for headers in [&[("sec-fetch-site", "same-origin")][..], &[("origin", "https://shop.example")], &[]] {
        let reply = bob.send(Method::POST, "/.airlock/shop/claim", headers).await;
        reply.is_refused(409, "missed");
    }
    for path in ["/.airlock/shop/leave", "/.airlock/shop/claim"] {
        assert_eq!(ada.get(path).await.status, 405, "{path}");
    }
    for path in ["/.airlock/shop/status", "/.airlock/shop/events"] {
        assert_eq!(ada.post(path).await.status, 405, "{path}");
    }
}
