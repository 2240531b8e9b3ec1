//! The memory store under a model checker, which runs each scenario under thousands of interleavings.
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" cargo test -p airlock-core --test shuttle --target-dir target/shuttle
//! ```
//!
//! Threads, futures and the locks of the crate are shuttle's; time stands still unless a scenario moves it. A
//! future that is never woken is a deadlock, which shuttle reports, as it does each panic, with the schedule that
//! leads there, and the seed: `SHUTTLE_RANDOM_SEED=…` runs it again. A failure that leaves permits behind aborts as
//! they are dropped outside the model; `-- --nocapture` shows what it was. What must hold in the end is the same for every scenario: see [`Scene::end`].

#![cfg(shuttle)]

use std::collections::HashMap;
use std::future::IntoFuture as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use airlock_core::clock::TestClock;
use airlock_core::observer::{Event, EventKind};
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, Ending, Entering, Entrant, Error, Permit, Reason, Seal, Whom};
use shuttle::future::block_on;
use shuttle::scheduler::RandomScheduler;
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config, Runner};

/// How many interleavings of each scenario, with an observer and without one: then less is recorded.
const INTERLEAVINGS: usize = 3_000;

const ROOM: &str = "room";
const TTL: Duration = Duration::from_secs(30);

/// One airlock, and what was seen of it.
#[derive(Clone)]
struct Scene {
    airlock: Airlock,
    clock: TestClock,
    start: SystemTime,
    events: Option<Arc<Mutex<Vec<EventKind>>>>,
    inside: Arc<AtomicUsize>,
    last_fence: Arc<Mutex<u64>>,
    limit: u32,
}

/// Explores a scenario with this many places.
fn explore(limit: u32, scenario: fn(Scene)) {
    // Only `shutdown` asks for a runtime, for a grace that never ends here.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _context = runtime.enter();
    for observed in [false, true] {
        let mut config = Config::new();
        config.stack_size = 0x4_0000;
        let runner = Runner::new(RandomScheduler::new(INTERLEAVINGS), config);
        runner.run(move || scenario(Scene::new(limit, observed)));
    }
}

impl Scene {
    fn new(limit: u32, observed: bool) -> Self {
        let clock = TestClock::new();
        let mut builder =
            Airlock::builder("scene").seal(Seal::semaphore(limit).ttl(TTL)).store(MemoryStore::with_clock(&clock));
        let events = observed.then(Arc::default);
        if let Some(events) = events.clone() {
            let events: Arc<Mutex<Vec<EventKind>>> = events;
            builder = builder.observer(move |event: &Event<'_>| events.lock().expect("alive").push(event.kind));
        }
        let airlock = builder.build().expect("it is well configured");
        let start = clock.now();
        Scene { airlock, clock, start, events, inside: Arc::default(), last_fence: Arc::default(), limit }
    }

    fn spawn<T: Send + 'static>(&self, work: impl FnOnce(&Scene) -> T + Send + 'static) -> JoinHandle<T> {
        let scene = self.clone();
        thread::spawn(move || work(&scene))
    }

    fn try_enter(&self) -> Result<Permit, Error> {
        block_on(async { self.airlock.try_enter(ROOM).await })
    }

