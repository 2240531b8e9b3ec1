use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};

use smallvec::{SmallVec, smallvec};

use crate::clock::AlarmKey;
use crate::gate::table::Floor;
use crate::gate::{
    Answer, Attend, Change, Effects, Ending, Enter, Grant, Key, Ledger, Micros, Outcome, Spec, State, Stay, Table,
    Verb, is_idle,
};
use crate::meter::Totals;
use crate::store::{Command, News, Turn, Usage, Watch};
use crate::token::Local;

/// The largest table worth keeping for the next gate, in tickets.
const SPARE_CAPACITY: usize = 16;

/// One gate, and who listens to what happens in it.
pub(super) struct Gate {
    pub(super) resource: String,
    pub(super) hash: u64,
    pub(super) table: Table,
    pub(super) alarm: Option<AlarmKey>,
    /// Who wants to hear of the ticket in a slot.
    ears: Vec<Option<Ear>>,
    listening: usize,
    /// What became of places whose futures have not asked yet, by the serial numbers of their handles: as many as
    /// waited, when a long line is sent away at once.
    news: BTreeMap<u64, News>,
}

pub(super) enum Ear {
    /// A future that waits, and will ask.
    Waker(Waker),
    /// A future that waits, and is told.
    Turn(Arc<Turn>),
    /// Guards that want to know when their lease is lost.
    Watches(Box<SmallVec<[Arc<Watch>; 1]>>),
}

/// Somebody who has to be told, once the lock is released.
pub(super) enum Told {
    Awake(Waker),
    /// Nobody: it is only not dropped under the lock, for a waker's drop may run anything.
    Nobody(Ear),
    /// Boxed, because it is large and rare.
    Turn(Box<(Arc<Turn>, News)>),
    Lost(Box<SmallVec<[Arc<Watch>; 1]>>, Ending),
}

pub(super) type ToldList = SmallVec<[Told; 1]>;

/// Tells everybody, also when somebody's waker panics.
#[inline(always)]
pub(super) fn tell_all(told: impl Into<TellLater>) {
    let mut told = told.into();
    for next in told.0.by_ref() {
        next.tell();
    }
}

/// Tells the rest when it is dropped by a panic: nobody sleeps on because of somebody else's waker.
pub(super) struct TellLater(smallvec::IntoIter<[Told; 1]>);

impl From<ToldList> for TellLater {
    #[inline(always)]
    fn from(told: ToldList) -> Self {
        TellLater(told.into_iter())
    }
}

impl FromIterator<Told> for TellLater {
    fn from_iter<I: IntoIterator<Item = Told>>(told: I) -> Self {
        ToldList::from_iter(told).into()
    }
}

impl Drop for TellLater {
    fn drop(&mut self) {
        for told in self.0.by_ref() {
            if catch_unwind(AssertUnwindSafe(|| told.tell())).is_err() {
                tracing::error!(target: "airlock", "a waker panicked");
            }
        }
    }
}

impl Told {
    pub(super) fn tell(self) {
        match self {
            Told::Awake(waker) => waker.wake(),
            Told::Nobody(ear) => drop(ear),
            Told::Turn(told) => told.0.tell(told.1),
            Told::Lost(watches, ending) => {
                for watch in *watches {
                    watch.lose(Some(ending));
                }
            }
        }
    }
}

impl Ear {
    /// How whoever listens is told that it is over.
    pub(super) fn ended(self, ending: Ending) -> Told {
        match self {
            Ear::Waker(waker) => Told::Awake(waker),
            Ear::Turn(turn) => Told::Turn(Box::new((turn, News::Over(ending)))),
            Ear::Watches(watches) => Told::Lost(watches, ending),
        }
    }
}

impl Gate {
    pub(super) fn new(resource: &str, hash: u64, floor: Floor, home: u64) -> Self {
        let table = Table::starting_at(floor, home);
        Gate {
            resource: resource.to_owned(),
            hash,
            table,
            alarm: None,
            ears: Vec::new(),
            listening: 0,
            news: BTreeMap::new(),
        }
    }

    /// Makes a gate that was kept the gate of another resource.
    pub(super) fn reuse(&mut self, resource: &str, hash: u64, floor: Floor) {
        self.resource.clear();
        self.resource.push_str(resource);
        self.hash = hash;
        self.table.restart(floor);
        // What was set was cancelled when the gate vanished.
        self.alarm = None;
        self.ears.clear();
        self.listening = 0;
    }

