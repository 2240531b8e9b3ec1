//! `CallLayer` in front of services that are not HTTP.

mod cancelling;
mod errors;
mod limiting;
mod readiness;

use std::fmt;

use airlock_tower::CallLayer;
use tokio::sync::oneshot;
use tower::{Service, ServiceBuilder};

use crate::support::airlock;

/// Work that goes on until it is told its result.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) tenant: &'static str,
    result: oneshot::Receiver<u32>,
}

/// A job, and how to tell it its result. Dropping that lets the job fail.
pub(crate) fn job(tenant: &'static str) -> (Job, oneshot::Sender<u32>) {
    let (sender, result) = oneshot::channel();
    (Job { tenant, result }, sender)
}

/// A job that is done as soon as it is begun.
pub(crate) fn done() -> Job {
    let (job, result) = job("");
    result.send(0).expect("the job listens");
    job
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

pub(crate) fn worker() -> impl Service<Job, Response = u32, Error = Broken, Future: Send> + Clone + Send {
    tower::service_fn(|job: Job| async move { job.result.await.map_err(|_| Broken) })
}

#[tokio::test(start_paused = true)]
async fn it_is_shared_cloned_and_shown() {
    fn is_shared<T: Send + Sync + Clone + std::fmt::Debug + 'static>(_: &T) {}
    fn is_sent<T: Send + 'static>(_: &T) {}
    let layer = CallLayer::new(airlock(1));
    is_shared(&layer);
    let mut service = ServiceBuilder::new().layer(layer.clone()).service(crate::support::hello());
    is_shared(&service);
    let future = service.call(crate::support::get());
    is_sent(&future);
    let shown = format!("{layer:?} {service:?} {future:?}");
    assert!(shown.contains("CallLayer") && shown.contains("CallService") && shown.contains("CallFuture"), "{shown}");

    // A closure need not be `Clone`, nor what it keeps.
    struct Unique;
    let unique = Unique;
    let layer = CallLayer::new(airlock(1)).entrant(move |_: &Job| {
        let Unique = unique;
        airlock_core::Entrant::new("x")
    });
    is_shared(&layer);
    is_shared(&layer.clone().wait(std::time::Duration::from_secs(1)));
}
