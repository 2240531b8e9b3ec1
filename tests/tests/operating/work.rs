//! Work that was really done, and how much of it at once.

use std::time::{Duration, Instant};

use crate::node::{Node, PATIENCE, Work};

/// Everything that some processes do.
#[derive(Default)]
pub(crate) struct Done(pub(crate) Vec<Work>);

impl Done {
    /// Watches until so many have worked at once among what was begun since then, and some more has been done.
    pub(crate) fn until_at_once(&mut self, nodes: &[&Node], many: usize, since: u64) {
        let (started, before) = (Instant::now(), self.0.len());
        while self.most_at_once(since) < many || self.0.len() < before + 20 {
            for node in nodes {
                while let Some(work) = node.worked(Duration::from_millis(5)) {
                    self.0.push(work);
                }
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{} at once of {many}, {} done",
                self.most_at_once(since),
                self.0.len() - before
            );
        }
    }

    pub(crate) fn most_at_once(&self, since: u64) -> usize {
        let begun = self.0.iter().filter(|work| work.fence >= since);
        begun.map(|work| self.at(work.fence)).max().unwrap_or(0)
    }

    /// How many were at work then, those who began at that moment included.
    pub(crate) fn at(&self, moment: u64) -> usize {
        self.0.iter().filter(|work| work.fence <= moment && moment < work.end).count()
    }
}
