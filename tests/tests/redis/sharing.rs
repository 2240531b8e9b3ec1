//! One limit, one line, whichever process a request comes to.

use http::Method;

use crate::client::{Client, wait_for};
use crate::crowd::{all_done, most_at_once};
use crate::fleet::{Fleet, node};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_one_limit() {
    one_limit_for(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_share_one_limit() {
    one_limit_for(4).await;
}

async fn one_limit_for(processes: usize) {
    let fleet = Fleet::start(processes, &["--limit", "3", "--wait", "60"]);
    let replies = all_done(fleet.crowd(60, "/shared?ms=40")).await;
    assert_eq!(most_at_once(&replies), 3);
    assert_eq!(fleet.immortal_keys(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_share_one_limit_for_each_tenant() {
    let fleet = Fleet::start(4, &["--tenant-limit", "2", "--wait", "60"]);
    let clients = fleet.clients();
    let send = |tenant: &'static str, number: usize| {
        clients[number % 4].send(Method::POST, "/imports?ms=40", &[("x-tenant", tenant)])
    };
    let (acme, other): (Vec<_>, Vec<_>) = (0..24).map(|number| (send("acme", number), send("{other}", number))).unzip();
    assert_eq!(most_at_once(&all_done(acme).await), 2);
    assert_eq!(most_at_once(&all_done(other).await), 2);
    assert_eq!(fleet.immortal_keys(), [""; 0]);
}

/// A process with a larger configured limit let more in than the others allowed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rx_12_the_lower_of_two_limits_counts() {
    let mut fleet = Fleet::start(1, &["--limit", "2", "--wait", "60"]);
    fleet.nodes.push(node(&fleet.redis, &["--limit", "9", "--wait", "60"]));
    // The cautious one has asked before the bold one does.
    all_done(fleet.crowd(1, "/shared")).await;
    assert_eq!(most_at_once(&all_done(fleet.crowd(40, "/shared?ms=40")).await), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_come_first_served_across_two_processes() {
    first_come_first_served(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_come_first_served_across_four_processes() {
    first_come_first_served(4).await;
}

async fn first_come_first_served(processes: usize) {
    let fleet = Fleet::start(processes, &["--limit", "1", "--wait", "60"]);
    let clients = fleet.clients();
    let working = clients[0].send(Method::POST, "/shared?ms=60000", &[]);
    wait_for(&fleet.nodes[0], "admitted", 1);
    let mut replies = Vec::new();
    for number in 0..12 {
        let at = number % processes;
        replies.push(clients[at].send(Method::POST, "/shared?ms=5", &[]));
        wait_for(&fleet.nodes[at], "queued", number / processes + 1);
    }
    // Hanging up ends the work.
    working.abort();
    let replies = all_done(replies).await;
    assert_eq!(most_at_once(&replies), 1);
    let began: Vec<_> = replies.iter().map(|reply| (reply.fence(), reply.number("started_at_ms"))).collect();
    assert!(began.is_sorted(), "{began:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_hands_everything_back() {
    let options = ["--limit", "1", "--wait", "60"];
    let fleet = Fleet::start(1, &options);
    let mut leaving = node(&fleet.redis, &options);
    let client = Client::of(&leaving);
    let holds = client.send(Method::POST, "/shared?ms=300", &[]);
    wait_for(&leaving, "admitted", 1);
    let waits = client.send(Method::POST, "/shared", &[]);
    wait_for(&leaving, "queued", 1);
    let behind = fleet.crowd(1, "/shared");
    wait_for(&fleet.nodes[0], "queued", 1);
    leaving.signal("TERM");
    waits.await.expect("no panic").is_refused(503, "closed");
    let held = all_done(vec![holds]).await.remove(0);
    assert!(tokio::task::block_in_place(|| leaving.wait()).success());
    let next = all_done(behind).await.remove(0);
    assert!(next.number("started_at_ms") >= held.number("ended_at_ms"));
    assert!(
        next.number("waited_ms") < 20_000,
        "it waited for a deadline: {next:?}, {held:?}, {:#?} {:#?}",
        leaving.log(),
        fleet.nodes[0].log()
    );
}

/// Every waiter was woken on every release.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rx_28_a_place_that_comes_free_wakes_one_process() {
    let fleet = Fleet::start(4, &["--limit", "1", "--wait", "60"]);
    let clients = fleet.clients();
    let working = clients[0].send(Method::POST, "/shared?ms=60000", &[]);
    wait_for(&fleet.nodes[0], "admitted", 1);
    let waiting: Vec<_> = (0..12).map(|number| clients[number % 4].send(Method::POST, "/shared", &[])).collect();
    fleet.nodes.iter().for_each(|node| wait_for(node, "queued", 3));
    let mut connection = fleet.redis.connect().expect("a server");
    let channels = connection.call(&[b"PUBSUB", b"CHANNELS", b"airlock:node:*"]).expect("an answer");
    for channel in channels.list().expect("a list") {
        let listeners = connection.call(&[b"PUBSUB", b"NUMSUB", channel.text().expect("a name")]).expect("an answer");
        assert_eq!(listeners.list().expect("a list")[1].number(), Some(1), "{channel:?}");
    }
    let mut monitor = fleet.redis.connect().expect("a server");
    monitor.call(&[b"MONITOR"]).expect("an answer");
    // Hanging up ends the work.
    working.abort();
    all_done(waiting).await;
    connection.call(&[b"ECHO", b"the end"]).expect("an answer");
    let mut messages = 0;
    loop {
        let line = monitor.receive().expect("an answer");
        let line = String::from_utf8_lossy(line.text().expect("text")).into_owned();
        if line.contains("\"the end\"") {
            break;
        }
        messages += usize::from(line.contains("\"PUBLISH\" \"airlock:node:"));
    }
    // Whoever asked again at that very moment has its answer, and needs no message.
    assert!((1..=12).contains(&messages), "{messages} messages for 12 who were let in");
}
