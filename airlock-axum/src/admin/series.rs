//! What happened at one gate, or at all of an airlock, during the last five minutes.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

/// How long a step of the history is, and how many there are.
pub(super) const STEP: Duration = Duration::from_secs(5);
const STEPS: usize = 60;
/// Over how many steps a rate is taken.
const RECENT: u64 = 12;
/// Of how many admissions it is known how long they waited.
const WAITS: usize = 256;

/// Steps are numbered from when the panel was made.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// By number, those that are past or never were have another.
    steps: Vec<Step>,
    /// How long whoever came in last had waited, and in which step that was.
    waits: VecDeque<(u64, Duration)>,
}

#[derive(Clone, Debug, Default)]
struct Step {
    number: u64,
    admitted: u32,
    refused: u32,
    /// In use and waiting, when somebody looked.
    load: Option<(u64, u64)>,
}

/// Rates and waits.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Recent {
    pub(super) admitted_per_second: f64,
    pub(super) refused_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wait_ms: Option<Waits>,
}

/// Percentiles, by the nearest rank.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Waits {
    pub(super) p50: u64,
    pub(super) p95: u64,
}

/// All steps, oldest first; the last is not over yet.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct History {
    pub(super) step_ms: u64,
    pub(super) admitted: Vec<u32>,
    pub(super) refused: Vec<u32>,
    pub(super) in_use: Vec<Option<u64>>,
    pub(super) waiting: Vec<Option<u64>>,
}

impl Series {
    pub(super) fn admitted(&mut self, now: Duration, waited: Duration) {
        self.waits.push_back((number(now), waited));
        if self.waits.len() > WAITS {
            self.waits.pop_front();
        }
        let step = self.step(now);
        step.admitted = step.admitted.saturating_add(1);
    }

    pub(super) fn refused(&mut self, now: Duration) {
        let step = self.step(now);
        step.refused = step.refused.saturating_add(1);
    }

    /// Somebody looked.
    pub(super) fn load(&mut self, now: Duration, in_use: u64, waiting: u64) {
        self.step(now).load = Some((in_use, waiting));
    }

    /// `now` is how old the panel is.
    pub(super) fn recent(&self, now: Duration) -> Recent {
        let current = number(now);
        let first = current.saturating_sub(RECENT - 1);
        let of = |count: fn(&Step) -> u32| {
            let counted: u64 =
                (first..=current).filter_map(|number| self.find(number)).map(|step| u64::from(count(step))).sum();
            let over = now.saturating_sub(STEP * first as u32).as_secs_f64().max(1.0);
            // Three digits are more than anybody reads.
            (counted as f64 / over * 1000.0).round() / 1000.0
        };
        Recent {
            admitted_per_second: of(|step| step.admitted),
            refused_per_second: of(|step| step.refused),
            wait_ms: self.waits(current),
        }
    }

    fn waits(&self, current: u64) -> Option<Waits> {
        let first = oldest(current);
        let mut waits: Vec<_> =
            self.waits.iter().filter(|(number, _)| *number >= first).map(|(_, wait)| *wait).collect();
        waits.sort_unstable();
        let rank = |percent: usize| (waits.len() * percent).div_ceil(100).checked_sub(1);
        let at = |percent| Some(waits.get(rank(percent)?)?.as_millis() as u64);
        Some(Waits { p50: at(50)?, p95: at(95)? })
    }

    pub(super) fn history(&self, now: Duration) -> History {
        let current = number(now);
        let all = || (0..STEPS as u64).rev().map(|ago| current.checked_sub(ago).and_then(|number| self.find(number)));
        History {
            step_ms: STEP.as_millis() as u64,
            admitted: all().map(|step| step.map_or(0, |step| step.admitted)).collect(),
            refused: all().map(|step| step.map_or(0, |step| step.refused)).collect(),
            in_use: all().map(|step| step?.load.map(|(in_use, _)| in_use)).collect(),
            waiting: all().map(|step| step?.load.map(|(_, waiting)| waiting)).collect(),
        }
    }

    fn find(&self, number: u64) -> Option<&Step> {
        self.steps.get(slot(number)).filter(|step| step.number == number)
    }

    fn step(&mut self, now: Duration) -> &mut Step {
        let number = number(now);
        if self.steps.is_empty() {
            // Step 0 is a step like any other: these are all of them before they began.
            self.steps = vec![Step { number: u64::MAX, ..Step::default() }; STEPS];
        }
        let step = &mut self.steps[slot(number)];
        if step.number != number {
            *step = Step { number, ..Step::default() };
        }
        step
    }
}

fn number(now: Duration) -> u64 {
    now.as_secs() / STEP.as_secs()
}

fn oldest(current: u64) -> u64 {
    current.saturating_sub(STEPS as u64 - 1)
}

fn slot(number: u64) -> usize {
    (number % STEPS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_rate_is_that_of_the_last_minute() {
        let mut series = Series::default();
        assert_eq!(series.recent(secs(0)).admitted_per_second, 0.0);
        series.admitted(secs(0), secs(0));
        assert_eq!(series.recent(secs(0)).admitted_per_second, 1.0, "in less than a second");
        for second in 0..20 {
            series.admitted(secs(second), secs(0));
            series.refused(secs(second));
        }
        assert_eq!(series.recent(secs(20)).refused_per_second, 1.0);
        assert_eq!(series.recent(secs(59)).refused_per_second, 0.339);
        // Twenty seconds of it are over a minute ago.
        assert_eq!(series.recent(secs(80)).refused_per_second, 0.0);
    }

    #[test]
    fn waits_are_those_of_the_last_admissions_of_five_minutes() {
        let mut series = Series::default();
        assert_eq!(series.recent(secs(1)).wait_ms, None);
        for wait in 1..=300 {
            series.admitted(secs(1), Duration::from_millis(wait));
        }
        // 45 to 300 are left.
        assert_eq!(series.recent(secs(299)).wait_ms, Some(Waits { p50: 172, p95: 288 }));
        series.admitted(secs(200), secs(1));
        assert_eq!(series.recent(secs(300)).wait_ms, Some(Waits { p50: 1000, p95: 1000 }));
        assert_eq!(series.recent(secs(600)).wait_ms, None);
    }

    #[test]
    fn a_history_ends_now_and_says_where_nobody_looked() {
        let mut series = Series::default();
        series.admitted(secs(0), secs(0));
        series.load(secs(7), 3, 9);
        series.refused(secs(12));
        let history = series.history(secs(12));
        assert_eq!((history.admitted.len(), history.admitted[57..].to_vec()), (60, vec![1, 0, 0]));
        assert_eq!(
            (&history.in_use[57..], &history.waiting[57..]),
            (&[None, Some(3), None][..], &[None, Some(9), None][..])
        );
        assert_eq!(history.refused[59], 1);
        // The first step is over, and its place is another's.
        series.admitted(secs(301), secs(0));
        let history = series.history(secs(301));
        assert_eq!((history.in_use[0], history.admitted[59], history.admitted.iter().sum::<u32>()), (Some(3), 1, 1));
    }
}
