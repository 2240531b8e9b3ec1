//! Futures that are dropped at every await point, and a crowd that cancels at random: nothing is left of anybody.

mod yielding;

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::store::{MemoryStore, Store};
use airlock_core::{Airlock, Entered, Entrant, Seal, Standing, Ticket};
use yielding::YieldingStore;

const ROOM: &str = "room";

/// More polls than any call here takes to its end, where it comes to one.
const ENOUGH: usize = 12;

/// An airlock, and the clock of its store: what is remembered of tokens in doubt is forgotten after a minute.
struct Scene {
    airlock: Airlock,
    clock: TestClock,
}

impl Scene {
    fn on<S: Store>(limit: u32, store: impl FnOnce(MemoryStore) -> S) -> Self {
        let clock = TestClock::new();
        let store = store(MemoryStore::with_clock(&clock));
        let airlock = Airlock::builder("cancelling").seal(Seal::semaphore(limit)).store(store).build();
        Scene { airlock: airlock.expect("a valid configuration"), clock }
    }

    /// On the memory store, and on one that takes its time.
    fn both(limit: u32) -> [(&'static str, Scene); 2] {
        [("memory", Scene::on(limit, |memory| memory)), ("yielding", Scene::on(limit, YieldingStore))]
    }

    /// No permit, no place and no gate is left.
    async fn nothing_is_left(&self, when: &str) {
        let seen = self.airlock.inspect(ROOM).await.expect("a store that works");
        assert_eq!((seen.in_use, seen.offered, seen.waiting), (0, 0, 0), "{when}");
        self.clock.advance(Duration::from_secs(60));
        let survey = self.airlock.survey(0, 1).await.expect("a store that works");
        assert_eq!(survey.total, 0, "{when}: {survey:?}");
    }

    /// Somebody who is away and was offered a place, and the offer's nonce.
    async fn offered(&self) -> (Ticket, u64) {
        let inside = self.airlock.try_enter(ROOM).await.expect("room");
        let Ok(Entered::Queued(ticket)) = self.airlock.enter(Entrant::new(ROOM).identity("ada")).await else {
            panic!("should be in line")
        };
        inside.release().await.expect("a lease");
        let Ok(Standing::Offered(offer)) = self.airlock.poll(&ticket.token).await else { panic!("should be offered") };
        (ticket, offer.nonce)
    }
}

/// Polls so many times at most; none if the future was dropped before its end.
async fn poll_at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// An acquire into an empty room gives back what it was granted.
#[tokio::test]
async fn acquire_with_room() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            drop(poll_at_most(polls, scene.airlock.acquire(Entrant::new(ROOM).identity("ada")).into_future()).await);
            scene.nothing_is_left(&format!("{store}, {polls} polls")).await;
        }
    }
}

/// An acquire in line leaves it, and whoever is behind it gets in.
#[tokio::test]
async fn acquire_in_line() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            let inside = scene.airlock.try_enter(ROOM).await.expect("room");
            let ended = poll_at_most(polls, scene.airlock.acquire(ROOM).into_future()).await;
            assert!(ended.is_none(), "{store}, {polls} polls: there was no room, but {ended:?}");
            let seen = scene.airlock.inspect(ROOM).await.expect("a store that works");
            assert_eq!((seen.in_use, seen.waiting), (1, 0), "{store}, {polls} polls");
            inside.release().await.expect("a lease");
            scene.nothing_is_left(&format!("{store}, {polls} polls")).await;
        }
    }
}

/// A wait that is dropped between being granted and being polled gives the place to the next.
#[tokio::test]
async fn acquire_when_granted() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            let inside = scene.airlock.try_enter(ROOM).await.expect("room");
            let mut first = Box::pin(scene.airlock.acquire(ROOM).into_future());
            assert!(poll_at_most(polls, &mut first).await.is_none());
            let mut second = Box::pin(scene.airlock.acquire(ROOM).into_future());
            assert!(poll_at_most(ENOUGH, &mut second).await.is_none());
            inside.release().await.expect("a lease");
            drop(first);
            let second = poll_at_most(ENOUGH, second).await.expect("its turn").expect("its turn");
            drop(second);
            scene.nothing_is_left(&format!("{store}, {polls} polls")).await;
        }
    }
}

