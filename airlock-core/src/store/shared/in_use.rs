//! Which resources of an airlock are in use.

use std::sync::Arc;

use futures_util::future::join_all;

use super::gates::SharedGates;
use super::{InUse, Query, conditions};
use crate::error::StoreError;
use crate::gate::{Outcome, Page, Verb};
use crate::store::{Survey, SurveyQuery, Usage};

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
pub(super) async fn survey(gates: &SharedGates, of: SurveyQuery<'_>) -> Result<Survey, StoreError> {
    list(gates).await?;
    // What is set is asked for as well: a node that nobody else asks anything looks at it as rarely as that.
    let (conditions, now) = conditions::read(gates).await?;
    let query = Query { spec: &gates.spec, conditions: &conditions, of, now: gates.store.now() };
    let names = match gates.store.backend.in_use(query).await? {
        InUse::Counted(survey) => return Ok(survey.under(&conditions, now)),
        InUse::Named(names) => names,
    };
    let wanted = names.into_iter().filter(|resource| of.matches(resource)).take(LOOKED_AT);
    let seen = join_all(wanted.map(async |resource| look(gates, resource).await)).await;
    let mut matching = Vec::new();
    for usage in seen {
        matching.extend(usage?);
    }
    Ok(of.page_of(matching).under(&conditions, now))
}

async fn look(gates: &SharedGates, resource: String) -> Result<Option<Usage>, StoreError> {
    let inspect = Verb::Inspect { page: Page { offset: 0, count: 0 } };
    let answered = gates.ask(&resource.as_str().into(), &inspect).await?.answered;
    match answered.answer.outcome {
        Outcome::Seen(seen) if !answered.idle => Ok(Some(Usage {
            resource,
            limit: seen.limit,
            configured: seen.configured,
            limit_override: seen.limit_override,
            in_use: seen.in_use,
            offered: seen.offered,
            waiting: seen.waiting,
            switch: seen.switch,
        })),
        _ => Ok(None),
    }
}
