//! What holds for all gates of an airlock, kept where every process finds it (G19, G20).

use std::time::Duration;

use super::gates::SharedGates;
use crate::error::StoreError;
use crate::gate::{Conditions, Micros, NEVER, Setting, SwitchState};

/// How long a setting that is over stays, so that clocks need not agree to the last second.
const KEPT: Duration = Duration::from_secs(60);

/// The switch, when it is open again, until when it is unwell, and the reason, which may be any text.
pub(crate) fn written(conditions: &Conditions) -> Vec<u8> {
    if *conditions == Conditions::default() {
        return Vec::new();
    }
    let Setting { state, until, because } = &conditions.switch;
    let because = because.as_deref().unwrap_or_default();
    format!("{} {until} {} {because}", state.name(), conditions.unwell_until).into_bytes()
}

fn parsed(held: &[u8]) -> Option<Conditions> {
    if held.is_empty() {
        return Some(Conditions::default());
    }
    let mut parts = std::str::from_utf8(held).ok()?.splitn(4, ' ');
    let state = SwitchState::named(parts.next()?)?;
    let (until, unwell_until) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let because = parts.next().filter(|because| !because.is_empty()).map(Into::into);
    Some(Conditions { switch: Setting { state, until, because }, unwell_until, forced: false })
}

pub(crate) fn understood(held: &[u8]) -> Result<Conditions, StoreError> {
    parsed(held).ok_or_else(|| StoreError::not_executed("what is kept of the airlock's switch cannot be read"))
}

/// What is set now, and when that is.
pub(super) async fn read(gates: &SharedGates) -> Result<(Conditions, Micros), StoreError> {
    let (held, now) = gates.store.backend.settings(&gates.spec.name).await?;
    Ok((understood(&held)?, gates.store.now().unwrap_or(now)))
}

/// Changes it for all processes, and answers what holds from now on. Of two changes of the same thing at once the later
/// one counts, and no change undoes one of something else.
pub(super) async fn change(
    gates: &SharedGates,
    change: impl Fn(&mut Conditions, Micros),
) -> Result<Conditions, StoreError> {
    let (backend, airlock) = (&gates.store.backend, &*gates.spec.name);
    loop {
        let (held, now) = backend.settings(airlock).await?;
        let now = gates.store.now().unwrap_or(now);
        let mut conditions = understood(&held)?;
        change(&mut conditions, now);
        let (wanted, kept_for) = kept(&conditions, now);
        // Otherwise somebody else was faster, and it is seen what they did.
        if backend.swap_settings(airlock, &held, &wanted, kept_for).await? {
            return Ok(conditions);
        }
    }
}

/// How it is kept, and for how long.
fn kept(conditions: &Conditions, now: Micros) -> (Vec<u8>, Option<Duration>) {
    if conditions.are_normal(now) {
        return (Vec::new(), None);
    }
    let switch = &conditions.switch;
    let switched_until = if switch.state == SwitchState::Open { 0 } else { switch.until };
    let until = switched_until.max(conditions.unwell_until);
    let kept_for = (until < NEVER).then(|| Duration::from_micros(until.saturating_sub(now)) + KEPT);
    (written(conditions), kept_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        for state in SwitchState::ALL {
            let because = Some("a sale, from 9 to 10".into());
            let switch = Setting { state, until: 7, because };
            let conditions = Conditions { switch, unwell_until: NEVER, forced: false };
            assert_eq!(parsed(&written(&conditions)), Some(conditions));
        }
        assert_eq!(parsed(b""), Some(Conditions::default()));
    }

    #[test]
    fn whatever_else_is_there_is_nothing() {
        for held in ["open", "ajar 1 2 ", "open x 2 ", "open 1 -2 ", "\u{7f}"] {
            assert_eq!(parsed(held.as_bytes()), None, "{held}");
        }
        assert_eq!(parsed(&[0xff, 0x20]), None);
    }
}
