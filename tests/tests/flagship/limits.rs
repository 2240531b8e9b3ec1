//! Never more than the limit at once, and everybody is answered.

use airlock_tests::flagship::Flagship;
use http::StatusCode;

use crate::client::{Client, Reply, wait_for};

/// The most that worked at the same time, by their own account.
fn most_at_once<'a>(replies: impl IntoIterator<Item = &'a Reply>) -> i32 {
    let mut edges = Vec::new();
    for reply in replies {
        let (started, ended) = (reply.number("started_at_ms"), reply.number("ended_at_ms"));
        assert!(started <= ended);
        edges.push((started, 1));
        edges.push((ended, -1));
    }
    // Who ends in a millisecond ends before who starts in it.
    edges.sort_unstable();
    let mut now = 0;
    edges
        .iter()
        .map(|(_, edge)| {
            now += edge;
            now
        })
        .max()
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_each_tenant_never_more_than_its_limit_and_all_are_answered() {
    let server = Flagship::start(&["--tenant-limit", "2", "--wait", "60"]);
    let client = Client::of(&server);
    let tenants = ["acme", "globex", "initech"];
    let crowd: Vec<_> = (0..90)
        .map(|number| {
            let path = format!("/imports?ms={}", 5 + number * 7 % 30);
            client.send(http::Method::POST, path, &[("x-tenant", tenants[number % 3])])
        })
        .collect();
    let mut replies = Vec::new();
    for reply in crowd {
        replies.push(reply.await.unwrap());
    }
    let mut fences = Vec::new();
    for tenant in tenants {
        let own: Vec<_> = replies.iter().filter(|reply| reply.json()["tenant"] == tenant).collect();
        assert_eq!(own.len(), 30);
        assert_eq!(most_at_once(own.iter().copied()), 2, "the limit is reached, and not passed");
        let mut own: Vec<_> = own.iter().map(|reply| reply.fence()).collect();
        own.sort_unstable();
        own.dedup();
        assert_eq!(own.len(), 30, "no two have the same fence");
        fences.push(own);
    }
    assert!(most_at_once(&replies) > 2, "the tenants work side by side");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_all_never_more_than_the_limit() {
    let server = Flagship::start(&["--limit", "3", "--wait", "60"]);
    let client = Client::of(&server);
    let crowd: Vec<_> = (0..60)
        .map(|number| client.send(http::Method::POST, format!("/shared?ms={}", 5 + number * 7 % 20), &[]))
        .collect();
    let mut replies = Vec::new();
    for reply in crowd {
        replies.push(reply.await.unwrap());
    }
    assert_eq!(most_at_once(&replies), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_at_a_time_their_fences_grow() {
    let server = Flagship::start(&["--tenant-limit", "1", "--wait", "60"]);
    let client = Client::of(&server);
    let acme = [("x-tenant", "acme")];
    let crowd: Vec<_> = (0..40).map(|_| client.send(http::Method::POST, "/imports?ms=2", &acme)).collect();
    let mut replies = Vec::new();
    for reply in crowd {
        replies.push(reply.await.unwrap());
    }
    assert_eq!(most_at_once(&replies), 1);
    replies.sort_by_key(Reply::fence);
    assert!(replies.is_sorted_by_key(|reply| reply.number("started_at_ms")), "in the order of their fences");
    assert!(replies.windows(2).all(|pair| pair[0].fence() < pair[1].fence()));
    // And so they do when nobody is there in between.
    let mut last = replies[39].fence();
    for _ in 0..10 {
        let next = client.post("/imports", &acme).await.fence();
        assert!(next > last);
        last = next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_wait_who_finds_no_room_is_refused() {
    let server = Flagship::start(&["--tenant-limit", "1", "--limit", "1"]);
    let client = Client::of(&server);
    let acme = [("x-tenant", "acme")];
    let working = client.send(http::Method::POST, "/imports?ms=60000", &acme);
    wait_for(&server, "admitted", 1);
    client.post("/imports", &acme).await.is_refused(503, "full");
    client.get("/stream", &acme).await.is_refused(503, "full");
    // Nobody else is in its way.
    assert_eq!(client.post("/imports", &[("x-tenant", "globex")]).await.status, StatusCode::OK);
    assert_eq!(client.post("/shared", &acme).await.status, StatusCode::OK);
    assert_eq!(client.get("/healthz", &[]).await.body, "ok\n");
    working.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_is_told_so() {
    let server = Flagship::start(&["--tenant-limit", "0", "--wait", "0.05", "--line", "1"]);
    let client = Client::of(&server);
    let acme = [("x-tenant", "acme")];
    client.post("/imports", &acme).await.is_refused(503, "timed-out");
    let server = Flagship::start(&["--limit", "0", "--wait", "60", "--line", "1"]);
    let client = Client::of(&server);
    let waiting = client.send(http::Method::POST, "/shared", &[]);
    wait_for(&server, "queued", 1);
    client.post("/shared", &[]).await.is_refused(503, "line-full");
    waiting.abort();
}
