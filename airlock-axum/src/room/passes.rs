//! What this node knows of those who are inside: when their lease was last heard of, and how much they ask at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::cookie::VisitorId;

/// How long a lease counts as held after it was looked at: what another node does to it is noticed within this.
const TRUSTED: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Passes {
    known: Arc<Mutex<Known>>,
    /// How long a lease lasts once it is renewed, and how often that is done; no oftener than a third of it.
    lasts: Duration,
    most_in_flight: u32,
}

#[derive(Debug, Default)]
struct Known {
    passes: HashMap<VisitorId, Pass>,
    /// How many there may be before those are forgotten that nobody uses.
    enough: usize,
}

#[derive(Debug)]
struct Pass {
    fence: u64,
    in_flight: u32,
    renewed: Duration,
    looked: Duration,
    /// How many had been put out when it was looked at.
    evictions: u64,
}

/// What to do about a pass.
#[derive(Debug)]
pub(super) enum Step {
    /// It is good.
    Go(InFlight),
    /// It has too many requests under way.
    TooMany,
    /// Its lease is to be renewed, which shows whether there is one.
    Renew,
    /// Its lease is to be looked at.
    Look,
}

impl Passes {
    pub(super) fn new(lasts: Duration, most_in_flight: u32) -> Self {
        Passes { known: Arc::default(), lasts, most_in_flight }
    }

    /// What to do about a request with that pass, by whoever does it: others that come meanwhile need not do the same.
    pub(super) fn step(&self, visitor: VisitorId, fence: u64, now: Duration, evictions: u64) -> Step {
        let mut known = self.known.lock();
        let Some(pass) = known.passes.get_mut(&visitor).filter(|pass| pass.fence == fence) else { return Step::Renew };
        if pass.in_flight >= self.most_in_flight {
            return Step::TooMany;
        }
        let since = now.saturating_sub(pass.renewed);
        if since >= self.lasts / 3 {
            if since < self.lasts && pass.evictions == evictions {
                pass.renewed += TRUSTED.min(self.lasts / 3);
            }
            return Step::Renew;
        }
        if now.saturating_sub(pass.looked) >= TRUSTED || pass.evictions != evictions {
            if pass.evictions == evictions {
                pass.looked = now;
            }
            return Step::Look;
        }
        pass.in_flight += 1;
        Step::Go(InFlight { known: self.known.clone(), visitor, fence })
    }

    /// Lets a request through if there is nothing else to do about its pass.
    pub(super) fn go(&self, visitor: VisitorId, fence: u64, now: Duration, evictions: u64) -> Option<InFlight> {
        let mut known = self.known.lock();
        let pass = known.passes.get_mut(&visitor).filter(|pass| pass.fence == fence)?;
        let fresh = now.saturating_sub(pass.renewed) < self.lasts / 3
            && now.saturating_sub(pass.looked) < TRUSTED
            && pass.evictions == evictions;
        if !fresh || pass.in_flight >= self.most_in_flight {
            return None;
        }
        pass.in_flight += 1;
        Some(InFlight { known: self.known.clone(), visitor, fence })
    }

    /// Its lease is there, as was heard of it then; `renewed` if that made it last.
    pub(super) fn is_held(
        &self,
        visitor: VisitorId,
        fence: u64,
        then: Duration,
        evictions: u64,
        renewed: bool,
    ) -> Step {
        let mut known = self.known.lock();
        known.forget_the_idle(then, self.lasts.max(TRUSTED));
        let pass =
            known.passes.entry(visitor).or_insert(Pass { fence, in_flight: 0, renewed: then, looked: then, evictions });
        if pass.fence != fence {
            // What is still under way belongs to an admission that is over, and counts no more.
            *pass = Pass { fence, in_flight: 0, renewed: then, looked: then, evictions };
        }
        pass.looked = then;
        pass.evictions = evictions;
        if renewed {
            pass.renewed = then;
        }
        if pass.in_flight >= self.most_in_flight {
            return Step::TooMany;
        }
        pass.in_flight += 1;
        Step::Go(InFlight { known: self.known.clone(), visitor, fence })
    }

    /// Whether its lease, as was last heard of it, is not over: for when nobody can be asked.
    pub(super) fn was_held(&self, visitor: VisitorId, fence: u64, now: Duration, evictions: u64) -> bool {
        let known = self.known.lock();
        let pass = known.passes.get(&visitor).filter(|pass| pass.fence == fence && pass.evictions == evictions);
        pass.is_some_and(|pass| now.saturating_sub(pass.renewed) < self.lasts)
    }

    /// That lease is gone. An older pass of the same visitor says nothing about a newer one.
    pub(super) fn forget(&self, visitor: VisitorId, fence: u64) {
        let mut known = self.known.lock();
        if known.passes.get(&visitor).is_some_and(|pass| pass.fence == fence) {
            known.passes.remove(&visitor);
        }
    }
}

impl Known {
    fn forget_the_idle(&mut self, now: Duration, lasts: Duration) {
        if self.passes.len() < self.enough.max(1024) {
            return;
        }
        self.passes.retain(|_, pass| pass.in_flight > 0 || now.saturating_sub(pass.renewed) < lasts);
        self.enough = 2 * self.passes.len();
    }
}

/// A request under way on a pass. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct InFlight {
    known: Arc<Mutex<Known>>,
    visitor: VisitorId,
    fence: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut known = self.known.lock();
        if let Some(pass) = known.passes.get_mut(&self.visitor).filter(|pass| pass.fence == self.fence) {
            pass.in_flight = pass.in_flight.saturating_sub(1);
        }
    }
}
