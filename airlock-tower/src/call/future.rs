use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use airlock_core::{Admitted, Entering, Error};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::error::CallError;
use super::layer::Options;
use crate::asking::{Lost, admit_anyway, watch};

pin_project! {
    /// The response to come of a [`CallService`](crate::CallService).
    ///
    /// # Cancel safety
    ///
    /// Dropping it leaves the line, or drops the inner future and gives back the place.
    pub struct CallFuture<S, R>
    where
        S: Service<R>,
    {
        #[pin]
        state: State<S, S::Future, R>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, R> {
        Waiting { waiting: Option<Box<Waiting<S, R>>> },
        Readying { readying: Option<Box<Readying<S, R>>> },
        Running { #[pin] inner: F, guard: Option<Guard> },
        Refused { error: Option<Error> },
    }
}

/// In line, with all that is needed to go on. Boxed, as is the next: whoever waits can spare an allocation, and
/// whoever does not gets a small future.
struct Waiting<S, R> {
    entering: Entering<'static>,
    options: Options,
    service: S,
    request: R,
}

/// Inside, while the inner service gets ready.
struct Readying<S, R> {
    admitted: Admitted,
    service: S,
    request: R,
}

/// What a running call keeps, until the inner future has ended.
struct Guard {
    admitted: Admitted,
    lost: Option<Lost>,
}

impl<S, R> CallFuture<S, R>
where
    S: Service<R>,
{
    pub(super) fn running(inner: S::Future, admitted: Admitted) -> Self {
        CallFuture { state: State::running(inner, admitted) }
    }

    pub(super) fn waiting(entering: Entering<'static>, service: S, request: R, options: Options) -> Self {
        let waiting = Waiting { entering, options, service, request };
        CallFuture { state: State::Waiting { waiting: Some(Box::new(waiting)) } }
    }

    pub(super) fn refused(error: Error) -> Self {
        CallFuture { state: State::Refused { error: Some(error) } }
    }
}

impl<S, F, R> State<S, F, R> {
    fn running(inner: F, admitted: Admitted) -> Self {
        State::Running { inner, guard: Some(Guard { admitted, lost: None }) }
    }
}

impl<S, R> Future for CallFuture<S, R>
where
    S: Service<R>,
{
    type Output = Result<S::Response, CallError<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const DONE: &str = "a call's future is not polled after it is done";
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Waiting { waiting } => {
                    let entering = &mut waiting.as_mut().expect(DONE).entering;
                    let result = ready!(Pin::new(entering).poll(cx));
                    let Waiting { options, service, request, .. } = *waiting.take().expect(DONE);
                    let permit = result
                        .or_else(|error| admit_anyway(&options.airlock, options.on_store_error, &error).ok_or(error));
                    match permit {
                        Ok(permit) => {
                            let readying = Readying { admitted: Admitted::new(permit), service, request };
                            State::Readying { readying: Some(Box::new(readying)) }
                        }
                        Err(error) => State::Refused { error: Some(error) },
                    }
                }
                StateProj::Readying { readying } => {
                    let service = &mut readying.as_mut().expect(DONE).service;
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        *readying = None;
                        return Poll::Ready(Err(CallError::Inner(error)));
                    }
                    let Readying { admitted, mut service, request } = *readying.take().expect(DONE);
                    State::running(service.call(request), admitted)
                }
                StateProj::Running { inner, guard } => match inner.poll(cx) {
                    Poll::Ready(result) => {
                        *guard = None;
                        return Poll::Ready(result.map_err(CallError::Inner));
                    }
                    Poll::Pending => {
                        let Guard { admitted, lost } = guard.as_mut().expect(DONE);
                        let lost = ready!(lost.get_or_insert_with(|| watch(admitted)).as_mut().poll(cx));
                        // This drops the inner future: the work stops where it awaits.
                        State::Refused { error: Some(lost.into()) }
                    }
                },
                StateProj::Refused { error } => {
                    return Poll::Ready(Err(CallError::Refused(error.take().expect(DONE))));
                }
            };
            state.set(next);
        }
    }
}

impl<S, R> fmt::Debug for CallFuture<S, R>
where
    S: Service<R>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFuture").finish_non_exhaustive()
    }
}
