use super::{Micros, NEVER};

/// What a gate knows about itself, apart from its tickets. Fixed in size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meta {
    /// The last arrival given out.
    pub arrival: u64,
    /// The last fence given out.
    pub fence: u64,
    /// Weight of all that is offered or held.
    pub held: u64,
    /// How many wait.
    pub waiting: u64,
    /// How many are offered a place and have not claimed it.
    pub offered: u64,
    /// The operator's limit, which wins over the configured one.
    pub override_limit: Option<u32>,
    /// No deadline of this gate is earlier; it may be later than this says.
    pub soonest: Micros,
    /// Mean time between departures from the line, in microseconds, smoothed.
    pub pace: f64,
    /// How many departures `pace` was measured from, up to where smoothing takes over.
    pub pace_samples: u32,
    /// When the line last moved.
    pub moved_at: Micros,
}

impl Default for Meta {
    fn default() -> Self {
        Meta {
            arrival: 0,
            fence: 0,
            held: 0,
            waiting: 0,
            offered: 0,
            override_limit: None,
            soonest: NEVER,
            pace: 0.0,
            pace_samples: 0,
            moved_at: 0,
        }
    }
}

/// Names a group within one gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

/// What a gate knows about a group of entrants. A group that counts nothing is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Group {
    /// How many of its entrants wait or are offered a place.
    pub in_line: u64,
}

impl Group {
    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.in_line == 0
    }
}
