//! What a rate has let through, apart from the gate: the other form of the generic cell rate algorithm, a bucket
//! that leaks (ITU-T I.371, "continuous-state leaky bucket"), and what it promises, by brute force.

use airlock_core::gate::{Micros, RateSpec};

use crate::ensure;

/// How many of the last admissions every new one is held against.
const REMEMBERED: usize = 48;

/// All that one gate was let in by its rate, whether or not the gate vanished in between.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// In microseconds, when something was last poured in.
    level: Micros,
    poured_at: Micros,
    /// When, and how much.
    log: Vec<(Micros, u32)>,
}

impl Cells {
    fn level(&self, now: Micros) -> Micros {
        self.level.saturating_sub(now - self.poured_at)
    }

    /// For how long the rate keeps somebody of that weight out.
    pub fn wait(&self, rate: Option<RateSpec>, weight: u32, now: Micros) -> Micros {
        let Some(RateSpec { interval, burst }) = rate else { return 0 };
        (self.level(now) + interval * u64::from(weight)).saturating_sub(interval * u64::from(burst))
    }

    /// When it will be as if nobody had ever come; 0 if it is.
    pub fn replenished_at(&self, now: Micros) -> Micros {
        match self.level(now) {
            0 => 0,
            level => now + level,
        }
    }

    /// Somebody is let in, which uses up what is never given back.
    pub fn spend(&mut self, rate: Option<RateSpec>, weight: u32, now: Micros) -> Result<(), String> {
        let Some(RateSpec { interval, burst }) = rate else { return Ok(()) };
        let wait = self.wait(rate, weight, now);
        ensure!(wait == 0, "let in {wait} µs before the rate allows it");
        self.level = self.level(now) + interval * u64::from(weight);
        self.poured_at = now;
        if self.log.len() == REMEMBERED {
            self.log.remove(0);
        }
        self.log.push((now, weight));
        let mut sum = 0;
        for (at, weight) in self.log.iter().rev() {
            sum += u64::from(*weight);
            let most = u64::from(burst) + (now - at) / interval;
            ensure!(sum <= most, "{sum} let in within {} µs, where at most {most} may be", now - at);
        }
        Ok(())
    }
}
