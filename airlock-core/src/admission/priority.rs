use super::{Admission, Pick, Rank};
use crate::Entrant;

/// The higher [`priority`](Entrant::priority) goes first; equals by arrival.
///
/// Without aging a steady stream of the important keeps everybody else out for ever. With
/// [`aging`](Priority::aging), each second of waiting is worth that much priority: whoever has waited
/// `difference ÷ aging` seconds longer goes first. This is a queue with linearly accumulating priorities
/// (Kleinrock, "A delay dependent queue discipline", 1964), with one rate for all.
///
/// ```
/// use airlock_core::admission::Priority;
///
/// // Somebody of priority 0 is overtaken by priority 10 for at most 20 s.
/// let strategy = Priority::new().aging(0.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Priority {
    aging: f64,
}

impl Priority {
    /// Strict tiers, without aging.
    pub fn new() -> Self {
        Priority::default()
    }

    /// How much priority a second of waiting is worth: finite, at least 0.
    #[must_use]
    pub fn aging(mut self, per_second: f64) -> Self {
        self.aging = per_second;
        self
    }
}

impl Admission for Priority {
    fn rank(&self, entrant: &Entrant<'_>) -> Rank {
        Rank::score(-f64::from(entrant.priority)).per_second(self.aging)
    }

    fn pick(&self) -> Pick {
        Pick::Head
    }

    fn check(&self) -> Result<(), crate::ConfigError> {
        if self.aging.is_finite() && self.aging >= 0.0 {
            return Ok(());
        }
        let problem = format!("{} is no aging rate: it must be finite and at least 0", self.aging);
        Err(crate::ConfigError::new("admission.aging", problem))
    }
}
