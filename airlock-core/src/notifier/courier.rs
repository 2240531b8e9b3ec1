//! The way of a turn: a queue, a thread, and as many tries as there is time for.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::tally::{Tally, Telling};
use super::{Notifier, TopicPrefix, Turn};
use crate::airlock::time_of;
use crate::backoff::Backoff;
use crate::gate::{Change, Effect, Micros};

/// How many turns may wait to be told.
const QUEUE: usize = 1024;
/// How many are told at once.
const AT_ONCE: u32 = 16;
/// How long one try may take.
const TRY: Duration = Duration::from_secs(5);

/// Takes turns to the notifier of one airlock. Never waits.
pub(crate) struct Courier {
    airlock: Arc<str>,
    topics: TopicPrefix,
    notifier: Arc<dyn Notifier>,
    /// None if there could be no thread.
    queue: OnceLock<Option<mpsc::Sender<Turn>>>,
    tally: Arc<Tally>,
}

impl Courier {
    pub(crate) fn new(airlock: Arc<str>, topics: TopicPrefix, notifier: Arc<dyn Notifier>) -> Self {
        let tally = Arc::new(Tally::new(airlock.clone()));
        Courier { airlock, topics, notifier, queue: OnceLock::new(), tally }
    }

    /// Has everybody told whom a step offered a place, and who has not heard of it otherwise.
    pub(crate) fn take<Id>(&self, resource: &str, effects: &[Effect<Id>], now: Micros) {
        for (at, effect) in effects.iter().enumerate() {
            let Change::Offered { nonce, claim_by } = effect.change else { continue };
            let Some(identity) = &effect.identity else { continue };
            // Taken up, or over, in the same step: an admission has a number of its own.
            if effects[at + 1..].iter().any(|later| later.fence == effect.fence) {
                continue;
            }
            self.send(Turn {
                airlock: self.airlock.clone(),
                resource: resource.into(),
                identity: identity.clone(),
                topic: self.topics.topic(&self.airlock, identity).into(),
                nonce,
                claim_by: time_of(claim_by),
                ends: Instant::now() + Duration::from_micros(claim_by.saturating_sub(now)),
            });
        }
    }

    fn send(&self, turn: Turn) {
        let queue = self.queue.get_or_init(|| self.start());
        if queue.as_ref().is_none_or(|queue| queue.try_send(turn).is_err()) {
            self.tally.dropped();
        }
    }

    /// Starts the thread, which ends with this and when the last turn is told, or over.
    fn start(&self) -> Option<mpsc::Sender<Turn>> {
        let (queue, turns) = mpsc::channel(QUEUE);
        let (notifier, tally) = (self.notifier.clone(), self.tally.clone());
        let thread = std::thread::Builder::new().name("airlock-notifier".to_owned());
        let started = thread.spawn(move || match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(tell_all(turns, notifier, tally)),
            // Its queue is gone with it, which is what those find who send.
            Err(error) => tracing::error!(target: "airlock", %error, "there can be no thread for a notifier"),
        });
        started.ok().map(|_| queue)
    }
}

async fn tell_all(mut turns: mpsc::Receiver<Turn>, notifier: Arc<dyn Notifier>, tally: Arc<Tally>) {
    let places = Arc::new(Semaphore::new(AT_ONCE as usize));
    loop {
        // Only closed by who holds it, which is nobody.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Some(turn) = turns.recv().await else { break };
        let (notifier, telling) = (notifier.clone(), tally.clone().telling());
        tokio::spawn(async move {
            tell(&*notifier, &turn, telling).await;
            drop(place);
        });
    }
    let _ = places.acquire_many(AT_ONCE).await;
}

/// Tells one turn, if it takes several tries.
async fn tell(notifier: &dyn Notifier, turn: &Turn, mut telling: Telling) {
    let mut backoff = Backoff::new();
    loop {
        let left = turn.claim_within();
        if left.is_zero() {
            return;
        }
        match timeout(left.min(TRY), notifier.notify(turn)).await {
            Ok(Ok(())) => return telling.done(),
            Ok(Err(error)) => {
                telling.failed(&error);
                if !error.is_temporary() {
                    return;
                }
            }
            Err(_) => telling.took_too_long(),
        }
        let pause = backoff.pause();
        if pause >= turn.claim_within() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}
