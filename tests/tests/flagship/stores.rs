//! Copies on one machine that share a file or a folder share limits and lines.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use airlock_tests::flagship::Flagship;
use http::Method;

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
