//! Names by what proxies tell: only those of them that are trusted, and only as far as they are.

use airlock_tower::{AirlockLayer, IpNet, Name as _, Prefix, by_forwarded};
use http::Request;

use crate::support::{Read, airlock, get, send};

/// The name, or the detail of why there is none.
fn named(prefix: Prefix, headers: &[(&str, &str)]) -> Result<Option<String>, String> {
    let trusted: [IpNet; 3] = ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"].map(|network| network.parse().unwrap());
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let name = by_forwarded(trusted, prefix).name(&mut parts);
    name.map(|name| name.map(|name| name.into_owned())).map_err(|error| error.to_string())
}

fn x_forwarded_for(value: &str) -> Option<String> {
    named(Prefix::default(), &[("x-forwarded-for", value)]).unwrap()
}

fn forwarded(value: &str) -> Option<String> {
    named(Prefix::default(), &[("forwarded", value)]).unwrap()
}

#[test]
fn it_is_the_last_that_is_no_trusted_proxy() {
    for (header, name) in [
        ("203.0.113.7", "203.0.113.7/32"),
        // The leftmost is whatever the client wrote.
        ("198.51.100.1, 203.0.113.7", "203.0.113.7/32"),
        ("198.51.100.1, 203.0.113.7, 10.1.2.3, 192.0.2.1", "203.0.113.7/32"),
        ("10.9.9.9, 203.0.113.7, 10.1.2.3", "203.0.113.7/32"),
        ("nonsense;;\"\", 203.0.113.7:1234,10.1.2.3", "203.0.113.7/32"),
        // If all are trusted, it is the first of them.
        ("10.9.9.9, 10.1.2.3", "10.9.9.9/32"),
        ("::ffff:203.0.113.7, ::ffff:10.1.2.3", "203.0.113.7/32"),
    ] {
        assert_eq!(x_forwarded_for(header).as_deref(), Some(name), "{header}");
    }
    for (header, name) in [
        ("for=203.0.113.7", "203.0.113.7/32"),
        ("for=unknown, for=\"203.0.113.7:80\";proto=https, for=10.1.2.3;by=10.1.2.4", "203.0.113.7/32"),
        ("for=\"[2001:db8:1:2:3:4:5:6]:4711\", for=\"[fd00::1]\"", "2001:db8:1:2::/64"),
    ] {
        assert_eq!(forwarded(header).as_deref(), Some(name), "{header}");
    }
}

#[test]
fn several_lines_are_one_list() {
    let lines =
        [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "10.1.1.1")];
    assert_eq!(named(Prefix::default(), &lines).unwrap().as_deref(), Some("203.0.113.7/32"));
}

#[test]
fn prefixes_are_counted_and_not_addresses() {
    let prefix = Prefix::new(24, 48);
    let name = |address| named(prefix, &[("x-forwarded-for", address)]).unwrap().unwrap();
    assert_eq!(name("203.0.113.7"), "203.0.113.0/24");
    assert_eq!(name("2001:db8:1:2::3"), "2001:db8:1::/48");
    assert_eq!(x_forwarded_for("2001:db8:1:2::3"), x_forwarded_for("2001:db8:1:2:ffff::"));
    assert_ne!(x_forwarded_for("2001:db8:1:2::3"), x_forwarded_for("2001:db8:1:3::3"));
    assert_eq!(Prefix::new(0, 0), Prefix::new(0, 0));
    assert!(std::panic::catch_unwind(|| Prefix::new(33, 64)).is_err());
    assert!(std::panic::catch_unwind(|| Prefix::new(32, 129)).is_err());
}

#[test]
fn two_headers_have_to_agree() {
    let name = |standard, common| named(Prefix::default(), &[("forwarded", standard), ("x-forwarded-for", common)]);
    assert_eq!(name("for=203.0.113.7", "203.0.113.7, 10.1.1.1").unwrap().as_deref(), Some("203.0.113.7/32"));
    assert!(name("for=198.51.100.1", "203.0.113.7").unwrap_err().contains("different"));
}

#[tokio::test(start_paused = true)]
async fn without_a_name_it_is_told_so() {
    let layer = AirlockLayer::new(airlock(1))
        .resource(by_forwarded([[10, 0, 0, 1]].map(std::net::IpAddr::from), Prefix::default()));
    for (header, value, status) in [
        ("x-other", "203.0.113.7", "unidentified"),
        ("x-forwarded-for", " , ", "unidentified"),
        ("forwarded", "for=unknown", "unidentified"),
        ("forwarded", "for=203.0.113.7, for=_secret", "unidentified"),
        ("forwarded", "proto=https", "unidentified"),
        ("x-forwarded-for", "203.0.113.7, nonsense", "invalid"),
        ("x-forwarded-for", "nonsense, 10.0.0.1", "invalid"),
        ("forwarded", "for=203.0.113.7;", "invalid"),
        ("forwarded", "for=\"203.0.113.7", "invalid"),
    ] {
        let mut request = get();
        request.headers_mut().insert(header, value.parse().unwrap());
        let read = Read::all(send(&layer, request).await).await;
        assert_eq!((read.status.as_u16(), read.header("airlock-status")), (400, Some(status)), "{header}: {value}");
    }
    let mut request = get();
    request.headers_mut().insert("x-forwarded-for", http::HeaderValue::from_bytes(b"203.0.113.7, \xff").unwrap());
    assert_eq!(Read::all(send(&layer, request).await).await.header("airlock-status"), Some("invalid"));
}
