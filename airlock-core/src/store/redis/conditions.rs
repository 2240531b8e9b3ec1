//! What holds for all gates of an airlock, kept where every node finds it (G19, G20).

use redis::{Value, cmd};

use super::gates::RedisGates;
use super::msgpack::{Reader, Writer};
use super::{keys, wire};
use crate::error::StoreError;
use crate::gate::{Conditions, Micros, NEVER, Setting, SwitchState};

/// How long a setting that is over stays, so that clocks need not agree to the last second.
const KEPT_MS: u64 = 60_000;
/// Sets it unless it has changed since it was read.
const SWAP: &str = include_str!("lua/swap.lua");

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
    understood(&held(gates).await?)
}

/// What is set now as it is kept; empty if nothing is.
async fn held(gates: &RedisGates) -> Result<Vec<u8>, StoreError> {
    match gates.store.link.call(cmd("GET").arg(key(gates))).await? {
        Value::Nil => Ok(Vec::new()),
        Value::BulkString(bytes) => Ok(bytes),
        other => Err(StoreError::not_executed(format!("Redis has {other:?} where a switch should be"))),
    }
}

fn understood(held: &[u8]) -> Result<Conditions, StoreError> {
    if held.is_empty() { Ok(Conditions::default()) } else { parsed(held) }
}

/// Changes it for all nodes, and answers what holds from now on. Of two changes of the same thing at once the later one
/// counts, and no change undoes one of something else.
pub(super) async fn change(
    gates: &RedisGates,
    change: impl Fn(&mut Conditions, Micros),
) -> Result<Conditions, StoreError> {
    let link = &gates.store.link;
    let conditions = loop {
        let (now, held) = (now(gates).await?, held(gates).await?);
        let mut conditions = understood(&held)?;
        change(&mut conditions, now);
        let (wanted, kept_ms) = kept(&conditions, now)?;
        let swap = cmd("EVAL").arg(SWAP).arg(1).arg(key(gates)).arg(held).arg(wanted).arg(kept_ms).clone();
        // Otherwise somebody else was faster, and it is seen what they did.
        if link.call(&swap).await? == Value::Int(1) {
            break conditions;
        }
    };
    // A hint for the other nodes, which look for themselves as well.
    link.call(cmd("PUBLISH").arg(&gates.store.changed).arg(&*gates.spec.name)).await?;
    Ok(conditions)
}

/// How it is kept, and for how many milliseconds: 0 for ever.
fn kept(conditions: &Conditions, now: Micros) -> Result<(Vec<u8>, u64), StoreError> {
    if conditions.are_normal(now) {
        return Ok((Vec::new(), 0));
    }
    let switch = &conditions.switch;
    let switched_until = if switch.state == SwitchState::Open { 0 } else { switch.until };
    let until = switched_until.max(conditions.unwell_until);
    let kept_ms = if until < NEVER { until.saturating_sub(now) / 1000 + KEPT_MS } else { 0 };
    Ok((written(conditions)?, kept_ms))
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
