//! Who asks: names taken from closures, extensions, headers and cookies.

use airlock_core::Entrant;
use airlock_tower::{AirlockLayer, Name, by, by_cookie, by_extension, by_header, integer_header};
use http::{Request, StatusCode};

use crate::support::{Read, airlock, get, occupy, send, with_header};

/// Which resource a layer takes a request to be for: the one that is full. None if it is refused as wrong.
async fn is_for(layer: &AirlockLayer, airlock: &airlock_core::Airlock, request: Request<()>, resource: &str) -> bool {
    let _place = occupy(airlock, resource);
    send(layer, request).await.status() == StatusCode::SERVICE_UNAVAILABLE
}

/// The `Airlock-Status` of one request, or none if it is let in.
async fn said(layer: &AirlockLayer, request: Request<()>) -> Option<String> {
    Read::all(send(layer, request).await).await.header("airlock-status").map(str::to_owned)
}

#[tokio::test]
async fn without_a_resource_it_is_the_airlock() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone());
    assert!(is_for(&layer, &airlock, get(), "room").await);
    assert!(!is_for(&layer, &airlock, get(), "another").await);
}

#[tokio::test]
async fn resources_do_not_share_their_room() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).resource(by_header("x-tenant"));
    for (one, other) in
        [("acme", "globex"), ("a:b", "a_b"), ("key", "KEY"), ("a", "a "), ("key1", "key11"), ("{x}", "x")]
    {
        assert!(is_for(&layer, &airlock, with_header("x-tenant", one), one).await);
        assert!(!is_for(&layer, &airlock, with_header("x-tenant", one), other).await, "{one} and {other}");
    }
}

#[tokio::test]
async fn by_a_closure() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).resource(by(|parts| parts.uri.path().to_owned()));
    let request = || Request::get("/imports?x=1").body(()).unwrap();
    assert!(is_for(&layer, &airlock, request(), "/imports").await);
    assert!(!is_for(&layer, &airlock, request(), "/exports").await);

    let layer = AirlockLayer::new(airlock.clone()).resource(by(|parts| parts.uri.host().map(str::to_owned)));
    assert_eq!(said(&layer, request()).await.as_deref(), Some("unidentified"));
    let absolute = || Request::get("http://example.org/").body(()).unwrap();
    assert!(is_for(&layer, &airlock, absolute(), "example.org").await);

    let empty = AirlockLayer::new(airlock.clone()).identity(by(|_| String::new()));
    assert_eq!(said(&empty, get()).await.as_deref(), Some("unidentified"));
    let control = AirlockLayer::new(airlock).identity(by(|_| "a\0b".to_owned()));
    assert_eq!(said(&control, get()).await.as_deref(), Some("invalid"));
}

#[derive(Clone)]
struct Claims {
    tenant: String,
}

#[tokio::test]
async fn by_an_extension() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).resource(by_extension(|claims: &Claims| &claims.tenant));
    let request = |tenant: &str| {
        let mut request = get();
        request.extensions_mut().insert(Claims { tenant: tenant.to_owned() });
        request
    };
    assert!(is_for(&layer, &airlock, request("acme"), "acme").await);
    assert!(!is_for(&layer, &airlock, request("acme"), "globex").await);
    assert_eq!(said(&layer, get()).await.as_deref(), Some("unidentified"));
    assert_eq!(said(&layer, request("")).await.as_deref(), Some("unidentified"));
    assert_eq!(said(&layer, request("a\nb")).await.as_deref(), Some("invalid"));
    assert_eq!(said(&layer, request(&"x".repeat(513))).await.as_deref(), Some("invalid"));
}

#[tokio::test]
async fn by_a_header() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).resource(by_header("x-tenant"));
    assert!(is_for(&layer, &airlock, with_header("X-Tenant", "acme"), "acme").await);
    let mut request = get();
    request.headers_mut().insert("x-tenant", "zürich".as_bytes().try_into().unwrap());
    assert!(is_for(&layer, &airlock, request, "zürich").await);
}

