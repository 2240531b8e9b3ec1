//! What came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::options::Options;
use crate::tally::Tally;
use crate::visitor::{Fate, Record};

/// How long a wait is at the least of which it is asked how well it was estimated.
const WORTH_ESTIMATING: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    seed: u64,
    visitors: usize,
    took_ms: u64,
    admitted: usize,
    /// Those who stayed and did not get in.
    not_admitted: usize,
    left: usize,
    vanished: usize,
    failed: usize,
    wait_ms: Spread,
    /// The most who were inside at the same instant, at least.
    most_inside: usize,
    expected_limit: Option<u32>,
    /// By how many more than expected.
    overshoot: usize,
    /// How many were let in ahead of somebody who had come before.
    overtakings: usize,
    refused: BTreeMap<String, u64>,
    lost_places: u64,
    put_out: u64,
    errors: u64,
    last_error: Option<String>,
    estimates: Estimates,
}

/// Of those who got in.
#[derive(Debug, Default, Serialize)]
struct Spread {
    p50: u64,
    p95: u64,
    max: u64,
}

/// What visitors were told about their wait, against what it was.
#[derive(Debug, Default, Serialize)]
struct Estimates {
    asked: usize,
    /// By how much of the true wait it was wrong.
    median_error: Option<f64>,
    /// Below 1 when too little was promised.
    median_of_estimated_to_true: Option<f64>,
}

impl Summary {
    pub(crate) fn new(options: &Options, seed: u64, tally: &Tally, records: &[Record], took: Duration) -> Self {
        let count = |fate| records.iter().filter(|record| record.fate == fate).count();
        let most_inside = most_at_once(records.iter().filter_map(|record| record.inside));
        let overshoot = options.expect_limit.map_or(0, |limit| most_inside.saturating_sub(limit as usize));
        Summary {
            seed,
            visitors: records.len(),
            took_ms: millis(took),
            admitted: count(Fate::Inside),
            not_admitted: count(Fate::Outside),
            left: count(Fate::Left),
            vanished: count(Fate::Vanished),
            failed: count(Fate::Failed),
            wait_ms: Spread::of(records),
            most_inside,
            expected_limit: options.expect_limit,
            overshoot,
            overtakings: overtakings(records),
            refused: tally.refusals(),
            lost_places: tally.lost.now(),
            put_out: tally.put_out.now(),
            errors: tally.errors(),
            last_error: tally.problem(),
            estimates: Estimates::of(records),
        }
    }

    /// What was not as it should be.
    pub(crate) fn complaints(&self, options: &Options) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.not_admitted + self.failed > 0 {
            complaints.push(format!("{} who stayed did not get in", self.not_admitted + self.failed));
        }
        if self.overshoot > 0 {
            complaints.push(format!("{} were inside at once, {} too many", self.most_inside, self.overshoot));
        }
        if options.expect_fifo && self.overtakings > 0 {
            complaints.push(format!("{} were let in ahead of somebody who had come before", self.overtakings));
        }
        if let Some(problem) = self.last_error.as_ref().filter(|_| self.failed > 0) {
            complaints.push(format!("{} requests failed, the last because of: {problem}", self.errors));
        }
        if self.refused.contains_key("line-full") {
            let hint = "some were refused for a while, since the line was full or too many came from one address: raise the \
                        server's --line and --per-address";
            complaints.extend((self.not_admitted > 0).then(|| hint.to_owned()));
        }
        complaints
    }
}

impl Spread {
    fn of(records: &[Record]) -> Self {
        let waits = records.iter().filter_map(|record| Some(record.inside?.0.saturating_sub(record.came)));
        let mut waits: Vec<u64> = waits.map(millis).collect();
        waits.sort_unstable();
        let at = |share: f64| waits.get(((waits.len() as f64 * share) as usize).min(waits.len().max(1) - 1)).copied();
        let [p50, p95, max] = [0.5, 0.95, 1.0].map(|share| at(share).unwrap_or_default());
        Spread { p50, p95, max }
    }
}

