use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::gate::{Agreed, Group, GroupId, Micros, State, sortable};
use crate::token::Secret;

/// The indexes that only some gates need. Slots only: the names stand in the entries.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    hasher: RandomState,
    secrets: HashTable<u32>,
    identities: HashTable<u32>,
    /// Every deadline, by state, time and arrival: the order of a sweep.
    pub(super) due: BTreeSet<(State, Micros, u64, u32)>,
    pub(super) groups: Groups,
    pub(super) agreed: Option<Agreed>,
}

impl Indexes {
    fn hash<T: Hash + ?Sized>(&self, value: &T) -> u64 {
        self.hasher.hash_one(value)
    }

    pub(super) fn by_secret<'a>(&self, secret: &Secret, of: impl Fn(u32) -> Option<&'a Secret>) -> Option<u32> {
        let hash = self.hash(secret);
        self.secrets.find(hash, |&slot| of(slot) == Some(secret)).copied()
    }

    pub(super) fn add_secret<'a>(&mut self, slot: u32, secret: &Secret, of: impl Fn(u32) -> Option<&'a Secret>) {
        let hasher = &self.hasher;
        let rehash = |&slot: &u32| hasher.hash_one(of(slot).expect("an indexed slot has a token"));
        self.secrets.insert_unique(hasher.hash_one(secret), slot, rehash);
    }

    pub(super) fn remove_secret(&mut self, slot: u32, secret: &Secret) {
        let hash = self.hash(secret);
        if let Ok(found) = self.secrets.find_entry(hash, |&found| found == slot) {
            found.remove();
        }
    }

    pub(super) fn by_identity<'a>(&self, identity: &str, of: impl Fn(u32) -> Option<&'a str>) -> Option<u32> {
        let hash = self.hash(identity);
        self.identities.find(hash, |&slot| of(slot) == Some(identity)).copied()
    }

    pub(super) fn add_identity<'a>(&mut self, slot: u32, identity: &str, of: impl Fn(u32) -> Option<&'a str>) {
        let hasher = &self.hasher;
        let rehash = |&slot: &u32| hasher.hash_one(of(slot).expect("an indexed slot has an identity"));
        self.identities.insert_unique(hasher.hash_one(identity), slot, rehash);
    }

    pub(super) fn remove_identity(&mut self, slot: u32, identity: &str) {
        let hash = self.hash(identity);
        if let Ok(found) = self.identities.find_entry(hash, |&found| found == slot) {
            found.remove();
        }
    }
}

/// The groups that count something.
#[derive(Debug, Default)]
pub(super) struct Groups {
    hasher: RandomState,
    by_name: HashTable<u32>,
    rows: Vec<(Box<str>, Group)>,
    free: Vec<u32>,
    /// By tag and arrival of the head.
    listed: BTreeSet<(u64, u64, u32)>,
    /// By period and last tag.
    resting: BTreeSet<(u32, u64, u32)>,
}

impl Groups {
    pub(super) fn find_or_add(&mut self, name: &str) -> GroupId {
        let hash = self.hasher.hash_one(name);
        if let Some(&at) = self.by_name.find(hash, |&at| &*self.rows[at as usize].0 == name) {
            return GroupId(at);
        }
        let row = (Box::from(name), Group::default());
        let at = match self.free.pop() {
            Some(at) => {
                self.rows[at as usize] = row;
                at
            }
            None => {
                self.rows.push(row);
                u32::try_from(self.rows.len() - 1).expect("fewer groups than fit into memory")
            }
        };
        let (hasher, rows) = (&self.hasher, &self.rows);
        self.by_name.insert_unique(hash, at, |&at| hasher.hash_one(&*rows[at as usize].0));
        GroupId(at)
    }

    pub(super) fn read(&self, id: GroupId) -> Group {
        self.rows.get(id.0 as usize).map_or(Group::default(), |row| row.1)
    }

    pub(super) fn write(&mut self, id: GroupId, group: Group) {
        let row = &mut self.rows[id.0 as usize];
        let old = std::mem::replace(&mut row.1, group);
        let listed = |group: &Group| group.listed.then(|| (sortable(group.tag), group.head, id.0));
        if listed(&old) != listed(&group) {
            listed(&old).map(|key| self.listed.remove(&key));
            self.listed.extend(listed(&group));
        }
        let resting = |group: &Group| group.is_resting().then(|| (group.period, sortable(group.finish), id.0));
        if resting(&old) != resting(&group) {
            resting(&old).map(|key| self.resting.remove(&key));
            self.resting.extend(resting(&group));
        }
        if group.is_empty() {
            let hash = self.hasher.hash_one(&*row.0);
            row.0 = Box::default();
            if let Ok(found) = self.by_name.find_entry(hash, |&at| at == id.0) {
                found.remove();
                self.free.push(id.0);
            }
        }
    }

    #[cfg(feature = "serde")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (GroupId, &str, Group)> {
        let known = (0..).zip(&self.rows).filter(|(_, (_, group))| !group.is_empty());
        known.map(|(at, (name, group))| (GroupId(at), &**name, *group))
    }

    pub(super) fn first_listed(&self) -> Option<GroupId> {
        self.listed.first().map(|&(_, _, id)| GroupId(id))
    }

    pub(super) fn first_resting(&self) -> Option<GroupId> {
        self.resting.first().map(|&(_, _, id)| GroupId(id))
    }
}
