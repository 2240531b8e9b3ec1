//! The line: who is at which position, and how many are before somebody, without counting the whole of it.
//!
//! A counted skip list (Pugh, "A skip list cookbook", 1990). Of those who wait in a long line one in 64 is a milestone, one
//! in 64 of these is one on the next level as well, and so on. A milestone knows how many wait from it to the next one of
//! its level, itself included; nobody knows how many wait before the first, because that follows. Who is a milestone depends
//! on its arrival alone, and is noted with its ticket. Whoever joins or leaves changes one number on each level.
//!
//! Both questions go down from the end of the line, for as long as there is a milestone behind what is looked for, and count
//! the few places that are left. A short line has no milestones, and only its places are counted.

use rusqlite::{Row, params};

use super::ledger::SqlLedger;
use super::rows::{line_order, sort_key};
use super::values::Int;
use crate::gate::LineOrder;

/// Enough for a line of ten million.
const LEVELS: u8 = 3;

/// Who is a milestone.
#[derive(Clone, Copy, Debug)]
pub struct Spacing {
    /// Nobody is who joins a line shorter than this.
    pub from: u64,
    /// One in 2 to the power of this is, and as many of those on the next level.
    pub bits: u32,
}

impl Default for Spacing {
    fn default() -> Self {
        Spacing { from: 128, bits: 6 }
    }
}

/// A place in the order of the line, as it is stored: lane, order key, arrival.
type Spot = (i64, i64, i64);

/// Behind everybody.
const END: Spot = (i64::MAX, i64::MAX, i64::MAX);

fn spot(order: LineOrder) -> Spot {
    (order.lane.into(), sort_key(order), order.arrival.min(i64::MAX as u64) as i64)
}

