use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use airlock_core::{Admitted, Entrant, Started};
use tower_service::Service;

use super::entrant::ChooseEntrant;
use super::error::CallError;
use super::future::CallFuture;
use super::layer::Options;
use crate::asking::{admit_anyway, ask};

/// The service that [`CallLayer`](crate::CallLayer) makes.
///
/// See [`CallLayer`](crate::CallLayer) for an example.
pub struct CallService<S, C = Entrant<'static>> {
    inner: S,
    options: Options,
    entrant: Option<Arc<C>>,
}

impl<S, C> CallService<S, C> {
    pub(super) fn new(inner: S, options: Options, entrant: Option<Arc<C>>) -> Self {
        CallService { inner, options, entrant }
    }

    /// Lets go of a service that is ready and is not called now: it may hold somebody else's permit.
    fn unready(&mut self)
    where
        S: Clone,
    {
        self.inner = self.inner.clone();
    }
}

impl<S, C, R> Service<R> for CallService<S, C>
where
    S: Service<R> + Clone,
    C: ChooseEntrant<R>,
{
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = CallFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // A permit taken here could not see the request, and would be kept by clones that are never called.
        self.inner.poll_ready(cx).map_err(CallError::Inner)
    }

    fn call(&mut self, request: R) -> CallFuture<S, R> {
        let Options { airlock, wait, on_store_error } = &self.options;
        let started = match &self.entrant {
            Some(entrant) => ask(airlock, entrant.entrant(&request), *wait),
            None => ask(airlock, Entrant::new(airlock.name()), *wait),
        };
        let error = match started {
            Started::Decided(Ok(permit)) => {
                return CallFuture::running(self.inner.call(request), Admitted::new(permit));
            }
            Started::Decided(Err(error)) => match admit_anyway(airlock, *on_store_error, &error) {
                Some(permit) => return CallFuture::running(self.inner.call(request), Admitted::new(permit)),
                None => error,
            },
            Started::Pending(entering) => {
                // A clone is readied once there is a place.
                self.unready();
                return CallFuture::waiting(entering, self.inner.clone(), request, self.options.clone());
            }
        };
        self.unready();
        CallFuture::refused(error)
    }
}

impl<S: Clone, C> Clone for CallService<S, C> {
    // By hand: a closure is shared and need not be `Clone`.
    fn clone(&self) -> Self {
        CallService { inner: self.inner.clone(), options: self.options.clone(), entrant: self.entrant.clone() }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for CallService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallService")
            .field("inner", &self.inner)
            .field("airlock", &self.options.airlock)
            .finish_non_exhaustive()
    }
}
