//! What the nodes that share a gate are agreed on: the limit and the strategy in force (G18).

use super::{Ledger, Micros, Pick, Spec, Step};

/// What nodes have asked with.
///
/// See the [module](crate::gate) for an example.
///
/// Of those with the highest revision the lowest limit counts, for as long as a lease lasts after it was last asked
/// with; and the strategy by which the line was formed, for as long as there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Agreed {
    /// The highest revision that was seen.
    pub revision: u64,
    /// The lowest limit asked with lately.
    pub low: Asked,
    /// Where nodes disagree, the highest, which counts when the lowest is past. One in between raises how long the
    /// lowest counts, so that two are enough.
    pub high: Option<Asked>,
    /// The strategy by which those who wait, or are offered a place, came.
    pub pick: Pick,
}

/// A limit, and how long it counts.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Asked {
    /// The limit.
    pub limit: u32,
    /// Until when it counts, while there is another.
    pub until: Micros,
}

impl Agreed {
    fn hear(&mut self, revision: u64, asked: Asked) {
        if revision > self.revision {
            *self = Agreed { revision, low: asked, high: None, ..*self };
        } else if revision == self.revision {
            self.low_and_high(asked);
        }
    }

    fn low_and_high(&mut self, asked: Asked) {
        if asked.limit <= self.low.limit {
            // It counts for longer than any that was asked with before.
            (self.low, self.high) = (asked, None);
            return;
        }
        if let Some(high) = self.high.filter(|high| high.limit < asked.limit) {
            self.low.until = self.low.until.max(high.until);
        }
        self.high = Some(asked);
    }

    fn forget(&mut self, now: Micros) {
        if let Some(high) = self.high.filter(|_| self.low.until <= now) {
            (self.low, self.high) = (high, None);
        }
    }
}

impl<L: Ledger> Step<'_, L> {
    /// Hears with what this node asks, and goes by what all are agreed on.
    pub(super) fn agree(&mut self) {
        let Spec { revision, shared: Some(_), .. } = *self.spec else { return };
        let asked = Asked { limit: self.spec.limit, until: self.now.saturating_add(self.spec.ttl) };
        let mut agreed =
            self.ledger.agreed().unwrap_or(Agreed { revision, low: asked, high: None, pick: self.spec.pick });
        // Before, so that what is past does not count for longer by what is new; and after, for it may be past alone.
        agreed.forget(self.now);
        agreed.hear(revision, asked);
        agreed.forget(self.now);
        let meta = self.ledger.meta();
        if meta.waiting + meta.offered == 0 {
            agreed.pick = self.spec.pick;
        }
        (self.configured, self.pick) = (agreed.low.limit, agreed.pick);
        self.ledger.set_agreed(agreed);
    }

    /// When the limit rises by itself, for those who wait for it.
    pub(super) fn rises_at(&self) -> Option<Micros> {
        let agreed = self.ledger.agreed().filter(|_| self.ledger.meta().waiting > 0)?;
        agreed.high.map(|_| agreed.low.until)
    }
}
