//! What the operator has set, and how the guarded system feels (G19, G20).

use std::sync::Arc;

use super::{Denial, Enter, Ledger, Micros, NEVER, Outcome, Step};

/// What the operator has set.
///
/// See [`Switch`](crate::Switch) for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
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

impl SwitchState {
    /// All that there are.
    pub const ALL: [Self; 5] =
        [SwitchState::Open, SwitchState::Closed, SwitchState::Hold, SwitchState::Drain, SwitchState::Bypass];

    /// In one word, such as `closed`.
    pub fn name(self) -> &'static str {
        match self {
            SwitchState::Open => "open",
            SwitchState::Closed => "closed",
            SwitchState::Hold => "hold",
            SwitchState::Drain => "drain",
            SwitchState::Bypass => "bypass",
        }
    }

    /// That of this [name](SwitchState::name).
    pub fn named(name: &str) -> Option<Self> {
        SwitchState::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A switch, how long it holds, and why it is set so.
///
/// See [`Switch`](crate::Switch) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Setting {
    /// What is set.
    pub state: SwitchState,
    /// From when on it is open again, or [`NEVER`].
    pub until: Micros,
    /// What the operator has to say about it, to whoever is refused.
    pub because: Option<Arc<str>>,
}

impl Setting {
    /// From now on.
    pub fn new(state: SwitchState, reopen_in: Option<Micros>, because: Option<&str>, now: Micros) -> Self {
        let until = reopen_in.map_or(NEVER, |after| now.saturating_add(after).min(NEVER));
        Setting { state, until, because: because.map(Arc::from) }
    }

    /// How it stands: one that is past is none.
    pub(crate) fn shown(&self, now: Micros) -> Switched {
        if self.until <= now {
            return Switched::default();
        }
        let reopens_in = (self.until < NEVER).then(|| self.until - now);
        Switched { state: self.state, reopens_in, because: self.because.clone() }
    }

    /// As configured.
    pub const OPEN: Self = Setting { state: SwitchState::Open, until: NEVER, because: None };
}

impl Default for Setting {
    fn default() -> Self {
        Setting::OPEN
    }
}

/// How a switch stands.
///
/// See [`Switch`](crate::Switch) for an example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Switched {
    /// What is set.
    pub state: SwitchState,
    /// When it opens again by itself, in microseconds from now; none if it does not.
    pub reopens_in: Option<Micros>,
    /// What the operator has to say about it.
    pub because: Option<Arc<str>>,
}

/// What holds for all gates of an airlock at the moment: an input of a step, like the time.
///
/// See the [module](crate::gate) for an example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Conditions {
    /// The airlock's switch, for resources without one of their own.
    pub switch: Setting,
    /// Until when what is guarded counts as unwell: nobody is let in.
    pub unwell_until: Micros,
    /// Whether the switch is an [emergency's](crate::emergency), which counts for resources with one of their own as well.
    /// That is a process's own affair, and is not kept anywhere.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub forced: bool,
}

impl Conditions {
    /// Whether they are as good as none.
    #[inline(always)]
    pub fn are_normal(&self, now: Micros) -> bool {
        (self.switch.state == SwitchState::Open || self.switch.until <= now) && self.unwell_until <= now
    }

    /// For how long from now on what is guarded counts as unwell.
    pub(crate) fn unwell_for(&self, now: Micros) -> Option<Micros> {
        self.unwell_until.checked_sub(now).filter(|left| *left > 0)
    }
}

impl<L: Ledger> Step<'_, L> {
    /// A resource's own setting that is past is none.
    pub(super) fn expire_switch(&mut self) {
        let now = self.now;
        let meta = self.ledger.meta_mut();
        if meta.switch.as_ref().is_some_and(|switch| switch.until <= now) {
            meta.switch = None;
        }
    }

    /// What is in force: the resource's own setting, else the airlock's; in an emergency that alone.
    pub(super) fn setting(&self) -> &Setting {
        if self.conditions.forced {
            return &self.conditions.switch;
        }
        let airlocks = Some(&self.conditions.switch).filter(|switch| switch.until > self.now);
        self.ledger.meta().switch.as_deref().or(airlocks).unwrap_or(&Setting::OPEN)
    }

    fn is_unwell(&self) -> bool {
        self.conditions.unwell_until > self.now
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
        closed.then(|| Outcome::Refused { reason: Denial::Closed, retry_after, because: setting.because.clone() })
    }

    /// When those who are held up now may be let in.
    pub(super) fn serves_at(&self) -> Option<Micros> {
        if self.ledger.meta().waiting == 0 || self.serves() {
            return None;
        }
        Some(self.held_up_until()).filter(|until| *until < NEVER)
    }

    /// Until when nobody is let in, whatever room there is; past if somebody is.
    pub(super) fn held_up_until(&self) -> Micros {
        let setting = self.setting();
        match setting.state {
            SwitchState::Bypass => 0,
            SwitchState::Open | SwitchState::Drain => self.conditions.unwell_until,
            SwitchState::Closed | SwitchState::Hold => setting.until.max(self.conditions.unwell_until),
        }
    }

    /// Lets a newcomer in uncounted.
    pub(super) fn pass(&mut self, enter: &Enter<'_>) -> Outcome {
        let anonymous = Enter { key: None, identity: None, weight: 0, ..*enter };
        Outcome::Admitted(self.admit(&anonymous, None, false))
    }

    pub(super) fn set_switch(&mut self, setting: Option<Setting>) -> Outcome {
        self.ledger.meta_mut().switch = setting.map(Box::new);
        self.expire_switch();
        if let Some(until) = self.ledger.meta().switch.as_ref().map(|setting| setting.until) {
            self.expect_at(until);
        }
        Outcome::Done
    }
}
