use super::{Admission, Pick, Rank};
use crate::Entrant;

/// First come, first served.
///
/// ```
/// use airlock_core::admission::Fifo;
/// use airlock_core::{Airlock, Seal};
///
/// let shop = Airlock::builder("shop").seal(Seal::semaphore(200)).admission(Fifo::new()).build()?;
/// # Ok::<(), airlock_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fifo;

impl Fifo {
    /// First come, first served.
    pub fn new() -> Self {
        Fifo
    }
}

impl Admission for Fifo {
    fn rank(&self, _: &Entrant<'_>) -> Rank {
        Rank::arrival()
    }

    fn pick(&self) -> Pick {
        Pick::Head
    }
}
