//! The rules of the gate on the plainest store that processes could share: tables behind one lock, each handle a node of
//! its own that nobody tells what the others do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::conformance::{Fleet, Subject};
use airlock_core::gate::{Micros, Spec, Table};
use airlock_core::observer::Observers;
use airlock_core::store::shared::{self, Backend, Call, Decided, Driver, InUse, Polled, Query, Runtime};
use airlock_core::store::{BoxFuture, Gates, Store};
use airlock_core::{Airlock, ConfigError, Error, Reason, Seal, StoreError, Switch};
use tokio::sync::Notify;

/// What all nodes see.
#[derive(Default)]
struct Shelf {
    gates: HashMap<(String, String), Table>,
    settings: HashMap<String, Vec<u8>>,
}

struct Node(Arc<Mutex<Shelf>>);

impl Node {
    fn on_shelf<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Shelf) -> T,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let done = act(&mut self.0.lock().expect("no panic under it"));
        Box::pin(async move {
            // A store takes its time.
            tokio::task::yield_now().await;
            Ok(done)
        })
    }
}

impl Backend for Node {
    fn decide<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Decided, StoreError>> {
        let decided = self.on_shelf(|shelf| {
            let now = call.now.unwrap_or_default();
            let gate = shelf.gates.entry((call.spec.name.to_string(), call.resource.to_owned())).or_default();
            shared::decide_on(gate, &call, now, |_, _| Ok(()))
        });
        Box::pin(async move { decided.await? })
    }

    fn settings<'a>(&'a self, airlock: &'a str) -> BoxFuture<'a, Result<(Vec<u8>, Micros), StoreError>> {
        self.on_shelf(|shelf| (shelf.settings.get(airlock).cloned().unwrap_or_default(), 0))
    }

    fn swap_settings<'a>(
        &'a self,
        airlock: &'a str,
        held: &'a [u8],
        wanted: &'a [u8],
        _kept_for: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.on_shelf(|shelf| {
            let there = shelf.settings.entry(airlock.to_owned()).or_default();
            let same = there == held;
            if same {
                *there = wanted.to_vec();
            }
            same
        })
    }

    fn in_use<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<InUse, StoreError>> {
        self.on_shelf(|shelf| {
            let here = shelf.gates.keys().filter(|(name, _)| **name == *query.spec.name);
            InUse::Named(here.map(|(_, resource)| resource.clone()).collect())
        })
    }

    fn polled(&self) -> Option<Polled> {
        Some(Polled { first: Duration::from_millis(1), longest: Duration::from_millis(20) })
    }
}

/// A handle.
struct Plain(Driver);

impl Store for Plain {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        self.0.open(spec, observers)
    }
}

#[derive(Default)]
struct Nodes {
    shelf: Arc<Mutex<Shelf>>,
    fleet: Fleet,
}

impl Subject for Nodes {
    type Store = Plain;

    async fn store(&self) -> Plain {
        let options = self.fleet.options("the shelf");
        let driver = Driver::new(Node(self.shelf.clone()), Runtime::current().expect("a test has one"), options);
        self.fleet.add(&driver);
        Plain(driver)
    }

    async fn advance(&self, by: Duration) {
        self.fleet.advance(by).await;
    }
}

mod shelf {
    use super::*;

    airlock_core::conformance_suite!(Nodes::default());
}

/// The same, but one question for what is set is answered later than it was read.
struct Late {
    node: Node,
    /// Whether the next one is.
    is_next: Arc<AtomicBool>,
    /// From when on it may be.
    told: Arc<Notify>,
}

impl Backend for Late {
    fn decide<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Decided, StoreError>> {
        self.node.decide(call)
    }

    fn settings<'a>(&'a self, airlock: &'a str) -> BoxFuture<'a, Result<(Vec<u8>, Micros), StoreError>> {
        let read = self.node.settings(airlock);
        let is_late = self.is_next.swap(false, Ordering::SeqCst);
        Box::pin(async move {
            if is_late {
                self.told.notified().await;
            }
            read.await
        })
    }

    fn swap_settings<'a>(
        &'a self,
        airlock: &'a str,
        held: &'a [u8],
        wanted: &'a [u8],
        kept_for: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.node.swap_settings(airlock, held, wanted, kept_for)
    }

    fn in_use<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<InUse, StoreError>> {
        self.node.in_use(query)
    }
}

/// What was read before something was set, and comes after it, undid the switch until it was read again.
#[tokio::test]
async fn g20_what_is_set_is_not_undone_by_what_was_read_before() {
    let (is_next, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let backend = Late { node: Node(Arc::default()), is_next: is_next.clone(), told: told.clone() };
    // Nobody looks by himself while this lasts.
    let options = shared::Options { re_ask: Duration::from_secs(3600), ..shared::Options::new("a shelf") };
    let driver = Driver::new(backend, Runtime::current().expect("there is one"), options);
    let airlock = Airlock::builder("shelf").seal(Seal::lock()).store(Plain(driver.clone()));
    let airlock = airlock.build().expect("a valid configuration");
    is_next.store(true, Ordering::SeqCst);
    let looking = tokio::spawn({
        let driver = driver.clone();
        async move { driver.look().await }
    });
    while is_next.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    airlock.switch(Switch::closed()).await.expect("the store works");
    told.notify_one();
    looking.await.expect("no panic");
    let error = airlock.try_enter("room").await.expect_err("it is closed");
    assert!(matches!(&error, Error::Refused(refusal) if refusal.reason == Reason::Closed), "{error}");
}
