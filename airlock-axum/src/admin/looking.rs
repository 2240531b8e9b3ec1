//! The JSON of airlocks and resources.

use std::sync::Arc;

use airlock_core::Error;
use airlock_core::gate::{Holder, Inspection, Micros, Page, SwitchState, Switched, Waiter};
use airlock_core::store::{Survey, Usage};
use axum::extract;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::fault::Fault;
use super::figures::Lately;
use super::operating::Name;
use super::query::{All, Asked, Listed, One, Paged};
use super::{Guarded, Panel};

/// An answer.
pub(super) struct Json<T>(T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // Strings and numbers only: there is nothing in it that could fail.
        let mut response = Response::new(serde_json::to_vec(&self.0).unwrap_or_default().into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[derive(Serialize)]
pub(super) struct Airlocks<'a> {
    airlocks: Vec<Airlock<'a>>,
}

#[derive(Serialize)]
struct Airlock<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(flatten)]
    state: State,
    #[serde(flatten)]
    lately: Lately,
}

#[derive(Serialize)]
#[serde(untagged)]
enum State {
    Known(Stands),
    /// The store cannot be asked.
    Away {
        error: String,
    },
}

/// How it stands.
#[derive(Serialize)]
struct Stands {
    switch: Switch,
    #[serde(skip_serializing_if = "Option::is_none")]
    unwell_for_ms: Option<u64>,
    total: usize,
    in_use: u64,
    waiting: u64,
}

#[derive(Serialize)]
struct Listing<'a> {
    #[serde(flatten)]
    airlock: Airlock<'a>,
    offset: u64,
    resources: Vec<Resource>,
}

#[derive(Serialize)]
struct Resource {
    resource: String,
    in_use: u64,
    limit: u32,
    configured_limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_override: Option<u32>,
    waiting: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    switch: Option<Switch>,
    #[serde(flatten)]
    lately: Lately,
}

#[derive(Serialize)]
struct Inspected<'a> {
    airlock: &'a str,
    #[serde(flatten)]
    resource: Resource,
    airlock_switch: Switch,
    /// Whether that is an emergency's of this process, which counts before a switch of the resource.
    emergency: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unwell_for_ms: Option<u64>,
    offered: u64,
    offset: u64,
    holders: Vec<Inside>,
    waiters: Vec<InLine>,
}

#[derive(Serialize)]
struct Inside {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Arc<str>>,
    fence: u64,
    weight: u32,
    age_ms: u64,
    offered: bool,
}

#[derive(Serialize)]
struct InLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Arc<str>>,
    position: u64,
    weight: u32,
    age_ms: u64,
}

#[derive(Serialize)]
struct Switch {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reopen_in_ms: Option<u64>,
}

impl Guarded {
    fn shown(&self, survey: Result<&Survey, &Error>, history: bool) -> Airlock<'_> {
        let state = match survey {
            Ok(survey) => State::Known(Stands::from(survey)),
            Err(error) => State::Away { error: error.to_string() },
        };
        let (name, limit) = (self.airlock.name(), self.airlock.limit());
        Airlock { name, limit, state, lately: self.figures.of_all(history) }
    }
}

impl From<&Survey> for Stands {
    fn from(survey: &Survey) -> Self {
        Stands {
            switch: Switch::from(&survey.switch),
            unwell_for_ms: survey.unwell_for.map(millis),
            total: survey.total,
            in_use: survey.in_use,
            waiting: survey.waiting,
        }
    }
}

impl Resource {
    fn of(usage: Usage, guarded: &Guarded, history: bool) -> Self {
        let lately = guarded.figures.of(&usage.resource, (usage.in_use, usage.waiting), history);
        Resource {
            resource: usage.resource,
            in_use: usage.in_use,
            limit: usage.limit,
            configured_limit: usage.configured,
            limit_override: usage.limit_override,
            waiting: usage.waiting,
            switch: usage.switch.as_ref().map(Switch::from),
            lately,
        }
    }

    fn inspected(name: &str, seen: &Inspection, guarded: &Guarded, history: bool) -> Self {
        Resource {
            resource: name.to_owned(),
            in_use: seen.in_use,
            limit: seen.limit,
            configured_limit: seen.configured,
            limit_override: seen.limit_override,
            waiting: seen.waiting,
            switch: seen.switch.as_ref().map(Switch::from),
            lately: guarded.figures.of(name, (seen.in_use, seen.waiting), history),
        }
    }
}

impl From<&Switched> for Switch {
    fn from(switched: &Switched) -> Self {
        let state = match switched.state {
            SwitchState::Closed => "closed",
            SwitchState::Hold => "hold",
            SwitchState::Drain => "drain",
            SwitchState::Bypass => "bypass",
            _ => "open",
        };
        Switch { state, reason: switched.because.clone(), reopen_in_ms: switched.reopens_in.map(millis) }
    }
}

impl From<Holder> for Inside {
    fn from(Holder { identity, fence, weight, age, offered, .. }: Holder) -> Self {
        Inside { identity, fence, weight, age_ms: millis(age), offered }
    }
}

impl From<Waiter> for InLine {
    fn from(Waiter { identity, position, weight, age, .. }: Waiter) -> Self {
        InLine { identity, position, weight, age_ms: millis(age) }
    }
}

fn millis(micros: Micros) -> u64 {
    micros / 1000
}

pub(super) async fn airlocks(extract::State(panel): extract::State<Arc<Panel>>, Asked(asked): Asked<All>) -> Response {
    let seen = panel.guarded.iter().map(async |guarded| {
        let survey = guarded.airlock.survey(0, 0).await;
        if let Ok(survey) = &survey {
            guarded.figures.load(survey.in_use, survey.waiting);
        }
        guarded.shown(survey.as_ref(), asked.history)
    });
    let airlocks = futures_util::future::join_all(seen).await;
    Json(Airlocks { airlocks }).into_response()
}

pub(super) async fn airlock(
    extract::State(panel): extract::State<Arc<Panel>>,
    name: Name,
    Asked(asked): Asked<Listed>,
) -> Result<Response, Fault> {
    let guarded = panel.named(name)?;
    let Paged { offset, count } = asked.page()?;
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let survey = guarded.airlock.search(&asked.q, whole(offset), whole(count)).await?;
    if asked.q.is_empty() {
        guarded.figures.load(survey.in_use, survey.waiting);
    }
    let airlock = guarded.shown(Ok(&survey), asked.history);
    let resources = survey.resources.into_iter().map(|usage| Resource::of(usage, guarded, asked.history)).collect();
    Ok(Json(Listing { airlock, offset, resources }).into_response())
}

pub(super) async fn resource(
    extract::State(panel): extract::State<Arc<Panel>>,
    name: Name,
    Asked(asked): Asked<One>,
) -> Result<Response, Fault> {
    let guarded = panel.named(name)?;
    let Paged { offset, count } = asked.page()?;
    let mut seen = guarded.airlock.inspect_page(&asked.name, Page { offset, count }).await?;
    let (holders, waiters) = (std::mem::take(&mut seen.holders), std::mem::take(&mut seen.waiters));
    let inspected = Inspected {
        airlock: guarded.airlock.name(),
        resource: Resource::inspected(&asked.name, &seen, guarded, asked.history),
        airlock_switch: Switch::from(&seen.airlock_switch),
        emergency: seen.emergency,
        unwell_for_ms: seen.unwell_for.map(millis),
        offered: seen.offered,
        offset,
        holders: holders.into_iter().map(Inside::from).collect(),
        waiters: waiters.into_iter().map(InLine::from).collect(),
    };
    Ok(Json(inspected).into_response())
}
