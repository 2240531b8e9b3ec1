use super::{Admission, Pick, Rank};
use crate::Entrant;

/// Any of those who wait, the likelier the longer it has waited: its chance is in proportion to
/// `min(max, base + per_second × seconds waited)`.
///
/// ```
/// use airlock_core::admission::AgingLottery;
///
/// // After a minute twice as likely as a newcomer, after nine minutes ten times, and no more than that.
/// let strategy = AgingLottery::new(1.0, 1.0 / 60.0, 10.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgingLottery {
    base: f64,
    per_second: f64,
    max: f64,
}

impl AgingLottery {
    /// Finite; `base` above 0, `per_second` at least 0, `max` at least `base` and at most 1e100.
    pub fn new(base: f64, per_second: f64, max: f64) -> Self {
        AgingLottery { base, per_second, max }
    }
}

impl Admission for AgingLottery {
    fn rank(&self, _: &Entrant<'_>) -> Rank {
        Rank::arrival()
    }

    fn pick(&self) -> Pick {
        Pick::Aging { base: self.base, per_second: self.per_second, max: self.max }
    }
}
