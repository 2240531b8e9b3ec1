//! The rules of the gate on SQLite, each handle a process of its own as far as the file can tell.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use airlock_core::conformance::{Fleet, Subject, WATCHDOG};
use airlock_core::store::SqliteStore;

struct File {
    folder: PathBuf,
    fleet: Fleet,
}

impl File {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("airlock-sqlite-store-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).expect("there is room for a folder");
        File { folder, fleet: Fleet::default() }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Subject for File {
    type Store = SqliteStore;

    async fn store(&self) -> SqliteStore {
        let builder = SqliteStore::builder().with_clock(self.fleet.clock(), Fleet::ASK_EVERY);
        // How fast this machine is at the moment is no rule.
        let builder = builder.busy_timeout(WATCHDOG);
        let node = builder.open(self.folder.join("airlock.db")).expect("it is a folder of its own");
        self.fleet.add(node.driver());
        node
    }

    async fn advance(&self, by: Duration) {
        self.fleet.advance(by).await;
    }
}

mod sqlite {
    use super::*;

    airlock_core::conformance_suite!(File::new());
}
