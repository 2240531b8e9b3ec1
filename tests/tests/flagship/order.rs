//! Who waits goes in the order that the strategy says.

use airlock_tests::flagship::Flagship;
use http::Method;

use crate::client::{Client, wait_for};

/// Has these wait in `/shared`, one after the other, while somebody works; then lets them in. Answers in which order
/// they got in.
async fn order(server: &Flagship, waiting: &[&[(&str, &str)]]) -> Vec<usize> {
    let client = Client::of(server);
    let working = client.send(Method::POST, "/shared?ms=60000", &[]);
    wait_for(server, "admitted", 1);
    let mut replies = Vec::new();
    for (number, headers) in waiting.iter().enumerate() {
        replies.push(client.send(Method::POST, "/shared", headers));
        wait_for(server, "queued", number + 1);
    }
    // Hanging up ends the work.
    working.abort();
    let mut order = Vec::new();
    for (number, reply) in replies.into_iter().enumerate() {
        let reply = reply.await.unwrap();
        assert!(reply.number("waited_ms") > 0 || number > 0);
        order.push((reply.fence(), number));
    }
    order.sort_unstable();
    order.into_iter().map(|(_, number)| number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_come_first_served() {
    let server = Flagship::start(&["--limit", "1", "--wait", "60"]);
    // Nobody asked for priorities here.
    let priority: Vec<_> = (0..12).map(|number| [("x-priority", ["1", "9", "5"][number % 3])]).collect();
    let waiting: Vec<_> = priority.iter().map(|headers| &headers[..]).collect();
    assert_eq!(order(&server, &waiting).await, Vec::from_iter(0..12));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_highest_priority_first_and_equals_by_arrival() {
    let server = Flagship::start(&["--limit", "1", "--wait", "60", "--admission", "priority"]);
    let waiting: [&[(&str, &str)]; 8] = [
        &[("x-priority", "1")],
        &[],
        &[("x-priority", "2147483647")],
        &[("x-priority", "5")],
        &[("x-priority", "-2147483648")],
        &[("x-priority", "5")],
        &[("x-priority", "0")],
        &[("x-priority", "-1")],
    ];
    assert_eq!(order(&server, &waiting).await, [2, 3, 5, 0, 1, 6, 7, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opportunistic_nobody_waits() {
    let server = Flagship::start(&["--limit", "1", "--wait", "60", "--admission", "opportunistic"]);
    let client = Client::of(&server);
    let working = client.send(Method::POST, "/shared?ms=60000", &[]);
    wait_for(&server, "admitted", 1);
    client.post("/shared", &[]).await.is_refused(503, "full");
    working.abort();
    wait_for(&server, "released", 1);
    assert_eq!(client.post("/shared", &[]).await.status, 200);
}
