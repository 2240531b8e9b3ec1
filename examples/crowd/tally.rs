//! What is going on, while it is.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is printed where there is no terminal.
const LINES: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<AtomicU64>);

/// One more until it is dropped.
pub(crate) struct Counted(Count);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Count {
    pub(crate) fn until_dropped(&self) -> Counted {
        self.add();
        Counted(self.clone())
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) came: Count,
    pub(crate) waiting: Count,
    pub(crate) listening: Count,
    pub(crate) inside: Count,
    pub(crate) admitted: Count,
    /// Places that were lost.
    pub(crate) lost: Count,
    /// Visitors who were put out before they went.
    pub(crate) put_out: Count,
    pub(crate) done: Count,
    errors: Count,
    refusals: Mutex<BTreeMap<String, u64>>,
    /// The last thing that went wrong.
    problem: Mutex<Option<String>>,
}

impl Tally {
    pub(crate) fn refused(&self, reason: &str) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(reason.to_owned()).or_default() += 1;
    }

    pub(crate) fn failed(&self, problem: &str) {
        self.errors.add();
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.to_owned());
    }

    pub(crate) fn refusals(&self) -> BTreeMap<String, u64> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn errors(&self) -> u64 {
        self.errors.now()
    }

    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn line(&self) -> String {
        let refused: u64 = self.refusals().values().sum();
        let (came, waiting, listening) = (self.came.now(), self.waiting.now(), self.listening.now());
        let (inside, admitted, errors) = (self.inside.now(), self.admitted.now(), self.errors());
        format!(
            "{came} came, {waiting} in line ({listening} listening), {inside} inside, {admitted} got in, {refused} refused, \
             {errors} errors"
        )
    }
}

/// Shows it until it is dropped: a bar on a terminal, else a line now and then.
pub(crate) fn show(tally: &Arc<Tally>, visitors: u64) -> impl Drop {
    struct Shown(tokio::task::JoinHandle<()>, ProgressBar);
    impl Drop for Shown {
        fn drop(&mut self) {
            self.0.abort();
            self.1.finish_and_clear();
        }
    }
    let bar = ProgressBar::new(visitors);
    let template = "{elapsed_precise} {bar:40} {pos} of {len} done\n{msg}";
    bar.set_style(ProgressStyle::with_template(template).expect("a template that indicatif knows"));
    let (live, tally) = (bar.clone(), tally.clone());
    let is_terminal = std::io::stderr().is_terminal();
    let task = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(if is_terminal { Duration::from_millis(200) } else { LINES });
        ticks.tick().await;
        loop {
            ticks.tick().await;
            match is_terminal {
                true => {
                    live.set_position(tally.done.now());
                    live.set_message(tally.line());
                }
                false => eprintln!("{}", tally.line()),
            }
        }
    });
    Shown(task, bar)
}
