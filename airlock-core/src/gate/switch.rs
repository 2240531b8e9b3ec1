//! What the operator has set, and how the guarded system feels (G19, G20).

use super::{Enter, Ledger, Micros, NEVER, Outcome, Step};
use crate::gate::Denial;

/// What the operator has set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SwitchState {
    /// As configured.
    #[default]
    Open,
    /// Newcomers are refused, and the line is frozen; who is inside or offered a place stays.
    Closed,
    /// Everybody joins the line, and nobody is let in.
    Hold,
    /// The line is served, and newcomers are refused.
    Drain,
    /// Everybody is let in, uncounted.
    Bypass,
}

/// A switch and how long it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What is set.
    pub state: SwitchState,
    /// From when on it is open again, or [`NEVER`].
    pub until: Micros,
}

impl Setting {
    /// From now on.
    pub fn new(state: SwitchState, reopen_in: Option<Micros>, now: Micros) -> Self {
        Setting { state, until: reopen_in.map_or(NEVER, |after| now.saturating_add(after).min(NEVER)) }
    }
}

impl Default for Setting {
    fn default() -> Self {
        Setting { state: SwitchState::Open, until: NEVER }
    }
}

/// What holds for all gates of an airlock at the moment. The driver puts it into [`Meta`](super::Meta) before a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The airlock's switch, for resources without one of their own.
    pub switch: Setting,
    /// Until when what is guarded counts as unwell: nobody is let in.
    pub unwell_until: Micros,
}

impl<L: Ledger> Step<'_, L> {
    /// A resource's own setting that is past is none.
    pub(super) fn expire_switch(&mut self) {
        let now = self.now;
        let meta = self.ledger.meta_mut();
        meta.switch = meta.switch.filter(|switch| switch.until > now);
    }

    /// What is in force: the resource's own setting, else the airlock's.
    pub(super) fn setting(&self) -> Setting {
        let meta = self.ledger.meta();
        let airlocks = Some(meta.conditions.switch).filter(|switch| switch.until > self.now);
        meta.switch.or(airlocks).unwrap_or_default()
    }

    fn is_unwell(&self) -> bool {
        self.ledger.meta().conditions.unwell_until > self.now
    }

    pub(super) fn is_bypassed(&self) -> bool {
        self.setting().state == SwitchState::Bypass
    }

    /// Whether those who wait are let in.
    pub(super) fn serves(&self) -> bool {
        match self.setting().state {
            SwitchState::Bypass => true,
            SwitchState::Open | SwitchState::Drain => !self.is_unwell(),
            SwitchState::Closed | SwitchState::Hold => false,
        }
    }

    /// Whether newcomers are turned away, and how.
    pub(super) fn turned_away(&self) -> Option<Outcome> {
        let setting = self.setting();
        let closed = matches!(setting.state, SwitchState::Closed | SwitchState::Drain);
        let retry_after = (setting.until < NEVER).then(|| setting.until - self.now);
        closed.then_some(Outcome::Refused { reason: Denial::Closed, retry_after })
    }

    /// When those who are held up now may be let in.
    pub(super) fn serves_at(&self) -> Option<Micros> {
        let meta = self.ledger.meta();
        if meta.waiting == 0 || self.serves() {
            return None;
        }
        let unwell = Some(meta.conditions.unwell_until).filter(|until| *until > self.now);
        let frozen = matches!(self.setting().state, SwitchState::Closed | SwitchState::Hold);
        let switch = Some(self.setting().until).filter(|_| frozen);
        unwell.max(switch).filter(|until| *until < NEVER)
    }

    /// Lets a newcomer in uncounted.
    pub(super) fn pass(&mut self, enter: &Enter<'_>) -> Outcome {
        let anonymous = Enter { key: None, identity: None, weight: 0, ..*enter };
        Outcome::Admitted(self.admit(&anonymous, None, false))
    }

    pub(super) fn set_switch(&mut self, setting: Option<Setting>) -> Outcome {
        self.ledger.meta_mut().switch = setting;
        self.expire_switch();
        if let Some(setting) = self.ledger.meta().switch {
            self.expect_at(setting.until);
        }
        Outcome::Done
    }
}
