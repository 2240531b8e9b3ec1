use std::time::Duration;

use super::{Admission, Pick, Rank};
use crate::error::ConfigError;
use crate::seal::{micros, out_of_bounds};
use crate::{Entrant, gate};

/// Any of those who wait, each as likely as the other, drawn when there is room.
///
/// It makes no sense to come early or to push, which is what a sale wants. Leaving and coming back is no new chance:
/// each draw is among those who wait at that moment, and does not know how often somebody came.
///
/// ```
/// use std::time::Duration;
/// use airlock_core::admission::Lottery;
///
/// // But nobody waits for more than ten minutes because of bad luck.
/// let strategy = Lottery::new().overdue(Duration::from_secs(600));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lottery {
    overdue: Option<Duration>,
}

impl Lottery {
    /// Each as likely as the other, for ever.
    pub fn new() -> Self {
        Lottery::default()
    }

    /// Who has waited this long is drawn first, the longest wait before the others: 1 µs to 365 days.
    #[must_use]
    pub fn overdue(mut self, after: Duration) -> Self {
        self.overdue = Some(after);
        self
    }
}

impl Admission for Lottery {
    fn rank(&self, _: &Entrant<'_>) -> Rank {
        Rank::arrival()
    }

    fn pick(&self) -> Pick {
        // `check` has refused what is out of bounds.
        Pick::Uniform { overdue: self.overdue.map(|after| micros(after).unwrap_or(gate::NEVER)) }
    }

    fn check(&self) -> Result<(), ConfigError> {
        match self.overdue {
            Some(after) if micros(after).is_none() => Err(out_of_bounds("admission.overdue", after)),
            _ => Ok(()),
        }
    }
}
