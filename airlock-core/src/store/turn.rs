use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use crate::error::LeaseLost;
use crate::gate::{Ending, Grant};
use crate::sync::Mutex;

/// Where a waiting future hears that its turn has come.
///
/// For stores that are not built on [`shared`](crate#modules): those have it done.
///
/// The gate's own step decides who is let in and who has given up; this only carries the news.
#[derive(Debug)]
pub struct Turn(Mutex<State>);

#[derive(Debug)]
enum State {
    Waiting(Option<Waker>),
    Told(News),
}

/// What a waiting future is told.
///
/// For stores that are not built on [`shared`](crate#modules): those have it done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News {
    /// It is inside.
    Granted(Grant),
    /// It is out of the line.
    Over(Ending),
}

impl Turn {
    /// Nothing heard yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Turn(Mutex::new(State::Waiting(None))))
    }

    /// Brings the news. Only the first counts. Do not call it under a lock: it wakes.
    pub fn tell(&self, news: News) {
        let waker = {
            let mut state = self.0.lock();
            match &mut *state {
                State::Told(_) => None,
                State::Waiting(waker) => {
                    let waker = waker.take();
                    *state = State::Told(news);
                    waker
                }
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The news, as soon as there is any.
    pub fn poll_news(&self, cx: &mut Context<'_>) -> Poll<News> {
        let (poll, old) = match &mut *self.0.lock() {
            State::Told(news) => (Poll::Ready(*news), None),
            State::Waiting(Some(waker)) if waker.will_wake(cx.waker()) => (Poll::Pending, None),
            State::Waiting(waker) => (Poll::Pending, waker.replace(cx.waker().clone())),
        };
        // Outside the lock: a waker's drop may run anything.
        drop(old);
        poll
    }
}

/// A [`Turn`] that is made when somebody has to wait, for most do not.
///
/// For stores that are not built on [`shared`](crate#modules): those have it done.
#[derive(Debug, Default)]
pub struct LazyTurn(OnceLock<Arc<Turn>>);

impl LazyTurn {
    /// The turn, made now if it was not.
    pub fn get(&self) -> &Arc<Turn> {
        self.0.get_or_init(Turn::new)
    }

    /// The turn, made now if it was not.
    pub fn into_inner(self) -> Arc<Turn> {
        self.0.into_inner().unwrap_or_else(Turn::new)
    }
}

/// Where everybody who holds a lease hears that it is lost.
///
/// For stores that are not built on [`shared`](crate#modules): those have it done.
#[derive(Default)]
pub struct Watch {
    lost: OnceLock<LeaseLost>,
    notify: Notify,
}

impl Watch {
    /// Says that the lease is lost. Only the first time counts.
    pub fn lose(&self, ending: Option<Ending>) {
        if self.lost.set(LeaseLost { ending }).is_ok() {
            self.notify.notify_waiters();
        }
    }

    /// Whether, and how, the lease was lost.
    pub fn is_lost(&self) -> Option<LeaseLost> {
        self.lost.get().copied()
    }

    /// Resolves when the lease is lost. Cancel safe.
    pub async fn lost(&self) -> LeaseLost {
        loop {
            // Registered before looking, so that nothing is missed in between.
            let mut notified = std::pin::pin!(self.notify.notified());
            notified.as_mut().enable();
            if let Some(lost) = self.is_lost() {
                return lost;
            }
            notified.await;
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("lost", &self.is_lost()).finish()
    }
}
