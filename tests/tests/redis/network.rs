//! What a network can do to those who rely on a Redis server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_tests::proxy::Proxy;
use airlock_tests::redis::Server;
use http::{Method, StatusCode};
use tokio::time::sleep;

use crate::client::{Client, Reply, wait_for};
use crate::crowd::{all_done, most_at_once};
use crate::fleet::{node, node_at};

const LIMIT: usize = 3;

/// Asks again and again until it is told to stop.
async fn keep_asking(client: Client, stop: Arc<AtomicBool>) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let reply = client.post("/shared?ms=10", &[]).await;
        // Whoever was asking at that moment does not know, and says so.
        let known = reply.status == StatusCode::OK || reply.said() == Some("unavailable");
        assert!(known, "{reply:?}");
        if reply.status == StatusCode::OK {
            replies.push(reply);
        } else {
            sleep(Duration::from_millis(20)).await;
        }
    }
    replies
}

/// Under load, with a network of its own for each process: delays, cuts, and black holes that last longer than a call
/// may take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_network_lets_nobody_in_beside_the_others_and_keeps_no_place() {
    let redis = Server::start();
    let networks = [Proxy::to(redis.address()), Proxy::to(redis.address())];
    let options = ["--limit", &LIMIT.to_string(), "--wait", "60"];
    let nodes = networks.each_ref().map(|network| node_at(&network.url(), &options));
    let clients = nodes.each_ref().map(Client::of);
    let stop = Arc::new(AtomicBool::new(false));
    let askers = (0..16).map(|number| tokio::spawn(keep_asking(clients[number % 2].clone(), stop.clone())));
    let askers: Vec<_> = askers.collect();
    for _ in 0..2 {
        for network in &networks {
            network.delay(Duration::from_millis(30));
            sleep(Duration::from_millis(500)).await;
            for _ in 0..3 {
                network.cut();
                sleep(Duration::from_millis(100)).await;
            }
            network.delay(Duration::ZERO);
            network.stop();
            sleep(Duration::from_millis(2500)).await;
            network.resume();
        }
    }
    stop.store(true, Ordering::SeqCst);
    let mut replies = Vec::new();
    for asker in askers {
        replies.extend(asker.await.expect("no panic"));
    }
    assert_eq!(most_at_once(&replies), LIMIT, "of {}", replies.len());
    // Every place is there again, also those of whom nobody knew whether they had been let in: long before their leases
    // are over.
    let quiet = Instant::now();
    loop {
        let crowd = (0..12).map(|number| clients[number % 2].send(Method::POST, "/shared?ms=50", &[]));
        if most_at_once(&all_done(crowd.collect()).await) == LIMIT {
            break;
        }
        assert!(quiet.elapsed() < Duration::from_secs(15), "a place is missing");
    }
}

/// Every message to one process is lost while its connection stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rx_27_who_is_not_told_asks_within_the_promised_time() {
    let redis = Server::start();
    let network = Proxy::to(redis.address());
    network.drop_messages();
    let options = ["--limit", "1", "--wait", "60"];
    let (holder, deaf) = (node(&redis, &options), node_at(&network.url(), &options));
    let working = Client::of(&holder).send(Method::POST, "/shared?ms=1000", &[]);
    wait_for(&holder, "admitted", 1);
    let waiting: Vec<_> = (0..3).map(|_| Client::of(&deaf).send(Method::POST, "/shared", &[])).collect();
    wait_for(&deaf, "queued", 3);
    let mut replies = all_done(vec![working]).await;
    replies.extend(all_done(waiting).await);
    replies.sort_by_key(Reply::fence);
    let told = network.dropped();
    assert!(told > 0, "no message was lost");
    for pair in replies.windows(2) {
        let idle = pair[1].number("started_at_ms") - pair[0].number("ended_at_ms");
        // An interval and its jitter are 2.5 s; after 4 s the place would have gone to the next.
        assert!(idle < 4000, "nobody was inside for {idle} ms, {told} messages lost: {replies:?}");
    }
}
