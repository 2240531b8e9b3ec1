//! The rules of the gate on SQLite, each handle a process of its own as far as the file can tell.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::conformance::{Subject, WATCHDOG};
use airlock_core::store::SqliteStore;

struct File {
    clock: TestClock,
    folder: PathBuf,
    nodes: Mutex<Vec<SqliteStore>>,
}

impl File {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("airlock-sqlite-store-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).expect("there is room for a folder");
        File { clock: TestClock::new(), folder, nodes: Mutex::default() }
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
        let builder = SqliteStore::builder().with_clock(&self.clock, Duration::from_millis(20));
        // How fast this machine is at the moment is no rule.
        let builder = builder.busy_timeout(WATCHDOG);
        let node = builder.open(self.folder.join("airlock.db")).expect("it is a folder of its own");
        self.nodes.lock().expect("no panic under it").push(node.clone());
        node
    }

    async fn advance(&self, by: Duration) {
        // What was dropped before goes in the background, and belongs to the time before.
        let nodes = self.nodes.lock().expect("no panic under it").clone();
        for node in &nodes {
            node.settled().await;
        }
        self.clock.advance(by);
        if by >= Duration::from_secs(1) {
            // What is set for a whole airlock is known to every process within a second.
            for node in &nodes {
                node.look().await;
            }
        }
    }
}

mod sqlite {
    use super::*;

    airlock_core::conformance_suite!(File::new());
}
