use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use airlock_core::{Admitted, Entering, Reason};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

use crate::BoxError;
use crate::asking::{Lost, show, watch};
use crate::body::ResponseBody;
use crate::layer::{Edit, Hold, Options};
use crate::refusal::{Format, Problem};
use crate::shadow::Shadow;

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

pub(crate) struct Next<S, B> {
    pub(crate) service: S,
    pub(crate) request: Request<B>,
    pub(crate) options: Arc<Options>,
    pub(crate) format: Format,
    /// When the caller has gone.
    pub(crate) deadline: Option<Instant>,
    pub(crate) shadow: Option<Shadow>,
}

/// What a running request keeps. It does without the layer's options, which all requests share: counting who has
/// them costs as much as looking up a header.
pub(crate) struct Guard {
    admitted: Admitted,
    hold: Hold,
    format: Format,
    on_refused: Option<Arc<Edit>>,
    lost: Option<Lost>,
    shadow: Option<Box<Shadow>>,
}

impl Guard {
    pub(crate) fn new(admitted: Admitted, options: &Options, format: Format) -> Self {
        let on_refused = options.on_refused.clone();
        Guard { admitted, hold: options.hold, format, on_refused, lost: None, shadow: None }
    }

    pub(crate) fn beside(self, shadow: Option<Box<Shadow>>) -> Self {
        Guard { shadow, ..self }
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

    pub(crate) fn waiting(entering: Entering<'static>, next: Next<S, B>) -> Self {
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
                    let Waiting { entering, next } = &mut **waiting.as_mut().expect(DONE);
                    let result = match Pin::new(&mut *entering).poll(cx) {
                        Poll::Ready(result) => Some(result),
                        // In shadow mode only the answer is waited for, and not the turn.
                        Poll::Pending if next.shadow.is_some() && entering.is_in_line() => None,
                        Poll::Pending => return Poll::Pending,
                    };
                    let Waiting { entering, mut next } = *waiting.take().expect(DONE);
                    let admitted = match (&mut next.shadow, result) {
                        (Some(shadow), Some(result)) => {
                            shadow.decided(result);
                            Ok(shadow.admitted())
                        }
                        (Some(shadow), None) => {
                            shadow.waits(entering);
                            Ok(shadow.admitted())
                        }
                        (None, Some(Ok(permit))) => Ok(Admitted::new(permit)),
                        (None, Some(Err(error))) => {
                            let permit = next.options.admit_anyway(&error);
                            permit.map(Admitted::new).ok_or_else(|| Problem::of(&error))
                        }
                        (None, None) => return Poll::Pending,
                    };
                    match admitted {
                        Ok(admitted) => State::Readying { readying: Some(Box::new(Readying { admitted, next })) },
                        Err(problem) => {
                            let response = next.options.respond(&problem, next.format);
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
                    let Next { mut service, mut request, options, format, deadline, shadow } = next;
                    if shadow.is_none() && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                        // Whoever asked has gone: the work would be for nobody.
                        let response = options.respond(&Problem::for_reason(Reason::TimedOut), format);
                        State::Refused { response: Some(response) }
                    } else {
                        show(&admitted, request.extensions_mut());
                        let inner = service.call(request);
                        let guard = Guard::new(admitted, &options, format).beside(shadow.map(Box::new));
                        State::Running { inner, guard: Some(guard) }
                    }
                }
                StateProj::Running { inner, guard } => match inner.poll(cx) {
                    Poll::Ready(result) => {
                        let held = guard.take().filter(|guard| guard.hold == Hold::Body);
                        let body = |body| match held {
                            Some(Guard { shadow: Some(shadow), .. }) => ResponseBody::beside(body, shadow),
                            held => ResponseBody::inner(body, held.map(|guard| guard.admitted)),
                        };
                        return Poll::Ready(result.map(|response| response.map(body)));
                    }
                    Poll::Pending => {
                        let Some(guard) = guard else { return Poll::Pending };
                        if let Some(shadow) = &mut guard.shadow {
                            shadow.poll(cx);
                            return Poll::Pending;
                        }
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
