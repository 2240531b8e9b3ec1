//! Recipe: a singleton for cron. `crontab` beside this file says how `airlock-run` has a command run once at a time; this is
//! a command for it, which heeds the number that it is given.
//!
//! A machine may sleep in the middle of a job, and wake up long after its place was given to somebody else. The number is
//! higher each time, and so what is written by the late one can be told apart, and refused.

use std::path::PathBuf;
use std::{env, fs, io};

use clap::Parser;

#[derive(Parser)]
struct Options {
    /// Where the report goes
    file: PathBuf,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Options { file } = Options::parse();
    let fence = env::var("AIRLOCK_FENCE").ok().and_then(|fence| fence.parse().ok());
    let fence: u64 = fence.ok_or("there is no AIRLOCK_FENCE: run it by `airlock-run --name job:report -- …`")?;

    // What a database does by `UPDATE … WHERE fence <= $1`, in one step with the writing.
    let last = match fs::read_to_string(&file) {
        Ok(report) => report.split_whitespace().nth(1).and_then(|fence| fence.parse().ok()).unwrap_or(0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error.into()),
    };
    if fence < last {
        return Err(format!("number {last} was here: number {fence} comes too late").into());
    }
    fs::write(&file, format!("report {fence}\nAll is well.\n"))?;
    println!("reported as number {fence}");
    Ok(())
}
