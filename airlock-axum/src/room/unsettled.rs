//! Places and admissions whose cookie has not come back yet.
//!
//! A crowd that takes no cookies gets a new place with every request. So a new place is given up after a moment unless its
//! cookie comes back, and of each address only so many are new at a time. An admission needs no giving up: its lease
//! is short until a request carries its pass.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use airlock_core::Token;
use parking_lot::Mutex;

use super::cookie::VisitorId;

/// For how long a new place is kept.
pub(super) const PLACE: Duration = Duration::from_secs(10);
/// For how long a new admission counts as new, and for how long a node remembers whose cookie it has seen.
pub(super) const ADMISSION: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Unsettled {
    state: Arc<Mutex<State>>,
    per_address: u32,
}

#[derive(Debug, Default)]
struct State {
    visitors: HashMap<VisitorId, New>,
    /// In the order in which they are due: each kind lasts equally long.
    places: VecDeque<(Duration, VisitorId)>,
    others: VecDeque<(Duration, VisitorId)>,
    addresses: HashMap<Arc<str>, Count>,
}

#[derive(Debug)]
struct New {
    what: What,
    address: Option<Arc<str>>,
    due: Duration,
}

#[derive(Debug)]
enum What {
    Place(Token),
    Admission,
    /// Its cookie came back.
    Settled,
}

#[derive(Debug, Default)]
struct Count {
    asking: u32,
    places: u32,
    admissions: u32,
}

impl Unsettled {
    pub(super) fn new(per_address: u32) -> Self {
        Unsettled { state: Arc::default(), per_address }
    }

    /// Lets somebody new from that address ask, unless too many from there are new already.
    pub(super) fn newcomer(&self, address: Option<&str>) -> Option<Newcomer> {
        let address: Option<Arc<str>> = address.map(Arc::from);
        if let Some(address) = &address {
            let mut state = self.state.lock();
            let count = state.addresses.entry(address.clone()).or_default();
            let most = count.places.max(count.admissions);
            if most.saturating_add(count.asking) >= self.per_address {
                state.tidy(address);
                return None;
            }
            count.asking += 1;
        }
        Some(Newcomer { state: self.state.clone(), address, done: false })
    }

    /// A cookie of that visitor came back. Answers whether this node knows of it.
    pub(super) fn settle(&self, visitor: VisitorId) -> bool {
        let mut state = self.state.lock();
        let Some(new) = state.visitors.get_mut(&visitor) else { return false };
        let (what, address) = (std::mem::replace(&mut new.what, What::Settled), new.address.take());
        state.discount(&what, address);
        true
    }

    /// Remembers that a cookie of that visitor came back here.
    pub(super) fn seen(&self, visitor: VisitorId, now: Duration) {
        let mut state = self.state.lock();
        let due = now + ADMISSION;
        if state.visitors.insert(visitor, New { what: What::Settled, address: None, due }).is_none() {
            state.others.push_back((due, visitor));
        }
    }

    /// The places that are to be given up now, at most so many, and when the next is.
    pub(super) fn due(&self, now: Duration, most: usize) -> (Vec<Token>, Option<Duration>) {
        let mut state = self.state.lock();
        while let Some((due, visitor)) = state.others.front().copied().filter(|(due, _)| *due <= now) {
            state.others.pop_front();
            state.end(visitor, due);
        }
        let mut tokens = Vec::new();
        while let Some((due, visitor)) = state.places.front().copied().filter(|(due, _)| *due <= now) {
            if tokens.len() == most {
                break;
            }
            state.places.pop_front();
            if let Some(What::Place(token)) = state.end(visitor, due) {
                tokens.push(token);
            }
        }
        let next = [&state.places, &state.others].into_iter().filter_map(|queue| queue.front()).map(|(due, _)| *due);
        (tokens, next.min())
    }
}

impl State {
    /// What it was, if it is still what was due then.
    fn end(&mut self, visitor: VisitorId, due: Duration) -> Option<What> {
        self.visitors.get(&visitor).filter(|new| new.due == due)?;
        let New { what, address, .. } = self.visitors.remove(&visitor)?;
        self.discount(&what, address);
        Some(what)
    }

    fn discount(&mut self, what: &What, address: Option<Arc<str>>) {
        let Some(address) = address else { return };
        if let Some(count) = self.addresses.get_mut(&address) {
            match what {
                What::Place(_) => count.places = count.places.saturating_sub(1),
                What::Admission => count.admissions = count.admissions.saturating_sub(1),
                What::Settled => {}
            }
        }
        self.tidy(&address);
    }

    fn tidy(&mut self, address: &Arc<str>) {
        if self.addresses.get(address).is_some_and(|count| count.asking + count.places + count.admissions == 0) {
            self.addresses.remove(address);
        }
    }

    fn stops_asking(&mut self, address: Option<&Arc<str>>) {
        let Some(address) = address else { return };
        if let Some(count) = self.addresses.get_mut(address) {
            count.asking = count.asking.saturating_sub(1);
        }
    }
}

/// Somebody new who is asking. Dropping it says that nothing came of it.
#[derive(Debug)]
pub(super) struct Newcomer {
    state: Arc<Mutex<State>>,
    address: Option<Arc<str>>,
    done: bool,
}

impl Newcomer {
    /// It has a place.
    pub(super) fn waits(self, visitor: VisitorId, token: Token, now: Duration) {
        self.becomes(visitor, What::Place(token), now + PLACE);
    }

    /// It is inside.
    pub(super) fn enters(self, visitor: VisitorId, now: Duration) {
        self.becomes(visitor, What::Admission, now + ADMISSION);
    }

    fn becomes(mut self, visitor: VisitorId, what: What, due: Duration) {
        self.done = true;
        let mut state = self.state.lock();
        state.stops_asking(self.address.as_ref());
        if let Some(count) = self.address.as_ref().and_then(|address| state.addresses.get_mut(address)) {
            match &what {
                What::Place(_) => count.places += 1,
                _ => count.admissions += 1,
            }
        }
        let queue = if matches!(what, What::Place(_)) { &mut state.places } else { &mut state.others };
        queue.push_back((due, visitor));
        state.visitors.insert(visitor, New { what, address: self.address.clone(), due });
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut state = self.state.lock();
        state.stops_asking(self.address.as_ref());
        if let Some(address) = &self.address {
            state.tidy(address);
        }
    }
}
