//! Ratios between benchmarks of one run, from what criterion measured.

use std::fs;
use std::path::{Path, PathBuf};

/// A figure to reach: how many times as long as `against` may `measured` take?
#[derive(Debug)]
pub struct Ratio {
    /// What is compared, in words.
    pub what: &'static str,
    /// Criterion's name of the one, `group/function`.
    pub measured: &'static str,
    /// Criterion's name of the other.
    pub against: &'static str,
    /// The most that the ratio may be.
    pub at_most: f64,
}

/// Prints the ratios of this run.
pub fn print(ratios: &[Ratio]) {
    println!("\n{:<58} {:>10} {:>10} {:>7} {:>8}", "ratio", "measured", "against", "ratio", "at most");
    for Ratio { what, measured, against, at_most } in ratios {
        let (Some(a), Some(b)) = (median(measured), median(against)) else { continue };
        let verdict = if a / b <= *at_most { "" } else { "  missed" };
        println!("{what:<58} {:>8.0}ns {:>8.0}ns {:>7.2} {at_most:>8.2}{verdict}", a, b, a / b);
    }
}

/// Criterion's median of the last run, in nanoseconds.
fn median(benchmark: &str) -> Option<f64> {
    let path = output_folder().join(benchmark).join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

fn output_folder() -> PathBuf {
    // Benchmarks run in their package's folder; criterion writes to the workspace's target folder.
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => Path::new(&target).join("criterion"),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/criterion"),
    }
}
