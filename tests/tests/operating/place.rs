//! Where gates are kept.

use std::sync::Arc;
use std::time::Duration;

use airlock_axum::store::{FileStore, RedisStore, SqliteStore, Store};
use airlock_axum::{Airlock, Seal};
use airlock_tests::redis::Server;
use airlock_tests::scratch::Scratch;

/// How long a lease lasts, and a node that is configured otherwise is heeded.
pub(crate) const TTL: Duration = Duration::from_secs(2);

/// A store of a test's own, by what other processes are told of it.
pub(crate) struct Place {
    pub(crate) url: String,
    _server: Option<Server>,
    _folder: Option<Scratch>,
}

impl Place {
    pub(crate) fn redis() -> Self {
        let server = Server::start();
        Place { url: server.url(), _server: Some(server), _folder: None }
    }

    pub(crate) fn sqlite() -> Self {
        Place::in_folder("sqlite")
    }

    pub(crate) fn file() -> Self {
        Place::in_folder("file")
    }

    fn in_folder(scheme: &str) -> Self {
        let folder = Scratch::new();
        Place { url: format!("{scheme}:{}", folder.join("gates").display()), _server: None, _folder: Some(folder) }
    }
}

/// The airlock that all of them have, as one of them configures it.
pub(crate) async fn airlock(url: &str, limit: u32, revision: u32) -> Airlock {
    let store: Arc<dyn Store> = match url.split_once(':') {
        Some(("sqlite", path)) => Arc::new(SqliteStore::open(path).expect("a file of its own")),
        Some(("file", folder)) => Arc::new(FileStore::open(folder).expect("a folder of its own")),
        _ => Arc::new(RedisStore::connect(url).await.expect("a server of its own")),
    };
    let builder = Airlock::builder("work").seal(Seal::semaphore(limit).ttl(TTL)).revision(revision).store(store);
    // How fast this machine is at the moment is no rule.
    builder.store_timeout(Duration::from_secs(30)).build().expect("a valid configuration")
}