/// A try gives back what it was granted.
#[tokio::test]
async fn try_enter() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            drop(poll_at_most(polls, scene.airlock.try_enter(Entrant::new(ROOM).identity("ada")).into_future()).await);
            scene.nothing_is_left(&format!("{store}, {polls} polls")).await;
        }
    }
}

/// Entering gives back what it was granted, and its place in line: nobody has the ticket.
#[tokio::test]
async fn enter() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            drop(poll_at_most(polls, scene.airlock.enter(Entrant::new(ROOM).identity("ada"))).await);
            scene.nothing_is_left(&format!("{store}, {polls} polls into an empty room")).await;

            let inside = scene.airlock.try_enter(ROOM).await.expect("room");
            let queued = poll_at_most(polls, scene.airlock.enter(Entrant::new(ROOM).identity("ada"))).await;
            if let Some(Ok(Entered::Queued(ticket))) = queued {
                assert!(scene.airlock.leave(&ticket.token).await.expect("a store that works"));
            }
            inside.release().await.expect("a lease");
            scene.nothing_is_left(&format!("{store}, {polls} polls into the line")).await;
        }
    }
}

/// A claim that was dropped may have been carried out; claiming again finds out, and nothing is left.
#[tokio::test]
async fn claim() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            let (ticket, nonce) = scene.offered().await;
            let first = poll_at_most(polls, scene.airlock.claim(&ticket.token, nonce)).await;
            if first.is_none() {
                let permit = scene.airlock.claim(&ticket.token, nonce).await.expect("an offer, or its lease");
                permit.release().await.expect("a lease");
            }
            drop(first);
            scene.nothing_is_left(&format!("{store}, {polls} polls")).await;
        }
    }
}

/// A claim that was dropped can be left as well as repeated.
#[tokio::test]
async fn claim_and_leave() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            let (ticket, nonce) = scene.offered().await;
            let first = poll_at_most(polls, scene.airlock.claim(&ticket.token, nonce)).await;
            if first.is_none() {
                assert!(scene.airlock.leave(&ticket.token).await.expect("a store that works"));
            }
            drop(first);
            scene.nothing_is_left(&format!("{store}, {polls} polls")).await;
        }
    }
}

/// Work that is dropped is dropped with its permit, while it waits and while it works.
#[tokio::test]
async fn with_admitted() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            let work = |_| async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            };
            poll_at_most(polls, scene.airlock.with_admitted(ROOM, work)).await;
            scene.nothing_is_left(&format!("{store}, {polls} polls")).await;
            poll_at_most(polls, scene.airlock.try_with_admitted(ROOM, work)).await;
            scene.nothing_is_left(&format!("{store}, {polls} polls of a try")).await;
        }
    }
}

/// A release that is dropped releases.
#[tokio::test]
async fn release() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            let permit = scene.airlock.try_enter(ROOM).await.expect("room");
            poll_at_most(polls, permit.release()).await;
            scene.nothing_is_left(&format!("{store}, {polls} polls")).await;
        }
    }
}

/// A renewal that is dropped neither releases nor breaks the permit.
#[tokio::test]
async fn renew() {
    for (store, scene) in Scene::both(1) {
        for polls in 0..ENOUGH {
            let permit = scene.airlock.try_enter(ROOM).await.expect("room");
            poll_at_most(polls, permit.renew()).await;
            assert!(scene.airlock.try_enter(ROOM).await.is_err(), "{store}, {polls} polls: it was released");
            permit.renew().await.expect("a lease");
            permit.release().await.expect("a lease");
            scene.nothing_is_left(&format!("{store}, {polls} polls")).await;
        }
    }
}

const ENTRANTS: u64 = 100_000;
const AT_A_TIME: u64 = 50;
const ROOMS: usize = 7;
const LIMIT: u32 = 3;

