use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::VecDeque;

use indexset::BTreeSet;

use crate::gate::LineOrder;

/// Up to here a line is one sorted run of memory, which is faster and smaller than any tree.
const FEW: usize = 128;
/// Elements of a tree node. Larger ones make long lines faster, for there are fewer to search, and lines just above
/// `FEW` larger: `indexset` allocates whole nodes.
const NODE: usize = 512;

/// The line, in order: who is at which position, and how many are before somebody.
#[derive(Debug)]
pub(super) enum Line {
    Few(VecDeque<Spot>),
    Many(Box<Many>),
}

#[derive(Debug)]
pub(super) struct Many {
    spots: BTreeSet<Spot>,
    /// Who was last looked up by index, and where: a draw looks twice, and takes out whom it chose. To find it again by
    /// its order would be a dozen cache misses in a long line. Void once the line changes.
    looked_up: Cell<Option<(usize, Spot)>>,
}

/// A place in line: its order, and then its slot. Packed into three words, for a line has many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    lane: u32,
    slot: u32,
    order: u64,
    arrival: u64,
}

impl Many {
    fn at(&self, index: usize) -> Option<Spot> {
        match self.looked_up.get() {
            Some((at, spot)) if at == index => Some(spot),
            _ => {
                // Where the head is needs no search.
                let spot = *if index == 0 { self.spots.first() } else { self.spots.get_index(index) }?;
                self.looked_up.set(Some((index, spot)));
                Some(spot)
            }
        }
    }
}

impl Spot {
    fn new(LineOrder { lane, order, arrival }: LineOrder, slot: u32) -> Self {
        Spot { lane, slot, order, arrival }
    }

    fn order(&self) -> LineOrder {
        LineOrder { lane: self.lane, order: self.order, arrival: self.arrival }
    }
}

impl Ord for Spot {
    // By hand: the slot is packed beside the lane, but decides last.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.order(), self.slot).cmp(&(other.order(), other.slot))
    }
}

impl PartialOrd for Spot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Default for Line {
    fn default() -> Self {
        Line::Few(VecDeque::new())
    }
}

impl Line {
    /// Answers how many are before it.
    pub(super) fn insert(&mut self, order: LineOrder, slot: u32) -> usize {
        let spot = Spot::new(order, slot);
        let rank = match self {
            Line::Few(few) => {
                // Most arrivals go to the end.
                let at_end = few.back().is_none_or(|last| *last < spot);
                let rank = if at_end { few.len() } else { few.partition_point(|other| *other < spot) };
                few.insert(rank, spot);
                rank
            }
            Line::Many(many) => {
                many.looked_up.take();
                let at_end = many.spots.last().is_none_or(|last| *last < spot);
                let rank = if at_end { many.spots.len() } else { many.spots.rank(&spot) };
                many.spots.insert(spot);
                rank
            }
        };
        if let Line::Few(few) = self
            && few.len() > FEW
        {
            let mut spots = BTreeSet::with_maximum_node_size(NODE);
            for spot in few.drain(..) {
                spots.insert(spot);
            }
            *self = Line::Many(Box::new(Many { spots, looked_up: Cell::new(None) }));
        }
        rank
    }

    pub(super) fn remove(&mut self, order: LineOrder, slot: u32) {
        let spot = Spot::new(order, slot);
        match self {
            Line::Few(few) if few.front() == Some(&spot) => {
                few.pop_front();
            }
            Line::Few(few) => {
                if let Ok(at) = few.binary_search(&spot) {
                    few.remove(at);
                }
            }
            Line::Many(many) => {
                match many.looked_up.take() {
                    Some((index, known)) if known == spot => {
                        many.spots.pop_index(index);
                    }
                    _ => {
                        many.spots.remove(&spot);
                    }
                }
                self.shrink();
            }
        }
    }

    pub(super) fn remove_at(&mut self, index: usize) {
        match self {
            Line::Few(few) if index == 0 => {
                few.pop_front();
            }
            Line::Few(few) => {
                few.remove(index);
            }
            Line::Many(many) => {
                many.looked_up.take();
                many.spots.pop_index(index);
                self.shrink();
            }
        }
    }

    fn shrink(&mut self) {
        if let Line::Many(many) = self
            && many.spots.len() <= FEW / 4
        {
            *self = Line::Few(many.spots.iter().copied().collect());
        }
    }

    /// Who is at that index, in which order.
    pub(super) fn order_at(&self, index: usize) -> Option<LineOrder> {
        match self {
            Line::Few(few) => few.get(index).map(Spot::order),
            Line::Many(many) => many.at(index).map(|spot| spot.order()),
        }
    }

    pub(super) fn nth(&self, index: usize) -> Option<u32> {
        match self {
            Line::Few(few) => few.get(index).map(|spot| spot.slot),
            Line::Many(many) => many.at(index).map(|spot| spot.slot),
        }
    }

    /// How many are before `order`.
    pub(super) fn rank(&self, order: LineOrder) -> usize {
        let spot = Spot::new(order, 0);
        match self {
            Line::Few(few) => few.partition_point(|other| *other < spot),
            Line::Many(many) => many.spots.rank(&spot),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        match self {
            Line::Few(few) => few.capacity(),
            Line::Many(_) => usize::MAX,
        }
    }
}
