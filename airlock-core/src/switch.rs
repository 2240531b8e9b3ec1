use std::time::Duration;

use crate::error::InvalidEntrant;
use crate::gate::{Micros, SwitchState};
use crate::name::{self, What};
use crate::seal::micros;

/// What an operator sets an airlock, or one of its resources, to.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use airlock_core::{Airlock, Seal, Switch};
///
/// let shop = Airlock::builder("shop").seal(Seal::semaphore(100)).build()?;
/// shop.switch(Switch::closed().because("We are taking stock.").reopen_in(Duration::from_secs(600))).await?;
/// let error = shop.try_enter("door").await.unwrap_err();
/// assert_eq!(error.to_string(), "it is closed; try again in 600s: We are taking stock.");
/// // One resource may differ.
/// shop.switch_resource("press", Some(Switch::open())).await?;
/// assert!(shop.try_enter("press").await.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Switch {
    pub(crate) state: SwitchState,
    pub(crate) because: Option<String>,
    reopen_in: Option<Duration>,
}

impl Switch {
    /// As configured.
    pub fn open() -> Self {
        Switch { state: SwitchState::Open, because: None, reopen_in: None }
    }

    /// Newcomers are refused and the line is frozen; who is inside or offered a place stays.
    pub fn closed() -> Self {
        Switch { state: SwitchState::Closed, ..Switch::open() }
    }

    /// Everybody joins the line, and nobody is let in.
    pub fn hold() -> Self {
        Switch { state: SwitchState::Hold, ..Switch::open() }
    }

    /// The line is served, and newcomers are refused.
    pub fn drain() -> Self {
        Switch { state: SwitchState::Drain, ..Switch::open() }
    }

    /// Everybody is let in, uncounted, without a lease that could be lost. Who waits is let in as well; who is away gets
    /// an offer, and once it is claimed, a lease that weighs nothing and can run out like any other.
    pub fn bypass() -> Self {
        Switch { state: SwitchState::Bypass, ..Switch::open() }
    }

    /// Opens it again by itself: 1 µs to 365 days from when it is set, by the store's clock.
    pub fn reopen_in(mut self, after: Duration) -> Self {
        self.reopen_in = Some(after);
        self
    }

    /// Says why, to everybody who is [refused](crate::Refusal::because) by it: 1 to 512 bytes, no control characters.
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.because = Some(why.into());
        self
    }

    /// Answers when it is to reopen.
    pub(crate) fn check(&self) -> Result<Option<Micros>, InvalidEntrant> {
        if let Some(because) = &self.because {
            name::check(What::Reason, because)?;
        }
        self.reopen_in.map(|after| micros(after).ok_or_else(InvalidEntrant::span)).transpose()
    }
}
