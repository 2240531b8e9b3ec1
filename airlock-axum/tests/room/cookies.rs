//! How cookies are set.

use crate::support::{Shop, secs};

#[tokio::test]
async fn they_are_the_hosts_alone() {
    let shop = Shop::new(1);
    let reply = shop.browser().get("/shop").await;
    let [pass] = reply.cookies()[..] else { panic!("{reply:?}") };
    assert!(pass.starts_with("__Host-airlock-pass-shop=v1."), "{pass}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=86400"] {
        assert!(pass.split("; ").any(|part| part == attribute), "{attribute} in {pass}");
    }
    assert!(!pass.contains("Domain"));
    let reply = shop.browser().get("/shop").await;
    let [identity] = reply.cookies()[..] else { panic!("{reply:?}") };
    assert!(identity.starts_with("__Host-airlock-visitor-shop=v1."), "{identity}");
    assert!(identity.contains("; HttpOnly") && identity.contains("; Secure") && identity.contains("; SameSite=Lax"));
}

#[tokio::test]
async fn or_a_domains_or_without_tls_where_that_is_asked_for() {
    let shop = Shop::with(1, |room| room.domain("example.org"));
    let reply = shop.browser().get("/shop").await;
    let cookie = reply.cookies()[0];
    assert!(cookie.starts_with("__Secure-airlock-pass-shop=") && cookie.contains("; Domain=example.org"), "{cookie}");
    assert!(cookie.contains("; Secure"));
    let shop = Shop::with(1, |room| room.insecure_for_development());
    let reply = shop.browser().get("/shop").await;
    let cookie = reply.cookies()[0];
    assert!(cookie.starts_with("airlock-pass-shop=") && !cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn they_are_set_on_visits_and_claims_alone() {
    let shop = Shop::new(1);
    let mut ada = shop.inside().await;
    shop.advance(secs(500));
    for path in ["/shop", "/.airlock/shop/status", "/.airlock/shop/events"] {
        assert!(ada.get(path).await.cookies().is_empty(), "{path}");
    }
    assert!(shop.browser().post("/shop").await.cookies().is_empty());
}

#[tokio::test]
async fn they_hold_no_secret_of_the_gate() {
    let shop = Shop::new(1);
    let mut ada = shop.browser();
    let pass = ada.get("/shop").await.cookies()[0].to_owned();
    let payload = pass.split('.').nth(2).expect("a payload");
    // One byte for the purpose, 16 for the visitor, 8 each for fence, issued, not after; the rest is the name.
    assert_eq!(payload.len(), (1 + 16 + 24 + "shop".len()) * 8 / 6, "{payload}");
}

#[tokio::test]
async fn names_of_any_kind_are_told_apart() {
    let clock = airlock_axum::clock::TestClock::new();
    let mut names = Vec::new();
    for name in ["a b", "a;b", "a=b", "a_b", "a/b", "ä", "{a}", "a%20b"] {
        let airlock = crate::support::airlock(name, 1, &clock);
        let shop = Shop::of(airlock, clock.clone(), |room| room);
        let mut browser = shop.browser();
        browser.get("/shop").await.is_welcome();
        let cookie = browser.cookies.keys().next().expect("a pass").clone();
        let route = cookie.replace("__Host-airlock-pass-", "/.airlock/") + "/status";
        let reply = browser.get(&route).await;
        assert_eq!(reply.json()["status"], "admitted", "{name}: {route}");
        names.push(cookie);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 8);
}
