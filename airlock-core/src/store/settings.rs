//! What holds for all gates of an airlock, and what an emergency makes of it.

use crate::gate::{Conditions, Setting};

#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// As it is set, for everybody.
    pub(crate) set: Conditions,
    /// What this process goes by instead of the switch.
    pub(crate) forced: Option<Setting>,
}

impl Settings {
    /// What a step goes by.
    pub(crate) fn in_force(&self) -> Conditions {
        match &self.forced {
            Some(switch) => Conditions { switch: switch.clone(), forced: true, ..self.set.clone() },
            None => self.set.clone(),
        }
    }
}
