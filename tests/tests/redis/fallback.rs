//! Redis stopped and started under load, with each policy: what is promised happens, counted from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_tests::flagship::Flagship;
use http::{Method, StatusCode};
use tokio::task::JoinHandle;

use crate::client::{Client, Reply, wait_for};
use crate::crowd::most_at_once;
use crate::fleet::Fleet;

/// What a process lets in by itself, and what all do together.
const LOCAL: usize = 2;
const LIMIT: usize = 3;

/// A fleet that tries its server again every half second, and soon.
fn fleet(nodes: usize, policy: &str) -> Fleet {
    let (local, limit) = (LOCAL.to_string(), LIMIT.to_string());
    let options = ["--fallback", policy, "--reset-after", "0.3", "--tenant-limit", &local, "--limit", &limit];
    Fleet::start(nodes, &options)
}

/// Sixteen clients that come again as soon as they are answered.
struct Load {
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Seen>>>,
}

/// One request: by which process, from when to when, and how it ended.
struct Seen {
    node: usize,
    asked: Instant,
    took: Duration,
    reply: Reply,
}

impl Load {
    fn on(fleet: &Fleet) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let nodes = fleet.clients();
        let client = |number: usize| {
            let (node, over) = (number % nodes.len(), over.clone());
            let client = nodes[node].clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !over.load(Ordering::SeqCst) {
                    let asked = Instant::now();
                    let reply = client.post("/shared?ms=15", &[]).await;
                    let refused = reply.status != StatusCode::OK;
                    seen.push(Seen { node, asked, took: asked.elapsed(), reply });
                    if refused {
                        // Who is refused at once would otherwise do nothing but come back.
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                seen
            })
        };
        let clients = (0..16).map(client).collect();
        Load { over, clients }
    }

    async fn end(self) -> Vec<Seen> {
        self.over.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for client in self.clients {
            all.extend(client.await.expect("no panic"));
        }
        all
    }
}

fn granted_by(reply: &Reply) -> Option<String> {
    (reply.status == StatusCode::OK).then(|| reply.json()["granted_by"].as_str().expect("a text").to_owned())
}

/// Waits until all of them have failed over, or back, so many times.
fn wait_for_each(fleet: &Fleet, event: &str, times: usize) {
    fleet.nodes.iter().for_each(|node: &Flagship| wait_for(node, event, times));
}

/// Works, fails, works, fails and works again; answers what was seen, and when it was away: from the moment at which all
/// processes had noticed to the one at which the server was started.
async fn two_outages(policy: &str) -> (Vec<Seen>, Vec<(Instant, Instant)>) {
    let mut fleet = fleet(2, policy);
    let load = Load::on(&fleet);
    let mut outages = Vec::new();
    for outage in 1..=2 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        fleet.redis.kill();
        wait_for_each(&fleet, "failed-over", outage);
        let from = Instant::now();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        outages.push((from, Instant::now()));
        tokio::task::block_in_place(|| fleet.redis.restart());
        wait_for_each(&fleet, "failed-back", outage);
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    let seen = load.end().await;
    for node in &fleet.nodes {
        // Once per change, however many requests there were.
        for event in ["failed-over", "failed-back"] {
            assert_eq!(count(node, event), 2, "{event}");
        }
    }
    (seen, outages)
}

/// Those who asked and were answered while it was certainly away, but for the few who were sent to see.
fn during<'a>(seen: &'a [Seen], outages: &'a [(Instant, Instant)]) -> impl Iterator<Item = &'a Seen> {
    let within = |one: &&Seen| outages.iter().any(|(from, to)| *from <= one.asked && one.asked + one.took <= *to);
    seen.iter().filter(within)
}

/// The median of how long they took.
fn median<'a>(seen: impl Iterator<Item = &'a Seen>) -> Duration {
    let mut took: Vec<_> = seen.map(|one| one.took).collect();
    took.sort_unstable();
    took[took.len() / 2]
}

/// Those who were let in by one of the two stores, by which, and how many of them were inside at once at most.
fn at_once(seen: &[Seen], by: &str, node: Option<usize>) -> usize {
    let of = |one: &&Seen| granted_by(&one.reply).as_deref() == Some(by) && node.is_none_or(|node| one.node == node);
    let replies: Vec<Reply> = seen
        .iter()
        .filter(of)
        .map(|one| Reply { headers: one.reply.headers.clone(), body: one.reply.body.clone(), ..one.reply })
        .collect();
    most_at_once(&replies)
}