/// 100,000 entrants who come, wait, cancel, hold and leave as chance has it: never more than the limit inside, and
/// nothing is left of anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_on_the_memory_store() {
    crowd(Scene::on(LIMIT, |memory| memory)).await;
}

/// The same where every command takes its time, and is cancelled in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_on_a_store_that_takes_its_time() {
    crowd(Scene::on(LIMIT, YieldingStore)).await;
}

async fn crowd(scene: Scene) {
    let seed: u64 = match std::env::var("AIRLOCK_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => rand::random(),
    };
    println!("AIRLOCK_SEED={seed}");
    let inside: Arc<[AtomicU32; ROOMS]> = Arc::default();
    let admitted = Arc::new(AtomicU64::new(0));
    let crowd: Vec<_> = (0..AT_A_TIME)
        .map(|number| {
            let (airlock, inside, admitted) = (scene.airlock.clone(), inside.clone(), admitted.clone());
            tokio::spawn(async move {
                let mut chance = Chance(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                for _ in 0..ENTRANTS / AT_A_TIME {
                    visit(&airlock, &inside, &admitted, &mut chance).await;
                }
            })
        })
        .collect();
    for visitor in crowd {
        visitor.await.expect("no panic");
    }
    let admitted = admitted.load(Ordering::SeqCst);
    // How many depends on the machine; a few there are on any.
    assert!(admitted > ENTRANTS / 1000, "only {admitted} were ever admitted: this tests nothing");
    scene.clock.advance(Duration::from_secs(60));
    let survey = scene.airlock.survey(0, 10).await.expect("a store that works");
    assert_eq!(survey.total, 0, "{survey:?}");
}

/// One entrant, from coming to leaving.
async fn visit(airlock: &Airlock, inside: &[AtomicU32; ROOMS], admitted: &AtomicU64, chance: &mut Chance) {
    let room = chance.below(ROOMS as u64) as usize;
    let resource = format!("room {room}");
    let mut entrant = Entrant::new(resource);
    if chance.below(3) == 0 {
        entrant = entrant.identity(format!("visitor {}", chance.below(20)));
    }
    let patience = chance.below(40) as usize;
    let permit = match chance.below(4) {
        0 => poll_at_most(patience, airlock.try_enter(entrant).into_future()).await.and_then(Result::ok),
        1 => match poll_at_most(patience, airlock.enter(entrant)).await {
            Some(Ok(Entered::Admitted(permit))) => Some(permit),
            Some(Ok(Entered::Queued(ticket))) => away(airlock, &ticket, patience).await,
            _ => None,
        },
        _ => poll_at_most(patience, airlock.acquire(entrant).into_future()).await.and_then(Result::ok),
    };
    let Some(permit) = permit else { return };
    admitted.fetch_add(1, Ordering::Relaxed);
    let with_me = inside[room].fetch_add(1, Ordering::SeqCst) + 1;
    assert!(with_me <= LIMIT, "{with_me} inside");
    for _ in 0..chance.below(4) {
        tokio::task::yield_now().await;
    }
    inside[room].fetch_sub(1, Ordering::SeqCst);
    match chance.below(4) {
        0 => drop(permit),
        1 => _ = poll_at_most(patience, permit.release()).await,
        2 => {
            let token = permit.detach().expect("a lease");
            airlock.release(&token).await.expect("a lease");
        }
        _ => permit.release().await.expect("a lease"),
    }
}

/// Somebody who is away: asks now and then, claims what it is offered, and leaves when it has enough.
async fn away(airlock: &Airlock, ticket: &Ticket, patience: usize) -> Option<airlock_core::Permit> {
    for _ in 0..patience {
        match airlock.poll(&ticket.token).await.expect("a store that works") {
            Standing::Waiting(_) => tokio::task::yield_now().await,
            Standing::Offered(offer) => return airlock.claim(&ticket.token, offer.nonce).await.ok(),
            // Somebody of the same name took its place.
            _ => return None,
        }
    }
    airlock.leave(&ticket.token).await.expect("a store that works");
    None
}

/// splitmix64: enough chance for a test, and the same for a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
