use std::collections::HashMap;

use super::{Admission, Pick, Rank};
use crate::Entrant;
use crate::error::ConfigError;

/// Each group gets its share of the admissions, however many of it wait; within a group, first come, first served.
///
/// A tenant that sends a thousand requests waits behind itself: another's single request is served within about one
/// round of the groups that wait. Shares are of admissions (by weight), not of the time that places are held. A group's
/// cap bounds how much of it may be inside at once, and never keeps a place idle that somebody else may take. Groups are
/// [`Entrant::group`]; those without one are one group together.
///
/// Self-clocked fair queueing, see [`crate::gate`].
///
/// ```
/// use airlock_core::admission::FairShare;
///
/// // The gold plan gets three times as much as the others, and no tenant more than five places at once.
/// let strategy = FairShare::new().share("gold", 3.0).cap_each(5);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FairShare {
    shares: HashMap<String, f64>,
    caps: HashMap<String, u32>,
    cap_each: u32,
}

impl FairShare {
    /// Equal shares, no caps.
    pub fn new() -> Self {
        FairShare::default()
    }

    /// This group's share: finite, above 0. 1 without.
    #[must_use]
    pub fn share(mut self, group: impl Into<String>, share: f64) -> Self {
        self.shares.insert(group.into(), share);
        self
    }

    /// How much weight of this group may be inside at once, instead of what [each](FairShare::cap_each) may; 0 for any.
    #[must_use]
    pub fn cap(mut self, group: impl Into<String>, cap: u32) -> Self {
        self.caps.insert(group.into(), cap);
        self
    }

    /// How much weight of each group may be inside at once; 0, the default, for any.
    #[must_use]
    pub fn cap_each(mut self, cap: u32) -> Self {
        self.cap_each = cap;
        self
    }
}

impl Admission for FairShare {
    fn rank(&self, entrant: &Entrant<'_>) -> Rank {
        let group = entrant.group.as_deref().unwrap_or_default();
        let share = self.shares.get(group).copied().unwrap_or(1.0);
        let cap = self.caps.get(group).copied().unwrap_or(self.cap_each);
        Rank::arrival().share(share).cap(cap)
    }

    fn pick(&self) -> Pick {
        Pick::Fair
    }

    fn check(&self) -> Result<(), ConfigError> {
        match self.shares.iter().find(|(_, share)| !(share.is_finite() && **share > 0.0)) {
            Some((group, share)) => {
                let problem = format!("the share of `{group}` is {share}; it must be finite and above 0");
                Err(ConfigError::new("admission.share", problem))
            }
            None => Ok(()),
        }
    }
}
