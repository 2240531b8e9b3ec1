use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use airlock_core::{Admitted, Entrant, Started};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::BoxError;
use crate::asking;
use crate::body::ResponseBody;
use crate::future::{Guard, ResponseFuture};
use crate::layer::Options;
use crate::name::{Name, NameError};
use crate::refusal::{Format, Problem};
use crate::unmatched::is_unmatched;

/// The service that [`AirlockLayer`](crate::AirlockLayer) makes.
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
        if self.options.sheds(&parts) {
            return self.refuse(Problem::shed(), format);
        }
        let started = match start(&self.options, &mut parts) {
            Ok(started) => started,
            Err(error) => return self.refuse(Problem::unnamed(&error), format),
        };
        match started {
            Started::Decided(Ok(permit)) => self.run(Admitted::new(permit), parts, body, format),
            Started::Decided(Err(error)) => match self.options.admit_anyway(&error) {
                Some(permit) => self.run(Admitted::new(permit), parts, body, format),
                None => self.refuse(Problem::of(&error), format),
            },
            Started::Pending(entering) => {
                // A clone is readied once there is a place.
                self.unready();
                let request = Request::from_parts(parts, body);
                ResponseFuture::waiting(entering, self.inner.clone(), request, self.options.clone(), format)
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

    fn refuse<B, R>(&mut self, problem: Problem, format: Format) -> ResponseFuture<S, B>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        self.unready();
        ResponseFuture::refused(self.options.respond(&problem, format))
    }
}

/// Asks for the entrant that the request names.
fn start(options: &Options, parts: &mut Parts) -> Result<Started, NameError> {
    match ask(options, options.resource.as_deref(), parts) {
        // On its way to a 404, which is not to become a 400. Gated all the same: a fallback may be a whole service.
        Err(error) if error == NAMELESS && is_unmatched(parts) => ask(options, None, parts),
        started => started,
    }
}

const NAMELESS: NameError = NameError::unidentified("the request does not say what it is for");

fn ask(options: &Options, resource: Option<&dyn Name>, parts: &mut Parts) -> Result<Started, NameError> {
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
    Ok(asking::ask(&options.airlock, entrant, options.wait))
}

impl<S: fmt::Debug> fmt::Debug for AirlockService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AirlockService")
            .field("inner", &self.inner)
            .field("airlock", &self.options.airlock)
            .finish_non_exhaustive()
    }
}
