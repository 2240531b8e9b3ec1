//! What SQLite and files cost those who share a machine by them: beside the least that anybody would write by hand.
//!
//! `cargo bench --bench stores -- sqlite` measures no more than that; `file` is the other.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use airlock_axum::store::{FileStore, SqliteStore, Store};
use airlock_axum::{Airlock, Seal};
use airlock_tests::paired::{self, Comparison};
use rusqlite::{Connection, params};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// How many pairs of an enter and a release in one turn.
const PAIRS: usize = 1_000;
/// The same where every step waits for a disk.
const SLOW_PAIRS: usize = 50;
const CALLERS: usize = 64;
const ROUNDS: usize = 31;

fn main() {
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|part| part == name);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    paired::print_head();
    if wanted("sqlite") {
        sqlite(&runtime);
    }
    if wanted("file") {
        file(&runtime);
    }
}

/// A folder that is gone afterwards.
struct Place(PathBuf);

impl Place {
    fn new(parent: &Path, what: &str) -> Self {
        let path = parent.join(format!("airlock-bench-{what}-{}", std::process::id()));
        fs::create_dir(&path).expect("there is room for a folder");
        Place(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// So many pairs, by so many tasks, each of which waits for one answer before it asks again.
fn pairs<F: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    (pairs, callers): (usize, usize),
    pair: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Duration {
    runtime.block_on(async {
        let started = Instant::now();
        let callers = (0..callers).map(|caller| {
            let (pair, turns) = (pair.clone(), pairs / callers);
            tokio::spawn(async move {
                for turn in 0..turns {
                    pair(caller * turns + turn).await;
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.expect("no caller panics");
        }
        started.elapsed()
    })
}

/// Nobody waits: what is measured is a decision, and not a line.
fn airlock(runtime: &Runtime, store: impl FnOnce() -> Arc<dyn Store>) -> Airlock {
    let _within = runtime.enter();
    let seal = Seal::semaphore(1_000).ttl(Duration::from_secs(30));
    Airlock::builder("bench").seal(seal).store(store()).build().expect("a valid configuration")
}

async fn enter_and_release(airlock: Airlock) {
    let permit = airlock.try_enter("one").await.expect("there is room");
    permit.release().await.expect("the store works");
}

fn sqlite(runtime: &Runtime) {
    let place = Place::new(&std::env::temp_dir(), "sqlite");
    let ours = || {
        let store = SqliteStore::open(place.0.join("ours.db")).expect("a folder of its own");
        Arc::new(store) as Arc<dyn Store>
    };
    let airlock = airlock(runtime, ours);
    let by_hand = ByHand::new(&place.0.join("by-hand.db"));
    let ours = |callers: usize| {
        let airlock = airlock.clone();
        pairs(runtime, (PAIRS, callers), move |_| enter_and_release(airlock.clone()))
    };
    let theirs = |callers: usize| {
        let by_hand = by_hand.clone();
        pairs(runtime, (PAIRS, callers), move |number| by_hand.clone().pair(number))
    };

    let operations = (PAIRS / CALLERS * CALLERS) as u32;
    let what = "SQLite, enter + release : INSERT + DELETE by hand";
    Comparison { what, operations, rounds: ROUNDS, at_most: 3.0 }.run(|| ours(1), || theirs(1));
    let what = "SQLite, enter + release, 64 callers : 1 caller";
    Comparison { what, operations, rounds: ROUNDS, at_most: 0.5 }.run(|| ours(CALLERS), || ours(1));
}

/// A thread that has a database with a table of leases: what comes is done in its order, each in a transaction.
#[derive(Clone)]
struct ByHand(Sender<(Lease, oneshot::Sender<bool>)>);

enum Lease {
    Enter(i64),
    Release(i64),
}

impl ByHand {
    fn new(path: &Path) -> Self {
        let connection = Connection::open(path).expect("a folder of its own");
        // As the store has it.
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).expect("a mode");
        assert_eq!(mode, "wal");
        connection.pragma_update(None, "synchronous", "NORMAL").expect("a known mode");
        connection
            .execute_batch(
                "CREATE TABLE leases (resource TEXT NOT NULL, token INTEGER NOT NULL, deadline INTEGER NOT NULL,
                 PRIMARY KEY (resource, token)) WITHOUT ROWID",
            )
            .expect("it is new");
        let (sender, asked) = channel::<(Lease, oneshot::Sender<bool>)>();
        std::thread::spawn(move || {
            for (lease, answer) in asked {
                let changed = match lease {
                    Lease::Enter(token) => connection
                        .prepare_cached(
                            "INSERT INTO leases SELECT ?1, ?2, ?3 + 30000000
                             WHERE (SELECT count(*) FROM leases WHERE resource = ?1 AND deadline > ?3) < 1000",
                        )
                        .and_then(|mut enter| enter.execute(params!["one", token, now()])),
                    Lease::Release(token) => connection
                        .prepare_cached("DELETE FROM leases WHERE resource = ?1 AND token = ?2")
                        .and_then(|mut release| release.execute(params!["one", token])),
                };
                let _ = answer.send(changed.expect("it can be written") == 1);
            }
        });
        ByHand(sender)
    }

    async fn pair(self, number: usize) {
        let token = number as i64;
        for lease in [Lease::Enter(token), Lease::Release(token)] {
            let (answer, answered) = oneshot::channel();
            self.0.send((lease, answer)).expect("the thread runs");
            assert!(answered.await.expect("the thread answers"));
        }
    }
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is later");
    now.as_micros() as i64
}

fn file(runtime: &Runtime) {
    let disk = Place::new(&std::env::temp_dir(), "file");
    on(
        runtime,
        &disk,
        SLOW_PAIRS,
        [
            ("file, enter + release : lock, write, sync, rename by hand", Synced::Yes, 5.0),
            ("the same : lock, write, rename, the disk not waited for", Synced::No, f64::INFINITY),
        ],
    );
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        let memory = Place::new(memory, "file");
        let what = "file, in memory, where no disk hides the rest : the same";
        on(runtime, &memory, PAIRS, [(what, Synced::Yes, 5.0)]);
    }
}

/// Whether what is written is on the disk before anybody hears of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Synced {
    Yes,
    No,
}

fn on<const N: usize>(runtime: &Runtime, place: &Place, pairs: usize, rows: [(&'static str, Synced, f64); N]) {
    let gates = place.0.join("gates");
    let airlock = airlock(runtime, || Arc::new(FileStore::open(&gates).expect("a folder of its own")));
    // As much as there is of the store's gate while somebody is inside.
    let inside = runtime.block_on(airlock.try_enter("one").into_future()).expect("there is room");
    let is_gate = |path: &PathBuf| path.extension().is_some_and(|end| end == "gate");
    let files = fs::read_dir(&gates).expect("it is there").map(|entry| entry.expect("it is there").path());
    let content = fs::read(files.into_iter().find(is_gate).expect("there is a gate")).expect("it can be read");
    runtime.block_on(inside.release()).expect("the store works");
    let by_hand = Arc::new(Rewritten::new(&place.0.join("by-hand"), content));
    for (what, synced, at_most) in rows {
        let comparison = Comparison { what, operations: pairs as u32, rounds: ROUNDS, at_most };
        let ours = || {
            let airlock = airlock.clone();
            self::pairs(runtime, (pairs, 1), move |_| enter_and_release(airlock.clone()))
        };
        let theirs = || {
            let by_hand = by_hand.clone();
            self::pairs(runtime, (pairs, 1), move |_| by_hand.clone().pair(synced))
        };
        comparison.run(ours, theirs);
    }
}

/// A file that is replaced under a lock.
struct Rewritten {
    folder: PathBuf,
    lock: File,
    content: Vec<u8>,
}

impl Rewritten {
    fn new(folder: &Path, content: Vec<u8>) -> Self {
        fs::create_dir(folder).expect("it is new");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"));
        Rewritten { folder: folder.to_owned(), lock: lock.expect("it can be made"), content }
    }

    fn replace(&self, synced: Synced) -> std::io::Result<()> {
        self.lock.lock()?;
        let (new, path) = (self.folder.join("new"), self.folder.join("gate"));
        let mut file = File::create(&new)?;
        file.write_all(&self.content)?;
        if synced == Synced::Yes {
            file.sync_data()?;
        }
        fs::rename(&new, &path)?;
        if synced == Synced::Yes {
            File::open(&self.folder)?.sync_all()?;
        }
        self.lock.unlock()
    }

    /// On a thread that may block, as the store does.
    async fn pair(self: Arc<Self>, synced: Synced) {
        for _ in 0..2 {
            let me = self.clone();
            let replaced = spawn_blocking(move || me.replace(synced)).await;
            replaced.expect("it does not panic").expect("it can be written");
        }
    }
}