impl SqlLedger<'_> {
    /// On how many levels a newcomer with that arrival is a milestone.
    pub(super) fn milestones_of(&self, arrival: u64) -> u8 {
        if self.in_line < self.spacing.from {
            return 0;
        }
        // The finalizer of splitmix64: arrivals are close to each other.
        let mut z = arrival.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let levels = (z ^ (z >> 31)).trailing_zeros() / self.spacing.bits;
        levels.min(LEVELS.into()) as u8
    }

    /// Somebody is in the line from now on.
    pub(super) fn joined(&mut self, order: LineOrder, milestones: u8) {
        self.in_line += 1;
        self.looked_up.take();
        if milestones == 0 && self.row.milestones == 0 {
            return;
        }
        let at = spot(order);
        let mut own = 0;
        for level in 1..=LEVELS {
            if level > milestones {
                self.count(level, at, 1);
                continue;
            }
            let next = self.next(level, at, END).unwrap_or(END);
            own += match level {
                1 => self.count_between(at, next),
                _ => self.sum(level - 1, at, next),
            };
            // What was counted from the one before is counted from this one now.
            self.count(level, at, 1 - own as i64);
            self.execute(&self.sql.add_milestone, params![self.id, level, at.0, at.1, at.2, Int(own)]);
            self.row.milestones += 1;
        }
    }

    /// Somebody is not in the line any more.
    pub(super) fn left(&mut self, order: LineOrder, milestones: u8) {
        self.in_line = self.in_line.saturating_sub(1);
        self.looked_up.take();
        if self.row.milestones == 0 {
            return;
        }
        let at = spot(order);
        for level in 1..=LEVELS {
            let mut own = 0;
            if level <= milestones {
                let values = params![self.id, level, at.0, at.1, at.2];
                match self.first(&self.sql.remove_milestone, values, |row| row.get(0).map(|Int(waiting)| waiting)) {
                    Some(waiting) => own = waiting as i64,
                    None => self.contradiction("the milestones"),
                }
                self.row.milestones = self.row.milestones.saturating_sub(1);
            }
            self.count(level, at, own - 1);
        }
    }

    /// How many are before that order.
    pub(super) fn before(&self, order: LineOrder) -> u64 {
        let Some(gate) = self.id else { return 0 };
        let at = spot(order);
        if self.row.milestones == 0 {
            let count = |row: &Row<'_>| row.get(0).map(|Int(count)| count);
            return self.first(&self.sql.count_before, params![gate, at.0, at.1, at.2], count).unwrap_or(0);
        }
        let (mut behind, mut before) = (END, self.in_line);
        for level in (1..=LEVELS).rev() {
            let between = self.sum(level, at, behind);
            if between > 0 {
                before = self.less(before, between);
                behind = self.next(level, at, behind).unwrap_or(behind);
            }
        }
        self.less(before, self.count_between(at, behind))
    }

    /// The waiter at that index.
    pub(super) fn at(&self, index: u64) -> Option<u32> {
        if index >= self.in_line {
            return None;
        }
        let known = self.looked_up.get().filter(|(at, _)| *at == index);
        let found = match known {
            Some((_, id)) => Some(id),
            None => self.search(index),
        };
        self.looked_up.set(found.map(|id| (index, id)));
        found
    }

    fn search(&self, index: u64) -> Option<u32> {
        let gate = self.id?;
        if self.row.milestones == 0 || index == 0 {
            return self.ticket(&self.sql.nth, params![gate, Int(index)]);
        }
        let (mut behind, mut before) = (END, self.in_line);
        for level in (1..=LEVELS).rev() {
            self.attempt(|| {
                let mut statement = self.connection.prepare_cached(&self.sql.milestones_before)?;
                let mut rows = statement.query(params![gate, level, behind.0, behind.1, behind.2])?;
                while let Some(row) = rows.next()? {
                    let Int(waiting) = row.get(3)?;
                    match before.checked_sub(waiting) {
                        Some(fewer) if fewer > index => (behind, before) = (spot(line_order(row)?), fewer),
                        _ => break,
                    }
                }
                Ok(())
            });
        }
        let offset = Int(before - index - 1);
        self.ticket(&self.sql.nth_before, params![gate, behind.0, behind.1, behind.2, offset])
    }

    /// The first waiter at that order or after it.
    pub(super) fn from(&self, order: LineOrder) -> Option<u32> {
        let gate = self.id.filter(|_| self.in_line > 0)?;
        let at = spot(order);
        self.ticket(&self.sql.first_from, params![gate, at.0, at.1, at.2])
    }

    /// That many more, or fewer, wait from the last milestone before or at `at`, if there is one.
    fn count(&self, level: u8, at: Spot, more: i64) {
        if more != 0 && self.row.milestones > 0 {
            self.execute(&self.sql.count_at_milestone, params![self.id, level, at.0, at.1, at.2, more]);
        }
    }

    fn count_between(&self, from: Spot, to: Spot) -> u64 {
        let values = params![self.id, from.0, from.1, from.2, to.0, to.1, to.2];
        self.first(&self.sql.count_between, values, |row| row.get(0).map(|Int(count)| count)).unwrap_or(0)
    }

    /// The first milestone of a level behind `from` and before `to`.
    fn next(&self, level: u8, from: Spot, to: Spot) -> Option<Spot> {
        let values = params![self.id, level, from.0, from.1, from.2, to.0, to.1, to.2];
        self.first(&self.sql.next_milestone, values, |row| line_order(row).map(spot))
    }

    /// How many wait from there to `to`.
    fn sum(&self, level: u8, from: Spot, to: Spot) -> u64 {
        let values = params![self.id, level, from.0, from.1, from.2, to.0, to.1, to.2];
        self.first(&self.sql.count_milestones, values, |row| row.get(0).map(|Int(count)| count)).unwrap_or(0)
    }

    fn less(&self, all: u64, some: u64) -> u64 {
        all.checked_sub(some).unwrap_or_else(|| {
            self.contradiction("the milestones");
            0
        })
    }
}