    fn acquire<'a>(&self, entrant: impl Into<Entrant<'a>>) -> Result<Permit, Error> {
        block_on(async { self.airlock.acquire(entrant).await })
    }

    fn evict(&self, fence: u64) -> bool {
        block_on(self.airlock.evict(ROOM, Whom::Fence(fence))).expect("memory answers")
    }

    /// Is inside for a moment, in which nobody else may be, and after nobody with a higher fence.
    fn work(&self, permit: &Permit) {
        let before = self.inside.fetch_add(1, Ordering::SeqCst);
        assert!(before < self.limit as usize, "{before} were inside already");
        thread::yield_now();
        if self.limit == 1 {
            let last = std::mem::replace(&mut *self.last_fence.lock().expect("alive"), permit.fence());
            assert!(last < permit.fence(), "fence {} after {last}", permit.fence());
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    /// Everybody has gone: nothing is left, there is room, and who was let in went out once.
    fn end(self) {
        let left = block_on(self.airlock.survey(0, 10)).expect("memory answers");
        assert_eq!(left.total, 0, "left behind: {left:?}");
        let room: Vec<_> = (0..self.limit).map(|_| self.try_enter().expect("there is room")).collect();
        assert!(self.try_enter().is_err(), "there is too much room");
        drop(room);
        self.account();
    }

    /// Who is queued is let in or leaves, and who is let in goes out: each exactly once.
    fn account(&self) {
        let Some(events) = &self.events else { return };
        let mut counts = HashMap::new();
        for kind in events.lock().expect("alive").iter() {
            *counts.entry(*kind).or_insert(0) += 1;
        }
        let count = |kind| counts.get(&kind).copied().unwrap_or(0);
        let out = [Ending::Released, Ending::Lapsed].map(|ending| count(EventKind::Ended(ending)));
        // Who is put out here was inside.
        let out: i32 = out.iter().sum::<i32>() + count(EventKind::Ended(Ending::Evicted));
        assert_eq!(count(EventKind::Admitted), out, "{counts:?}");
        assert!(count(EventKind::Ended(Ending::Left)) <= count(EventKind::Queued), "{counts:?}");
    }
}

/// A future that was polled once, or what it came to.
fn poll_once(future: &mut Entering<'_>) -> Poll<Result<Permit, Error>> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_hand_off_meets_a_future_that_is_dropped() {
    explore(1, |scene| {
        let permit = scene.try_enter().expect("it is empty");
        let impatient = scene.spawn(|scene| {
            let mut waiting = scene.airlock.acquire(ROOM).into_future();
            for _ in 0..2 {
                if let Poll::Ready(permit) = poll_once(&mut waiting) {
                    scene.work(&permit.expect("nobody is refused"));
                    return;
                }
                thread::yield_now();
            }
            // Granted in this very moment, or not: it is given back, or leaves.
            drop(waiting);
        });
        let patient = scene.spawn(|scene| scene.work(&scene.acquire(ROOM).expect("its turn comes")));
        scene.work(&permit);
        drop(permit);
        impatient.join().expect("no panic");
        patient.join().expect("no panic");
        scene.end();
    });
}

#[test]
fn everybody_who_waits_is_woken() {
    explore(2, |scene| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scene.spawn(|scene| {
                    for _ in 0..2 {
                        scene.work(&scene.acquire(ROOM).expect("its turn comes"));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        scene.end();
    });
}

#[test]
fn a_gate_vanishes_while_others_enter() {
    explore(1, |scene| {
        let threads: Vec<_> = (0..3)
            .map(|_| {
                scene.spawn(|scene| {
                    for _ in 0..3 {
                        match scene.try_enter() {
                            Ok(permit) => scene.work(&permit),
                            Err(error) => assert!(error.is_busy(), "{error}"),
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        scene.end();
    });
}

#[test]
fn a_stale_handle_never_touches_the_next_holder() {
    explore(1, |scene| {
        let stale = scene.try_enter().expect("it is empty");
        let fence = stale.fence();
        let evicts = scene.spawn(move |scene| scene.evict(fence));
        // Comes into the slot, or the gate, of the one before.
        let next = scene.spawn(|scene| scene.acquire(ROOM).expect("its turn comes"));
        let drops = scene.spawn(move |_| drop(stale));
        evicts.join().expect("no panic");
        let next = next.join().expect("no panic");
        drops.join().expect("no panic");

        let seen = block_on(scene.airlock.inspect(ROOM)).expect("memory answers");
        let fences: Vec<u64> = seen.holders.iter().map(|holder| holder.fence).collect();
        assert_eq!(fences, [next.fence()], "inside is whom the stale handle has nothing to do with");
        assert!(next.is_lost().is_none() && scene.try_enter().is_err());
        drop(next);
        scene.end();
    });
}

#[test]
fn an_eviction_meets_a_release() {
    explore(1, |scene| {
        let permit = scene.try_enter().expect("it is empty");
        let fence = permit.fence();
        let evicts = scene.spawn(move |scene| scene.evict(fence));
        let releases = scene.spawn(move |_| block_on(permit.release()).is_ok());
        let waits = scene.spawn(|scene| scene.work(&scene.acquire(ROOM).expect("its turn comes")));
        let evicted = evicts.join().expect("no panic");
        let released = releases.join().expect("no panic");
        waits.join().expect("no panic");
        assert_ne!(evicted, released, "it goes once, and both are told the truth");
        scene.end();
    });
}

#[test]
fn who_is_put_out_hears_of_it() {
    explore(1, |scene| {
        let permit = scene.try_enter().expect("it is empty");
        let fence = permit.fence();
        let evicts = scene.spawn(move |scene| assert!(scene.evict(fence)));
        let next = scene.spawn(|scene| scene.work(&scene.acquire(ROOM).expect("its turn comes")));
        // Whether it began to listen before or after; only the first knows why.
        let lost = block_on(permit.lost());
        assert!(matches!(lost.ending, None | Some(Ending::Evicted)), "{lost:?}");
        drop(permit);
        evicts.join().expect("no panic");
        next.join().expect("no panic");
        scene.end();
    });
}

#[test]
fn an_eviction_meets_a_future_that_is_dropped() {
    explore(1, |scene| {
        let permit = scene.try_enter().expect("it is empty");
        let mut waiting = scene.airlock.acquire(Entrant::new(ROOM).identity("ada")).into_future();
        assert!(poll_once(&mut waiting).is_pending());
        let evicts = scene.spawn(|scene| block_on(scene.airlock.evict(ROOM, Whom::Identity("ada"))).is_ok());
        let drops = scene.spawn(move |_| drop(waiting));
        assert!(evicts.join().expect("no panic"));
        drops.join().expect("no panic");
        drop(permit);
        let left = block_on(scene.airlock.survey(0, 10)).expect("memory answers");
        assert_eq!(left.total, 0, "left behind: {left:?}");
    });
}

#[test]
fn an_identity_is_inside_at_most_once() {
    explore(2, |scene| {
        let holders: Vec<_> = (0..2).map(|_| scene.try_enter().expect("there is room")).collect();
        let inside = Arc::new(AtomicUsize::new(0));
        let twins: Vec<_> = (0..2)
            .map(|_| {
                let inside = inside.clone();
                scene.spawn(move |scene| match scene.acquire(Entrant::new(ROOM).identity("ada")) {
                    Ok(permit) => {
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "ada is inside twice");
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                        true
                    }
                    Err(error) => {
                        let reason = error.refusal().expect("nothing broke").reason;
                        assert!(matches!(reason, Reason::Superseded | Reason::Duplicate), "{reason:?}");
                        false
                    }
                })
            })
            .collect();
        let releases = scene.spawn(move |_| drop(holders));
        let admitted: Vec<bool> = twins.into_iter().map(|twin| twin.join().expect("no panic")).collect();
        releases.join().expect("no panic");
        assert!(admitted.contains(&true), "neither was let in");
        scene.end();
    });
}

#[test]
fn a_deadline_meets_a_renewal() {
    explore(1, |scene| {
        let token = scene.try_enter().expect("it is empty").detach().expect("it is held");
        let waits = scene.spawn(|scene| scene.work(&scene.acquire(ROOM).expect("its turn comes")));
        // It comes too late, or as long before its time that it makes no difference: nothing but the alarm lets
        // the waiter in.
        let renews = scene.spawn(move |scene| match block_on(scene.airlock.renew(&token)) {
            Ok(until) => assert_eq!(until, scene.start + TTL),
            Err(error) => assert!(matches!(error, Error::Lost(_)), "{error}"),
        });
        let clock = scene.clock.clone();
        let time = thread::spawn(move || clock.advance(TTL));
        for thread in [waits, renews, time] {
            thread.join().expect("no panic");
        }
        scene.end();
    });
}

#[test]
fn a_shutdown_meets_everybody() {
    explore(1, |scene| {
        let permit = scene.try_enter().expect("it is empty");
        let closes = scene.spawn(|scene| block_on(scene.airlock.shutdown(Duration::from_secs(3600))));
        let enters = scene.spawn(|scene| match scene.acquire(ROOM) {
            Ok(permit) => scene.work(&permit),
            Err(error) => assert_eq!(error.refusal().map(|refusal| refusal.reason), Some(Reason::ShuttingDown)),
        });
        let drops = scene.spawn(|scene| {
            let mut waiting = scene.airlock.acquire(ROOM).into_future();
            let _ = poll_once(&mut waiting);
            drop(waiting);
        });
        let leaves = scene.spawn(move |scene| {
            scene.work(&permit);
            drop(permit);
        });
        enters.join().expect("no panic");
        drops.join().expect("no panic");
        leaves.join().expect("no panic");
        let handed_back = closes.join().expect("no panic").expect("memory answers");
        assert_eq!(handed_back, 0, "everybody left in time");

        let refused = scene.try_enter().expect_err("it is closed");
        assert_eq!(refused.refusal().map(|refusal| refusal.reason), Some(Reason::ShuttingDown));
        assert_eq!(block_on(scene.airlock.survey(0, 10)).expect("memory answers").total, 0);
        scene.account();
    });
}

#[test]
fn a_shutdown_sends_waiters_away() {
    explore(1, |scene| {
        let permit = scene.try_enter().expect("it is empty");
        let closes = scene.spawn(|scene| block_on(scene.airlock.shutdown(Duration::from_secs(3600))));
        let waiters = [(); 2].map(|()| {
            scene.spawn(|scene| {
                let refused = scene.acquire(ROOM).expect_err("somebody is inside");
                assert_eq!(refused.refusal().map(|refusal| refusal.reason), Some(Reason::ShuttingDown));
            })
        });
        // Whoever is inside stays until they have gone.
        for waiter in waiters {
            waiter.join().expect("no panic");
        }
        scene.work(&permit);
        drop(permit);
        assert_eq!(closes.join().expect("no panic").expect("memory answers"), 0);
    });
}
