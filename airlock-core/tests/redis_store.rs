//! The rules of the gate on a real Redis server, each handle a node of its own.

#[allow(dead_code, unreachable_pub, reason = "shared with tests that use all of it")]
#[path = "../../tests/src/redis.rs"]
mod server;

use std::future::IntoFuture;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use airlock_core::conformance::{Fleet, Subject, WATCHDOG};
use airlock_core::store::RedisStore;
use airlock_core::{Airlock, Error, Reason, Seal, Switch};
use server::Server;

/// One server for all rules that run at the same time, gone with the last of them: each has a prefix of its own.
fn server() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().expect("no panic under it");
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start());
        *shared = Arc::downgrade(&server);
        server
    })
}

struct Nodes {
    server: Arc<Server>,
    prefix: String,
    fleet: Fleet,
}

impl Nodes {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Nodes {
            server: server(),
            prefix: format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            fleet: Fleet::default(),
        }
    }
}

impl Subject for Nodes {
    type Store = RedisStore;

    async fn store(&self) -> RedisStore {
        let builder = RedisStore::builder().prefix(&*self.prefix).with_clock(self.fleet.clock(), Fleet::ASK_EVERY);
        // How fast this machine is at the moment is no rule.
        let builder = builder.call_timeout(WATCHDOG);
        let node = builder.connect(&self.server.url()).await.expect("a server");
        self.fleet.add(node.driver());
        node
    }

    async fn advance(&self, by: Duration) {
        self.fleet.advance(by).await;
    }
}

/// Whoever says how it feels undoes no switch that somebody else sets at that moment, and the other way round.
#[tokio::test]
async fn no_change_for_all_undoes_another() {
    let fleet = Nodes::new();
    let node =
        async || Airlock::builder("all").seal(Seal::lock()).store(fleet.store().await).build().expect("it is valid");
    let (operator, worker) = (node().await, node().await);
    for _ in 0..50 {
        let (closed, unwell) = tokio::join!(operator.switch(Switch::closed()), worker.report_health(0.0));
        closed.and(unwell).expect("a server");
        worker.report_health(1.0).await.expect("a server");
        assert_eq!(refused(&worker).await, Reason::Closed);
        worker.report_health(0.0).await.expect("a server");
        let (open, well) = tokio::join!(operator.switch(Switch::open()), worker.report_health(1.0));
        open.and(well).expect("a server");
        fleet.advance(Duration::from_secs(1)).await;
        drop(worker.try_enter("room").await.expect("it is open and well"));
    }
}

/// RX-20, G23: who gives up its place in line while the server does not answer is told so, and not that there was no room.
#[tokio::test]
async fn rx_20_a_server_that_does_not_answer_is_no_lack_of_room() {
    let server = Server::start();
    let store = RedisStore::builder().call_timeout(Duration::from_millis(100)).connect(&server.url()).await;
    let store = store.expect("a server");
    let airlock = Airlock::builder("away").seal(Seal::lock()).store(store).build().expect("it is valid");
    let _inside = airlock.try_enter("room").await.expect("it is free");
    let waits = tokio::spawn(airlock.acquire("room").timeout(Duration::from_secs(4)).into_future());
    while airlock.inspect("room").await.expect("a server").waiting == 0 {
        tokio::task::yield_now().await;
    }
    server.signal("STOP");
    let ended = waits.await.expect("no panic");
    assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
    server.signal("CONT");
}

/// A program without a runtime has its locks on the server as well, and has unlocked when its guard is gone, although the
/// thread that did it goes with it.
#[cfg(feature = "blocking")]
#[test]
fn locks_need_no_runtime() {
    use airlock_core::locks::blocking::Locks;
    let server = Server::start();
    let url: &'static str = server.url().leak();
    for ttl in [1, 60] {
        let one = Locks::open(RedisStore::connect(url)).expect("a server");
        let other = Locks::open(RedisStore::connect(url)).expect("a server");
        let guard = one.try_lock("report", Duration::from_secs(ttl)).expect("free");
        assert!(other.try_lock("report", Duration::from_secs(1)).is_err_and(|error| error.is_busy()));
        drop(one);
        drop(guard);
        let guard = other.try_lock("report", Duration::from_secs(1)).expect("unlocked");
        let token = guard.detach().expect("held");
        drop(other);
        let third = Locks::open(RedisStore::connect(url)).expect("a server");
        third.restore(&token, Duration::from_secs(1)).expect("held").release().expect("held");
    }
}

async fn refused(airlock: &Airlock) -> Reason {
    airlock.try_enter("room").await.expect_err("it is closed").refusal().expect("a refusal").reason
}

mod redis {
    use super::*;

    airlock_core::conformance_suite!(Nodes::new());
}
