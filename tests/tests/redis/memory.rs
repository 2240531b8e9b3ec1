//! A Redis server whose memory is full.

use airlock_tests::redis::{Connection, Value};
use http::{Method, StatusCode};

use crate::client::wait_for;
use crate::crowd::all_done;
use crate::faults::until_let_in;
use crate::fleet::Fleet;

fn set_maxmemory(connection: &mut Connection, bytes: &[u8]) {
    let set = connection.call(&[b"CONFIG", b"SET", b"maxmemory", bytes]).expect("an answer");
    assert_eq!(set, Value::Text(b"OK".to_vec()));
}

/// Whoever is inside can leave, nobody gets in, and whoever waits gets in when there is memory again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_holds_those_who_wait_and_loses_nobody() {
    let fleet = Fleet::start(2, &["--limit", "1", "--wait", "60"]);
    let clients = fleet.clients();
    let mut connection = fleet.redis.connect().expect("a server");
    let working = clients[0].send(Method::POST, "/shared?ms=1000", &[]);
    wait_for(&fleet.nodes[0], "admitted", 1);
    let waiting = clients[1].send(Method::POST, "/shared", &[]);
    wait_for(&fleet.nodes[1], "queued", 1);
    set_maxmemory(&mut connection, b"1");
    let worked = all_done(vec![working]).await.remove(0);
    clients[0].post("/shared", &[]).await.is_refused(503, "unavailable");
    assert!(!waiting.is_finished(), "it was let in although nothing can be written");
    set_maxmemory(&mut connection, b"0");
    let next = all_done(vec![waiting]).await.remove(0);
    let idle = next.number("started_at_ms").checked_sub(worked.number("ended_at_ms"));
    // Leaving was repeated: otherwise the place would be free when the lease is over, after half a minute.
    assert!(idle.is_some_and(|idle| idle < 15_000), "{worked:?}, {next:?}");
    until_let_in(&clients[0]).await;
}

/// Where nobody waits, leaving needs no memory: the place is free as soon as there is some again, not a lease later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_takes_what_is_given_back() {
    let fleet = Fleet::start(1, &["--limit", "1"]);
    let client = &fleet.clients()[0];
    let mut connection = fleet.redis.connect().expect("a server");
    let working = client.send(Method::POST, "/shared?ms=500", &[]);
    wait_for(&fleet.nodes[0], "admitted", 1);
    set_maxmemory(&mut connection, b"1");
    all_done(vec![working]).await;
    wait_for(&fleet.nodes[0], "released", 1);
    set_maxmemory(&mut connection, b"0");
    assert_eq!(client.post("/shared", &[]).await.status, StatusCode::OK);
}
