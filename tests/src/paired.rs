//! Ratios between two things that are measured in turns.
//!
//! The figures to reach are ratios, and a machine that is shared drifts by more than they allow between one
//! benchmark and the next. Harnesses such as criterion and divan measure one after the other; here the two take
//! turns, and each round is compared with its own neighbour.

use std::time::{Duration, Instant};

/// What is compared, and what is to reach.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// In words.
    pub what: &'static str,
    /// How often one call of a contestant does the thing.
    pub operations: u32,
    /// How many rounds.
    pub rounds: usize,
    /// How many times as long as the other the measured one may take.
    pub at_most: f64,
}

/// Prints the heads of the columns.
pub fn print_head() {
    println!("{:<58} {:>9} {:>9} {:>6} {:>8}", "median of rounds in turns", "measured", "against", "ratio", "at most");
}

impl Comparison {
    /// Lets the two take turns, and prints what came out. Each times itself, so that it can leave out what is not to
    /// be measured.
    pub fn run(&self, mut measured: impl FnMut() -> Duration, mut against: impl FnMut() -> Duration) {
        // Not counted: caches, branch predictors and allocators get to know both.
        measured();
        against();
        let rounds: Vec<(f64, f64)> = (0..self.rounds).map(|_| (self.each(measured()), self.each(against()))).collect();
        let time = median(rounds.iter().map(|round| round.0));
        let other = median(rounds.iter().map(|round| round.1));
        let ratio = median(rounds.iter().map(|(measured, against)| measured / against));
        let verdict = if ratio <= self.at_most { "" } else { "  missed" };
        let Comparison { what, at_most, .. } = self;
        println!("{what:<58} {time:>7.0}ns {other:>7.0}ns {ratio:>6.2} {at_most:>8.2}{verdict}");
    }

    fn each(&self, time: Duration) -> f64 {
        time.as_nanos() as f64 / f64::from(self.operations)
    }
}

/// How long that takes.
pub fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
