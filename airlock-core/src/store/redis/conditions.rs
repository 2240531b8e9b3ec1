//! What holds for all gates of an airlock, kept where every node finds it (G19, G20).

use redis::{Value, cmd};

use super::gates::RedisGates;
use super::msgpack::{Reader, Writer};
use super::{keys, wire};
use crate::error::StoreError;
use crate::gate::{Conditions, Micros, NEVER, Setting, SwitchState};

/// How long a setting that is over stays, so that clocks need not agree to the last second.
const KEPT_MS: u64 = 60_000;

fn written(conditions: &Conditions) -> Result<Vec<u8>, StoreError> {
    let Setting { state, until, because } = &conditions.switch;
    let mut writer = Writer::new();
    writer.bytes(wire::switch_name(*state))?.number(*until)?.bytes(because.as_deref().unwrap_or_default())?;
    writer.number(conditions.unwell_until)?;
    writer.finish()
}

fn parsed(bytes: &[u8]) -> Result<Conditions, StoreError> {
    let mut reader = Reader::new(bytes);
    reader.array_of(4)?;
    let state = wire::switch_state(reader.text()?)?;
    let (until, because, unwell_until) = (reader.number()?, reader.text()?, reader.number()?);
    reader.finish()?;
    let because = Some(because).filter(|because| !because.is_empty()).map(Into::into);
    Ok(Conditions { switch: Setting { state, until, because }, unwell_until })
}

/// What is set now.
pub(super) async fn read(gates: &RedisGates) -> Result<Conditions, StoreError> {
    match gates.store.link.call(cmd("GET").arg(key(gates))).await? {
        Value::Nil => Ok(Conditions::default()),
        Value::BulkString(bytes) => parsed(&bytes),
        other => Err(StoreError::not_executed(format!("Redis has {other:?} where a switch should be"))),
    }
}

/// Changes it for all nodes, and answers what holds from now on. Of two changes at once the later one counts.
pub(super) async fn change(
    gates: &RedisGates,
    change: impl FnOnce(&mut Conditions, Micros),
) -> Result<Conditions, StoreError> {
    let now = now(gates).await?;
    let mut conditions = read(gates).await?;
    change(&mut conditions, now);
    let link = &gates.store.link;
    if conditions.are_normal(now) {
        link.call(cmd("DEL").arg(key(gates))).await?;
    } else {
        let mut set = cmd("SET");
        set.arg(key(gates)).arg(written(&conditions)?);
        let switch = &conditions.switch;
        let switched_until = if switch.state == SwitchState::Open { 0 } else { switch.until };
        let until = switched_until.max(conditions.unwell_until);
        if until < NEVER {
            set.arg("PX").arg(until.saturating_sub(now) / 1000 + KEPT_MS);
        }
        link.call(&set).await?;
    }
    // A hint for the other nodes, which look for themselves as well.
    link.call(cmd("PUBLISH").arg(&gates.store.changed).arg(&*gates.spec.name)).await?;
    Ok(conditions)
}

fn key(gates: &RedisGates) -> String {
    keys::of_airlock(&gates.store.prefix, &gates.spec.name, "conditions")
}

async fn now(gates: &RedisGates) -> Result<Micros, StoreError> {
    if let Some(now) = gates.store.now() {
        return Ok(now);
    }
    let part = |value: &Value| match value {
        Value::BulkString(digits) => std::str::from_utf8(digits).ok()?.parse::<u64>().ok(),
        _ => None,
    };
    match gates.store.link.call(&cmd("TIME")).await? {
        Value::Array(parts) if parts.len() == 2 => match (part(&parts[0]), part(&parts[1])) {
            (Some(seconds), Some(micros)) => Ok(seconds * 1_000_000 + micros),
            _ => Err(StoreError::not_executed("Redis does not know the time")),
        },
        other => Err(StoreError::not_executed(format!("Redis answered TIME with {other:?}"))),
    }
}
