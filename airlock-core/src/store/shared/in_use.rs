//! Which resources of an airlock are in use.

use std::sync::Arc;

use futures_util::future::join_all;

use super::gates::SharedGates;
use super::{InUse, Query};
use crate::error::StoreError;
use crate::gate::{Outcome, Page, Verb};
use crate::store::{Survey, Usage};

/// How many resources a survey looks at.
const LOOKED_AT: usize = 10_000;

/// Says what this process has used since it did so the last time.
pub(super) async fn list(gates: &SharedGates) -> Result<(), StoreError> {
    let used: Vec<Arc<str>> = {
        let mut used = gates.used.lock();
        let names = used.keys().cloned().collect();
        // Those that are to be looked at stay.
        used.retain(|_, look_at| look_at.is_some());
        names
    };
    if used.is_empty() {
        return Ok(());
    }
    let now = gates.store.latest_time().unwrap_or_default();
    let listed = gates.store.backend.used(&gates.spec, &used, (now, gates.spec.kept())).await;
    if listed.is_err() {
        // Named again the next time, unless they are meanwhile.
        let mut again = gates.used.lock();
        for resource in used {
            again.entry(resource).or_insert(None);
        }
    }
    listed
}

/// What is in use, busiest first.
pub(super) async fn survey(gates: &SharedGates, offset: usize, count: usize) -> Result<Survey, StoreError> {
    list(gates).await?;
    let conditions = gates.conditions();
    let query = Query { spec: &gates.spec, conditions: &conditions, offset, count, now: gates.store.now() };
    let names = match gates.store.backend.in_use(query).await? {
        InUse::Counted(survey) => return Ok(survey),
        InUse::Named(names) => names,
    };
    let seen = join_all(names.into_iter().take(LOOKED_AT).map(async |resource| look(gates, resource).await)).await;
    let mut resources = Vec::new();
    for usage in seen {
        resources.extend(usage?);
    }
    let total = resources.len();
    resources
        .sort_unstable_by(|a: &Usage, b| (b.waiting, b.in_use, &a.resource).cmp(&(a.waiting, a.in_use, &b.resource)));
    Ok(Survey { total, resources: resources.into_iter().skip(offset).take(count).collect() })
}

async fn look(gates: &SharedGates, resource: String) -> Result<Option<Usage>, StoreError> {
    let inspect = Verb::Inspect { page: Page { offset: 0, count: 0 } };
    let answered = gates.ask(&resource.as_str().into(), &inspect).await?.answered;
    match answered.answer.outcome {
        Outcome::Seen(seen) if !answered.idle => {
            Ok(Some(Usage { resource, limit: seen.limit, in_use: seen.in_use, waiting: seen.waiting }))
        }
        _ => Ok(None),
    }
}
