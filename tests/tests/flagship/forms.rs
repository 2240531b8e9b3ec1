//! Each refusal that the limits know, as a problem, as a page and in gRPC's own words.

use airlock_tests::flagship::Flagship;
use http::Method;
use tokio::task::JoinHandle;

use crate::client::{Client, Reply, wait_for};

/// A refusal, its status and gRPC's code for it.
type Expected = (&'static str, u16, &'static str);

async fn in_each_form(client: &Client, path: &str, headers: &[(&str, &str)], expected: Expected) {
    let (name, status, code) = expected;
    let ask = async |more: (&'static str, &'static str)| client.post(path, &[headers, &[more]].concat()).await;
    let problem = ask(("accept", "application/json")).await;
    let page = ask(("accept", "text/html")).await;
    let grpc = ask(("content-type", "application/grpc+proto")).await;
    let kind = |reply: &Reply| reply.headers["content-type"].to_str().expect("text").to_owned();
    for reply in [&problem, &page, &grpc] {
        assert_eq!(
            (reply.said(), &reply.headers["cache-control"]),
            (Some(name), &"private, no-store".parse().expect("text"))
        );
        let tenant = headers.iter().find(|(name, _)| *name == "x-tenant").map_or("nobody", |(_, tenant)| tenant);
        let text = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.body));
        assert!(!text.contains(tenant), "no name of anybody's: {text}");
    }
    for reply in [&problem, &page] {
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.headers.contains_key("retry-after"), matches!(status, 503 | 429), "{reply:?}");
    }
    assert_eq!(kind(&problem), "application/problem+json");
    let said = problem.json();
    assert_eq!((&said["type"], &said["status"]), (&format!("urn:airlock:problem#{name}").into(), &status.into()));
    assert!(said.get("position").is_none() && said.get("waiting").is_none(), "for those in line: {said}");
    assert_eq!(kind(&page), "text/html; charset=utf-8");
    assert!(page.body.starts_with(b"<!doctype html>"));
    assert_eq!((grpc.status.as_u16(), kind(&grpc).as_str()), (200, "application/grpc"), "{grpc:?}");
    assert_eq!((&grpc.headers["grpc-status"], grpc.body.len()), (&code.parse().expect("text"), 0), "{grpc:?}");
}

/// Somebody who works for as long as the test lasts.
fn working(client: &Client, path: &str, headers: &[(&str, &str)]) -> JoinHandle<Reply> {
    client.send(Method::POST, format!("{path}?ms=60000"), headers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_at_once() {
    let server = Flagship::start(&["--tenant-limit", "1", "--limit", "1", "--rate", "2/hour"]);
    let client = Client::of(&server);
    let acme = [("x-tenant", "acme-and-sons")];
    let ada = [("x-user", "ada-lovelace")];
    let (_tenant, shared) = (working(&client, "/imports", &acme), working(&client, "/shared", &ada));
    wait_for(&server, "admitted", 2);
    in_each_form(&client, "/imports", &acme, ("full", 503, "8")).await;
    in_each_form(&client, "/shared", &[], ("full", 503, "8")).await;
    in_each_form(&client, "/shared", &ada, ("duplicate", 409, "14")).await;
    in_each_form(&client, "/imports", &[], ("unidentified", 400, "14")).await;
    in_each_form(&client, "/imports", &[("x-tenant", "a\tb")], ("invalid", 400, "14")).await;
    in_each_form(&client, "/shared", &[("x-priority", "high")], ("invalid", 400, "14")).await;
    shared.abort();
    wait_for(&server, "released", 1);
    assert_eq!(client.post("/shared", &[]).await.status, 200);
    in_each_form(&client, "/shared", &[], ("limited", 429, "8")).await;
    // Headers only.
    let head = client.send(Method::HEAD, "/stream", &acme).await.expect("no panic");
    assert_eq!((head.status.as_u16(), head.said(), head.body.len()), (503, Some("full"), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_of_a_line() {
    let server = Flagship::start(&["--tenant-limit", "1", "--limit", "1", "--line", "1", "--wait", "0.2"]);
    let client = Client::of(&server);
    let acme = [("x-tenant", "acme-and-sons")];
    let _working = working(&client, "/imports", &acme);
    wait_for(&server, "admitted", 1);
    in_each_form(&client, "/imports", &acme, ("timed-out", 503, "8")).await;
    let server = Flagship::start(&["--limit", "1", "--line", "1", "--wait", "60"]);
    let client = Client::of(&server);
    let _working = (working(&client, "/shared", &[]), working(&client, "/shared", &[]));
    wait_for(&server, "queued", 1);
    in_each_form(&client, "/shared", &[], ("line-full", 503, "8")).await;
}
