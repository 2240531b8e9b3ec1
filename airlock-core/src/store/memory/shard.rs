use hashbrown::HashTable;

use super::gate::Gate;
use crate::gate::table::Floor;
use crate::gate::{Conditions, Micros};
use crate::sync::Mutex;

#[cfg(not(shuttle))]
pub(super) type Guard<'a> = parking_lot::MutexGuard<'a, Gates>;
#[cfg(shuttle)]
pub(super) type Guard<'a> = shuttle::sync::MutexGuard<'a, Gates>;

/// How many idle gates a shard keeps for reuse, so that a gate that comes and goes allocates nothing.
const SPARE_GATES: usize = 2;
/// A shard that was larger than this and is empty gives its memory back.
const KEEP_ROOM_FOR: usize = 64;

/// Where a gate is: what a handle says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) shard: u32,
    pub(super) gate: u32,
}

impl From<u64> for Home {
    fn from(home: u64) -> Self {
        Home { shard: (home >> 32) as u32, gate: home as u32 }
    }
}

impl From<Home> for u64 {
    fn from(home: Home) -> Self {
        u64::from(home.shard) << 32 | u64::from(home.gate)
    }
}

/// A part of the gates behind a lock of its own, on cache lines of its own.
#[repr(align(128))]
pub(super) struct Shard {
    pub(super) index: u32,
    gates: Mutex<Gates>,
}

impl Shard {
    /// An empty shard, whose gates' numbers are all above `floor`.
    pub(super) fn new(index: u32, floor: Micros) -> Self {
        let floor = Floor { arrival: floor, fence: floor, serial: 0 };
        Shard { index, gates: Mutex::new(Gates::new(index, floor)) }
    }

    pub(super) fn lock(&self) -> Guard<'_> {
        self.gates.lock()
    }
}

pub(super) struct Gates {
    shard: u32,
    by_name: HashTable<u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    spare: usize,
    /// The highest numbers of all gates that were here (G2).
    floor: Floor,
    /// What holds for all gates.
    conditions: Conditions,
}

struct Slot {
    /// Boxed, so that a slot is small and a gate does not move.
    gate: Option<Box<Gate>>,
    live: bool,
}

impl Gates {
    fn new(shard: u32, floor: Floor) -> Self {
        Gates {
            shard,
            by_name: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            spare: 0,
            floor,
            conditions: Conditions::default(),
        }
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, resource: &str) -> Option<u32> {
        let is_it = |&at: &u32| self.at(at).is_some_and(|gate| gate.hash == hash && gate.resource == resource);
        self.by_name.find(hash, is_it).copied()
    }

    pub(super) fn add(&mut self, hash: u64, resource: &str) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { gate: None, live: false });
            u32::try_from(self.slots.len() - 1).expect("fewer gates than fit into memory")
        });
        let slot = &mut self.slots[at as usize];
        match &mut slot.gate {
            Some(gate) => {
                gate.reuse(resource, hash, self.floor);
                self.spare -= 1;
            }
            None => {
                let home = Home { shard: self.shard, gate: at };
                slot.gate = Some(Box::new(Gate::new(resource, hash, self.floor, home.into())));
            }
        }
        slot.live = true;
        let slots = &self.slots;
        let rehash = |&at: &u32| slots[at as usize].gate.as_ref().map_or(0, |gate| gate.hash);
        self.by_name.insert_unique(hash, at, rehash);
        at
    }

    /// A gate, and what holds for all of them.
    #[inline(always)]
    pub(super) fn gate_and_conditions(&mut self, at: u32) -> Option<(&mut Gate, &Conditions)> {
        let slot = self.slots.get_mut(at as usize).filter(|slot| slot.live)?;
        Some((slot.gate.as_deref_mut()?, &self.conditions))
    }

    #[inline]
    pub(super) fn gate(&mut self, at: u32) -> Option<&mut Gate> {
        let slot = self.slots.get_mut(at as usize).filter(|slot| slot.live)?;
        slot.gate.as_deref_mut()
    }

    /// Forgets a gate that has nothing in it.
    #[inline]
    pub(super) fn remove_if_idle(&mut self, at: u32) -> bool {
        let Some(gate) = self.gate(at) else { return false };
        if !gate.is_idle() {
            return false;
        }
        let (hash, floor, keep) = (gate.hash, gate.table.floor(), gate.is_worth_keeping());
        self.floor = self.floor.max(floor);
        if let Ok(entry) = self.by_name.find_entry(hash, |&found| found == at) {
            entry.remove();
        }
        let slot = &mut self.slots[at as usize];
        slot.live = false;
        if keep && self.spare < SPARE_GATES {
            self.spare += 1;
        } else {
            slot.gate = None;
        }
        self.free.push(at);
        if self.by_name.is_empty() && self.slots.capacity() > KEEP_ROOM_FOR {
            let conditions = std::mem::take(&mut self.conditions);
            *self = Gates { conditions, ..Gates::new(self.shard, self.floor) };
        }
        true
    }

    /// Has this hold for all gates, those to come as well; answers which there are.
    pub(super) fn set_conditions(&mut self, conditions: Conditions) -> Vec<u32> {
        self.conditions = conditions;
        (0u32..).zip(&self.slots).filter(|(_, slot)| slot.live).map(|(at, _)| at).collect()
    }

    pub(super) fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Gate> {
        self.slots.iter().filter(|slot| slot.live).filter_map(|slot| slot.gate.as_deref())
    }

    fn at(&self, at: u32) -> Option<&Gate> {
        self.slots[at as usize].gate.as_deref()
    }
}
