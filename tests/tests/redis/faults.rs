//! What a Redis server can do to those who rely on it.

use std::time::Duration;

use airlock_tests::flagship::Flagship;
use airlock_tests::redis::Server;
use http::{Method, StatusCode};

use crate::client::{Client, wait_for};
use crate::crowd::{all_done, most_at_once};
use crate::fleet::{Fleet, node};

/// Asks until it is let in: what was unavailable is not for ever.
pub(crate) async fn until_let_in(client: &Client) {
    let again = async {
        while client.post("/shared", &[]).await.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again).await.expect("it is available again");
}

/// Asks until it is refused because the server does not do what it is asked.
pub(crate) async fn until_refused(client: &Client) {
    let again = async {
        while client.post("/shared", &[]).await.said() != Some("unavailable") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again).await.expect("it is unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_during_an_outage_works_and_recovers() {
    let mut redis = Server::start();
    redis.signal("STOP");
    let server = node(&redis, &[]);
    let client = Client::of(&server);
    client.post("/shared", &[]).await.is_refused(503, "unavailable");
    assert_eq!(client.get("/healthz", &[]).await.status, StatusCode::OK);
    redis.signal("CONT");
    until_let_in(&client).await;
    redis.restart();
    until_let_in(&client).await;
}

/// Those who wait are still in line when it goes on, and nobody is forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_delays_and_loses_nobody() {
    let fleet = Fleet::start(2, &["--limit", "1", "--wait", "60"]);
    let clients = fleet.clients();
    let working = clients[0].send(Method::POST, "/shared?ms=2500", &[]);
    wait_for(&fleet.nodes[0], "admitted", 1);
    let waiting = clients[1].send(Method::POST, "/shared", &[]);
    wait_for(&fleet.nodes[1], "queued", 1);
    fleet.redis.signal("STOP");
    // New ones hear within about a second that nobody knows.
    clients[1].post("/shared", &[]).await.is_refused(503, "unavailable");
    tokio::time::sleep(Duration::from_millis(500)).await;
    fleet.redis.signal("CONT");
    assert_eq!(most_at_once(&all_done(vec![working, waiting]).await), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_without_data_leaves_nobody_waiting() {
    let mut fleet = Fleet::start(2, &["--limit", "1", "--wait", "60", "--ttl", "5"]);
    let clients = fleet.clients();
    let working = clients[0].send(Method::POST, "/shared?ms=3000", &[]);
    wait_for(&fleet.nodes[0], "admitted", 1);
    let waiting: Vec<_> = clients.iter().map(|client| client.send(Method::POST, "/shared", &[])).collect();
    fleet.nodes.iter().for_each(|node| wait_for(node, "queued", 1));
    fleet.redis.restart();
    // Whoever waited gets in, sooner or later; whoever worked may have lost its lease, and is told so.
    all_done(waiting).await;
    let worked = working.await.expect("no panic");
    assert!(worked.status == StatusCode::OK || worked.said() == Some("lost"), "{worked:?}");
    until_let_in(&clients[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_scripts_are_loaded_again() {
    let fleet = Fleet::start(1, &["--limit", "2", "--wait", "60"]);
    let crowd = fleet.crowd(20, "/shared?ms=20");
    let mut connection = fleet.redis.connect().expect("a server");
    for _ in 0..10 {
        connection.call(&[b"SCRIPT", b"FLUSH"]).expect("an answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(most_at_once(&all_done(crowd).await), 2);
}

/// Also when all messages to waiters are lost, and the connection is cut again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rx_27_a_lost_connection_or_message_is_asked_for() {
    let fleet = Fleet::start(2, &["--limit", "1", "--wait", "60"]);
    let crowd = fleet.crowd(12, "/shared?ms=20");
    let mut connection = fleet.redis.connect().expect("a server");
    for _ in 0..5 {
        connection.call(&[b"CLIENT", b"KILL", b"TYPE", b"pubsub", b"SKIPME", b"yes"]).expect("an answer");
        connection.call(&[b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes"]).expect("an answer");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut done = Vec::new();
    for reply in crowd {
        // Whoever was asking at that moment does not know, and says so.
        let reply = reply.await.expect("no panic");
        let known = reply.status == StatusCode::OK || reply.said() == Some("unavailable");
        assert!(known, "{reply:?}");
        done.extend(Some(reply).filter(|reply| reply.status == StatusCode::OK));
    }
    assert!(most_at_once(&done) <= 1, "{done:?}");
    until_let_in(&fleet.clients()[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_server_is_said() {
    // A server that will not do ends it at once, with what to change; without the password.
    let refused = |url: &str, because: &str| {
        let ended = tokio::task::block_in_place(|| Flagship::run(&["--store", url]));
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.contains(because) && !said.contains("pa55"), "{said}");
    };
    let secret = Server::start_with(&["--requirepass", "s3cret"]);
    refused(&secret.url(), "password");
    refused(&format!("redis://:wrong-pa55@{}", secret.address()), "password");
    let url = format!("redis://:s3cret@{}", secret.address());
    let server = Flagship::start(&["--store", &url]);
    until_let_in(&Client::of(&server)).await;
    let forgetful = Server::start_with(&["--maxmemory-policy", "allkeys-lru"]);
    refused(&forgetful.url(), "noeviction");

    let replica = Server::start();
    let server = node(&replica, &[]);
    until_let_in(&Client::of(&server)).await;
    let mut connection = replica.connect().expect("a server");
    connection.call(&[b"REPLICAOF", b"127.0.0.1", b"1"]).expect("an answer");
    Client::of(&server).post("/shared", &[]).await.is_refused(503, "unavailable");
    connection.call(&[b"REPLICAOF", b"NO", b"ONE"]).expect("an answer");
    until_let_in(&Client::of(&server)).await;

    let full = Server::start();
    let server = node(&full, &[]);
    let client = Client::of(&server);
    until_let_in(&client).await;
    let mut connection = full.connect().expect("a server");
    connection.call(&[b"CONFIG", b"SET", b"maxmemory", b"1"]).expect("an answer");
    client.post("/shared", &[]).await.is_refused(503, "unavailable");
    connection.call(&[b"CONFIG", b"SET", b"maxmemory", b"0"]).expect("an answer");
    until_let_in(&client).await;
}

/// The user of the flagship loses its rights, or never had them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_are_missing_are_said() {
    let redis = Server::start();
    let mut connection = redis.connect().expect("a server");
    let user: [&[u8]; 8] = [b"ACL", b"SETUSER", b"shop", b"on", b">pa55", b"~*", b"&*", b"+@all"];
    connection.call(&user).expect("an answer");
    let url = format!("redis://shop:pa55@{}", redis.address());
    let server = Flagship::start(&["--store", &url]);
    let client = Client::of(&server);
    until_let_in(&client).await;
    connection.call(&[b"ACL", b"SETUSER", b"shop", b"-@scripting"]).expect("an answer");
    client.post("/shared", &[]).await.is_refused(503, "unavailable");
    let ended = tokio::task::block_in_place(|| Flagship::run(&["--store", &url]));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("+@scripting") && !said.contains("pa55"), "{said}");
    connection.call(&[b"ACL", b"SETUSER", b"shop", b"+@scripting"]).expect("an answer");
    until_let_in(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_of_somebody_else_delays_and_no_more() {
    let redis = Server::start_with(&["--busy-reply-threshold", "10"]);
    let server = node(&redis, &[]);
    let client = Client::of(&server);
    until_let_in(&client).await;
    let mut theirs = redis.connect().expect("a server");
    let endless = std::thread::spawn(move || theirs.call(&[b"EVAL", b"while true do end", b"0"]));
    until_refused(&client).await;
    let mut connection = redis.connect().expect("a server");
    connection.call(&[b"SCRIPT", b"KILL"]).expect("an answer");
    endless.join().expect("no panic").expect("an answer");
    until_let_in(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_save_lets_in_again_when_it_may() {
    let redis = Server::start();
    let server = node(&redis, &[]);
    let client = Client::of(&server);
    until_let_in(&client).await;
    let mut connection = redis.connect().expect("a server");
    connection.call(&[b"CONFIG", b"SET", b"save", b"3600 1"]).expect("an answer");
    let folder = connection.call(&[b"CONFIG", b"GET", b"dir"]).expect("an answer");
    let folder = folder.list().and_then(|pair| pair[1].text()).map(String::from_utf8_lossy).expect("a folder");
    std::fs::remove_dir_all(&*folder).expect("it is the server's own");
    connection.call(&[b"BGSAVE"]).expect("an answer");
    until_refused(&client).await;
    connection.call(&[b"CONFIG", b"SET", b"stop-writes-on-bgsave-error", b"no"]).expect("an answer");
    until_let_in(&client).await;
}
