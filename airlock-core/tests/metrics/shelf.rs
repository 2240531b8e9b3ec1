//! A store that several nodes share, each of which is told nothing by the others, and which fails when it is told to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::gate::{Micros, Spec, Table};
use airlock_core::observer::Observers;
use airlock_core::store::shared::{self, Backend, Call, Decided, Driver, InUse, Options, Query, Runtime};
use airlock_core::store::{BoxFuture, Gates, Store};
use airlock_core::{ConfigError, StoreError};

#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Inner>);

#[derive(Default)]
struct Inner {
    clock: TestClock,
    gates: Mutex<HashMap<String, Table>>,
    settings: Mutex<Vec<u8>>,
    fails: AtomicBool,
    calls: AtomicUsize,
    listed: AtomicUsize,
    surveys: AtomicUsize,
}

/// A node of it.
#[derive(Debug)]
pub(crate) struct Node(Driver);

impl Shelf {
    pub(crate) fn node(&self) -> Node {
        let clock = Some((self.0.clock.clone(), Duration::from_millis(20)));
        let options = Options { clock, ..Options::new("the shelf") };
        Node(Driver::new(self.clone(), Runtime::current().expect("a test has one"), options))
    }

    pub(crate) fn clock(&self) -> &TestClock {
        &self.0.clock
    }

    pub(crate) fn fails(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::SeqCst);
    }

    /// How many calls it has answered, or failed.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// How often a resource was said to be in use, and how often somebody wanted to know which are.
    pub(crate) fn listed(&self) -> (usize, usize) {
        (self.0.listed.load(Ordering::SeqCst), self.0.surveys.load(Ordering::SeqCst))
    }
}

impl Store for Node {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        self.0.open(spec, observers)
    }
}

impl Backend for Shelf {
    fn decide<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Decided, StoreError>> {
        Box::pin(async move {
            // A store takes its time.
            tokio::task::yield_now().await;
            self.0.calls.fetch_add(1, Ordering::SeqCst);
            if self.0.fails.load(Ordering::SeqCst) {
                return Err(StoreError::not_executed("it was told to fail"));
            }
            let mut gates = self.0.gates.lock().unwrap();
            let gate = gates.entry(call.resource.to_owned()).or_default();
            shared::decide_on(gate, &call, call.now.unwrap_or_default(), |_, _| Ok(()))
        })
    }

    fn settings<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(Vec<u8>, Micros), StoreError>> {
        Box::pin(async { Ok((self.0.settings.lock().unwrap().clone(), 0)) })
    }

    fn swap_settings<'a>(
        &'a self,
        _: &'a str,
        held: &'a [u8],
        wanted: &'a [u8],
        _: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let mut settings = self.0.settings.lock().unwrap();
            let same = *settings == held;
            if same {
                *settings = wanted.to_vec();
            }
            Ok(same)
        })
    }

    fn in_use<'a>(&'a self, _: Query<'a>) -> BoxFuture<'a, Result<InUse, StoreError>> {
        self.0.surveys.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(InUse::Named(self.0.gates.lock().unwrap().keys().cloned().collect())) })
    }
    fn used<'a>(
        &'a self,
        _: &'a Spec,
        resources: &'a [Arc<str>],
        _: (Micros, Micros),
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.listed.fetch_add(resources.len(), Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    }
}
