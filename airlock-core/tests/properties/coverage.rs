//! What the random commands came to. A check that is never reached proves nothing, so a run that misses anything
//! listed here fails.

use std::collections::BTreeMap;

use airlock_core::gate::{Answer, Change, Effects, Meta, Outcome};

use crate::ask::Ask;

/// Counts of everything that happened, by name.
#[derive(Debug, Default)]
pub struct Coverage(BTreeMap<String, u64>);

/// What must have happened in every kind of world.
const COMMON: &[&str] = &[
    "again",
    "more",
    "Admitted",
    "Queued",
    "Granted",
    "Offered",
    "Requeued",
    "Ended(Released)",
    "Ended(Left)",
    "Ended(Lapsed)",
    "Ended(Missed)",
    "Ended(Absent)",
    "Ended(Evicted)",
    "Ended(Superseded)",
    "Ended(TooHeavy)",
    "enter: admitted",
    "enter: queued",
    "enter: refused as Full",
    "enter: refused as Duplicate",
    "enter: refused as TooHeavy",
    "enter: refused as GroupLineFull",
    "enter: over",
    "poll: queued",
    "poll: offered",
    "poll: admitted",
    "poll: over",
    "poll: not held",
    "claim: admitted",
    "claim: missed",
    "renew: renewed",
    "renew: lost",
    "adopt: renewed",
    "adopt: lost",
    "restore: admitted",
    "restore: lost",
    "give up: released",
    "give up: left",
    "give up: not held",
    "give up: unknown",
    "evict: done",
    "evict: not held",
    "evict from inside: done",
    "evict from inside: not held",
    "evict from the line: done",
    "evict from the line: not held",
    "10 wait",
    "enter: refused as Limited",
    "limited, and told how long",
    "let through",
    "let through from an offer",
    "let through from the line",
    "a missed cell",
    "replenished",
    "outlived by its rate",
    "a turn",
    "drawn alike",
    "drawn by age",
    "overdue",
    "drawn, but does not fit",
    "drawn before, and in",
    "drawn before, and gone",
    "enter: refused as Closed",
    "closed, and told how long",
    "passed by",
    "passed by itself",
    "passed from the line",
    "offered no room",
    "held up",
    "held up, until it is known",
];

impl Coverage {
    pub fn count(&mut self, what: &str) {
        match self.0.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(what.to_owned(), 1)),
        }
    }

    pub fn step(&mut self, ask: &Ask, answer: &Answer, effects: &Effects<u32>, meta: &Meta) {
        for effect in effects.iter() {
            match effect.change {
                Change::Ended(ending) => self.count(&format!("Ended({ending:?})")),
                Change::Granted(_) => self.count("Granted"),
                Change::Offered { .. } => self.count("Offered"),
                other => self.count(&format!("{other:?}")),
            }
        }
        let verb = match ask {
            Ask::Enter(_) => "enter",
            Ask::Poll(_) | Ask::Look(_) => "poll",
            Ask::Claim(..) => "claim",
            Ask::Renew(..) => "renew",
            Ask::Adopt { .. } => "adopt",
            Ask::Restore(_) => "restore",
            Ask::GiveUp { .. } => "give up",
            Ask::EvictIdentity(_) | Ask::EvictFence(_) => "evict",
            Ask::EvictInside(_) => "evict from inside",
            Ask::EvictInLine(_) => "evict from the line",
            Ask::Resize(_) | Ask::Switch(_) | Ask::Inspect(_) | Ask::Tick => "other",
        };
        let came_to = match &answer.outcome {
            Outcome::Admitted(_) => "admitted",
            Outcome::Queued(_) => "queued",
            Outcome::Offered { .. } => "offered",
            Outcome::Refused { reason, .. } => &format!("refused as {reason:?}"),
            Outcome::Over(_) => "over",
            Outcome::Renewed(_) => "renewed",
            Outcome::Lost => "lost",
            Outcome::Released => "released",
            Outcome::Left => "left",
            Outcome::NotHeld => "not held",
            Outcome::Unknown => "unknown",
            Outcome::Missed => "missed",
            Outcome::Again => "again",
            _ => "done",
        };
        match came_to {
            "again" => self.count("again"),
            _ => self.count(&format!("{verb}: {came_to}")),
        }
        if answer.more {
            self.count("more");
        }
        for (many, what) in [(10, "10 wait"), (200, "200 wait")] {
            if meta.waiting >= many {
                self.count(what);
            }
        }
    }

    /// What never happened, though it should have, besides what is particular to this kind of world.
    pub fn missing<'a>(&self, particular: &'a [&'a str]) -> Vec<&'a str> {
        [self.lacks(COMMON), self.lacks(particular)].concat()
    }

    /// What of these never happened.
    pub fn lacks<'a>(&self, wanted: &'a [&'a str]) -> Vec<&'a str> {
        wanted.iter().copied().filter(|what| !self.0.contains_key(*what)).collect()
    }
}