/// Each says what it is and nothing else, and all who can be let in by the server are, before and after.
fn is_sound(seen: &[Seen]) {
    for one in seen {
        let said = one.reply.said();
        // Whoever was inside when the server lost what it knew may have lost its place.
        let expected = one.reply.status == StatusCode::OK || matches!(said, Some("full" | "unavailable" | "lost"));
        assert!(expected, "{:?}", one.reply);
    }
    let by_store = seen.iter().filter(|one| granted_by(&one.reply).as_deref() == Some("store")).count();
    assert!(by_store > 20, "{by_store} let in by the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_at_once() {
    let (seen, outages) = two_outages("refuse").await;
    is_sound(&seen);
    let away: Vec<_> = during(&seen, &outages).collect();
    assert!(away.len() > 50, "{}", away.len());
    assert!(away.iter().all(|one| one.reply.said() == Some("unavailable")));
    assert!(median(away.into_iter()) < Duration::from_millis(100), "it is not waited for the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_let_in() {
    let (seen, outages) = two_outages("admit").await;
    is_sound(&seen);
    let away: Vec<_> = during(&seen, &outages).collect();
    assert!(away.len() > 50, "{}", away.len());
    assert!(away.iter().all(|one| granted_by(&one.reply).as_deref() == Some("nobody")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_process_by_itself_and_up_to_its_own_limit() {
    let (seen, outages) = two_outages("memory").await;
    is_sound(&seen);
    let away: Vec<_> = during(&seen, &outages).collect();
    assert!(away.len() > 50, "{}", away.len());
    for one in &away {
        assert!(
            granted_by(&one.reply).as_deref() == Some("memory") || one.reply.said() == Some("full"),
            "{:?}",
            one.reply
        );
    }
    // Both processes at their limits, neither above it: N times the local limit in all.
    for node in 0..2 {
        assert_eq!(at_once(&seen, "memory", Some(node)), LOCAL);
    }
    assert!(at_once(&seen, "memory", None) <= 2 * LOCAL);
}

/// A permit is released where it was granted: what was granted before is free after, and what was granted locally takes no
/// place of the server's, nor makes one when it goes. The server is paused, and keeps what it knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_goes_back_to_where_it_came_from() {
    let fleet = fleet(1, "memory");
    let (node, client) = (&fleet.nodes[0], &fleet.clients()[0]);
    let holders = crowd(client, LIMIT, 4000);
    wait_for(node, "admitted", LIMIT);
    fleet.redis.signal("STOP");
    // Five find out, and the last of them is let in locally.
    for reply in crowd(client, 5, 0) {
        let reply = reply.await.expect("no panic");
        assert!(reply.said() == Some("unavailable") || granted_by(&reply).as_deref() == Some("memory"), "{reply:?}");
    }
    wait_for(node, "failed-over", 1);
    let before = count(node, "admitted");
    let local = crowd(client, LOCAL, 60_000);
    wait_for(node, "admitted", before + LOCAL);
    client.post("/shared", &[]).await.is_refused(503, "full");
    // What these release is told to the server when it is back.
    for reply in holders {
        assert_eq!(granted_by(&reply.await.expect("no panic")).as_deref(), Some("store"));
    }
    fleet.redis.signal("CONT");
    while count(node, "failed-back") == 0 {
        client.post("/shared", &[]).await;
    }
    // All of the server's places are there although the local ones are taken; and no more when these are free.
    until_all_are_let_in(client).await;
    let released = count(node, "released");
    local.iter().for_each(JoinHandle::abort);
    wait_for(node, "released", released + LOCAL);
    let mut by_store = 0;
    for reply in crowd(client, LIMIT + LOCAL, 500) {
        by_store += usize::from(granted_by(&reply.await.expect("no panic")).as_deref() == Some("store"));
    }
    assert_eq!(by_store, LIMIT);
}

fn crowd(client: &Client, requests: usize, ms: u64) -> Vec<JoinHandle<Reply>> {
    (0..requests).map(|_| client.send(Method::POST, format!("/shared?ms={ms}"), &[])).collect()
}

fn count(node: &Flagship, event: &str) -> usize {
    node.log().iter().filter(|line| line.contains(&format!("event=\"{event}\""))).count()
}

/// As many at once as the server has places: the last releases may still be on their way.
async fn until_all_are_let_in(client: &Client) {
    let since = Instant::now();
    loop {
        let mut by_store = 0;
        for reply in crowd(client, LIMIT, 300) {
            by_store += usize::from(granted_by(&reply.await.expect("no panic")).as_deref() == Some("store"));
        }
        if by_store == LIMIT {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "only {by_store} of {LIMIT}");
    }
}
