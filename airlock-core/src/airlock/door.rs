use std::sync::Arc;
use std::time::Duration;

use super::Airlock;
use crate::error::{Error, InvalidEntrant};
use crate::gate::{Page, SwitchState, Switched};
use crate::name::{self, What};

/// Whether newcomers are let through to the gate at all: what the operator's [switch](crate::Switch) means to them.
///
/// See [`Airlock::door`](crate::Airlock::door) for where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Door {
    /// They enter or wait, as there is room.
    Open,
    /// They are turned away.
    #[non_exhaustive]
    Closed {
        /// When it opens again, where that is known.
        reopens_in: Option<Duration>,
        /// What the operator has to say about it.
        because: Option<Arc<str>>,
    },
    /// Everybody is let in, uncounted.
    Bypassed,
}

impl Airlock {
    /// How the switch stands for newcomers at a resource: its own, else the airlock's; in an
    /// [emergency](crate::emergency) that alone, and nobody is asked. Whoever tells people that wait asks this; whoever enters
    /// is told anyway.
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the resource is no valid name.
    pub async fn door(&self, resource: &str) -> Result<Door, Error> {
        name::check(What::Resource, resource).map_err(InvalidEntrant::from)?;
        // An emergency's has no end that is known, so it does not matter what time it is.
        if let Some(forced) = self.emergency() {
            return Ok(Door::of(&forced.shown(0)));
        }
        let seen = self.inspect_page(resource, Page { offset: 0, count: 0 }).await?;
        Ok(Door::of(seen.switch_in_force()))
    }
}

impl Door {
    fn of(switched: &Switched) -> Self {
        let Switched { state, reopens_in, because } = switched;
        match state {
            SwitchState::Closed | SwitchState::Drain => {
                Door::Closed { reopens_in: reopens_in.map(Duration::from_micros), because: because.clone() }
            }
            SwitchState::Bypass => Door::Bypassed,
            SwitchState::Open | SwitchState::Hold => Door::Open,
        }
    }
}
