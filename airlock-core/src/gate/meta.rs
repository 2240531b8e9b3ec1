use super::{Micros, NEVER, Setting};

/// What a gate knows about itself, apart from its tickets.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
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
    /// The resource's own switch, which wins over the airlock's. Boxed: hardly any gate has one.
    pub switch: Option<Box<Setting>>,
    /// When the rate is as if nobody had ever come: the theoretical arrival time of the generic cell rate algorithm
    /// (ITU-T I.371). 0 once it is past.
    pub replenished_at: Micros,
    /// The arrival of the waiter that was drawn but does not fit yet, and is next; 0 if there is none.
    pub drawn: u64,
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
    /// Fair shares: the highest tag granted since anybody began to wait.
    pub virtual_time: f64,
    /// Fair shares: which period of somebody always waiting this is. Tags of an earlier one are void.
    pub period: u32,
    /// Fair shares: how many groups wait.
    pub lanes: u64,
}

impl Default for Meta {
    fn default() -> Self {
        Meta {
            arrival: 0,
            fence: 0,
            held: 0,
            waiting: 0,
            offered: 0,
            switch: None,
            replenished_at: 0,
            drawn: 0,
            override_limit: None,
            soonest: NEVER,
            pace: 0.0,
            pace_samples: 0,
            moved_at: 0,
            virtual_time: 0.0,
            period: 0,
            lanes: 0,
        }
    }
}

/// From how many departures the line's pace is measured at the least, and at the most.
const PACE_LEAST: u32 = 32;
pub(super) const PACE_MOST: u32 = 1024;

/// Up to how many departures the line's pace is a running mean; beyond, it is smoothed exponentially. Those who were let in
/// together go together, so that a full room empties in waves: some of them are looked at as one.
#[inline]
fn pace_window(limit: u32) -> u32 {
    limit.saturating_mul(4).clamp(PACE_LEAST, PACE_MOST)
}

impl Meta {
    /// Somebody left the line, by whichever end: that is its progress (G12), where so many may be inside.
    #[inline]
    pub(super) fn left_line(&mut self, now: Micros, limit: u32) {
        self.waiting -= 1;
        self.pace_samples = (self.pace_samples + 1).min(pace_window(limit));
        let gap = now.saturating_sub(self.moved_at) as f64;
        self.pace += (gap - self.pace) / f64::from(self.pace_samples);
        self.moved_at = now;
    }

    /// Somebody joined the line.
    #[inline]
    pub(super) fn joined_line(&mut self, now: Micros) {
        self.waiting += 1;
        if self.waiting == 1 {
            // An empty line has no pace: do not count the quiet before this one came.
            self.moved_at = now;
        }
    }

    /// Unique and growing, and no lower than the clock (G2).
    #[inline]
    pub(super) fn next_arrival(&mut self, now: Micros) -> u64 {
        self.arrival = now.max(self.arrival + 1);
        self.arrival
    }

    /// Unique and growing, and no lower than the clock (G2).
    #[inline]
    pub(super) fn next_fence(&mut self, now: Micros) -> u64 {
        self.fence = now.max(self.fence + 1);
        self.fence
    }
}

/// Names a group within one gate.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupId(pub u32);

/// What a gate knows about a group of entrants. A group that counts nothing is forgotten.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Group {
    /// How many of its entrants wait or are offered a place.
    pub in_line: u64,
    /// Fair shares: weight inside, offers included.
    pub in_use: u64,
    /// Fair shares: its share of the admissions, above 0 once somebody of it has come.
    pub share: f64,
    /// Fair shares: how much weight of it may be inside at once; 0 for any.
    pub cap: u32,
    /// Fair shares: the period that its tags belong to.
    pub period: u32,
    /// Fair shares: where its head starts from.
    pub start: f64,
    /// Fair shares: its last granted tag; 0 if it has none in this period.
    pub finish: f64,
    /// Fair shares: the tag of its head.
    pub tag: f64,
    /// Fair shares: the arrival of its head; 0 when nobody of it waits.
    pub head: u64,
    /// Fair shares: whether its head may be let in as far as its cap is concerned.
    pub listed: bool,
}

impl Group {
    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.is_absent() && self.finish == 0.0
    }

    /// Whether only its last tag is remembered, until it is past.
    pub fn is_resting(&self) -> bool {
        self.is_absent() && self.finish > 0.0
    }

    fn is_absent(&self) -> bool {
        self.in_line == 0 && self.in_use == 0 && self.head == 0
    }
}
