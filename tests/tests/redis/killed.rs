//! Processes that are killed while they hold and wait: by SIGKILL, so that they say goodbye to nobody.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use tokio::time::sleep;

use crate::client::{Client, Reply, wait_for};
use crate::crowd::all_done;
use crate::fleet::{Fleet, node};

const TTL_MS: u64 = 3_000;
/// Every how often a node asks again for those who wait in it, and how long one that was let in has to say that it is
/// there: what a store has if it is not told otherwise.
const ASK_AGAIN_MS: u64 = 2_000;
const CONFIRMATION_MS: u64 = 4_000;
/// For what is asked when the time has come, on a machine that has other things to do.
const ASKING_MS: u64 = 2_000;

const OPTIONS: [&str; 6] = ["--limit", "2", "--wait", "60", "--ttl", "3"];

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

fn first_start(replies: &[Reply]) -> u64 {
    replies.iter().map(|reply| reply.number("started_at_ms")).min().expect("somebody")
}

/// Both places are held by a process that dies, and nobody but the living waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_places_of_a_killed_process_are_free_within_one_ttl() {
    let fleet = Fleet::start(1, &OPTIONS);
    let doomed = node(&fleet.redis, &OPTIONS);
    let client = Client::of(&doomed);
    let holds = [(); 2].map(|()| client.send(Method::POST, "/shared?ms=60000", &[]));
    wait_for(&doomed, "admitted", 2);
    let waiting = fleet.crowd(2, "/shared?ms=2000");
    wait_for(&fleet.nodes[0], "queued", 2);
    holds.iter().for_each(tokio::task::JoinHandle::abort);
    doomed.signal("KILL");
    let killed_at = now_ms();
    let replies = all_done(waiting).await;
    let idle = first_start(&replies).saturating_sub(killed_at);
    assert!(idle <= TTL_MS + ASKING_MS, "its places were held for {idle} ms: {replies:?}");
    // Neither waited for the other: both places came free.
    let last = replies.iter().map(|reply| reply.number("started_at_ms")).max().expect("somebody");
    assert!(last - first_start(&replies) < 2_000, "{replies:?}");
}

/// One that holds a place and has the first five of the line dies. Those behind them are held up by nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_waiters_of_a_killed_process_are_gone_and_hold_nobody_up() {
    let fleet = Fleet::start(1, &OPTIONS);
    let doomed = node(&fleet.redis, &OPTIONS);
    let (client, living) = (Client::of(&doomed), Client::of(&fleet.nodes[0]));
    let mut hopeless = vec![client.send(Method::POST, "/shared?ms=60000", &[])];
    wait_for(&doomed, "admitted", 1);
    // The other place is with somebody who is alive, and stays for longer than all of this takes.
    let stays = living.send(Method::POST, "/shared?ms=30000", &[]);
    wait_for(&fleet.nodes[0], "admitted", 1);
    hopeless.extend((0..5).map(|_| client.send(Method::POST, "/shared", &[])));
    wait_for(&doomed, "queued", 5);
    let behind = fleet.crowd(3, "/shared?ms=10");
    wait_for(&fleet.nodes[0], "queued", 3);
    assert_eq!(fleet.tickets(), 2 + 5 + 3);
    hopeless.iter().for_each(tokio::task::JoinHandle::abort);
    doomed.signal("KILL");
    let killed_at = now_ms();
    let most = 3 * ASK_AGAIN_MS + CONFIRMATION_MS + ASKING_MS;
    while fleet.tickets() > 1 {
        let since = now_ms() - killed_at;
        assert!(since <= most, "{} are still there after {since} ms", fleet.tickets());
        sleep(Duration::from_millis(20)).await;
    }
    for reply in all_done(behind).await {
        let held_up = reply.number("started_at_ms").saturating_sub(killed_at);
        assert!(held_up <= most, "{held_up} ms: {reply:?}");
    }
    // Whoever works in another process does not even hear of it.
    assert!(!stays.is_finished());
    stays.abort();
}
