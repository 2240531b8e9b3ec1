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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenant_in_turn_under_fair_shares() {
    let server = Flagship::start(&["--limit", "1", "--wait", "60", "--admission", "fair-share"]);
    let noisy: &[(&str, &str)] = &[("x-tenant", "noisy")];
    let quiet: &[(&str, &str)] = &[("x-tenant", "quiet")];
    let order = order(&server, &[noisy, noisy, noisy, noisy, noisy, quiet]).await;
    // The quiet one came last, and waits for one of the noisy at most.
    assert!(order.iter().position(|number| *number == 5) <= Some(1), "{order:?}");
    assert!(order.iter().filter(|number| **number != 5).is_sorted(), "{order:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_cap_holds_and_idles_no_place() {
    let options = ["--limit", "3", "--wait", "60", "--admission", "fair-share", "--tenant-cap", "2"];
    let server = Flagship::start(&options);
    let client = Client::of(&server);
    let noisy: Vec<_> =
        (0..4).map(|_| client.send(Method::POST, "/shared?ms=60000", &[("x-tenant", "noisy")])).collect();
    wait_for(&server, "admitted", 2);
    wait_for(&server, "queued", 2);
    let quiet = client.send(Method::POST, "/shared?ms=1", &[("x-tenant", "quiet")]).await.unwrap();
    assert_eq!(quiet.number("waited_ms"), 0, "the third place is not idle");
    noisy.into_iter().for_each(|working| working.abort());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lotteries_let_everybody_in() {
    for admission in ["lottery", "aging-lottery"] {
        let server = Flagship::start(&["--limit", "1", "--wait", "60", "--admission", admission]);
        let mut order = order(&server, &[&[] as &[(&str, &str)]; 12]).await;
        order.sort_unstable();
        assert_eq!(order, Vec::from_iter(0..12));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_that_is_spent_is_429() {
    let server = Flagship::start(&["--rate", "2/hour"]);
    let client = Client::of(&server);
    for _ in 0..2 {
        assert_eq!(client.send(Method::POST, "/shared", &[]).await.unwrap().status, 200);
    }
    let refused = client.send(Method::POST, "/shared", &[]).await.unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["airlock-status"], "limited");
    let after: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=1_800).contains(&after), "{after}");
    let problem: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
    assert!(problem["type"].as_str().unwrap().ends_with("#limited"));
    assert!((1..=1_800_000).contains(&problem["retry_after_ms"].as_u64().unwrap()));
    // Another gate has nothing to do with it.
    let other = client.send(Method::POST, "/imports", &[("x-tenant", "acme")]).await.unwrap();
    assert_eq!(other.status, 200);
}
