use std::time::Duration;

use crate::error::ConfigError;
use crate::gate::{Micros, NEVER, RateSpec};
use crate::rate::Rate;

/// How capacity is enforced.
///
/// | seal | use it when |
/// |---|---|
/// | [`Seal::lock()`] | one at a time |
/// | [`Seal::semaphore(n)`](Seal::semaphore) | at most `n` at a time; heavy work may count for more than one |
/// | [`Seal::rate(r)`](Seal::rate) | at most so many in a time, however long each takes |
/// | [`Seal::cooldown(d)`](Seal::cooldown) | at most one in that time: "send the code again" |
/// | `Seal::semaphore(3).with_rate(…)` | both: three at once, and fifty a minute |
///
/// A permit is a lease: it lasts for the seal's [`ttl`](Seal::ttl) unless it is renewed, and a held permit renews
/// itself, for at most [`max_hold`](Seal::max_hold). In memory a guard's permit cannot be forgotten by a crash,
/// so the lease starts to count when it is detached.
///
/// ```
/// use std::time::Duration;
/// use airlock_core::{Rate, Seal};
///
/// let shield = Seal::semaphore(3).with_rate(Rate::per_minute(50));
/// let seal = Seal::semaphore(3).ttl(Duration::from_secs(60)).max_hold(Duration::from_secs(3600));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Seal {
    /// None where only a rate limits.
    limit: Option<u32>,
    rate: Option<Rate>,
    ttl: Duration,
    max_hold: Option<Duration>,
}

/// The longest lease.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Seal {
    /// One at a time.
    pub fn lock() -> Self {
        Seal::semaphore(1)
    }

    /// A weight of at most `limit` at a time. 0 lets nobody in: everyone waits until an operator raises it.
    pub fn semaphore(limit: u32) -> Self {
        Seal::new(Some(limit), None)
    }

    /// At most so many in a time. Whoever is let in holds nothing: its permit can be dropped at any time and gives
    /// nothing back, is not renewed and is never lost.
    pub fn rate(rate: Rate) -> Self {
        Seal::new(None, Some(rate))
    }

    /// At most one in that time, counted from its admission: 1 µs to 365 days. A rate of one.
    pub fn cooldown(every: Duration) -> Self {
        Seal::rate(Rate::new(1, every))
    }

    fn new(limit: Option<u32>, rate: Option<Rate>) -> Self {
        Seal { limit, rate, ttl: Duration::from_secs(30), max_hold: None }
    }

    /// Besides, at most so many in a time. Both or neither: who finds no room uses nothing of the rate up. What the
    /// rate has given it never gets back, however early the permit is released.
    pub fn with_rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// How long a lease lasts without renewal: 30 s by default, 1 µs to 365 days.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How long a lease may last with all its renewals. Unlimited by default, else 1 µs to 365 days.
    pub fn max_hold(mut self, max_hold: Duration) -> Self {
        self.max_hold = Some(max_hold);
        self
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.unwrap_or(u32::MAX)
    }

    /// Whether who is admitted holds something.
    pub(crate) fn is_leased(&self) -> bool {
        self.limit.is_some()
    }

    pub(crate) fn checked_rate(&self) -> Result<Option<RateSpec>, ConfigError> {
        self.rate.map(|rate| rate.checked()).transpose()
    }

    pub(crate) fn checked_ttl(&self) -> Result<Micros, ConfigError> {
        micros(self.ttl).ok_or_else(|| out_of_bounds("seal.ttl", self.ttl))
    }

    pub(crate) fn checked_max_hold(&self) -> Result<Micros, ConfigError> {
        let Some(max_hold) = self.max_hold else { return Ok(NEVER) };
        micros(max_hold).ok_or_else(|| out_of_bounds("seal.max_hold", max_hold))
    }
}

/// A span that a lease, an offer or presence may last; none if it is zero or out of bounds.
pub(crate) fn micros(span: Duration) -> Option<Micros> {
    let within = span <= LONGEST && span >= Duration::from_micros(1);
    within.then_some(span.as_micros() as Micros)
}

pub(crate) fn out_of_bounds(field: &'static str, span: Duration) -> ConfigError {
    ConfigError::new(field, format!("{span:?} is not between 1 µs and 365 days"))
}
