//! What holds for all gates of an airlock, and what an emergency makes of it.

use crate::gate::{Conditions, Setting};

#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// As it is set, for everybody.
    pub(crate) set: Conditions,
    /// What this process goes by instead of the switch.
    pub(crate) forced: Option<Setting>,
    /// How often something else was set than before, as far as is known here.
    #[cfg(feature = "shared")]
    pub(crate) changes: u64,
}

impl Settings {
    /// That is set from now on. Answers whether it is something else than before.
    #[cfg(feature = "shared")]
    pub(crate) fn hear(&mut self, set: Conditions) -> bool {
        let changed = self.set != set;
        self.changes += u64::from(changed);
        self.set = set;
        changed
    }

    /// What a step goes by.
    pub(crate) fn in_force(&self) -> Conditions {
        match &self.forced {
            Some(switch) => Conditions { switch: switch.clone(), forced: true, ..self.set.clone() },
            None => self.set.clone(),
        }
    }
}
