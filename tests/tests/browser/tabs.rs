//! Several tabs of one visitor.

use std::net::SocketAddr;
use std::time::Instant;

use airlock_tests::flagship::PATIENCE;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::browser::Browser;
use crate::turns::full_shop;
use crate::visitor::Visitor;

/// Opens one more stream of a visitor's, and answers its status as well as the stream, which is open as long as that.
async fn stream(address: SocketAddr, visitor: &Visitor) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(address).await.expect("a server");
    let cookie = visitor.cookie();
    let head = format!("GET /.airlock/shop/events HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.expect("an answer");
    (String::from_utf8_lossy(&line).into_owned(), stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_hold_one_place_and_one_of_them_listens() {
    let (server, mut inside) = full_shop().await;
    let browser = Browser::open(&server).await;
    let one = browser.tab().await;
    browser.go("/shop?tab=1").await;
    browser.until_part("position", "1").await;
    let other = browser.new_tab().await;
    browser.go("/shop?tab=2").await;
    browser.until_part("position", "1").await;
    let mut visitor = browser.visitor().await;
    let status = visitor.status().await;
    assert_eq!((&status["position"], &status["waiting"]), (&json!(1), &json!(1)));

    // Who wants to listen queues up for it.
    let leads =
        "await navigator.locks.query().then(({ held, pending }) => held.length === 1 && pending.length === WAIT)";
    let leads = |waiting: &str| format!("(async () => {})()", leads.replace("WAIT", waiting));
    browser.until(&leads("1")).await;
    // The server has room for two streams of a visitor, and one is taken.
    let deadline = Instant::now() + PATIENCE;
    let (said, second) = loop {
        let (said, second) = stream(server.address(), &visitor).await;
        let (beyond, _) = stream(server.address(), &visitor).await;
        if beyond.ends_with("429") {
            break (said, second);
        }
        assert!(Instant::now() < deadline, "nobody listens");
    };
    assert!(said.ends_with("200"), "one more: {said}");
    drop(second);

    // The one that listened is closed, and the other takes over.
    browser.show(&one).await;
    browser.close_tab().await;
    browser.show(&other).await;
    browser.until(&leads("0")).await;
    assert_eq!(visitor.status().await["position"], 1);
    browser.new_tab().await;
    browser.go("/shop?tab=3").await;
    browser.until_part("position", "1").await;
    inside.leave().await;
    // Whichever claims, both are in, each where it wanted to go.
    browser.until_it_says("You are in the shop").await;
    assert_eq!(browser.path().await, "/shop?tab=3");
    browser.show(&other).await;
    browser.until_it_says("You are in the shop").await;
    assert_eq!(browser.path().await, "/shop?tab=2");
    // There is room for one, and so they are one.
    Visitor::of(&server).visit().await.is_refused(503, "queued");
}
