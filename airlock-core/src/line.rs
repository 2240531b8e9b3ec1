use std::time::Duration;

use crate::error::ConfigError;
use crate::gate::{LineSpec, NEVER, OnMissed};
use crate::seal::{micros, out_of_bounds};

/// How people wait.
///
/// ```
/// use std::time::Duration;
/// use airlock_core::Line;
///
/// let line = Line::new().capacity(500).group_capacity(50).claim_window(Duration::from_secs(30));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Line {
    capacity: u64,
    group_capacity: Option<u64>,
    presence: Duration,
    claim_window: Duration,
    on_missed: OnMissed,
}

impl Default for Line {
    fn default() -> Self {
        Line::new()
    }
}

impl Line {
    /// 10,000 places, 30 s of presence, offers of 20 s, and who misses one is out.
    pub fn new() -> Self {
        Line {
            capacity: 10_000,
            group_capacity: None,
            presence: Duration::from_secs(30),
            claim_window: Duration::from_secs(20),
            on_missed: OnMissed::Drop,
        }
    }

    /// How many may wait at one gate, offers included. 0: nobody waits.
    pub fn capacity(mut self, places: u64) -> Self {
        self.capacity = places;
        self
    }

    /// How many of one group may wait at one gate, offers included. Unlimited by default; entrants without a
    /// group are not counted.
    pub fn group_capacity(mut self, places: u64) -> Self {
        self.group_capacity = Some(places);
        self
    }

    /// For how long somebody who is away counts as present after it last asked; then it loses its place. It is
    /// told to ask again three times as often.
    pub fn presence(mut self, presence: Duration) -> Self {
        self.presence = presence;
        self
    }

    /// For how long a place is held for somebody who is away and was chosen: at least two of the intervals at
    /// which it asks again, which is two thirds of the presence.
    pub fn claim_window(mut self, window: Duration) -> Self {
        self.claim_window = window;
        self
    }

    /// What becomes of those who miss their offer.
    pub fn on_missed(mut self, on_missed: OnMissed) -> Self {
        self.on_missed = on_missed;
        self
    }

    pub(crate) fn checked(&self) -> Result<LineSpec, ConfigError> {
        let presence = micros(self.presence).ok_or_else(|| out_of_bounds("line.presence", self.presence))?;
        let claim_window =
            micros(self.claim_window).ok_or_else(|| out_of_bounds("line.claim_window", self.claim_window))?;
        // The refresh interval is a third of the presence.
        if claim_window < 2 * (presence / 3) {
            return Err(ConfigError::new(
                "line.claim_window",
                format!(
                    "{:?} is less than two intervals of asking again, which a presence of {:?} makes {:?}",
                    self.claim_window,
                    self.presence,
                    2 * self.presence / 3
                ),
            ));
        }
        Ok(LineSpec {
            capacity: self.capacity.min(NEVER),
            group_capacity: self.group_capacity.unwrap_or(NEVER).min(NEVER),
            presence,
            claim_window,
            on_missed: self.on_missed,
        })
    }
}
