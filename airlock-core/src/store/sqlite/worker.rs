//! The thread that has the database.
//!
//! What arrives while one transaction is under way goes together in the next: many commands share one commit, and nothing
//! waits when idle. Each part of it is answered once it is committed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{fmt, io, thread};

use tokio::sync::oneshot;

use super::database::{Database, Work};
use crate::error::StoreError;

/// How much goes into one transaction at most: others want to have their turn, too.
const BATCH: usize = 256;

/// A database on a thread of its own. Clones share it; it is closed with the last of them.
#[derive(Clone)]
pub struct Worker(Sender<Task>);

/// What an answer comes through.
pub type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

impl Worker {
    /// Gives the database to a new thread.
    ///
    /// # Errors
    ///
    /// When the system has no more threads.
    pub fn start(database: Database) -> io::Result<Self> {
        let (sender, tasks) = channel();
        thread::Builder::new().name("airlock-sqlite".to_owned()).spawn(move || run(database, &tasks))?;
        Ok(Worker(sender))
    }

    /// Has this done in a transaction, and answers when it is committed. Needs no runtime, and does not block.
    ///
    /// It is called again where something else in the same transaction has failed. It has to ask what the time is by itself,
    /// because it may have waited for its turn. Dropping the answer takes it back, unless its turn has come.
    pub fn ask<T: Send + 'static>(
        &self,
        work: impl FnMut(&Work<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        // If the thread is gone, so is the reply, and that is what the answer says.
        let _ = self.0.send(Task::Change(Box::new(Asked { work, done: None, reply })));
        answer
    }

    /// Has this looked at outside of any transaction, before what else is waiting.
    pub fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        let look = move |database: &Database| drop(reply.send(look(database)));
        let _ = self.0.send(Task::Look(Box::new(look)));
        answer
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}

enum Task {
    Look(Box<dyn FnOnce(&Database) + Send>),
    Change(Box<dyn Change>),
}

/// A part of a transaction, and who waits for it.
trait Change: Send {
    /// Whether nobody waits for it any more.
    fn is_taken_back(&self) -> bool;
    /// Does it.
    fn run(&mut self, work: &Work<'_>) -> Result<(), StoreError>;
    /// Tells what became of it.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Asked<W, T> {
    work: W,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, W: FnMut(&Work<'_>) -> Result<T, StoreError> + Send> Change for Asked<W, T> {
    fn is_taken_back(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, work: &Work<'_>) -> Result<(), StoreError> {
        self.done = Some((self.work)(work)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Asked { done, reply, .. } = *self;
        let done = committed.and_then(|()| done.ok_or_else(|| StoreError::not_executed("its turn did not come")));
        // Whoever asked may have given up since; its token says so in a command of its own.
        let _ = reply.send(done);
    }
}

fn run(mut database: Database, tasks: &Receiver<Task>) {
    while let Ok(first) = tasks.recv() {
        let mut changes = Vec::new();
        for task in std::iter::once(first).chain(tasks.try_iter()) {
            match task {
                Task::Look(look) => look(&database),
                Task::Change(change) => changes.push(change),
            }
            if changes.len() == BATCH {
                break;
            }
        }
        changes.retain(|change| !change.is_taken_back());
        commit(&mut database, changes);
    }
}

/// All of it in one transaction; what fails in it by itself is left out, and the others done again.
fn commit(database: &mut Database, mut changes: Vec<Box<dyn Change>>) {
    while !changes.is_empty() {
        let mut at = 0;
        let mut begun = false;
        let mut work = |work: &Work<'_>| {
            begun = true;
            changes.iter_mut().try_for_each(|change| {
                change.run(work)?;
                at += 1;
                Ok(())
            })
        };
        // A gate that cannot go on must not take the others with it: unwinding rolls back.
        let committed = catch_unwind(AssertUnwindSafe(|| database.transact(&mut work)));
        let committed = committed.unwrap_or_else(|_| {
            Err(StoreError::not_executed(
                "the gate stopped half way, which is an error in Airlock; nothing was changed",
            ))
        });
        match committed {
            Ok(()) => return changes.into_iter().for_each(|change| change.answer(Ok(()))),
            Err(error) if begun && at < changes.len() => changes.remove(at).answer(Err(error)),
            Err(error) => {
                let error = Arc::new(error);
                return changes.into_iter().for_each(|change| change.answer(Err(copy(&error))));
            }
        }
    }
}

/// An error that several hear of.
fn copy(error: &Arc<StoreError>) -> StoreError {
    let new = if error.is_unknown() { StoreError::unknown } else { StoreError::not_executed };
    new(error.to_string()).caused_by(Shared(error.clone()))
}

#[derive(Debug)]
struct Shared(Arc<StoreError>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}
