//! Group commit: what arrives for a gate while a call to it is in flight goes together in the next.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use tokio::sync::oneshot;

use super::Asked;
use super::gates::Known;
use crate::error::StoreError;
use crate::sync::Mutex;

/// How many commands one call carries at most.
const BATCH: usize = 256;

/// How many calls to one gate are under way at most: the next is at the store when it has decided the last.
pub(super) const AT_ONCE: usize = 2;
/// How many commands have to wait for a call that is under way before another is sent beside it.
const ENOUGH: usize = BATCH / 2;

/// Where an answer goes.
pub(super) enum Reply {
    To(oneshot::Sender<Result<Known, StoreError>>),
    /// Nobody waits for it: it goes in the background.
    Nobody,
}

/// One command on its way.
pub(super) struct Entry {
    pub(super) asked: Asked,
    pub(super) reply: Reply,
}

/// What waits to be sent, gate by gate.
#[derive(Default)]
pub(super) struct Queues(Mutex<HashMap<Arc<str>, Queue>>);

#[derive(Default)]
struct Queue {
    /// Releases and what else makes room: never behind those who want it.
    first: VecDeque<Entry>,
    rest: VecDeque<Entry>,
    /// Who sends wants to know when there is enough for another call.
    sender: Option<Waker>,
}

impl Queue {
    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }
}

/// What there is to send.
pub(super) enum Taken {
    Batch(Vec<Entry>),
    /// So little that whoever is about to ask as well may be waited for.
    Little,
    /// Not enough for another call beside those under way. Whoever sends is woken when there is.
    NotEnough,
    /// Nothing: and from then on nobody is sending for this gate.
    Nothing,
}

impl Queues {
    /// Adds a command. True if nobody is sending for this gate: then the caller has to.
    pub(super) fn add(&self, resource: &Arc<str>, entry: Entry) -> bool {
        let mut queues = self.0.lock();
        let starts = !queues.contains_key(resource);
        let queue = queues.entry(resource.clone()).or_default();
        if entry.asked.makes_room() {
            queue.first.push_back(entry)
        } else {
            queue.rest.push_back(entry)
        }
        let sender = if queue.len() >= ENOUGH { queue.sender.take() } else { None };
        drop(queues);
        if let Some(sender) = sender {
            sender.wake();
        }
        starts
    }

    /// What to send next while so many calls are under way. With `patient`, little is left for more to come.
    pub(super) fn take(&self, resource: &Arc<str>, under_way: usize, patient: bool, sender: &Waker) -> Taken {
        let mut queues = self.0.lock();
        let Some(queue) = queues.get_mut(resource) else { return Taken::Nothing };
        let len = queue.len();
        if len < ENOUGH && under_way > 0 {
            queue.sender = Some(sender.clone());
            return Taken::NotEnough;
        }
        if len < ENOUGH && patient {
            return Taken::Little;
        }
        if len == 0 {
            queues.remove(resource);
            return Taken::Nothing;
        }
        let first = queue.first.len().min(BATCH);
        let rest = queue.rest.len().min(BATCH - first);
        Taken::Batch(queue.first.drain(..first).chain(queue.rest.drain(..rest)).collect())
    }

    /// Nobody sends it any more.
    pub(super) fn forget(&self, resource: &Arc<str>) {
        let forgotten = self.0.lock().remove(resource);
        // Whoever hears of it may ask again at once.
        drop(forgotten);
    }
}
