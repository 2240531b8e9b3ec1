use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use tokio::sync::broadcast::{self, error::RecvError};

use super::{Notifier, NotifyError, Turn};
use crate::airlock::Airlock;
use crate::error::InvalidEntrant;
use crate::store::BoxFuture;
use crate::sync::Mutex;

/// How many turns a subscriber may be behind. Who falls back further misses the oldest, which are over first.
const BEHIND: usize = 16;

/// Turns as a stream in this process: for a WebSocket, a server-sent event, a test. Clones are the same.
///
/// A subscriber gets the turns of one identity at one airlock, and no other's. Only turns that came up in this process: where
/// several share a store, another may have brought one about, and told its own subscribers.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::notifier::Turns;
/// use airlock_core::{Airlock, Entered, Entrant, Seal};
///
/// let turns = Turns::new();
/// let desk = Airlock::builder("desk").seal(Seal::lock()).notifier(turns.clone()).build()?;
/// let inside = desk.try_enter("window").await?;
/// let Entered::Queued(ticket) = desk.enter(Entrant::new("window").identity("ada")).await? else { panic!("no room") };
///
/// let mut hers = turns.subscribe(&desk, "ada")?;
/// drop(inside);
/// let turn = hers.next().await.expect("the airlock is there");
/// let permit = desk.claim(&ticket.token, turn.nonce).await?;
/// # let _ = permit;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Turns(Arc<Topics>);

/// By topic.
type Topics = Mutex<HashMap<Arc<str>, broadcast::Sender<Turn>>>;

impl Turns {
    /// Nobody has subscribed yet.
    pub fn new() -> Self {
        Turns::default()
    }

    /// The turns of that identity at that airlock from now on.
    ///
    /// # Errors
    ///
    /// When the identity is no valid name.
    pub fn subscribe(&self, airlock: &Airlock, identity: &str) -> Result<Subscription, InvalidEntrant> {
        let topic: Arc<str> = airlock.topic(identity)?.into();
        let mut topics = self.0.lock();
        let sender = topics.entry(topic.clone()).or_insert_with(|| broadcast::channel(BEHIND).0);
        Ok(Subscription { turns: Some(sender.subscribe()), topic, topics: Arc::downgrade(&self.0) })
    }
}

impl Notifier for Turns {
    fn notify<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), NotifyError>> {
        let sender = self.0.lock().get(&turn.topic).cloned();
        // Whoever has not subscribed asks.
        let _ = sender.map(|sender| sender.send(turn.clone()));
        Box::pin(async { Ok(()) })
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("topics", &self.0.lock().len()).finish()
    }
}

/// The turns of one identity; made by [`Turns::subscribe`]. Dropping it unsubscribes.
pub struct Subscription {
    /// Until it is dropped.
    turns: Option<broadcast::Receiver<Turn>>,
    topic: Arc<str>,
    topics: Weak<Topics>,
}

impl Subscription {
    /// The next turn; none when every [`Turns`] is gone, those of airlocks included.
    ///
    /// # Cancel safety
    ///
    /// No turn is lost by dropping the future.
    pub async fn next(&mut self) -> Option<Turn> {
        let turns = self.turns.as_mut()?;
        loop {
            match turns.recv().await {
                Ok(turn) => return Some(turn),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let Some(topics) = self.topics.upgrade() else { return };
        let mut topics = topics.lock();
        // Counted under the lock, under which others subscribe.
        drop(self.turns.take());
        if topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            topics.remove(&self.topic);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
