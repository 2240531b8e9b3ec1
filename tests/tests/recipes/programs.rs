//! What does its work and ends: `shield`, `transfer`, `cron`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use airlock_tests::flagship::debug_program;

use crate::recipe::{program, run};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn ten_thousand_calls_and_never_more_than_fifty_in_flight() {
    let output = run("shield", &[], &[]);
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stdout);
    let most = said.strip_prefix("10000 calls, at most ").and_then(|said| said.strip_suffix(" in flight\n"));
    let most: u32 = most.and_then(|most| most.parse().ok()).unwrap_or_else(|| panic!("{said}"));
    assert!((1..=50).contains(&most), "{said}");
    // Without a shield that is small enough it does break.
    let broken = run("shield", &["--calls", "2000", "--in-flight", "2000"], &[]);
    assert!(!broken.status.success() && text(&broken.stderr).contains("the upstream is broken"), "{broken:?}");
}

#[test]
fn no_money_is_lost_between_two_locks() {
    let output = run("transfer", &[], &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), "200 transfers, 6000 in all accounts\n");
}

/// Built once.
fn airlock_run() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| debug_program("airlock-run"))
}

#[test]
fn a_job_of_cron_heeds_its_number() {
    let folder = tempfile::tempdir().expect("there is room");
    let (store, file) = (format!("file:{}", folder.path().join("gates").display()), folder.path().join("report"));
    let report = || {
        let mut run = Command::new(airlock_run());
        run.args(["--store", &store, "--name", "job:report", "--"]).arg(program("cron")).arg(&file);
        run.output().expect("it starts")
    };
    let number = |output: Output| -> u64 {
        assert!(output.status.success(), "{output:?}");
        let said = text(&output.stdout);
        let number = said.trim_end().strip_prefix("reported as number ").and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("{said}"))
    };
    let (first, second) = (number(report()), number(report()));
    assert!(first < second, "{first} {second}");
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("report {second}\nAll is well.\n"));

    // Somebody who was asleep.
    let file = file.to_str().expect("a plain path");
    let late = run("cron", &[file], &[("AIRLOCK_FENCE", first.to_string().as_ref())]);
    assert_eq!(late.status.code(), Some(1));
    assert!(text(&late.stderr).contains("comes too late"), "{late:?}");
    assert_eq!(fs::read_to_string(file).unwrap(), format!("report {second}\nAll is well.\n"));
    let alone = Command::new(program("cron")).arg(file).env_remove("AIRLOCK_FENCE").output().expect("it starts");
    assert!(text(&alone.stderr).contains("run it by `airlock-run"), "{alone:?}");
}

/// Each line as it stands, but for the jobs themselves.
#[test]
fn the_crontab_is_one_that_works() {
    let folder = tempfile::tempdir().expect("there is room");
    let crontab = include_str!("../../../examples/cron/crontab");
    let jobs: Vec<_> =
        crontab.lines().filter(|line| line.starts_with(|first: char| "*0123456789".contains(first))).collect();
    assert_eq!(jobs.len(), 3, "{jobs:?}");
    for job in jobs {
        let (options, _) = job[job.find("airlock-run").expect(job)..].split_once(" -- ").expect(job);
        let mut words = options.split_whitespace();
        assert_eq!(words.next(), Some("airlock-run"));
        let mut run = Command::new(airlock_run());
        run.args(words).args(["--", "sh", "-c", "exit 7"]);
        run.env("AIRLOCK_STORE", format!("file:{}", folder.path().join("gates").display()));
        let output = run.output().expect("it starts");
        assert_eq!(output.status.code(), Some(7), "{job}: {output:?}");
    }
}
