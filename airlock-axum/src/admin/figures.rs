//! What happened at an airlock lately, in bounded memory.

use std::sync::Arc;
use std::time::Instant;

use airlock_core::observer::{Event, EventKind};
use hashlink::LruCache;
use parking_lot::Mutex;

use super::series::{History, Recent, Series};

/// Of how many resources: about five kilobytes each at the most.
const RESOURCES: usize = 1000;

/// Fed by events, on the threads that cause them.
pub(super) struct Figures {
    since: Instant,
    book: Mutex<Book>,
}

struct Book {
    all: Series,
    /// Those to which something happened last.
    resources: LruCache<Arc<str>, Series>,
}

/// What is known of an airlock or a resource.
#[derive(serde::Serialize)]
pub(super) struct Lately {
    #[serde(flatten)]
    recent: Recent,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<History>,
}

impl Figures {
    pub(super) fn new() -> Self {
        let book = Book { all: Series::default(), resources: LruCache::new(RESOURCES) };
        Figures { since: Instant::now(), book: Mutex::new(book) }
    }

    pub(super) fn note(&self, event: &Event<'_>) {
        if !matches!(event.kind, EventKind::Admitted | EventKind::Refused(_)) {
            return;
        }
        let now = self.since.elapsed();
        let note = |series: &mut Series| match event.kind {
            EventKind::Admitted => series.admitted(now, event.waited.unwrap_or_default()),
            _ => series.refused(now),
        };
        let mut book = self.book.lock();
        note(&mut book.all);
        match book.resources.get_mut(event.resource) {
            Some(series) => note(series),
            None => {
                let mut series = Series::default();
                note(&mut series);
                book.resources.insert(event.resource.into(), series);
            }
        }
    }

    /// Somebody looked at the whole airlock.
    pub(super) fn load(&self, in_use: u64, waiting: u64) {
        self.book.lock().all.load(self.since.elapsed(), in_use, waiting);
    }

    pub(super) fn of_all(&self, history: bool) -> Lately {
        let now = self.since.elapsed();
        let book = self.book.lock();
        Lately { recent: book.all.recent(now), history: history.then(|| book.all.history(now)) }
    }

    /// Somebody looked at a resource, and wants to know what happened to it.
    pub(super) fn of(&self, resource: &str, (in_use, waiting): (u64, u64), history: bool) -> Lately {
        let now = self.since.elapsed();
        let mut book = self.book.lock();
        // To look at it is no reason to keep it for longer than others to which something happens.
        match book.resources.peek_mut(resource) {
            Some(series) => {
                series.load(now, in_use, waiting);
                Lately { recent: series.recent(now), history: history.then(|| series.history(now)) }
            }
            None => {
                let nothing = Series::default();
                Lately { recent: nothing.recent(now), history: history.then(|| nothing.history(now)) }
            }
        }
    }
}
