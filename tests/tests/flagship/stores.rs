//! Copies on one machine that share a file or a folder share limits and lines.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use airlock_tests::flagship::{Flagship, PATIENCE};
use http::{Method, StatusCode};

use crate::client::{Client, wait_for};
use crate::crowd::{all_done, most_at_once};

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("airlock-flagship-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("there is room for a folder");
        Folder(path)
    }

    fn sqlite(&self) -> String {
        format!("sqlite:{}", self.0.join("airlock.db").display())
    }

    fn file(&self) -> String {
        format!("file:{}", self.0.join("gates").display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
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
    let folder = Folder::new();
    share_one_limit(&folder.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_share_one_limit_in_a_folder() {
    let folder = Folder::new();
    share_one_limit(&folder.file()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_in_a_database_outlive_each_other() {
    let folder = Folder::new();
    outlive_each_other(&folder.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_in_a_folder_outlive_each_other() {
    let folder = Folder::new();
    outlive_each_other(&folder.file()).await;
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
    let second = copies(1, store, &options);
    let client = Client::of(&second[0]);
    let started = Instant::now();
    // Its place is held until its lease is over, which nobody renews any more.
    client.post("/shared", &[]).await.is_refused(503, "full");
    while client.post("/shared?ms=1", &[]).await.said() == Some("full") {
        assert!(started.elapsed() < PATIENCE, "it is held for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let fence = client.post("/shared", &[]).await.fence();
    // Whoever stops in an orderly way leaves nothing behind, and numbers go on.
    second[0].signal("TERM");
    drop(second);
    let third = copies(1, store, &options);
    assert!(Client::of(&third[0]).post("/shared", &[]).await.fence() > fence);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_in_a_database_are_there_after_a_restart() {
    let folder = Folder::new();
    are_there_after_a_restart(&folder.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_in_a_folder_are_there_after_a_restart() {
    let folder = Folder::new();
    are_there_after_a_restart(&folder.file()).await;
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
    let folder = Folder::new();
    fail_over_and_back(&folder.sqlite(), || {
        let other = rusqlite::Connection::open(folder.0.join("airlock.db")).expect("it is there");
        other.execute_batch("BEGIN EXCLUSIVE").expect("it is free now and then");
        other
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_locked_is_an_outage() {
    let folder = Folder::new();
    fail_over_and_back(&folder.file(), || {
        let files =
            std::fs::read_dir(folder.0.join("gates")).expect("it is there").map(|entry| entry.expect("it is there"));
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
