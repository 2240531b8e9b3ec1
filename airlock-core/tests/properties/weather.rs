//! What the operator and the health of what is guarded allow, apart from the gate (G19, G20).

use std::sync::Arc;

use airlock_core::gate::{Conditions, Micros, NEVER, Setting, SwitchState};

use crate::ask::{Ask, because};

/// What is in force in one step.
#[derive(Clone, Debug)]
pub struct Weather {
    /// The resource's own switch, which is there until it is cleared or over.
    pub own: Option<Setting>,
    pub state: SwitchState,
    /// When that is over, or never.
    until: Micros,
    /// Why.
    pub because: Option<Arc<str>>,
    /// When it is well again; 0 if it is.
    unwell_until: Micros,
}

impl Weather {
    pub fn of(own: Option<Setting>, conditions: &Conditions, ask: &Ask, now: Micros) -> Self {
        let own = match *ask {
            Ask::Switch(set) => set.map(|(state, reopen_in)| Setting {
                state,
                until: reopen_in.map_or(NEVER, |after| now + after),
                because: because(state).map(Arc::from),
            }),
            _ => own,
        };
        let lasts = |setting: &Setting| setting.until > now;
        let own = own.filter(lasts);
        let in_force = own.clone().filter(|_| !conditions.forced);
        let in_force = in_force.or(Some(conditions.switch.clone()).filter(lasts)).unwrap_or_default();
        let Setting { state, until, because } = in_force;
        let unwell_until = if conditions.unwell_until > now { conditions.unwell_until } else { 0 };
        Weather { own, state, until, because, unwell_until }
    }

    pub fn bypassed(&self) -> bool {
        self.state == SwitchState::Bypass
    }

    /// Whether who waits is let in where there is room.
    pub fn serves(&self) -> bool {
        self.bypassed() || !self.is_frozen() && self.unwell_until == 0
    }

    /// For how long from now on what is guarded is unwell.
    pub fn unwell_for(&self, now: Micros) -> Option<Micros> {
        (self.unwell_until > now).then(|| self.unwell_until - now)
    }

    fn is_frozen(&self) -> bool {
        matches!(self.state, SwitchState::Closed | SwitchState::Hold)
    }

    /// Whether newcomers are turned away; and for how long, if anybody knows.
    pub fn turns_away(&self, now: Micros) -> Option<Option<Micros>> {
        let closed = matches!(self.state, SwitchState::Closed | SwitchState::Drain);
        closed.then(|| Some(self.until - now).filter(|_| self.until < NEVER))
    }

    /// Until when nobody is let in, whatever room there is; past if somebody is.
    pub fn held_up_until(&self) -> Micros {
        match self.state {
            SwitchState::Bypass => 0,
            _ if self.is_frozen() => self.until.max(self.unwell_until),
            _ => self.unwell_until,
        }
    }

    /// When those who are held up may be let in, as far as anybody knows.
    pub fn serves_at(&self) -> Option<Micros> {
        if self.serves() {
            return None;
        }
        let thaws = if self.is_frozen() { self.until } else { 0 };
        Some(thaws.max(self.unwell_until)).filter(|at| *at < NEVER)
    }
}
