//! The breakers of one airlock, and what one question says of the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::book::{Book, BreakerStatus, Change, Route, Rules};
use crate::clock::Clock;
use crate::gate::Micros;
use crate::meter::Breakers as Count;
use crate::observer::{FailoverKind, Observers};
use crate::sync::Mutex;

/// A question that is dropped without an answer counts as a failure from so long on: sooner, it was the caller who did not
/// stay, and callers who come and go shall not be able to open a breaker.
const UNANSWERED: Duration = Duration::from_millis(100);

pub(super) struct Breakers {
    book: Mutex<Book>,
    /// Whether there are any records. While there are none, nobody takes the lock or reads the clock.
    any: AtomicBool,
    clock: Clock,
    observers: Observers,
    /// What is done during an outage, for the log.
    policy: &'static str,
}

impl Breakers {
    pub(super) fn new(rules: Rules, clock: Clock, observers: Observers, policy: &'static str) -> Self {
        Breakers { book: Mutex::new(Book::new(rules)), any: AtomicBool::new(false), clock, observers, policy }
    }

    /// The time by which they go.
    pub(super) fn now(&self) -> Micros {
        self.clock.now()
    }

    pub(super) fn ask(&self, resource: &str) -> Route {
        if !self.any.load(Ordering::Acquire) {
            return Route::Store;
        }
        let mut book = self.book.lock();
        book.ask(resource, self.clock.now())
    }

    pub(super) fn answered(&self, resource: &str, probe: Option<u64>) {
        if self.any.load(Ordering::Acquire) {
            self.change(|book| book.answered(resource, probe, self.clock.now()));
        }
    }

    pub(super) fn failed(&self, resource: &str, probe: Option<u64>) {
        self.change(|book| book.failed(resource, probe, self.clock.now(), rand::random()));
    }

    pub(super) fn abandoned(&self, resource: &str, probe: Option<u64>) {
        if let Some(probe) = probe {
            self.book.lock().abandoned(resource, probe);
        }
    }

    pub(super) fn is_open(&self, resource: &str) -> bool {
        self.any.load(Ordering::Acquire) && self.book.lock().is_open(resource)
    }

    pub(super) fn reset(&self, resource: &str) -> bool {
        self.change(|book| book.reset(resource))
    }

    pub(super) fn status(&self, resource: &str) -> BreakerStatus {
        self.book.lock().status(resource, self.clock.now())
    }

    pub(super) fn all(&self) -> Vec<(Option<String>, BreakerStatus)> {
        let book = self.book.lock();
        book.all(self.clock.now()).map(|(resource, status)| (resource.map(str::to_owned), status)).collect()
    }

    /// How many are not closed.
    pub(super) fn count(&self) -> Count {
        let (book, mut count) = (self.book.lock(), Count::default());
        for (_, status) in book.all(self.clock.now()) {
            match status {
                BreakerStatus::Closed { .. } => {}
                BreakerStatus::Open { .. } => count.open += 1,
                BreakerStatus::HalfOpen => count.half_open += 1,
            }
        }
        count
    }

    /// Changes the book, and tells whoever has to know, outside of the lock. Answers whether anything opened or closed.
    fn change(&self, change: impl FnOnce(&mut Book) -> Option<Change>) -> bool {
        let mut book = self.book.lock();
        let changed = change(&mut book);
        self.any.store(!book.is_empty(), Ordering::Release);
        drop(book);
        let (resource, kind) = match &changed {
            Some(Change::Opened(resource)) => (resource, FailoverKind::Over),
            Some(Change::Closed(resource)) => (resource, FailoverKind::Back),
            None => return false,
        };
        self.observers.failed_over(resource.as_deref(), kind, self.policy);
        true
    }
}

/// A question to a store that takes its time. Dropped without an answer it is a failure, if it was given any time.
pub(super) struct Attempt<'a> {
    breakers: &'a Breakers,
    resource: &'a str,
    probe: Option<u64>,
    since: Instant,
    settled: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(breakers: &'a Breakers, resource: &'a str, probe: Option<u64>) -> Self {
        Attempt { breakers, resource, probe, since: Instant::now(), settled: false }
    }

    pub(super) fn answered(mut self) {
        self.settled = true;
        self.breakers.answered(self.resource, self.probe);
    }

    pub(super) fn failed(mut self) {
        self.settled = true;
        self.breakers.failed(self.resource, self.probe);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        // By tokio's clock, as is the time that whoever asks gives the store.
        if self.since.elapsed() >= UNANSWERED {
            self.breakers.failed(self.resource, self.probe);
        } else {
            self.breakers.abandoned(self.resource, self.probe);
        }
    }
}
