//! Who goes next: a rank at arrival and a pick at vacancy.
//!
//! | strategy | use it when |
//! |---|---|
//! | [`Fifo`] | first come, first served: the default |
//! | [`Priority`] | some go first; with aging, so that the others still get in |
//! | [`FairShare`] | tenants compete: each gets its share, however many it sends |
//! | [`Lottery`] | it should make no sense to come early or to push |
//! | [`AgingLottery`] | the same, but waiting should count for something |
//! | [`Opportunistic`] | nobody should wait: whoever finds room is in |
//!
//! A strategy of your own is a rank function, and works on every store:
//!
//! ```
//! use airlock_core::admission::{Admission, Pick, Rank};
//! use airlock_core::Entrant;
//!
//! /// Members first, and within each kind the light ones.
//! #[derive(Debug)]
//! struct MembersFirst;
//!
//! impl Admission for MembersFirst {
//!     fn rank(&self, entrant: &Entrant<'_>) -> Rank {
//!         let member = entrant.group.as_deref() == Some("members");
//!         Rank::score(if member { 0.0 } else { 1e6 } + f64::from(entrant.weight))
//!     }
//!     fn pick(&self) -> Pick {
//!         Pick::Head
//!     }
//! }
//! ```

mod aging_lottery;
mod fair_share;
mod fifo;
mod lottery;
mod opportunistic;
mod priority;

use std::fmt::Debug;

pub use aging_lottery::AgingLottery;
pub use fair_share::FairShare;
pub use fifo::Fifo;
pub use lottery::Lottery;
pub use opportunistic::Opportunistic;
pub use priority::Priority;

pub use crate::gate::Pick;
use crate::{ConfigError, Entrant};

/// An admission strategy.
///
/// See the [module](self) for an example.
pub trait Admission: Debug + Send + Sync + 'static {
    /// Where a newcomer belongs in the line. Called once, when it asks; it must be quick and must not block.
    fn rank(&self, entrant: &Entrant<'_>) -> Rank;

    /// Who of those who wait is next. Read once, when the airlock is built.
    fn pick(&self) -> Pick;

    /// Whether its parameters make sense. Called once, when the airlock is built.
    ///
    /// # Errors
    ///
    /// What is wrong with which parameter.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// A newcomer's rank.
///
/// See the [module](self) for an example.
///
/// Lower goes first. The order key is `score + per_second × arrival`, with the arrival in seconds: with a
/// `per_second` above 0, an earlier arrival is worth that much score for each second it has waited longer.
/// Equal keys go by arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rank {
    /// Finite; −0 is 0.
    pub score: f64,
    /// Finite. 0: the score alone decides.
    pub per_second: f64,
    /// Under [`Pick::Fair`], its group's share of the admissions: finite, above 0. 1 by default.
    pub share: f64,
    /// Under [`Pick::Fair`], how much weight of its group may be inside at once; 0, the default, for any.
    pub cap: u32,
}

impl Rank {
    /// By arrival alone.
    pub fn arrival() -> Self {
        Rank::score(0.0)
    }

    /// By this score, then arrival.
    pub fn score(score: f64) -> Self {
        Rank { score, per_second: 0.0, share: 1.0, cap: 0 }
    }

    /// Makes a second of waiting worth this much score.
    #[must_use]
    pub fn per_second(mut self, per_second: f64) -> Self {
        self.per_second = per_second;
        self
    }

    /// Says its group's share of the admissions.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// Says how much weight of its group may be inside at once.
    #[must_use]
    pub fn cap(mut self, cap: u32) -> Self {
        self.cap = cap;
        self
    }

    /// Whether a gate can order by it.
    pub(crate) fn is_finite(&self) -> bool {
        self.score.is_finite() && self.per_second.is_finite() && self.share.is_finite() && self.share > 0.0
    }
}
