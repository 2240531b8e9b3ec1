use std::fmt;
use std::time::Duration;

use crate::error::ConfigError;
use crate::gate::{Micros, RateSpec};
use crate::seal::{micros, out_of_bounds};

/// So many in a time.
///
/// The generic cell rate algorithm (ITU-T I.371) in whole microseconds: one is replenished each `per ÷ count`, rounded
/// up, and after a long quiet [`burst`](Rate::burst) may come at once.
///
/// ```
/// use std::time::Duration;
/// use airlock_core::Rate;
///
/// let steady = Rate::per_minute(50).burst(1);
/// assert_eq!(Rate::new(50, Duration::from_secs(60)).burst(1), steady);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Rate {
    count: u32,
    per: Duration,
    burst: u32,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}", self.count, self.per)
    }
}

impl Rate {
    /// `count` in `per`, at least 1 and 1 µs each.
    pub fn new(count: u32, per: Duration) -> Self {
        Rate { count, per, burst: count }
    }

    /// `count` a second.
    pub fn per_second(count: u32) -> Self {
        Rate::new(count, Duration::from_secs(1))
    }

    /// `count` a minute.
    pub fn per_minute(count: u32) -> Self {
        Rate::new(count, Duration::from_secs(60))
    }

    /// `count` an hour.
    pub fn per_hour(count: u32) -> Self {
        Rate::new(count, Duration::from_secs(3600))
    }

    /// How many may come at once after a long quiet: as many as the count by default, at least 1.
    pub fn burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    pub(crate) fn checked(self) -> Result<RateSpec, ConfigError> {
        let refuse = |problem: &str| Err(ConfigError::new("seal.rate", problem));
        if self.count == 0 {
            return refuse("0 in a time would let nobody in; for that, use a semaphore of 0");
        }
        if self.burst == 0 {
            return refuse("a burst of 0 would let nobody in; the least is 1");
        }
        micros(self.per).ok_or_else(|| out_of_bounds("seal.rate", self.per))?;
        // Rounded up, so that there are never more than were allowed.
        let (nanos, count) = (self.per.as_nanos(), u128::from(self.count));
        let interval = nanos.div_ceil(1000 * count) as Micros;
        if nanos < 1000 * count {
            return refuse("more than one in a microsecond cannot be told apart");
        }
        if micros(Duration::from_micros(interval).saturating_mul(self.burst)).is_none() {
            return refuse("its burst takes longer than 365 days to be replenished");
        }
        Ok(RateSpec { interval, burst: self.burst })
    }
}

#[cfg(feature = "governor")]
impl From<governor::Quota> for Rate {
    /// One each replenishment interval, with the quota's burst.
    fn from(quota: governor::Quota) -> Self {
        Rate::new(1, quota.replenish_interval()).burst(quota.burst_size().get())
    }
}
