use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use airlock_core::{Admitted, Entrant, Reason, Started};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tokio::time::Instant;
use tower_service::Service;

use crate::BoxError;
use crate::asking;
use crate::body::ResponseBody;
use crate::future::{Guard, Next, ResponseFuture};
use crate::layer::Options;
use crate::name::{Name, NameError};
use crate::refusal::{Format, Problem};
use crate::shadow::Shadow;
use crate::unmatched::is_unmatched;

/// The service that [`AirlockLayer`](crate::AirlockLayer) makes.
///
/// See [`AirlockLayer`](crate::AirlockLayer) for an example.
#[derive(Clone)]
pub struct AirlockService<S> {
    inner: S,
    options: Arc<Options>,
}

impl<S> AirlockService<S> {
    pub(crate) fn new(inner: S, options: Arc<Options>) -> Self {
        AirlockService { inner, options }
    }
}

impl<S, B, R> Service<Request<B>> for AirlockService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // A permit taken here could not see the request, and would be kept by clones that are never called.
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        if self.options.skips(&parts) {
            return ResponseFuture::ungated(self.inner.call(Request::from_parts(parts, body)));
        }
        let format = Format::of(&parts);
        let sheds = self.options.sheds(&parts);
        let asked = if sheds { Err(Box::new(Problem::shed())) } else { start(&self.options, &mut parts) };
        let Asked { started, deadline, shadow } = match asked {
            Ok(asked) => asked,
            Err(problem) if self.options.shadow => {
                let mut shadow = Shadow::of(&self.options.airlock);
                shadow.refused(&problem);
                return self.run_beside(shadow, parts, body, format);
            }
            Err(problem) => {
                if sheds {
                    self.options.airlock.report_shed();
                }
                return self.refuse(&problem, format);
            }
        };
        match (started, shadow) {
            (Started::Decided(Ok(permit)), None) => self.run(Admitted::new(permit), parts, body, format),
            (Started::Decided(Err(error)), None) => match self.options.admit_anyway(&error) {
                Some(permit) => self.run(Admitted::new(permit), parts, body, format),
                None => self.refuse(&Problem::of(&error), format),
            },
            (Started::Decided(result), Some(mut shadow)) => {
                shadow.decided(result);
                self.run_beside(shadow, parts, body, format)
            }
            (Started::Pending(entering), shadow) => {
                // A clone is readied once there is a place.
                self.unready();
                let request = Request::from_parts(parts, body);
                let (service, options) = (self.inner.clone(), self.options.clone());
                ResponseFuture::waiting(entering, Next { service, request, options, format, deadline, shadow })
            }
        }
    }
}

impl<S> AirlockService<S> {
    /// Lets go of a service that is ready and is not called now: it may hold somebody else's permit.
    fn unready(&mut self)
    where
        S: Clone,
    {
        self.inner = self.inner.clone();
    }

    fn run<B, R>(&mut self, admitted: Admitted, mut parts: Parts, body: B, format: Format) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        asking::show(&admitted, &mut parts.extensions);
        let inner = self.inner.call(Request::from_parts(parts, body));
        ResponseFuture::running(inner, Guard::new(admitted, &self.options, format))
    }

    /// The same in shadow mode, whatever became of its place.
    fn run_beside<B, R>(&mut self, shadow: Shadow, mut parts: Parts, body: B, format: Format) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        let admitted = shadow.admitted();
        asking::show(&admitted, &mut parts.extensions);
        let inner = self.inner.call(Request::from_parts(parts, body));
        ResponseFuture::running(inner, Guard::new(admitted, &self.options, format).beside(Some(Box::new(shadow))))
    }

    fn refuse<B, R>(&mut self, problem: &Problem, format: Format) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        self.unready();
        ResponseFuture::refused(self.options.respond(problem, format))
    }
}

struct Asked {
    started: Started,
    /// When the caller has gone, where it says so.
    deadline: Option<Instant>,
    shadow: Option<Shadow>,
}

/// Asks for the entrant that the request names.
fn start(options: &Options, parts: &mut Parts) -> Result<Asked, Box<Problem>> {
    let unnamed = |error| Box::new(Problem::unnamed(&error));
    let timeout = options.caller_timeout.as_ref().map_or(Ok(None), |timeout| timeout(parts)).map_err(unnamed)?;
    if timeout == Some(Duration::ZERO) {
        // Nobody is asked for whoever has gone.
        return Err(Box::new(Problem::for_reason(Reason::TimedOut)));
    }
    let asked = match ask(options, options.resource.as_deref(), timeout, parts) {
        // On its way to a 404, which is not to become a 400. Gated all the same: a fallback may be a whole service.
        Err(error) if error == NAMELESS && is_unmatched(parts) => ask(options, None, timeout, parts),
        asked => asked,
    };
    asked.map_err(unnamed)
}

const NAMELESS: NameError = NameError::unidentified("the request does not say what it is for");

fn ask(
    options: &Options,
    resource: Option<&dyn Name>,
    timeout: Option<Duration>,
    parts: &mut Parts,
) -> Result<Asked, NameError> {
    let optional = |name: &Option<Arc<dyn Name>>, parts: &mut Parts| match name {
        // Owned, because the next name needs the parts again.
        Some(name) => name.name(parts).map(|name| name.map(|name| Cow::<str>::Owned(name.into_owned()))),
        None => Ok(None),
    };
    let identity = optional(&options.identity, parts)?;
    let group = optional(&options.group, parts)?;
    let priority = options.priority.as_ref().map_or(Ok(None), |priority| priority(parts))?;
    let weight = options.weight.as_ref().map_or(Ok(None), |weight| weight(parts))?;
    let resource = match resource {
        Some(name) => name.name(parts)?.ok_or(NAMELESS)?,
        None => Cow::Borrowed(options.airlock.name()),
    };

    let mut entrant = Entrant::new(resource).priority(priority.unwrap_or(0)).weight(weight.unwrap_or(1));
    entrant.identity = identity;
    entrant.group = group;
    let shadow =
        options.shadow.then(|| Shadow::named(&options.airlock, &entrant.resource, entrant.identity.as_deref()));
    // A time that no clock gets to is none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let wait = options.wait.map(|wait| timeout.map_or(wait, |timeout| wait.min(timeout)));
    let started = asking::ask(&options.airlock, entrant, wait);
    Ok(Asked { started, deadline, shadow })
}

impl<S: fmt::Debug> fmt::Debug for AirlockService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AirlockService")
            .field("inner", &self.inner)
            .field("airlock", &self.options.airlock)
            .finish_non_exhaustive()
    }
}
