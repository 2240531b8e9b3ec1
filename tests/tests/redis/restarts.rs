//! A Redis server that comes back with what it knew.

use airlock_tests::redis::Server;
use http::Method;

use crate::client::{Client, Reply, wait_for};
use crate::crowd::{all_done, most_at_once};
use crate::fleet::node;

/// Leases and the line survive, whoever waits keeps its place, and nobody works beside whoever is inside.
async fn nobody_notices(mut redis: Server, save: bool) {
    let options = ["--limit", "1", "--wait", "60"];
    let nodes = [node(&redis, &options), node(&redis, &options)];
    let clients = nodes.each_ref().map(Client::of);
    let mut crowd = vec![clients[0].send(Method::POST, "/shared?ms=3000", &[])];
    wait_for(&nodes[0], "admitted", 1);
    for number in 0..6 {
        crowd.push(clients[number % 2].send(Method::POST, "/shared?ms=50", &[]));
        wait_for(&nodes[number % 2], "queued", number / 2 + 1);
    }
    if save {
        redis.connect().and_then(|mut connection| connection.call(&[b"SAVE"])).expect("it saves");
    }
    tokio::task::block_in_place(|| redis.restart_with_data(&[]));
    let replies = all_done(crowd).await;
    assert_eq!(most_at_once(&replies), 1, "{replies:?}");
    let fences: Vec<u64> = replies.iter().map(Reply::fence).collect();
    assert!(fences.is_sorted(), "{fences:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_an_append_only_file_loses_nothing() {
    nobody_notices(Server::start_with(&["--appendonly", "yes", "--appendfsync", "always"]), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_after_it_saved_loses_nothing() {
    nobody_notices(Server::start(), true).await;
}
