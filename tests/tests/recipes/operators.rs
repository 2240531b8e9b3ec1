//! When something is wrong, or closed: `maintenance`, `redis-away`.

use std::time::{Duration, Instant};

use airlock_tests::flagship::PATIENCE;
use airlock_tests::redis::Server;
use http::{Method, StatusCode};

use crate::client::{Client, wait_for};
use crate::recipe::serve;

const OPERATOR: (&str, &str) = ("authorization", "Bearer secret");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_for_maintenance_and_open_again() {
    let site = serve("maintenance", &["--page-ms", "1500"], &[("OPERATOR_TOKEN", "secret".as_ref())]);
    let client = Client::of(&site);
    let put = async |headers: &[(&str, &str)], body: &str| {
        client.send_body(Method::PUT, "/maintenance", headers, body).await.expect("no panic").status
    };
    let moving = r#"{"reason":"We are moving.","minutes":10}"#;
    assert_eq!(put(&[JSON], moving).await, StatusCode::UNAUTHORIZED);
    assert_eq!(put(&[JSON, ("authorization", "Bearer secre")], moving).await, StatusCode::UNAUTHORIZED);
    assert_eq!(put(&[JSON, OPERATOR], r#"{"reason":"","minutes":10}"#).await, StatusCode::BAD_REQUEST);

    let reading = client.send(Method::GET, "/", &[]);
    wait_for(&site, "admitted", 1);
    assert_eq!(put(&[JSON, OPERATOR], moving).await, StatusCode::NO_CONTENT);
    let closed = client.get("/", &[]).await;
    closed.is_refused(503, "closed");
    assert_eq!(closed.json()["reason"], "We are moving.");
    let after: u64 = closed.headers["retry-after"].to_str().unwrap().parse().expect("seconds");
    assert!((500..=600).contains(&after), "{after}");
    let page = client.get("/", &[("accept", "text/html")]).await;
    assert!(String::from_utf8_lossy(&page.body).contains("We are moving."), "{page:?}");
    assert_eq!(client.get("/healthz", &[]).await.status, StatusCode::OK);
    // Who was being served is served to the end.
    assert_eq!(reading.await.expect("no panic").status, StatusCode::OK);

    let open = client.send(Method::DELETE, "/maintenance", &[OPERATOR]).await.expect("no panic");
    assert_eq!(open.status, StatusCode::NO_CONTENT);
    assert_eq!(client.get("/", &[]).await.body, "Welcome.\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_goes_on_without_redis_and_goes_back_to_it() {
    let mut redis = Server::start();
    let server = serve("redis-away", &["--redis", &redis.url(), "--reset-after", "1"], &[]);
    let client = Client::of(&server);
    let until = async |by: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = client.post("/imports", &[]).await;
            if reply.status == StatusCode::OK && reply.body.ends_with(format!("let in by {by}\n").as_bytes()) {
                return;
            }
            assert!(Instant::now() < deadline, "never let in by {by}: {reply:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(client.post("/imports", &[]).await.body, "imported, let in by Redis\n");
    redis.kill();
    until("this process alone").await;
    redis.restart();
    until("Redis").await;
}