#[tokio::test]
async fn by_a_cookie() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).resource(by_cookie("tenant"));
    for cookies in [
        &["tenant=acme"][..],
        &["a=1; tenant=acme; b=2"],
        // HTTP/2 may send them one by one.
        &["a=1", "tenant=acme", "b=2"],
        &["xtenant=globex; tenantx=globex; tenant=acme"],
        &["Tenant=globex; tenant=acme"],
        &["broken; ;=;; tenant=acme"],
    ] {
        let request = || {
            let mut request = Request::builder();
            for cookie in cookies {
                request = request.header("cookie", *cookie);
            }
            request.body(()).unwrap()
        };
        assert!(is_for(&layer, &airlock, request(), "acme").await, "{cookies:?}");
        assert!(!is_for(&layer, &airlock, request(), "globex").await, "{cookies:?}");
    }
    for cookies in ["", "a=1", "tenant", "tenant=", "tenant=acme; tenant=acme", "Tenant=acme"] {
        assert_eq!(said(&layer, with_header("cookie", cookies)).await.as_deref(), Some("unidentified"), "{cookies}");
    }
    let mut twice = with_header("cookie", "tenant=acme");
    twice.headers_mut().append("cookie", "tenant=globex".parse().unwrap());
    assert_eq!(said(&layer, twice).await.as_deref(), Some("unidentified"));
}

#[tokio::test]
async fn a_cookie_beside_one_that_is_not_ascii_counts() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).resource(by_cookie("tenant"));
    let request = |cookies: &[u8]| {
        let mut request = get();
        request.headers_mut().insert("cookie", cookies.try_into().unwrap());
        request
    };
    assert!(is_for(&layer, &airlock, request("city=zürich; tenant=acme".as_bytes()), "acme").await);
    assert!(is_for(&layer, &airlock, request(b"city=z\xfcrich; tenant=acme"), "acme").await);
    assert!(is_for(&layer, &airlock, request("tenant=zürich".as_bytes()), "zürich").await);
    assert_eq!(said(&layer, request(b"tenant=z\xfcrich")).await.as_deref(), Some("invalid"));
}

#[tokio::test]
async fn identities_are_inside_at_most_once_for_each_resource() {
    let airlock = airlock(5);
    let layer = AirlockLayer::new(airlock.clone())
        .identity(by_header("x-user"))
        .resource(by(|parts| parts.uri.path().to_owned()));
    let request = |path: &str, user: Option<&str>| {
        let request = Request::get(path);
        let request = if let Some(user) = user { request.header("x-user", user) } else { request };
        request.body(()).unwrap()
    };
    let _ada = occupy(&airlock, Entrant::new("/a").identity("ada"));
    assert_eq!(said(&layer, request("/a", Some("ada"))).await.as_deref(), Some("duplicate"));
    assert_eq!(said(&layer, request("/a", Some("Ada"))).await, None);
    assert_eq!(said(&layer, request("/b", Some("ada"))).await, None);
    // Nobody in particular is always somebody else.
    let _anonymous = occupy(&airlock, "/a");
    assert_eq!(said(&layer, request("/a", None)).await, None);
}

#[tokio::test]
async fn numbers_of_every_kind() {
    let airlock = airlock(2);
    let _place = occupy(&airlock, "room");
    let plain = AirlockLayer::new(airlock.clone());
    let heavy = |layer: AirlockLayer| async move { said(&layer, with_header("x-weight", "2")).await };
    assert_eq!(heavy(plain.clone().weight(|_| 2)).await.as_deref(), Some("full"));
    assert_eq!(heavy(plain.clone().weight(|_| Some(2))).await.as_deref(), Some("full"));
    assert_eq!(heavy(plain.clone().weight(|_| None)).await, None);
    assert_eq!(heavy(plain.clone().weight(|_| Ok(2))).await.as_deref(), Some("full"));
    assert_eq!(heavy(plain.clone().weight(|_| Ok(None))).await, None);
    assert_eq!(heavy(plain.clone().weight(integer_header("x-weight"))).await.as_deref(), Some("full"));
    assert_eq!(heavy(plain.clone().weight(integer_header("x-other"))).await, None);
    assert_eq!(heavy(plain.clone().weight(|_| 0)).await.as_deref(), Some("invalid"));
    assert_eq!(heavy(plain.weight(|_| u32::MAX)).await.as_deref(), Some("invalid"));
}

#[test]
fn a_name_is_an_object() {
    let names: [Box<dyn Name>; 2] = [Box::new(by_header("x-a")), Box::new(by_cookie("a"))];
    let (mut parts, ()) = with_header("x-a", "ada").into_parts();
    assert_eq!(names[0].name(&mut parts).unwrap().as_deref(), Some("ada"));
    assert_eq!(names[1].name(&mut parts).unwrap(), None);
}

#[test]
#[should_panic]
fn a_header_name_that_cannot_be_panics_where_it_is_written() {
    let _ = by_header("X-Upper");
}

#[test]
#[should_panic]
fn also_of_a_number() {
    let _ = integer_header::<i32>("not a header");
}
