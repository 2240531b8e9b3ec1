use std::sync::Arc;

use super::{Micros, NEVER, RETRY_HORIZON};

/// The configuration of an airlock as a gate reads it. Built and checked by
/// [`Airlock::builder`](crate::Airlock::builder).
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The airlock's name.
    pub name: Arc<str>,
    /// How much weight may be inside at once; 0 lets nobody in. `u32::MAX` where only a rate limits.
    pub limit: u32,
    /// How much weight may be admitted in a time.
    pub rate: Option<RateSpec>,
    /// Whether who is admitted holds something. A rate alone has nothing to give back.
    pub leased: bool,
    /// How long a lease lasts without renewal.
    pub ttl: Micros,
    /// How long a lease may last with renewals, or [`NEVER`].
    pub max_hold: Micros,
    /// Who is next when there is room.
    pub pick: Pick,
    /// The line.
    pub line: LineSpec,
    /// What happens when somebody who is inside enters again.
    pub on_reentry: OnReentry,
    /// The revision of this node's configuration: where nodes share a gate, a higher one wins (G18). Below 2⁵³.
    pub revision: u64,
    /// How many tickets one step reclaims and promotes at most.
    pub step_bound: u32,
    /// Whether a lease lasts as long as the guard that holds it, and needs a deadline only once it is
    /// detached. Set by a store that lives and dies with its guards.
    pub guarded: bool,
    /// Where several nodes share a gate. Set by a store that they share.
    pub shared: Option<SharedSpec>,
}

impl Spec {
    /// For how long a store that is shared keeps a gate when nobody comes: twice the longest that anything lasts there, and
    /// a minute (G2).
    pub fn kept(&self) -> Micros {
        let Spec { ttl, line, .. } = self;
        2 * (*ttl).max(line.presence).max(line.claim_window).max(RETRY_HORIZON) + 60_000_000
    }
}

/// What matters where several nodes share a gate: any of them may die, or be configured otherwise.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedSpec {
    /// For how long a waiter that is attended by a node counts as present after that node asked for it (G9).
    pub presence: Micros,
    /// For how long a waiter that was let in is held its place until its node confirms it by a renewal (G10).
    pub confirmation: Micros,
}

/// The configuration of a rate.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSpec {
    /// In which time one unit of weight is replenished.
    pub interval: Micros,
    /// How much weight may be admitted at once after a long quiet.
    pub burst: u32,
}

/// The configuration of the line.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineSpec {
    /// How many may wait at one gate, offers included.
    pub capacity: u64,
    /// How many of one group may wait at one gate, offers included, or [`NEVER`].
    pub group_capacity: u64,
    /// For how long a waiter that is away counts as present after it asked.
    pub presence: Micros,
    /// For how long an offer is held.
    pub claim_window: Micros,
    /// What becomes of those who miss their offer.
    pub on_missed: OnMissed,
}

impl LineSpec {
    /// Whether groups have to be counted.
    pub fn counts_groups(&self) -> bool {
        self.group_capacity < NEVER
    }

    /// How soon somebody who is away should ask again: three times within its presence, and twice within a
    /// claim window.
    pub fn refresh_after(&self) -> Micros {
        (self.presence / 3).min(self.claim_window / 2).max(1)
    }
}

/// Who gets in when there is room: the second half of an admission strategy.
///
/// See the [module](crate::admission) for an example.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Pick {
    /// Nobody waits; the first to find room wins.
    Nobody,
    /// The head of the line.
    Head,
    /// The head of the group whose turn it is: each group gets admissions in proportion to its share.
    Fair,
    /// Any of those who wait, each as likely as the other.
    Uniform {
        /// Whoever has waited this long is drawn first, the longest wait before the others.
        overdue: Option<Micros>,
    },
    /// Any of those who wait, each as likely as `min(max, base + per_second × seconds waited)`.
    Aging {
        /// The weight on arrival.
        base: f64,
        /// How much it grows each second.
        per_second: f64,
        /// What it grows to.
        max: f64,
    },
}

/// The highest weight in a lottery: those of all that wait are added up, which must stay finite.
const MAX_WEIGHT: f64 = 1e100;

impl Pick {
    /// Whether its parameters make sense, whichever strategy it comes from; else what is wrong.
    pub(crate) fn check(self) -> Result<(), String> {
        let Pick::Aging { base, per_second, max } = self else { return Ok(()) };
        if base > 0.0 && per_second.is_finite() && per_second >= 0.0 && (base..=MAX_WEIGHT).contains(&max) {
            return Ok(());
        }
        Err(format!(
            "base {base}, per_second {per_second} and max {max} must be finite, with base above 0, per_second at least 0 \
             and max at least base and at most {MAX_WEIGHT:e}"
        ))
    }

    /// Whether chance decides.
    pub fn is_drawn(self) -> bool {
        matches!(self, Pick::Uniform { .. } | Pick::Aging { .. })
    }
}

/// What becomes of a waiter who missed its offer.
///
/// It is said by [`Line::on_missed`](crate::Line::on_missed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnMissed {
    /// It is out of the line.
    #[default]
    Drop,
    /// It goes to the back of the line, if it is still present.
    Requeue,
}

/// What happens when an identity that is inside enters again (G4).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::{Airlock, Entrant, OnReentry, Seal};
///
/// let ada = || Entrant::new("door").identity("ada");
/// let sessions = Airlock::builder("sessions").seal(Seal::semaphore(2)).on_reentry(OnReentry::Share).build()?;
/// assert_eq!(sessions.try_enter(ada()).await?.fence(), sessions.try_enter(ada()).await?.fence());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnReentry {
    /// The second entry is refused as a duplicate: single flight.
    #[default]
    Refuse,
    /// The lease belongs to the identity, and every entry of it is admitted under it: a session. It ends by
    /// release, by leaving, or at its deadline, never because a handle was dropped.
    Share,
}
