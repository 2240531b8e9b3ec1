//! Lotteries: who of those who wait is drawn.

use super::{Ledger, LineOrder, Micros, Pick, Step, sortable};

/// How often the weight may halve from the longest wait to the shortest before what is left is one range.
const RANGES: usize = 32;
/// A draw from a range is accepted at least every other time; this often it is never refused.
const DRAWS: u32 = 128;

/// Waiters next to each other in the order of arrival, whose weights are within a factor of two.
#[derive(Clone, Copy)]
struct Range {
    first: u64,
    count: u64,
    /// No weight in it is higher, and none is lower than half of that.
    top: f64,
}

impl<L: Ledger> Step<'_, L> {
    /// Who is next in a lottery. A draw that does not fit stays drawn until it is in or gone (G5).
    pub(super) fn draw(&mut self) -> Option<L::Id> {
        if let Some(id) = self.drawn() {
            return Some(id);
        }
        let waiting = self.ledger.meta().waiting;
        if waiting == 0 {
            return None;
        }
        let index = match self.pick {
            Pick::Uniform { overdue: Some(overdue) } if self.waited(0)? >= overdue => 0,
            Pick::Uniform { .. } => self.entropy.below(waiting),
            Pick::Aging { base, per_second, max } => self.draw_by_age(waiting, base, per_second, max)?,
            Pick::Nobody | Pick::Head | Pick::Fair => return None,
        };
        self.ledger.meta_mut().drawn = self.ledger.order_at(index)?.arrival;
        self.ledger.nth(index)
    }

    /// Whoever was drawn before and waits still.
    pub(super) fn drawn(&self) -> Option<L::Id> {
        let arrival = self.ledger.meta().drawn;
        if arrival == 0 {
            return None;
        }
        let id = self.ledger.first_from(at(arrival))?;
        (self.ledger.read(id).arrival == arrival).then_some(id)
    }

    /// Exactly in proportion to `min(max, base + per_second × seconds waited)`, in O(log n): weights fall along the
    /// order of arrival, so the line is cut where they halve. A range is chosen by its count times its top weight, one
    /// of it uniformly, and accepted with its weight over the top; else all is drawn again (von Neumann, "Various
    /// techniques used in connection with random digits", 1951).
    fn draw_by_age(&mut self, waiting: u64, base: f64, per_second: f64, max: f64) -> Option<u64> {
        let weight = |waited: Micros| (base + per_second * (waited as f64 / 1e6)).min(max);
        let mut ranges = [Range { first: 0, count: 0, top: 0.0 }; RANGES];
        let (mut cut, mut first, mut total) = (0, 0, 0.0);
        let mut top = weight(self.waited(0)?);
        while first < waiting && cut < RANGES {
            let mut end = self.halved_after(first, top, base, per_second);
            if end == first {
                // Nobody weighs between that and its half: go on with whoever comes next.
                top = weight(self.waited(first)?);
                end = self.halved_after(first, top, base, per_second).max(first + 1);
            }
            let end = if cut + 1 == RANGES { waiting } else { end.min(waiting) };
            let count = end - first;
            ranges[cut] = Range { first, count, top };
            total += count as f64 * top;
            first = end;
            cut += 1;
            // What follows has waited for less than it takes to weigh half.
            top /= 2.0;
        }
        let ranges = &ranges[..cut];
        let mut index = ranges.last()?.first;
        for _ in 0..DRAWS {
            let mut point = self.entropy.unit() * total;
            let range = ranges.iter().find(|range| {
                point -= range.count as f64 * range.top;
                point < 0.0
            });
            let range = range.unwrap_or(ranges.last()?);
            index = range.first + self.entropy.below(range.count);
            if self.entropy.unit() * range.top < weight(self.waited(index)?) {
                break;
            }
        }
        Some(index)
    }

    /// How many waiters have at least half that weight, counted from the head.
    fn halved_after(&self, first: u64, top: f64, base: f64, per_second: f64) -> u64 {
        let half = top / 2.0;
        if half <= base || per_second == 0.0 {
            return u64::MAX;
        }
        let age = ((half - base) / per_second * 1e6) as Micros;
        // Who arrived later than this has waited less than that.
        self.ledger.rank(at(self.now.saturating_sub(age).saturating_add(1))).max(first)
    }

    /// How long the waiter at that index has waited.
    fn waited(&self, index: u64) -> Option<Micros> {
        Some(self.now.saturating_sub(self.ledger.order_at(index)?.arrival))
    }
}

/// Where an arrival is in a line that goes by arrival alone.
fn at(arrival: u64) -> LineOrder {
    LineOrder { lane: 0, order: sortable(0.0), arrival }
}
