use super::{Admission, Pick, Rank};
use crate::Entrant;

/// Nobody waits: whoever finds room is in, and everybody else is refused at once.
///
/// ```
/// use airlock_core::admission::Opportunistic;
/// use airlock_core::{Airlock, Seal};
///
/// let news = Airlock::builder("news").seal(Seal::semaphore(50)).admission(Opportunistic::new()).build()?;
/// # Ok::<(), airlock_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opportunistic;

impl Opportunistic {
    /// Nobody waits.
    pub fn new() -> Self {
        Opportunistic
    }
}

impl Admission for Opportunistic {
    fn rank(&self, _: &Entrant<'_>) -> Rank {
        Rank::arrival()
    }

    fn pick(&self) -> Pick {
        Pick::Nobody
    }
}
