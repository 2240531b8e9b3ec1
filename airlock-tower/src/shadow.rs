//! Shadow mode: everybody is let in, and who would not have been is reported.

use std::pin::Pin;
use std::task::{Context, Poll};

use airlock_core::{Admitted, Airlock, Entering, Error, Permit};
use sync_wrapper::SyncWrapper;

use crate::refusal::Problem;

/// What an airlock would have made of a request that runs anyway.
pub(crate) struct Shadow {
    airlock: Airlock,
    /// None where the request does not say.
    resource: Option<String>,
    identity: Option<String>,
    place: Place,
}

/// The room that the request takes in the airlock, so that those after it are judged rightly.
enum Place {
    Nowhere,
    InLine(SyncWrapper<Box<Entering<'static>>>),
    Inside { _until_dropped: Permit },
}

impl Shadow {
    pub(crate) fn of(airlock: &Airlock) -> Self {
        Shadow { airlock: airlock.clone(), resource: None, identity: None, place: Place::Nowhere }
    }

    pub(crate) fn named(airlock: &Airlock, resource: &str, identity: Option<&str>) -> Self {
        let (resource, identity) = (Some(resource.to_owned()), identity.map(str::to_owned));
        Shadow { resource, identity, ..Shadow::of(airlock) }
    }

    /// What a handler is shown: nobody is promised anything in shadow mode.
    pub(crate) fn admitted(&self) -> Admitted {
        Admitted::new(Permit::unleased(self.airlock.clone()))
    }

    pub(crate) fn refused(&mut self, problem: &Problem) {
        self.place = Place::Nowhere;
        let resource = self.resource.as_deref().unwrap_or(self.airlock.name());
        self.airlock.report_would_refuse(resource, self.identity.as_deref(), problem.name());
    }

    pub(crate) fn decided(&mut self, result: Result<Permit, Error>) {
        match result {
            Ok(permit) => self.place = Place::Inside { _until_dropped: permit },
            Err(error) => self.refused(&Problem::of(&error)),
        }
    }

    pub(crate) fn waits(&mut self, entering: Entering<'static>) {
        self.place = Place::InLine(SyncWrapper::new(Box::new(entering)));
    }

    /// Goes on waiting beside the work, until the turn comes or would not have come.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) {
        if let Place::InLine(entering) = &mut self.place
            && let Poll::Ready(result) = Pin::new(&mut **entering.get_mut()).poll(cx)
        {
            self.decided(result);
        }
    }
}