impl Estimates {
    fn of(records: &[Record]) -> Self {
        let pairs = records.iter().filter_map(|record| {
            let (asked, estimated) = record.told?;
            // An admission's number is its time, or a little more.
            let wait = Duration::from_micros(record.fence?).saturating_sub(asked);
            (wait >= WORTH_ESTIMATING).then(|| estimated.as_secs_f64() / wait.as_secs_f64())
        });
        let ratios: Vec<f64> = pairs.collect();
        Estimates {
            asked: ratios.len(),
            median_error: median(ratios.iter().map(|ratio| (ratio - 1.0).abs()).collect()),
            median_of_estimated_to_true: median(ratios),
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Each is known to be inside from when it was told so until it asked to leave: it was so for a little longer, never shorter.
fn most_at_once(spans: impl Iterator<Item = (Duration, Duration)>) -> usize {
    let mut changes: Vec<(Duration, bool)> = spans.flat_map(|(from, to)| [(from, true), (to, false)]).collect();
    // Who goes in the moment in which another comes is gone.
    changes.sort_unstable();
    let (mut now, mut most) = (0_usize, 0);
    for (_, comes) in changes {
        now = if comes { now + 1 } else { now.saturating_sub(1) };
        most = most.max(now);
    }
    most
}

/// Who asked for its place after another was told that it has one came later. It overtook if it was let in sooner.
fn overtakings(records: &[Record]) -> usize {
    let admitted = || records.iter().filter_map(|record| Some((record.joined, record.fence?)));
    let mut asked: Vec<_> = admitted().map(|((sent, _), fence)| (sent, fence)).collect();
    let mut answered: Vec<_> = admitted().map(|((_, answered), fence)| (answered, fence)).collect();
    asked.sort_unstable();
    answered.sort_unstable();
    let (mut before, mut last, mut count) = (answered.iter().peekable(), 0, 0);
    for (sent, fence) in asked {
        while let Some((_, earlier)) = before.next_if(|(answered, _)| *answered < sent) {
            last = last.max(*earlier);
        }
        count += usize::from(last > fence);
    }
    count
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        writeln!(f, "visitors       {} in {:.1} s (seed {})", self.visitors, seconds(self.took_ms), self.seed)?;
        writeln!(f, "admitted       {}", self.admitted)?;
        let Spread { p50, p95, max } = self.wait_ms;
        writeln!(f, "waited         p50 {:.1} s, p95 {:.1} s, max {:.1} s", seconds(p50), seconds(p95), seconds(max))?;
        writeln!(f, "abandoned      {} left the line, {} vanished from it", self.left, self.vanished)?;
        writeln!(f, "did not get in {} ({} of them after errors)", self.not_admitted + self.failed, self.failed)?;
        let limit = self.expected_limit.map_or_else(String::new, |limit| format!(", {limit} expected"));
        writeln!(f, "most inside    {}{limit}", self.most_inside)?;
        writeln!(f, "overtook       {}", self.overtakings)?;
        let refused: Vec<String> = self.refused.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        writeln!(f, "refused        {}", if refused.is_empty() { "nobody".to_owned() } else { refused.join(", ") })?;
        writeln!(f, "lost           {} places in line, {} put out early", self.lost_places, self.put_out)?;
        if let Some(problem) = &self.last_error {
            writeln!(f, "errors         {}, the last: {problem}", self.errors)?;
        }
        match (self.estimates.median_error, self.estimates.median_of_estimated_to_true) {
            (Some(error), Some(ratio)) => writeln!(
                f,
                "estimates      {} asked, wrong by {:.0} % in the median; {ratio:.2} of the true wait",
                self.estimates.asked,
                error * 100.0
            ),
            _ => writeln!(f, "estimates      none of a wait of a second or more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn admitted(joined: (u64, u64), inside: (u64, u64), fence: u64) -> Record {
        let span = |(from, to)| (secs(from), secs(to));
        Record { joined: span(joined), inside: Some(span(inside)), fence: Some(fence), ..Record::default() }
    }

    #[test]
    fn counts_those_who_are_inside_at_the_same_instant() {
        let spans = [(0, 2), (1, 3), (2, 4), (2, 2), (9, 10)].map(|(from, to)| (secs(from), secs(to)));
        assert_eq!(most_at_once(spans.into_iter()), 2);
        assert_eq!(most_at_once(std::iter::empty()), 0);
    }

    #[test]
    fn overtakes_who_certainly_came_later_and_was_let_in_sooner() {
        let first = admitted((0, 1), (5, 6), 20);
        // They asked at the same time: nobody knows who came first.
        assert_eq!(overtakings(&[first.clone(), admitted((1, 2), (4, 5), 10)]), 0);
        assert_eq!(overtakings(&[first.clone(), admitted((2, 3), (4, 5), 10)]), 1);
        assert_eq!(overtakings(&[first, admitted((2, 3), (6, 7), 30)]), 0);
    }

    #[test]
    fn an_estimate_is_as_good_as_the_wait_was() {
        let mut record = admitted((0, 1), (5, 6), 110_000_000);
        record.told = Some((secs(100), secs(8)));
        let estimates = Estimates::of(&[record]);
        assert_eq!(estimates.asked, 1);
        assert!((estimates.median_error.expect("one") - 0.2).abs() < 1e-9);
        assert!((estimates.median_of_estimated_to_true.expect("one") - 0.8).abs() < 1e-9);
    }
}
