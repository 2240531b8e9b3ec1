//! How it ends: by a signal, by two, and by being killed.

use airlock_tests::flagship::Flagship;
use http::{Method, StatusCode};
use tokio::net::TcpStream;

use crate::client::{Client, wait_for};

const ACME: [(&str, &str); 1] = [("x-tenant", "acme")];

async fn stops(signal: &str) {
    let mut server = Flagship::start(&["--tenant-limit", "1", "--wait", "60", "--limit", "1"]);
    let client = Client::of(&server);
    // Long enough for the signal to come while it works.
    let working = [
        client.send(Method::POST, "/imports?ms=2000", &ACME),
        client.send(Method::POST, "/shared?ms=2000", &ACME),
        client.send(Method::GET, "/stream?ms=2000&chunks=4", &[("x-tenant", "globex")]),
    ];
    wait_for(&server, "admitted", 3);
    let waiting: Vec<_> =
        (0..6).map(|number| client.send(Method::POST, ["/imports", "/shared"][number % 2], &ACME)).collect();
    wait_for(&server, "queued", 6);

    server.signal(signal);
    for one in waiting {
        one.await.unwrap().is_refused(503, "closed");
    }
    for one in working {
        assert_eq!(one.await.unwrap().status, StatusCode::OK);
    }
    let status = tokio::task::block_in_place(|| server.wait());
    assert_eq!(status.code(), Some(0), "{:?}", server.log());
    assert!(TcpStream::connect(server.address()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sigterm_work_is_finished_and_who_waits_is_sent_away() {
    stops("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_so_on_ctrl_c() {
    stops("INT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_it_stops_at_once() {
    let mut server = Flagship::start(&[]);
    // An idle connection is no reason to stay.
    let _idle = TcpStream::connect(server.address()).await.unwrap();
    assert_eq!(Client::of(&server).get("/healthz", &[]).await.status, StatusCode::OK);
    server.signal("TERM");
    assert_eq!(tokio::task::block_in_place(|| server.wait()).code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_stops_what_is_being_done() {
    let mut server = Flagship::start(&[]);
    let client = Client::of(&server);
    let working = client.send(Method::POST, "/imports?ms=60000", &ACME);
    wait_for(&server, "admitted", 1);
    server.signal("TERM");
    // It says so when it has heard the first.
    tokio::task::block_in_place(|| server.wait_for_lines("stopping: ", 1));
    server.signal("TERM");
    assert_eq!(tokio::task::block_in_place(|| server.wait()).code(), Some(0));
    assert!(working.await.is_err(), "its connection is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again_its_fences_go_on_growing() {
    let mut last = 0;
    for _ in 0..3 {
        let mut server = Flagship::start(&["--tenant-limit", "1"]);
        let client = Client::of(&server);
        for path in ["/imports", "/imports", "/shared"] {
            let fence = client.post(path, &ACME).await.fence();
            assert!(fence > last, "{fence} after {last}");
            last = fence;
        }
        let _working = client.send(Method::POST, "/imports?ms=60000", &ACME);
        wait_for(&server, "admitted", 4);
        server.signal("KILL");
        assert_eq!(tokio::task::block_in_place(|| server.wait()).code(), None);
    }
}