    pub(super) fn is_worth_keeping(&self) -> bool {
        self.table.capacity() <= SPARE_CAPACITY && self.ears.capacity() <= SPARE_CAPACITY
    }

    /// Whether somebody wants to hear of what happens to tickets here.
    pub(super) fn has_listeners(&self) -> bool {
        self.listening > 0 || self.table.meta().waiting > 0
    }

    /// Whether there is nothing in it and nothing to tell.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.news.is_empty() && is_idle(&self.table)
    }

    /// Who has to be told what, and from now on listens.
    pub(super) fn collect(
        &mut self,
        effects: &Effects<u32>,
        command: &Command<'_>,
        answer: &Answer,
        told: &mut ToldList,
    ) {
        // A future that gives its own place up does not ask what became of it.
        let own = matches!(command.verb, Verb::GiveUp { key: Key::Local(_), .. });
        for effect in effects.iter() {
            match effect.change {
                Change::Granted(grant) => {
                    let granted = self.granted(grant);
                    // Without a lease there is no ticket to look at.
                    if !grant.leased && !matches!(granted, Some(Told::Turn(..))) {
                        self.news.extend(effect.local.map(|local| (local.serial, News::Granted(grant))));
                    }
                    told.extend(granted);
                }
                Change::Ended(ending) => {
                    let ear = self.take_ear(effect.id);
                    if effect.awaited && !own && !matches!(ear, Some(Ear::Turn(_))) {
                        self.news.extend(effect.local.map(|local| (local.serial, News::Over(ending))));
                    }
                    told.extend(
                        ear.map(|ear| if own && effect.awaited { Told::Nobody(ear) } else { ear.ended(ending) }),
                    );
                }
                Change::Admitted | Change::Queued | Change::Offered { .. } | Change::Requeued => {}
            }
        }
        if let (Verb::Enter(Enter { stay: Stay::Here, .. }), Outcome::Queued(place)) = (&command.verb, &answer.outcome)
            && let Some(local) = place.local
        {
            self.expect(local, command);
        }
    }

    /// What became of a place, or who is to be woken when it is known. An ear that comes back is to be dropped outside
    /// the lock.
    pub(super) fn poll_wait(&mut self, local: Local, spec: &Spec, waker: &Waker, old: &mut Option<Ear>) -> Poll<News> {
        let Some(slot) = self.table.slot(local) else {
            return Poll::Ready(self.take_news(local).unwrap_or(News::Over(Ending::Spent)));
        };
        let ticket = self.table.read(slot);
        match ticket.state {
            State::Waiting => {
                match self.ears.get(slot as usize) {
                    Some(Some(Ear::Waker(known))) if known.will_wake(waker) => {}
                    _ => {
                        *old = self.take_ear(slot);
                        self.put_ear(slot, Ear::Waker(waker.clone()));
                    }
                }
                Poll::Pending
            }
            State::Holding | State::Offered => Poll::Ready(News::Granted(self.table.grant_of(slot, spec))),
            State::Spent => Poll::Ready(News::Over(ticket.ending)),
        }
    }

    /// What became of a place, if nobody has asked yet.
    pub(super) fn take_news(&mut self, local: Local) -> Option<News> {
        self.news.remove(&local.serial)
    }

    /// Has its future told that a place is over for this reason.
    pub(super) fn leave_news(&mut self, local: Local, ending: Ending) {
        self.news.insert(local.serial, News::Over(ending));
    }

    /// Somebody who waits here has to hear of what becomes of its place.
    #[inline]
    pub(super) fn expect(&mut self, local: Local, command: &Command<'_>) {
        if let Some(turn) = command.turn {
            self.put_ear(local.slot, Ear::Turn(turn.get().clone()));
        } else if let Some(waker) = command.waker {
            self.put_ear(local.slot, Ear::Waker(waker.clone()));
        }
    }

    /// Who has to be told that its turn has come.
    #[inline]
    pub(super) fn granted(&mut self, grant: Grant) -> Option<Told> {
        match self.take_ear(grant.local?.slot)? {
            Ear::Waker(waker) => Some(Told::Awake(waker)),
            Ear::Turn(turn) => Some(Told::Turn(Box::new((turn, News::Granted(grant))))),
            Ear::Watches(_) => None,
        }
    }

    /// Whether somebody wants to hear of the ticket in that slot.
    #[inline]
    pub(super) fn is_heard(&self, slot: u32) -> bool {
        self.ears.get(slot as usize).is_some_and(Option::is_some)
    }

    /// Has `watch` told when the lease is over; false when it is already.
    pub(super) fn listen(&mut self, key: Key<'_>, watch: &Arc<Watch>) -> bool {
        let found = self.table.find(&key).filter(|slot| {
            let ticket = self.table.read(*slot);
            ticket.state == State::Holding && key.may_act_on(&ticket)
        });
        let Some(slot) = found else { return false };
        match self.ears.get_mut(slot as usize) {
            Some(Some(Ear::Watches(watches))) => {
                // A session outlives the permits of its entries: forget those before there is room for more.
                if watches.len() == watches.capacity() {
                    watches.retain(|watch| Arc::strong_count(watch) > 1);
                }
                watches.push(watch.clone());
            }
            _ => self.put_ear(slot, Ear::Watches(Box::new(smallvec![watch.clone()]))),
        }
        true
    }

    /// Handles of all that are attended beside the gate in that state.
    pub(super) fn attended(&self, state: State) -> impl Iterator<Item = Local> {
        let tickets = self.table.tickets();
        let attended = tickets.filter(move |(_, ticket)| ticket.attend == Attend::Here && ticket.state == state);
        attended.filter_map(|(slot, _)| self.table.local(slot))
    }

    pub(super) fn usage(&self, spec: &Spec, now: Micros) -> Usage {
        let meta = self.table.meta();
        Usage {
            resource: self.resource.clone(),
            limit: meta.override_limit.unwrap_or(spec.limit),
            configured: spec.limit,
            limit_override: meta.override_limit,
            in_use: meta.held,
            offered: meta.offered,
            waiting: meta.waiting,
            switch: meta.switch.as_ref().filter(|switch| switch.until > now).map(|switch| switch.shown(now)),
        }
    }

    /// Adds what is in it to what is in others.
    pub(super) fn add_to(&self, totals: &mut Totals, spec: &Spec) {
        let meta = self.table.meta();
        totals.resources += 1;
        totals.held += meta.held;
        totals.waiting += meta.waiting;
        totals.offered += meta.offered;
        totals.capacity += u64::from(meta.override_limit.unwrap_or(spec.limit));
    }

    /// Whether that handle still names a ticket in that state.
    pub(super) fn is_in(&self, local: Local, state: State) -> bool {
        self.table.slot(local).is_some_and(|slot| self.table.read(slot).state == state)
    }

    pub(super) fn take_ear(&mut self, slot: u32) -> Option<Ear> {
        let ear = self.ears.get_mut(slot as usize)?.take();
        self.listening -= usize::from(ear.is_some());
        ear
    }

    fn put_ear(&mut self, slot: u32, ear: Ear) {
        let slot = slot as usize;
        if self.ears.len() <= slot {
            self.ears.resize_with(slot + 1, || None);
        }
        let before = self.ears[slot].replace(ear);
        self.listening += usize::from(before.is_none());
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::gate::{Conditions, LineSpec, NEVER, OnMissed, OnReentry, Pick};

    /// Each request of a session may watch the lease, which stays when the request is done.
    #[test]
    fn a_lease_forgets_those_who_watched_it() {
        let spec = Spec {
            rate: None,
            leased: true,
            name: "doors".into(),
            limit: 1,
            ttl: 1,
            max_hold: NEVER,
            pick: Pick::Head,
            line: LineSpec {
                capacity: 0,
                group_capacity: NEVER,
                presence: 1,
                claim_window: 1,
                on_missed: OnMissed::Drop,
            },
            on_reentry: OnReentry::Refuse,
            step_bound: 1,
            revision: 0,
            guarded: true,
            shared: None,
        };
        let mut gate = Gate::new("room", 0, Floor::default(), 0);
        let enter = Enter {
            key: None,
            identity: None,
            group: None,
            weight: 1,
            score: 0.0,
            per_second: 0.0,
            share: 1.0,
            cap: 0,
            stay: Stay::No,
        };
        let grant = gate.table.admit_quickly(&spec, &Conditions::default(), &enter, 1).expect("there is room");
        let local = grant.local.expect("a handle");
        let stays = Arc::new(Watch::default());
        assert!(gate.listen(Key::Local(local), &stays));
        for _ in 0..1000 {
            assert!(gate.listen(Key::Local(local), &Arc::default()));
        }
        let Some(Ear::Watches(watches)) = gate.take_ear(local.slot) else { panic!("somebody watches") };
        assert!(watches.len() <= 4, "{}", watches.len());
        assert!(watches.iter().any(|watch| Arc::ptr_eq(watch, &stays)));
    }
}
