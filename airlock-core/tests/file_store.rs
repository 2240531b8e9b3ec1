//! The rules of the gate in a folder, each handle a process of its own as far as its files can tell.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use airlock_core::conformance::{Fleet, Subject};
use airlock_core::store::FileStore;

struct Place {
    folder: PathBuf,
    fleet: Fleet,
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Rules are not about the disk: in memory where there is such a folder.
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = parent.join(format!("airlock-file-store-{}-{number}", std::process::id()));
        Place { folder, fleet: Fleet::default() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Subject for Place {
    type Store = FileStore;

    async fn store(&self) -> FileStore {
        let node = FileStore::with_clock(&self.folder, self.fleet.clock()).expect("it is a folder of its own");
        self.fleet.add(node.driver());
        node
    }

    async fn advance(&self, by: Duration) {
        self.fleet.advance(by).await;
    }
}

mod file {
    use super::*;

    airlock_core::conformance_suite!(Place::new());
}
