//! Group commit: what arrives for a gate while a call to it is in flight goes together in the next.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::Asked;
use super::gates::Known;
use crate::error::StoreError;
use crate::sync::Mutex;

/// How many commands one call carries at most.
const BATCH: usize = 256;

/// How many calls to one gate are under way at most: the next is put together while the store decides the last.
const AT_ONCE: u32 = 2;
/// How many commands have to wait for a call that is under way before another is sent beside it.
const ENOUGH: usize = 16;

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
    /// How many are sending.
    senders: u32,
}

impl Queues {
    /// Adds a command. True if nobody is sending for this gate, or not enough: then the caller has to.
    pub(super) fn add(&self, resource: &Arc<str>, entry: Entry) -> bool {
        let mut queues = self.0.lock();
        let queue = queues.entry(resource.clone()).or_default();
        if entry.asked.makes_room() {
            queue.first.push_back(entry)
        } else {
            queue.rest.push_back(entry)
        }
        let needed = if queue.first.len() + queue.rest.len() >= ENOUGH { AT_ONCE } else { 1 };
        let starts = queue.senders < needed;
        queue.senders += u32::from(starts);
        starts
    }

    /// What to send next; nothing when all is sent, and from then on this caller is not sending for this gate.
    pub(super) fn take(&self, resource: &Arc<str>) -> Option<Vec<Entry>> {
        let mut queues = self.0.lock();
        let queue = queues.get_mut(resource)?;
        let first = queue.first.len().min(BATCH);
        let rest = queue.rest.len().min(BATCH - first);
        let batch: Vec<Entry> = queue.first.drain(..first).chain(queue.rest.drain(..rest)).collect();
        if batch.is_empty() {
            queue.senders -= 1;
            if queue.senders == 0 {
                queues.remove(resource);
            }
            return None;
        }
        Some(batch)
    }
}
