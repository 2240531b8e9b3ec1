//! Switches, limits, evictions.

use std::sync::Arc;

use airlock_core::Whom;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use http::StatusCode;

use super::fault::Fault;
use super::query::{Asked, LimitTo, SwitchTo, Where, Who, said};
use super::{Guarded, Panel};

type Body = Result<Bytes, BytesRejection>;
pub(super) type Name = Result<Path<String>, PathRejection>;
type Done = Result<StatusCode, Fault>;

impl Panel {
    /// The airlock that a path names.
    pub(super) fn named(&self, name: Name) -> Result<&Guarded, Fault> {
        match name {
            Ok(Path(name)) => self.find(&name),
            Err(rejection) => Err(Fault::invalid(format!("{}.", rejection.body_text()))),
        }
    }
}

fn read(body: Body) -> Result<Bytes, Fault> {
    body.map_err(|rejection| Fault::new(rejection.status(), format!("{}.", rejection.body_text())))
}

pub(super) async fn switch(State(panel): State<Arc<Panel>>, name: Name, asked: Asked<Where>, body: Body) -> Done {
    let Guarded { airlock, .. } = panel.named(name)?;
    let to: SwitchTo = said(&read(body)?)?;
    match &asked.0.resource {
        Some(resource) => airlock.switch_resource(resource, Some(to.switch())).await?,
        None => airlock.switch(to.switch()).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn clear_switch(State(panel): State<Arc<Panel>>, name: Name, asked: Asked<Where>) -> Done {
    let Guarded { airlock, .. } = panel.named(name)?;
    let missing = "`resource` is missing: an airlock always has a switch; set it to `open`.";
    let resource = asked.0.resource.ok_or_else(|| Fault::invalid(missing))?;
    airlock.switch_resource(&resource, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn resize(State(panel): State<Arc<Panel>>, name: Name, asked: Asked<Where>, body: Body) -> Done {
    let Guarded { airlock, .. } = panel.named(name)?;
    let resource = asked.0.the_resource()?;
    let to: LimitTo = said(&read(body)?)?;
    airlock.resize(resource, Some(to.limit)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn clear_limit(State(panel): State<Arc<Panel>>, name: Name, asked: Asked<Where>) -> Done {
    let Guarded { airlock, .. } = panel.named(name)?;
    airlock.resize(asked.0.the_resource()?, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn evict_holder(State(panel): State<Arc<Panel>>, name: Name, asked: Asked<Who>) -> Done {
    let (resource, whom) = asked.0.holder()?;
    evict(panel.named(name)?, resource, whom, "Nobody like this is inside.").await
}

pub(super) async fn evict_waiter(State(panel): State<Arc<Panel>>, name: Name, asked: Asked<Who>) -> Done {
    let (resource, whom) = asked.0.waiter()?;
    evict(panel.named(name)?, resource, whom, "Nobody like this waits.").await
}

async fn evict(Guarded { airlock, .. }: &Guarded, resource: &str, whom: Whom<'_>, nobody: &str) -> Done {
    match airlock.evict(resource, whom).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Fault::not_found(nobody)),
    }
}
