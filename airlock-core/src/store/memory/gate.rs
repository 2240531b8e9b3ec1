use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::clock::AlarmKey;
use crate::gate::table::Floor;
use crate::gate::{
    Answer, Attend, Change, Effects, Ending, Grant, Key, Ledger, Outcome, Spec, State, Stay, Table, Verb,
};
use crate::store::{Command, LazyTurn, News, Turn, Usage, Watch};
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
}

pub(super) enum Ear {
    Turn(Arc<Turn>),
    Watches(SmallVec<[Arc<Watch>; 1]>),
}

/// Somebody who has to be told, once the lock is released.
pub(super) enum Told {
    Turn(Arc<Turn>, News),
    Lost(SmallVec<[Arc<Watch>; 1]>, Ending),
}

pub(super) type ToldList = SmallVec<[Told; 1]>;

impl Told {
    pub(super) fn tell(self) {
        match self {
            Told::Turn(turn, news) => turn.tell(news),
            Told::Lost(watches, ending) => {
                for watch in watches {
                    watch.lose(Some(ending));
                }
            }
        }
    }
}

impl Gate {
    pub(super) fn new(resource: &str, hash: u64, floor: Floor, home: u64) -> Self {
        let table = Table::starting_at(floor, home);
        Gate { resource: resource.to_owned(), hash, table, alarm: None, ears: Vec::new(), listening: 0 }
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

    pub(super) fn has_listeners(&self) -> bool {
        self.listening > 0
    }

    /// Who has to be told what, and from now on listens.
    pub(super) fn collect(
        &mut self,
        effects: &Effects<u32>,
        command: &Command<'_>,
        answer: &Answer,
        told: &mut ToldList,
    ) {
        for effect in effects.iter() {
            let news = match effect.change {
                Change::Granted(grant) => News::Granted(grant),
                Change::Ended(ending) => News::Over(ending),
                Change::Admitted | Change::Queued | Change::Offered | Change::Requeued => continue,
            };
            told.extend(match (self.take_ear(effect.id), news) {
                (Some(Ear::Turn(turn)), news) => Some(Told::Turn(turn, news)),
                (Some(Ear::Watches(watches)), News::Over(ending)) => Some(Told::Lost(watches, ending)),
                (Some(Ear::Watches(_)) | None, _) => None,
            });
        }
        let waits_here = matches!(command.verb, Verb::Enter(enter) if enter.stay == Stay::Here);
        if let (true, Some(turn), Outcome::Queued(place)) = (waits_here, command.turn, &answer.outcome)
            && let Some(local) = place.local
        {
            self.take_turn(local, turn);
        }
    }

    /// Has this turn told what becomes of a place in line.
    #[inline]
    pub(super) fn take_turn(&mut self, local: Local, turn: &LazyTurn) {
        self.put_ear(local.slot, Ear::Turn(turn.get().clone()));
    }

    /// Who has to be told that its turn has come.
    #[inline]
    pub(super) fn granted(&mut self, grant: Grant) -> Option<Told> {
        match self.take_ear(grant.local?.slot)? {
            Ear::Turn(turn) => Some(Told::Turn(turn, News::Granted(grant))),
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
        let found = self.table.find(&key).filter(|slot| self.table.read(*slot).state == State::Holding);
        let Some(slot) = found else { return false };
        match self.ears.get_mut(slot as usize) {
            Some(Some(Ear::Watches(watches))) => watches.push(watch.clone()),
            _ => self.put_ear(slot, Ear::Watches(smallvec![watch.clone()])),
        }
        true
    }

    /// Handles of all that are attended beside the gate in that state.
    pub(super) fn attended(&self, state: State) -> impl Iterator<Item = Local> {
        let tickets = self.table.tickets();
        let attended = tickets.filter(move |(_, ticket)| ticket.attend == Attend::Here && ticket.state == state);
        attended.filter_map(|(slot, _)| self.table.local(slot))
    }

    pub(super) fn usage(&self, spec: &Spec) -> Usage {
        let meta = self.table.meta();
        Usage {
            resource: self.resource.clone(),
            limit: meta.override_limit.unwrap_or(spec.limit),
            in_use: meta.held,
            waiting: meta.waiting,
        }
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
