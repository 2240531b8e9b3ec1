//! Copies on one machine that share a file or a folder share limits and lines.

use std::time::{Duration, Instant};

use airlock_tests::flagship::{Flagship, PATIENCE};
use airlock_tests::scratch::Scratch;
use http::{Method, StatusCode};

use crate::client::{Client, wait_for};
use crate::crowd::{all_done, most_at_once};

fn sqlite(folder: &Scratch) -> String {
    format!("sqlite:{}", folder.join("airlock.db").display())
}

fn file(folder: &Scratch) -> String {
    format!("file:{}", folder.join("gates").display())
}

fn copies(count: usize, store: &str, options: &[&str]) -> Vec<Flagship> {
    (0..count).map(|_| Flagship::start(&[&["--store", store], options].concat())).collect()
}

async fn share_one_limit(store: &str) {
    let nodes = copies(2, store, &["--limit", "3", "--wait", "60"]);
    let clients: Vec<Client> = nodes.iter().map(Client::of).collect();
    let crowd = (0..40).map(|number| clients[number % 2].send(Method::POST, "/shared?ms=40", &[]));
    let replies = all_done(crowd.collect()).await;
    assert_eq!(most_at_once(&replies), 3);
}

/// Whoever is killed holds nobody up for longer than its place lasts, and what it was given lasts no longer.
async fn outlive_each_other(store: &str) {
    let options = ["--limit", "1", "--wait", "60", "--ttl", "2"];
    let mut nodes = copies(2, store, &options);
    let (stays, dies) = (Client::of(&nodes[0]), Client::of(&nodes[1]));
    let holds = dies.send(Method::POST, "/shared?ms=60000", &[]);
    wait_for(&nodes[1], "admitted", 1);
    let behind = vec![stays.send(Method::POST, "/shared?ms=10", &[])];
    wait_for(&nodes[0], "queued", 1);
    // By SIGKILL: it does not say goodbye.
    nodes[1].signal("KILL");
    holds.abort();
    all_done(behind).await;
    drop(nodes.pop());
    // Another copy finds what is in the store as it was left.
    nodes.extend(copies(1, store, &options));
    all_done(vec![Client::of(&nodes[1]).send(Method::POST, "/shared?ms=10", &[])]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_share_one_limit_in_a_database() {
    let folder = Scratch::new();
    share_one_limit(&sqlite(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_share_one_limit_in_a_folder() {
    let folder = Scratch::new();
    share_one_limit(&file(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_in_a_database_outlive_each_other() {
    let folder = Scratch::new();
    outlive_each_other(&sqlite(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_in_a_folder_outlive_each_other() {
    let folder = Scratch::new();
    outlive_each_other(&file(&folder)).await;
}

/// All of its processes gone, it is decided by what they have left.
async fn are_there_after_a_restart(store: &str) {
    let options = ["--limit", "1", "--ttl", "4"];
    let first = copies(1, store, &options);
    let holds = Client::of(&first[0]).send(Method::POST, "/shared?ms=60000", &[]);
    wait_for(&first[0], "admitted", 1);
    first[0].signal("KILL");
    holds.abort();
    drop(first);
    let mut second = copies(1, store, &options).remove(0);
    let client = Client::of(&second);
    let started = Instant::now();
    // Its place is held until its lease is over, which nobody renews any more.
    client.post("/shared", &[]).await.is_refused(503, "full");
    let admitted = loop {
        let reply = client.post("/shared?ms=1", &[]).await;
        if reply.said() != Some("full") {
            break reply;
        }
        assert!(started.elapsed() < PATIENCE, "it is held for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    // Whoever stops in an orderly way ends what it has begun, leaves nothing behind, and numbers go on.
    let works = client.send(Method::POST, "/shared?ms=300", &[]);
    wait_for(&second, "admitted", 2);
    second.signal("TERM");
    assert!(second.wait().success());
    let worked = works.await.expect("no panic");
    assert!(worked.fence() > admitted.fence());

    let third = copies(1, store, &options);
    assert!(Client::of(&third[0]).post("/shared", &[]).await.fence() > worked.fence());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_in_a_database_are_there_after_a_restart() {
    let folder = Scratch::new();
    are_there_after_a_restart(&sqlite(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_in_a_folder_are_there_after_a_restart() {
    let folder = Scratch::new();
    are_there_after_a_restart(&file(&folder)).await;
}

/// While somebody else keeps the store locked, this process decides by itself; and by the store again afterwards.
async fn fail_over_and_back<L>(store: &str, lock: impl FnOnce() -> L) {
    let options = ["--fallback", "memory", "--reset-after", "0.3", "--tenant-limit", "1", "--limit", "2"];
    let server = copies(1, store, &options).remove(0);
    let client = Client::of(&server);
    let by = async || client.post("/shared", &[]).await;
    assert_eq!(by().await.json()["granted_by"], "store");
    let locked = lock();
    let count = |event: &str| server.log().iter().filter(|line| line.contains(&format!("event=\"{event}\""))).count();
    while count("failed-over") == 0 {
        let reply = by().await;
        assert!(matches!(reply.said(), Some("unavailable") | None), "{reply:?}");
    }
    let reply = by().await;
    assert_eq!(reply.json()["granted_by"], "memory", "{reply:?}");
    drop(locked);
    while count("failed-back") == 0 {
        let reply = by().await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    }
    assert_eq!(by().await.json()["granted_by"], "store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_locked_is_an_outage() {
    let folder = Scratch::new();
    fail_over_and_back(&sqlite(&folder), || {
        let other = rusqlite::Connection::open(folder.join("airlock.db")).expect("it is there");
        other.execute_batch("BEGIN EXCLUSIVE").expect("it is free now and then");
        other
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_locked_is_an_outage() {
    let folder = Scratch::new();
    fail_over_and_back(&file(&folder), || {
        let files =
            std::fs::read_dir(folder.join("gates")).expect("it is there").map(|entry| entry.expect("it is there"));
        let locks = files.filter(|entry| entry.file_name().to_string_lossy().starts_with("lock-"));
        let lock = |entry: std::fs::DirEntry| {
            let file = std::fs::File::open(entry.path()).expect("it can be read");
            file.lock().expect("it is free now and then");
            file
        };
        locks.map(lock).collect::<Vec<_>>()
    })
    .await;
}
