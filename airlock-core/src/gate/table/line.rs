use std::collections::VecDeque;

use indexset::BTreeSet;

use crate::gate::LineOrder;

/// Up to here a line is one sorted run of memory, which is faster and smaller than any tree.
const FEW: usize = 128;
/// Elements of a tree node: `indexset` allocates whole nodes.
const NODE: usize = 128;

/// The line, in order: who is at which position, and how many are before somebody.
#[derive(Debug)]
pub(super) enum Line {
    Few(VecDeque<Spot>),
    Many(Box<BTreeSet<Spot>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    order: LineOrder,
    slot: u32,
}

impl Default for Line {
    fn default() -> Self {
        Line::Few(VecDeque::new())
    }
}

impl Line {
    /// Answers how many are before it.
    pub(super) fn insert(&mut self, order: LineOrder, slot: u32) -> usize {
        let spot = Spot { order, slot };
        let rank = match self {
            Line::Few(few) => {
                // Most arrivals go to the end.
                let at_end = few.back().is_none_or(|last| *last < spot);
                let rank = if at_end { few.len() } else { few.partition_point(|other| *other < spot) };
                few.insert(rank, spot);
                rank
            }
            Line::Many(many) => {
                many.insert(spot);
                many.rank(&spot)
            }
        };
        if let Line::Few(few) = self
            && few.len() > FEW
        {
            let mut many = BTreeSet::with_maximum_node_size(NODE);
            for spot in few.drain(..) {
                many.insert(spot);
            }
            *self = Line::Many(Box::new(many));
        }
        rank
    }

    pub(super) fn remove(&mut self, order: LineOrder, slot: u32) {
        let spot = Spot { order, slot };
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
                many.remove(&spot);
                if many.len() <= FEW / 4 {
                    *self = Line::Few(many.iter().copied().collect());
                }
            }
        }
    }

    pub(super) fn nth(&self, index: usize) -> Option<u32> {
        match self {
            Line::Few(few) => few.get(index),
            Line::Many(many) => many.get_index(index),
        }
        .map(|spot| spot.slot)
    }

    /// How many are before `order`.
    pub(super) fn rank(&self, order: LineOrder) -> usize {
        let spot = Spot { order, slot: 0 };
        match self {
            Line::Few(few) => few.partition_point(|other| *other < spot),
            Line::Many(many) => many.rank(&spot),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        match self {
            Line::Few(few) => few.capacity(),
            Line::Many(_) => usize::MAX,
        }
    }
}
