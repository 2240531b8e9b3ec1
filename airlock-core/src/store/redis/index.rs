//! Which resources of an airlock are in use: a list that the nodes keep in the background, as well as they can.

use std::sync::Arc;

use futures_util::future::join_all;
use redis::{Value, cmd};

use super::gates::RedisGates;
use crate::error::StoreError;
use crate::gate::{Outcome, Page, Verb};
use crate::store::{Survey, Usage};

/// How many resources a survey looks at: those used last.
const LOOKED_AT: usize = 10_000;

/// Adds what this node has used since it did so the last time, and drops what nobody has used for long.
pub(super) async fn list(gates: &RedisGates) -> Result<(), StoreError> {
    let used: Vec<_> = {
        let mut used = gates.used.lock();
        let names = used.keys().cloned().collect();
        // Those that are to be looked at stay.
        used.retain(|_, look_at| look_at.is_some());
        names
    };
    if used.is_empty() {
        return Ok(());
    }
    let listed = add(gates, &used).await;
    if listed.is_err() {
        // Named again the next time, unless they are meanwhile.
        let mut again = gates.used.lock();
        for resource in used {
            again.entry(resource).or_insert(None);
        }
    }
    listed
}

async fn add(gates: &RedisGates, used: &[Arc<str>]) -> Result<(), StoreError> {
    // By the server's clock: another node's may be wrong, and would drop what the rest of the fleet uses.
    let (now, kept) = (gates.store.latest_time().unwrap_or_default() / 1000, gates.kept() / 1000);
    for part in used.chunks(1000) {
        let mut add = cmd("ZADD");
        add.arg(key(gates));
        for resource in part {
            add.arg(now).arg(&**resource);
        }
        gates.store.link.call(&add).await?;
    }
    gates.store.link.call(cmd("ZREMRANGEBYSCORE").arg(key(gates)).arg("-inf").arg(now.saturating_sub(kept))).await?;
    gates.store.link.call(cmd("PEXPIRE").arg(key(gates)).arg(kept)).await?;
    Ok(())
}

/// What is in use, busiest first.
pub(super) async fn survey(gates: &RedisGates, offset: usize, count: usize) -> Result<Survey, StoreError> {
    list(gates).await?;
    let range = cmd("ZRANGE").arg(key(gates)).arg(0).arg(LOOKED_AT - 1).arg("REV").clone();
    let Value::Array(names) = gates.store.link.call(&range).await? else {
        return Err(StoreError::not_executed("Redis answered ZRANGE with something else than a list"));
    };
    let names = names.into_iter().filter_map(|name| match name {
        Value::BulkString(name) => String::from_utf8(name).ok(),
        _ => None,
    });
    let seen = join_all(names.map(async |resource| look(gates, resource).await)).await;
    let mut resources = Vec::new();
    for usage in seen {
        resources.extend(usage?);
    }
    let total = resources.len();
    resources
        .sort_unstable_by(|a: &Usage, b| (b.waiting, b.in_use, &a.resource).cmp(&(a.waiting, a.in_use, &b.resource)));
    Ok(Survey { total, resources: resources.into_iter().skip(offset).take(count).collect() })
}

async fn look(gates: &RedisGates, resource: String) -> Result<Option<Usage>, StoreError> {
    let inspect = Verb::Inspect { page: Page { offset: 0, count: 0 } };
    let answered = gates.ask(&resource.as_str().into(), &inspect).await?;
    match answered.answer.outcome {
        Outcome::Seen(seen) if !answered.idle => {
            Ok(Some(Usage { resource, limit: seen.limit, in_use: seen.in_use, waiting: seen.waiting }))
        }
        _ => Ok(None),
    }
}

fn key(gates: &RedisGates) -> String {
    super::keys::of_airlock(&gates.store.prefix, &gates.spec.name, "index")
}
