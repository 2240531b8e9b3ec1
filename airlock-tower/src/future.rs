use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use airlock_core::{Admitted, Entering};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::BoxError;
use crate::asking::{Lost, show, watch};
use crate::body::ResponseBody;
use crate::layer::{Edit, Hold, Options};
use crate::refusal::{Format, Problem};

pin_project! {
    /// The response to come of an [`AirlockService`](crate::AirlockService).
    ///
    /// Dropping it leaves the line, or drops the inner future and lets go of the place.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, B> {
        Waiting { waiting: Option<Box<Waiting<S, B>>> },
        Readying { readying: Option<Box<Readying<S, B>>> },
        Running { #[pin] inner: F, guard: Option<Guard> },
        Refused { response: Option<Response<Bytes>> },
    }
}

/// In line, with all that is needed to go on. Boxed, as is the next: whoever waits can spare an allocation, and
/// whoever does not gets a small future.
struct Waiting<S, B> {
    entering: Entering<'static>,
    next: Next<S, B>,
}

/// Inside, while the inner service gets ready.
struct Readying<S, B> {
    admitted: Admitted,
    next: Next<S, B>,
}

struct Next<S, B> {
    service: S,
    request: Request<B>,
    options: Arc<Options>,
    format: Format,
}

/// What a running request keeps. It does without the layer's options, which all requests share: counting who has
/// them costs as much as looking up a header.
pub(crate) struct Guard {
    admitted: Admitted,
    hold: Hold,
    format: Format,
    on_refused: Option<Arc<Edit>>,
    lost: Option<Lost>,
}

impl Guard {
    pub(crate) fn new(admitted: Admitted, options: &Options, format: Format) -> Self {
        Guard { admitted, hold: options.hold, format, on_refused: options.on_refused.clone(), lost: None }
    }

    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        let lost = self.lost.get_or_insert_with(|| watch(&self.admitted));
        let lost = ready!(lost.as_mut().poll(cx));
        let airlock = self.admitted.airlock().name();
        Poll::Ready(Problem::lost(&lost).respond(airlock, self.on_refused.as_deref(), self.format))
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn ungated(inner: S::Future) -> Self {
        ResponseFuture { state: State::Running { inner, guard: None } }
    }

    pub(crate) fn running(inner: S::Future, guard: Guard) -> Self {
        ResponseFuture { state: State::Running { inner, guard: Some(guard) } }
    }

    pub(crate) fn waiting(
        entering: Entering<'static>,
        service: S,
        request: Request<B>,
        options: Arc<Options>,
        format: Format,
    ) -> Self {
        let next = Next { service, request, options, format };
        ResponseFuture { state: State::Waiting { waiting: Some(Box::new(Waiting { entering, next })) } }
    }

    pub(crate) fn refused(response: Response<Bytes>) -> Self {
        ResponseFuture { state: State::Refused { response: Some(response) } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const DONE: &str = "a response future is not polled after it is done";
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Waiting { waiting } => {
                    let entering = &mut waiting.as_mut().expect(DONE).entering;
                    let result = ready!(Pin::new(entering).poll(cx));
                    let Waiting { next, .. } = *waiting.take().expect(DONE);
                    let permit = match result {
                        Ok(permit) => Ok(permit),
                        Err(error) => next.options.admit_anyway(&error).ok_or(error),
                    };
                    match permit {
                        Ok(permit) => {
                            let readying = Readying { admitted: Admitted::new(permit), next };
                            State::Readying { readying: Some(Box::new(readying)) }
                        }
                        Err(error) => {
                            let response = next.options.respond(&Problem::of(&error), next.format);
                            State::Refused { response: Some(response) }
                        }
                    }
                }
                StateProj::Readying { readying } => {
                    let service = &mut readying.as_mut().expect(DONE).next.service;
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        *readying = None;
                        return Poll::Ready(Err(error));
                    }
                    let Readying { admitted, next } = *readying.take().expect(DONE);
                    let Next { mut service, mut request, options, format } = next;
                    show(&admitted, request.extensions_mut());
                    let inner = service.call(request);
                    State::Running { inner, guard: Some(Guard::new(admitted, &options, format)) }
                }
                StateProj::Running { inner, guard } => match inner.poll(cx) {
                    Poll::Ready(result) => {
                        let held = guard.take().filter(|guard| guard.hold == Hold::Body);
                        let body = |body| ResponseBody::inner(body, held.map(|guard| guard.admitted));
                        return Poll::Ready(result.map(|response| response.map(body)));
                    }
                    Poll::Pending => {
                        let Some(guard) = guard else { return Poll::Pending };
                        let response = ready!(guard.poll_lost(cx));
                        // This drops the inner future: the work stops where it awaits.
                        State::Refused { response: Some(response) }
                    }
                },
                StateProj::Refused { response } => {
                    let response = response.take().expect(DONE);
                    return Poll::Ready(Ok(response.map(ResponseBody::refusal)));
                }
            };
            state.set(next);
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
