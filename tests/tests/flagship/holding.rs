//! Until when a place is held, by whom, and who gives it up by going away.

use airlock_tests::flagship::Flagship;
use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, wait_for};

const ACME: [(&str, &str); 1] = [("x-tenant", "acme")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_holds_its_place_until_it_has_ended() {
    let server = Flagship::start(&["--tenant-limit", "1"]);
    let client = Client::of(&server);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = "GET /stream?ms=60000&chunks=10000 HTTP/1.1\r\nhost: x\r\nx-tenant: acme\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("line 2 of 10000\n") {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{seen}");
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    // Its handler is long done.
    client.post("/imports", &ACME).await.is_refused(503, "full");
    client.get("/stream", &ACME).await.is_refused(503, "full");
    assert_eq!(client.post("/imports", &[("x-tenant", "globex")]).await.status, StatusCode::OK);
    drop(stream);
    wait_for(&server, "released", 2);
    assert_eq!(client.post("/imports", &ACME).await.status, StatusCode::OK);

    let whole = client.get("/stream?ms=6&chunks=3", &ACME).await;
    assert_eq!(whole.body, "line 1 of 3\nline 2 of 3\nline 3 of 3\n");
    wait_for(&server, "released", 4);
    assert_eq!(client.post("/imports", &ACME).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_is_inside_at_most_once() {
    let server = Flagship::start(&["--limit", "5"]);
    let client = Client::of(&server);
    let ada = [("x-user", "ada")];
    let working = client.send(Method::POST, "/shared?ms=60000", &ada);
    wait_for(&server, "admitted", 1);
    for _ in 0..3 {
        let reply = client.post("/shared", &ada).await;
        reply.is_refused(409, "duplicate");
        assert!(!String::from_utf8_lossy(&reply.body).contains("ada"));
    }
    assert_eq!(client.post("/shared", &[("x-user", "bob")]).await.status, StatusCode::OK);
    assert_eq!(client.post("/shared", &[]).await.status, StatusCode::OK);
    working.abort();
    wait_for(&server, "released", 3);
    assert_eq!(client.post("/shared", &ada).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_that_asks_again_while_it_waits_takes_its_place_along() {
    let server = Flagship::start(&["--limit", "1", "--wait", "60"]);
    let client = Client::of(&server);
    let working = client.send(Method::POST, "/shared?ms=60000", &[]);
    wait_for(&server, "admitted", 1);
    let ada = [("x-user", "ada")];
    let first = client.send(Method::POST, "/shared", &ada);
    wait_for(&server, "queued", 1);
    let bob = client.send(Method::POST, "/shared", &[("x-user", "bob")]);
    wait_for(&server, "queued", 2);
    let second = client.send(Method::POST, "/shared", &ada);
    first.await.unwrap().is_refused(409, "superseded");
    working.abort();
    let (ada, bob) = (second.await.unwrap().fence(), bob.await.unwrap().fence());
    assert!(ada < bob, "it kept its place before bob");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_disconnects_while_it_waits_leaves_the_line() {
    let server = Flagship::start(&["--tenant-limit", "1", "--wait", "60", "--line", "2"]);
    let client = Client::of(&server);
    let working = client.send(Method::POST, "/imports?ms=60000", &ACME);
    wait_for(&server, "admitted", 1);
    let first = client.send(Method::POST, "/imports", &ACME);
    wait_for(&server, "queued", 1);
    let second = client.send(Method::POST, "/imports", &ACME);
    wait_for(&server, "queued", 2);
    client.post("/imports", &ACME).await.is_refused(503, "line-full");

    first.abort();
    wait_for(&server, "left", 1);
    let third = client.send(Method::POST, "/imports", &ACME);
    wait_for(&server, "queued", 3);
    working.abort();
    let (second, third) = (second.await.unwrap().fence(), third.await.unwrap().fence());
    assert!(second < third);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_hangs_up_leaves_nothing_behind() {
    let server = Flagship::start(&["--tenant-limit", "2", "--wait", "60", "--line", "50"]);
    let client = Client::of(&server);
    let crowd: Vec<_> = (0..50).map(|_| client.send(Method::POST, "/imports?ms=60000", &ACME)).collect();
    wait_for(&server, "queued", 48);
    for one in &crowd {
        one.abort();
    }
    wait_for(&server, "left", 1);
    // Everybody after them is served, two at once.
    let after: Vec<_> = (0..10).map(|_| client.send(Method::POST, "/imports?ms=5", &ACME)).collect();
    for one in after {
        assert_eq!(one.await.unwrap().status, StatusCode::OK);
    }
}
