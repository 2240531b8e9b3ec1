//! What nobody is told: in no answer, and in no log, however much it says.

use std::ffi::OsStr;

use airlock_tests::flagship::Flagship;
use airlock_tests::redis::Server;
use http::Method;

use crate::client::Client;
use crate::raw::raw;
use crate::visitor::Visitor;

const PASSWORD: &str = "correct-horse-battery";

/// With a password on the way to the store, and all that anything has to say in the log.
fn talkative() -> (Flagship, Server) {
    let redis = Server::start_with(&["--requirepass", PASSWORD]);
    let url = redis.url().replace("redis://", &format!("redis://:{PASSWORD}@"));
    let options = ["--active-users", "1", "--limit", "1", "--tenant-limit", "1", "--line", "2", "--store", &url];
    (Flagship::start_in(&options, &[("RUST_LOG", OsStr::new("trace"))]), redis)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_has_a_cookie_a_key_or_a_name() {
    let (server, _redis) = talkative();
    let client = Client::of(&server);
    let (mut ada, mut bob) = (Visitor::of(&server), Visitor::of(&server));
    let mut secrets: Vec<String> = ["a-key-for-tests", PASSWORD, "tenant-acme", "user-grace"].map(str::to_owned).into();
    ada.visit().await;
    bob.visit().await.is_refused(503, "queued");
    for visitor in [&ada, &bob] {
        for cookie in visitor.cookies.values() {
            // Whole, what it says, and its signature.
            secrets.extend(cookie.split('.').skip(2).map(str::to_owned));
        }
    }
    for _ in 0..2 {
        ada.visit().await;
        bob.status().await;
    }
    ada.leave().await;
    bob.until("offered").await;
    bob.send(Method::POST, "/.airlock/shop/claim", &[]).await;
    bob.visit().await;
    secrets.extend(bob.cookies.values().flat_map(|cookie| cookie.split('.').skip(2).map(str::to_owned)));
    let names = [("x-tenant", "tenant-acme"), ("x-user", "user-grace")];
    for path in ["/imports?ms=50", "/shared?ms=50", "/imports?ms=50", "/shared?ms=50"] {
        client.send(Method::POST, path, &names);
    }
    server.wait_for("released", 2);
    client.post("/shared", &[("x-tenant", "tenant-acme\t1")]).await.is_refused(400, "invalid");

    let log = server.log().join("\n");
    assert!(log.contains("TRACE"), "everything is in it: {log}");
    assert!(secrets.len() >= 4 + 6, "{secrets:?}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log: {log}");
    }
}

/// Whatever somebody writes, it becomes no header and no element of an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_writes_ends_no_header_and_begins_no_element() {
    let server = Flagship::start(&["--active-users", "1", "--limit", "1", "--tenant-limit", "0"]);
    assert_eq!(Visitor::of(&server).visit().await.status, 200);
    let evil = "\"><script>alert(1)</script>";
    let mut asked = 0;
    for line in [
        "GET /shop",
        "POST /shop",
        "HEAD /shop",
        "POST /imports",
        "POST /shared",
        "GET /stream",
        "GET /.airlock/shop/status",
        "POST /.airlock/shop/claim",
        "GET /nothing",
    ] {
        for query in [
            "?q=%0d%0aset-cookie:%20evil=1%0d%0a%0d%0a<script>alert(1)</script>",
            "?q=\"><script>alert(1)</script>",
            "?'onload='alert(1)",
            "",
        ] {
            for header in [
                "cookie",
                "accept-language",
                "x-user",
                "x-tenant",
                "x-priority",
                "user-agent",
                "referer",
                "origin",
                "x-forwarded-for",
                "x-forwarded-host",
                "sec-purpose",
            ] {
                let value = if header == "cookie" {
                    format!("airlock-pass-shop={evil}; airlock-visitor-shop={evil}")
                } else {
                    evil.to_owned()
                };
                let head = format!(
                    "{line}{query} HTTP/1.1\r\nhost: shop.example\r\naccept: text/html\r\n{header}: {value}\r\nconnection: close\r\n\r\n"
                );
                let answer = raw(server.address(), head.as_bytes()).await.to_lowercase();
                assert!(answer.starts_with("http/1.1 "), "{head}{answer}");
                // In JSON a tenant's own name stays what it is.
                let is_page = !answer.contains("\r\ncontent-type: application/");
                let marked_up = answer.contains("<script>alert") || answer.contains("'onload='");
                assert!(!(is_page && marked_up), "{head}{answer}");
                assert!(
                    !answer.contains("set-cookie: evil") && answer.matches("http/1.1 ").count() == 1,
                    "{head}{answer}"
                );
                let (headers, _) = answer.split_once("\r\n\r\n").expect("a head");
                assert!(!headers.contains("alert"), "{headers}");
                asked += 1;
            }
        }
    }
    assert!(asked > 300);
}

/// One visitor's cookies are another's neither to read from nor to speak for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_hears_of_its_own_place_alone() {
    let server = Flagship::start(&["--active-users", "0"]);
    let (mut first, mut second) = (Visitor::of(&server), Visitor::of(&server));
    first.visit().await;
    second.visit().await;
    assert_eq!((&first.status().await["position"], &second.status().await["position"]), (&1.into(), &2.into()));
    let stream = async |cookie: &str| {
        let head = format!("GET /.airlock/shop/events?visitor=1 HTTP/1.0\r\nhost: x\r\ncookie: {cookie}\r\n\r\n");
        raw(server.address(), head.as_bytes()).await
    };
    // Half of each makes no whole, nor does the one under the other's name.
    let (one, other) = (first.cookie(), second.cookie());
    let (one, other) = (one.split_once('=').expect("a pair").1, other.split_once('=').expect("a pair").1);
    let (payload, signature) = (one.rsplit_once('.').expect("signed").0, other.rsplit_once('.').expect("signed").1);
    for forged in [
        format!("airlock-visitor-shop={payload}.{signature}"),
        format!("airlock-pass-shop={one}"),
        format!("airlock-visitor-other={one}"),
        format!("airlock-visitor-shop={}", &one[..one.len() - 1]),
    ] {
        let answer = stream(&forged).await;
        assert!(answer.starts_with("HTTP/1.0 400 ") && answer.contains("unidentified"), "{forged}: {answer}");
    }
}
