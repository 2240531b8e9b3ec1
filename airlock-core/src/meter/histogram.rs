//! Spans of time, counted by length.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets of one octave: a length is known to a sixteenth.
const PER_OCTAVE: usize = 8;
/// The first are of a microsecond each; the last begins at about a hundred days.
pub(crate) const BUCKETS: usize = PER_OCTAVE * 41;

/// Counted from many threads at once.
pub(crate) struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Histogram {
    #[inline]
    pub(super) fn record(&self, micros: u64) {
        self.0[bucket(micros)].fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what was counted here.
    pub(super) fn add_to(&self, counts: &mut [u64; BUCKETS]) {
        for (count, bucket) in counts.iter_mut().zip(&self.0) {
            *count += bucket.load(Ordering::Relaxed);
        }
    }
}

/// Where a span belongs.
#[inline]
fn bucket(micros: u64) -> usize {
    if micros < PER_OCTAVE as u64 {
        return micros as usize;
    }
    let octave = micros.ilog2() as usize;
    let part = (micros >> (octave - 3)) as usize % PER_OCTAVE;
    ((octave - 2) * PER_OCTAVE + part).min(BUCKETS - 1)
}

/// What stands for all spans in a bucket, in seconds: its middle, and where it is a whole microsecond, that.
pub(crate) fn seconds(bucket: usize) -> f64 {
    if bucket < PER_OCTAVE {
        return bucket as f64 / 1e6;
    }
    let (octave, part) = (bucket / PER_OCTAVE + 2, bucket % PER_OCTAVE);
    let width = 1_u64 << (octave - 3);
    let from = (PER_OCTAVE + part) as u64 * width;
    (from as f64 + (width - 1) as f64 / 2.0) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_known_to_a_sixteenth() {
        let spans = (0..200_u64).chain((3..43).flat_map(|octave| {
            let from = 1_u64 << octave;
            [from - 1, from, from + from / 3, from + from / 2, 2 * from - 1]
        }));
        for micros in spans {
            let (shown, exact) = (seconds(bucket(micros)), micros as f64 / 1e6);
            assert!((shown - exact).abs() <= exact / 16.0, "{micros} µs are shown as {shown} s");
        }
    }

    #[test]
    fn whatever_is_longer_is_in_the_last() {
        assert_eq!(bucket((1 << 43) - 1), BUCKETS - 1);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn buckets_follow_one_another() {
        assert!((1..BUCKETS).all(|at| seconds(at - 1) < seconds(at)));
    }
}
