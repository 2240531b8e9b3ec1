//! Locks for programs without a runtime.

#[allow(dead_code, reason = "shared with tests that use all of it")]
mod failing;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use airlock_core::locks::Locks as AsyncLocks;
use airlock_core::locks::blocking::Locks;
use airlock_core::observer::{Event, EventKind};
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, ConfigError, Error, Reason};
use failing::FailingStore;

const TTL: Duration = Duration::from_secs(60);
/// Only a test that fails waits that long.
const LONG: Duration = Duration::from_secs(30);

fn locks() -> Locks {
    Locks::new(MemoryStore::new()).expect("a thread")
}

#[test]
fn a_key_is_locked_by_one() {
    let locks = locks();
    let held = locks.try_lock("report", TTL).expect("free");
    assert!(locks.is_locked("report").expect("a store that works"));
    assert!(locks.try_lock("report", TTL).is_err_and(|error| error.is_busy()));
    let waited = locks.lock("report").wait(Duration::from_millis(1)).expect_err("it is held");
    assert_eq!(waited.refusal().map(|refusal| refusal.reason), Some(Reason::TimedOut));
    assert!(locks.try_lock("report", Duration::ZERO).is_err_and(|error| matches!(error, Error::Invalid(_))));
    held.renew_for(TTL).expect("held");
    let fence = held.fence();
    held.release().expect("held");
    assert!(locks.lock("report").ttl(TTL).wait_forever().expect("free").fence() > fence);
    assert!(!locks.is_locked("report").expect("a store that works"), "it was dropped");
}

/// Threads wait in line, one at a time has it, and all get it.
#[test]
fn threads_wait_for_each_other() {
    let locks = locks();
    let (inside, done) = (AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let guard = locks.lock("report").wait(LONG).expect("its turn");
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(guard);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(done.into_inner(), 400);
}

#[test]
fn work_is_done_under_its_lock() {
    let locks = locks();
    let under = locks.with_lock("report", |_| locks.is_locked("report").expect("a store that works"));
    assert!(under.expect("free"));
    let panics = thread::scope(|scope| scope.spawn(|| locks.with_lock("report", |_| panic!("on purpose"))).join());
    assert!(panics.is_err());
    assert!(!locks.is_locked("report").expect("a store that works"), "the work is over");
}

#[test]
fn keys_are_locked_together_and_handed_over_and_forced() {
    let locks = locks();
    let guards = locks.try_lock_all(["b", "a"], TTL).expect("free");
    let error = locks.try_lock_all(["c", "a"], TTL).expect_err("one is held");
    assert_eq!((error.is_busy(), error.resource()), (true, Some("a")));
    drop(guards);
    let token = locks.try_lock("a", TTL).expect("free").detach().expect("held");
    assert!(locks.is_locked("a").expect("a store that works"), "nobody guards it, and it is held");
    let restored = locks.restore(&token, TTL).expect("held");
    assert!(restored.is_lost().is_none());
    assert!(locks.force_unlock("a").expect("a store that works"));
    assert!(restored.is_lost().is_some());
    assert!(matches!(restored.release(), Err(Error::Lost(_))));
    assert!(!locks.force_unlock("a").expect("a store that works"));
}

/// The guard outlives the locks that it came from, and still unlocks.
#[test]
fn a_guard_needs_nobody() {
    let store = MemoryStore::new();
    let (locks, others) = (Locks::new(store.clone()).expect("a thread"), Locks::new(store).expect("a thread"));
    let guard = locks.try_lock("report", TTL).expect("free");
    drop(locks);
    assert!(others.is_locked("report").expect("a store that works"));
    thread::spawn(move || drop(guard)).join().expect("no panic");
    assert!(!others.is_locked("report").expect("a store that works"));
}

/// Inside a runtime it works, of either kind, and shares its gates with the asynchronous locks of that store.
#[test]
fn inside_a_runtime_it_works() {
    for threads in [0, 2] {
        let runtime = match threads {
            0 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
            threads => tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
        };
        runtime.expect("a runtime").block_on(async {
            let store = MemoryStore::new();
            let theirs = AsyncLocks::new(store.clone()).expect("a valid configuration");
            let locks = Locks::new(store).expect("a thread");
            let guard = locks.lock("report").wait(LONG).expect("free");
            assert!(theirs.try_lock("report", TTL).await.is_err_and(|error| error.is_busy()));
            drop(guard);
            let guard = theirs.try_lock("report", TTL).await.expect("free");
            assert!(locks.try_lock("report", TTL).is_err_and(|error| error.is_busy()));
            drop((guard, locks));
        });
    }
}

/// Used by an observer on the thread that would have to answer, it says so instead of waiting for itself.
#[test]
fn on_its_own_thread_it_is_an_error() {
    static LOCKS: OnceLock<Locks> = OnceLock::new();
    let (said, heard) = mpsc::channel();
    let observer = move |event: &Event<'_>| {
        if let (EventKind::Admitted, Some(locks)) = (event.kind, LOCKS.get()) {
            let _ = said.send(locks.is_locked(event.resource));
        }
    };
    let builder = Airlock::builder("observed").observer(observer);
    let locks = LOCKS.get_or_init(|| Locks::with(builder).expect("a thread"));
    let guard = locks.try_lock("report", TTL).expect("free");
    assert!(matches!(heard.recv(), Ok(Err(Error::Unavailable(_)))));
    guard.release().expect("held");
}

/// A failed store is unavailable, and what a guard could not say it says in the background.
#[test]
fn a_failed_store_is_unavailable() {
    let store = FailingStore::default();
    let locks = Locks::new(store.clone()).expect("a thread");
    let guard = locks.try_lock("report", TTL).expect("free");
    store.plan.fail_after(0, usize::MAX);
    assert!(matches!(locks.try_lock("other", TTL), Err(Error::Unavailable(_))));
    assert!(matches!(locks.lock("other").wait(Duration::from_millis(50)), Err(Error::Unavailable(_))));
    drop(guard);
    store.plan.fail_after(0, 0);
    assert!(!locks.is_locked("report").expect("a store that works"));
    let refused = Locks::open(async { Err::<MemoryStore, _>(ConfigError::new("url", "there is none")) });
    assert_eq!(refused.expect_err("there is no store").field(), "url");
}
