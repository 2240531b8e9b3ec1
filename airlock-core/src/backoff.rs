use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The first pause; each is twice as long as the one before, and up to as much again by chance.
const LEAST: Duration = Duration::from_millis(20);
/// What pauses grow to, before chance.
const MOST: Duration = Duration::from_millis(500);

/// For how long to leave a store, or a busy gate, alone before asking again: 20 ms and more, never above a second, and no
/// two callers alike, so that a crowd that was turned away together does not come back together.
#[derive(Debug)]
pub(crate) struct Backoff(ExponentialBackoff);

impl Backoff {
    pub(crate) fn new() -> Self {
        let growing = ExponentialBuilder::new().with_min_delay(LEAST).with_max_delay(MOST).with_jitter();
        Backoff(growing.without_max_times().build())
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        self.0.next().unwrap_or(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_differ() {
        let (mut one, mut other) = (Backoff::new(), Backoff::new());
        let ones: Vec<_> = (0..50).map(|_| one.pause()).collect();
        let others: Vec<_> = (0..50).map(|_| other.pause()).collect();
        assert_ne!(ones, others);
        for (index, pause) in ones.into_iter().chain(others).enumerate() {
            let least = LEAST.saturating_mul(1 << (index % 50).min(10)).min(MOST);
            assert!((least..=2 * least).contains(&pause), "pause {index}: {pause:?}");
        }
    }
}
