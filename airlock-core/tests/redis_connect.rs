//! Connecting to a real Redis server: what a user has to be allowed, how a process is called, TLS.

#[allow(dead_code, unreachable_pub, reason = "shared with tests that use all of it")]
#[path = "../../tests/src/redis.rs"]
mod server;

use airlock_core::store::{RedisStore, RedisStoreBuilder};
use airlock_core::{Airlock, ConfigError, Seal};
use server::{Connection, Server, Value};

/// What the documentation of `connect` says that a user needs, and what an error tells to grant.
const RIGHTS: [&str; 7] = ["+@read", "+@write", "+@scripting", "+@pubsub", "+time", "~{airlock:*", "&airlock:*"];

fn set_user(connection: &mut Connection, name: &str, rights: &[&str]) {
    let rules = ["ACL", "SETUSER", name, "reset", "on", ">s3cret"];
    let rules: Vec<&[u8]> = rules.iter().chain(rights).map(|rule| rule.as_bytes()).collect();
    assert_eq!(connection.call(&rules).expect("it answers").text(), Some(&b"OK"[..]), "{rights:?}");
}

fn refused(connected: Result<RedisStore, ConfigError>) -> String {
    let said = connected.expect_err("it is refused").to_string();
    assert!(!said.contains("s3cret"), "{said}");
    said
}

/// All that an airlock does, in two of its nodes.
async fn works(store: RedisStore) {
    let airlock = Airlock::builder("shop").seal(Seal::lock()).store(store).build().expect("it is valid");
    let inside = airlock.acquire("room").await.expect("there is room");
    let waits = tokio::spawn({
        let airlock = airlock.clone();
        async move { airlock.acquire("room").await.map(drop) }
    });
    while airlock.inspect("room").await.expect("a server").waiting == 0 {
        tokio::task::yield_now().await;
    }
    drop(inside);
    waits.await.expect("no panic").expect("its turn comes");
    airlock.resize("room", Some(2)).await.expect("a server");
    airlock.resize("room", None).await.expect("a server");
    airlock.report_health(0.0).await.expect("a server");
    airlock.report_health(1.0).await.expect("a server");
    airlock.survey(0, 10).await.expect("a server");
}

#[tokio::test]
async fn the_rights_that_are_documented_are_enough_and_each_is_needed() {
    let server = Server::start();
    let mut connection = server.connect().expect("it answers");
    let url = format!("redis://shop:s3cret@{}", server.address());
    set_user(&mut connection, "shop", &RIGHTS);
    works(RedisStore::connect(&url).await.expect("it has all rights")).await;
    let probes = connection.call(&[b"EXISTS", b"{airlock:/}g", b"{airlock:/}x"]).expect("it answers");
    assert_eq!(probes.number(), Some(0), "something is left of trying the rights");
    let grant = format!("ACL SETUSER … {}", RIGHTS.join(" "));
    for lacks in 0..RIGHTS.len() {
        let mut rights = RIGHTS.to_vec();
        let lacking = rights.remove(lacks);
        set_user(&mut connection, "shop", &rights);
        let said = refused(RedisStore::connect(&url).await);
        assert!(said.contains(&grant), "without {lacking}: {said}");
    }
    set_user(&mut connection, "shop", &RIGHTS);
    let said = refused(RedisStore::connect(&format!("{url}/1")).await);
    assert!(said.contains("+select"), "{said}");
    // Rights on another prefix are none on this one.
    let other = RedisStore::builder().prefix("other").connect(&url).await;
    assert!(refused(other).contains("~{other:* &other:*"));
}

/// Whoever holds a place gives it back on a new connection as well, although the server writes nothing at the moment.
#[tokio::test]
async fn a_server_that_writes_nothing_is_connected_to() {
    let server = Server::start();
    let mut connection = server.connect().expect("it answers");
    let ok = |answer: std::io::Result<Value>| assert_eq!(answer.expect("it answers").text(), Some(&b"OK"[..]));
    for (setting, ill, well, code) in
        [("maxmemory", "1", "0", "OOM"), ("min-replicas-to-write", "1", "0", "NOREPLICAS")]
    {
        ok(connection.call(&[b"CONFIG", b"SET", setting.as_bytes(), ill.as_bytes()]));
        let store = RedisStore::connect(&server.url()).await.expect("it is there");
        let airlock = Airlock::builder("shop").seal(Seal::lock()).store(store).build().expect("it is valid");
        let error = airlock.try_enter(setting).await.expect_err("it writes nothing");
        let said = format!("{:?}", std::error::Error::source(&error).map(ToString::to_string));
        assert!(said.contains(&format!("Redis answered {code}")), "{said}");
        ok(connection.call(&[b"CONFIG", b"SET", setting.as_bytes(), well.as_bytes()]));
        drop(airlock.try_enter(setting).await.expect("it writes again"));
    }
}

/// What a call says whose user has lost a right meanwhile.
#[tokio::test]
async fn a_right_that_is_taken_away_is_named_by_the_next_call() {
    let server = Server::start();
    let mut connection = server.connect().expect("it answers");
    set_user(&mut connection, "shop", &RIGHTS);
    let url = format!("redis://shop:s3cret@{}", server.address());
    let store = RedisStore::connect(&url).await.expect("it has all rights");
    let airlock = Airlock::builder("shop").seal(Seal::lock()).store(store).build().expect("it is valid");
    connection.call(&[b"ACL", b"SETUSER", b"shop", b"-@write"]).expect("it answers");
    let error = airlock.try_enter("room").await.expect_err("it may not write");
    let said = format!("{:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(said.contains("it needs +@read +@write"), "{said}");
}

fn channels(connection: &mut Connection) -> Vec<Vec<u8>> {
    let listed = connection.call(&[b"PUBSUB", b"CHANNELS", b"airlock:node:*"]).expect("it answers");
    let mut names: Vec<_> =
        listed.list().expect("a list").iter().map(|name| name.text().expect("a name").to_vec()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_process_is_called_as_it_wants() {
    let server = Server::start();
    let mut connection = server.connect().expect("it answers");
    let connect = async |builder: RedisStoreBuilder| builder.connect(&server.url()).await.expect("a server");
    let named = |name: &str| RedisStore::builder().node_id(name);
    let first = connect(named("shop-1")).await;
    let one = channels(&mut connection);
    assert_eq!(one.len(), 1);
    let again = connect(named("shop-1")).await;
    assert_eq!(channels(&mut connection), one);
    let others =
        [connect(named("shop-2")).await, connect(RedisStore::builder()).await, connect(RedisStore::builder()).await];
    let all = channels(&mut connection);
    assert!(all.len() == 4 && all.contains(&one[0]), "{all:?}");
    // Two of one name serve each its own.
    works(first).await;
    works(again).await;
    drop(others);
    for name in [String::new(), "a\nb".to_owned(), "x".repeat(513)] {
        let said = refused(named(&name).connect(&server.url()).await);
        assert!(said.starts_with("node_id: "), "{said}");
    }
}

#[cfg(not(feature = "redis-tls"))]
#[tokio::test]
async fn tls_needs_the_feature() {
    for url in ["rediss://127.0.0.1", "valkeys://127.0.0.1"] {
        let said = refused(RedisStore::connect(url).await);
        assert!(said.contains("the feature `redis-tls`"), "{said}");
    }
}
