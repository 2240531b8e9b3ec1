use super::{Ledger, Micros, Pick, Step};

/// The generic cell rate algorithm (ITU-T I.371), in whole microseconds.
///
/// One unit of weight takes an interval to be replenished, and `burst` of them may be ahead of their time.
impl<L: Ledger> Step<'_, L> {
    /// A rate that has recovered is as if nobody had ever come, and keeps no gate alive.
    pub(super) fn replenish(&mut self) {
        let now = self.now;
        let meta = self.ledger.meta_mut();
        if meta.replenished_at <= now {
            meta.replenished_at = 0;
        }
    }

    /// The first moment at which that weight conforms to the rate. Asking uses nothing up.
    pub(super) fn conforms_at(&self, weight: u32) -> Micros {
        let Some(rate) = self.spec.rate else { return 0 };
        let (weight, burst) = (Micros::from(weight), Micros::from(rate.burst));
        let wanted = self.ledger.meta().replenished_at + rate.interval * weight;
        wanted.saturating_sub(rate.interval * burst)
    }

    /// Uses the rate up. It is never given back.
    pub(super) fn spend(&mut self, weight: u32) {
        let Some(rate) = self.spec.rate.filter(|_| weight > 0) else { return };
        let now = self.now;
        let meta = self.ledger.meta_mut();
        meta.replenished_at = meta.replenished_at.max(now) + rate.interval * Micros::from(weight);
    }

    /// When the rate will let the next one in, if nothing else is in its way; or when a gate with nobody at it has
    /// recovered and can be forgotten.
    pub(super) fn rate_lets_go_at(&self) -> Option<Micros> {
        self.spec.rate?;
        let meta = self.ledger.meta();
        if self.ledger.is_empty() {
            return Some(meta.replenished_at).filter(|at| *at > 0);
        }
        let weight = match self.pick {
            Pick::Nobody => return None,
            Pick::Head => self.ledger.read(self.ledger.nth(0)?).weight,
            Pick::Fair => self.ledger.read(self.fair_head()?).weight,
            // Whoever will be drawn weighs at least that.
            Pick::Uniform { .. } | Pick::Aging { .. } => match self.drawn() {
                Some(id) => self.ledger.read(id).weight,
                None if meta.waiting > 0 => 1,
                None => return None,
            },
        };
        (self.serves() && self.has_room(weight)).then(|| self.conforms_at(weight)).filter(|at| *at > self.now)
    }
}
