use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use airlock_core::{Airlock, Error, Permit};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, header};
use tower_layer::Layer;

use crate::asking;
use crate::name::{Name, NameError};
use crate::number::IntoNumber;
use crate::refusal::{Format, Problem};
use crate::service::AirlockService;

/// Gates an HTTP service with an [`Airlock`].
///
/// See the [crate](crate) for an example.
///
/// By default there is one resource for all requests, named like the airlock, everybody is anonymous, and who finds
/// no room is refused at once. One type whatever is chosen, cheap to clone; what is shared stays shared, however
/// often the layer is applied.
///
/// CORS preflights pass ungated. The order of layers is CORS, authentication, airlock.
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct AirlockLayer {
    options: Arc<Options>,
}

type Predicate = dyn Fn(&Parts) -> bool + Send + Sync;
type NumberOf<T> = dyn Fn(&Parts) -> Result<Option<T>, NameError> + Send + Sync;
pub(crate) type Edit = dyn Fn(&Problem, &mut Response<Bytes>) + Send + Sync;

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) airlock: Airlock,
    pub(crate) resource: Option<Arc<dyn Name>>,
    pub(crate) identity: Option<Arc<dyn Name>>,
    pub(crate) group: Option<Arc<dyn Name>>,
    pub(crate) priority: Option<Arc<NumberOf<i32>>>,
    pub(crate) weight: Option<Arc<NumberOf<u32>>>,
    pub(crate) wait: Option<Duration>,
    pub(crate) caller_timeout: Option<Arc<NumberOf<Duration>>>,
    pub(crate) skip: Option<Arc<Predicate>>,
    pub(crate) shed_when: Option<Arc<Predicate>>,
    pub(crate) on_refused: Option<Arc<Edit>>,
    pub(crate) on_store_error: OnStoreError,
    pub(crate) hold: Hold,
    pub(crate) shadow: bool,
}

/// What to do when the store cannot be asked.
///
/// See the [crate](crate) for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStoreError {
    /// Refuse: 503 `unavailable` from an [`AirlockLayer`], an error from a [`CallLayer`](crate::CallLayer).
    #[default]
    Refuse,
    /// Let everybody in, uncounted. A handler's permit is then [no lease](airlock_core::Permit::unleased).
    Admit,
}

/// Until when a request keeps its place.
///
/// See the [crate](crate) for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hold {
    /// Until the response's body has ended or is dropped.
    #[default]
    Body,
    /// Until the response's head is out.
    Head,
}

impl AirlockLayer {
    /// Gates with this airlock.
    pub fn new(airlock: Airlock) -> Self {
        let options = Options {
            airlock,
            resource: None,
            identity: None,
            group: None,
            priority: None,
            weight: None,
            wait: None,
            caller_timeout: None,
            skip: None,
            shed_when: None,
            on_refused: None,
            on_store_error: OnStoreError::Refuse,
            hold: Hold::Body,
            shadow: false,
        };
        AirlockLayer { options: Arc::new(options) }
    }

    /// What is guarded: each name has its own gate. A request without one is 400 `unidentified`.
    ///
    /// With the feature `axum`, a request for which the router has no route, so that a `Router::layer` meets it on its
    /// way to a fallback, needs no name: without one it is gated as if there were one resource for all, and its 404
    /// stays a 404. It is not let past, because a fallback may be a whole service.
    pub fn resource(self, name: impl Name) -> Self {
        self.with(|options| options.resource = Some(Arc::new(name)))
    }

    /// Who asks: an identity is inside a resource at most once, and a second request of it is 409 `duplicate`. A
    /// request without one is anonymous.
    pub fn identity(self, name: impl Name) -> Self {
        self.with(|options| options.identity = Some(Arc::new(name)))
    }

    /// Which group it belongs to, for the group's part of the line. A request without one has none.
    pub fn group(self, name: impl Name) -> Self {
        self.with(|options| options.group = Some(Arc::new(name)))
    }

    /// How urgent it is, where the admission strategy heeds it: higher goes first, 0 without an answer.
    ///
    /// The closure answers an `i32`, or an `Option` or `Result` of one; see [`integer_header`](crate::integer_header).
    pub fn priority<R: IntoNumber<i32>>(self, priority: impl Fn(&Parts) -> R + Send + Sync + 'static) -> Self {
        self.with(|options| options.priority = Some(Arc::new(move |parts| priority(parts).into_number())))
    }

    /// How much of the capacity it takes: 1 without an answer. 0, or more than the limit, is 400 `invalid`.
    ///
    /// The closure answers a `u32`, or an `Option` or `Result` of one.
    pub fn weight<R: IntoNumber<u32>>(self, weight: impl Fn(&Parts) -> R + Send + Sync + 'static) -> Self {
        self.with(|options| options.weight = Some(Arc::new(move |parts| weight(parts).into_number())))
    }

    /// How long a request waits in line on its open connection: not at all by default. Needs a tokio runtime with
    /// time enabled.
    pub fn wait(self, wait: Duration) -> Self {
        self.with(|options| options.wait = Some(wait).filter(|wait| !wait.is_zero()))
    }

    /// How long its caller waits for the answer, counted from when the request comes here, where that is known: nobody stays
    /// in line for longer, and what it waits for is not started when that time is over. It is 503 `timed-out` then, which
    /// a proxy in front may see although the caller does not.
    ///
    /// The closure answers a [`Duration`], or an `Option` or `Result` of one; see [`grpc_timeout`](crate::grpc_timeout) and
    /// [`seconds_header`](crate::seconds_header). It is a limit and no wish: without [`wait`](AirlockLayer::wait) nobody
    /// waits in line, whatever it says. Work that has begun is not stopped by it.
    ///
    /// ```
    /// # use airlock_core::{Airlock, Seal};
    /// # use airlock_tower::AirlockLayer;
    /// # fn main() -> Result<(), airlock_core::ConfigError> {
    /// # let airlock = Airlock::builder("imports").seal(Seal::lock()).build()?;
    /// use std::time::{Duration, Instant};
    ///
    /// // Put into the request by whatever is in front of this layer.
    /// #[derive(Clone, Copy)]
    /// struct Deadline(Instant);
    ///
    /// let layer = AirlockLayer::new(airlock).wait(Duration::from_secs(30)).caller_timeout(|parts| {
    ///     let deadline = parts.extensions.get::<Deadline>();
    ///     deadline.map(|Deadline(at)| at.saturating_duration_since(Instant::now()))
    /// });
    /// # let _ = layer;
    /// # Ok(())
    /// # }
    /// ```
    pub fn caller_timeout<R: IntoNumber<Duration>>(
        self,
        timeout: impl Fn(&Parts) -> R + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.caller_timeout = Some(Arc::new(move |parts| timeout(parts).into_number())))
    }

    /// Which requests pass ungated, besides CORS preflights.
    pub fn skip(self, skip: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.with(|options| options.skip = Some(Arc::new(skip)))
    }

    /// Which requests are shed: 503 `shed`, before anybody is asked whether there is room.
    ///
    /// For a node that has too much to do, whatever the airlock's limit says: it goes by what it knows of itself, and
    /// the store and the other nodes hear nothing of it. What is [skipped](AirlockLayer::skip) is not shed. It is asked
    /// for every request, so let it look at something that is kept up to date elsewhere.
    ///
    /// ```
    /// # use airlock_core::{Airlock, Seal};
    /// # use airlock_tower::AirlockLayer;
    /// # fn main() -> Result<(), airlock_core::ConfigError> {
    /// # let airlock = Airlock::builder("imports").seal(Seal::lock()).build()?;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// // Set by a task that looks at the load of this node.
    /// let overloaded = Arc::new(AtomicBool::new(false));
    /// let layer = AirlockLayer::new(airlock).shed_when(move |_| overloaded.load(Ordering::Relaxed));
    /// # let _ = layer;
    /// # Ok(())
    /// # }
    /// ```
    pub fn shed_when(self, shed: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.with(|options| options.shed_when = Some(Arc::new(shed)))
    }

    /// Edits the response to whoever is not let in, after its status, headers and body are set.
    ///
    /// ```
    /// # use airlock_core::{Airlock, Seal};
    /// # use airlock_tower::AirlockLayer;
    /// # fn main() -> Result<(), airlock_core::ConfigError> {
    /// # let airlock = Airlock::builder("imports").seal(Seal::lock()).build()?;
    /// use http::StatusCode;
    ///
    /// // Some proxies eject a host that answers 503.
    /// let layer = AirlockLayer::new(airlock).on_refused(|problem, response| {
    ///     if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
    ///         *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    ///     }
    /// });
    /// # let _ = layer;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_refused(self, edit: impl Fn(&Problem, &mut Response<Bytes>) + Send + Sync + 'static) -> Self {
        self.with(|options| options.on_refused = Some(Arc::new(edit)))
    }

    /// What to do when the store cannot be asked: refuse by default.
    pub fn on_store_error(self, on_store_error: OnStoreError) -> Self {
        self.with(|options| options.on_store_error = on_store_error)
    }

    /// Until when a request keeps its place: until its response's body has ended, by default. Whoever keeps an
    /// [`Admitted`](airlock_core::Admitted) keeps the place as well.
    pub fn hold(self, hold: Hold) -> Self {
        self.with(|options| options.hold = hold)
    }

    /// Lets everybody in, and reports who would not have been: what to turn on first, to see whether the limit is right.
    ///
    /// Each request asks as it would otherwise, and takes its place in the airlock for as long as it is worked on, or in
    /// line, so that those after it are judged rightly. But it runs at once, whatever is answered, and whatever
    /// becomes of its place. Who would have been refused, and as what, is an event
    /// ([`EventKind::WouldRefuse`](airlock_core::observer::EventKind::WouldRefuse)), a line in the log and a count in the metrics. Refusals of
    /// requests that do not say who they are, or are [shed](AirlockLayer::shed_when), are reported as well.
    ///
    /// It can only estimate: requests that run all at once take another time than they would one after the other, and one that
    /// is done before its turn comes leaves the line, and is not counted. A handler's permit is
    /// [no lease](airlock_core::Permit::unleased), with the fence 0: nobody is promised anything. An
    /// airlock that other layers or processes use without shadow mode counts these requests like any others.
    ///
    /// ```
    /// # use airlock_core::{Airlock, Seal};
    /// # use airlock_tower::AirlockLayer;
    /// # fn main() -> Result<(), airlock_core::ConfigError> {
    /// use airlock_core::observer::{Event, EventKind};
    ///
    /// let airlock = Airlock::builder("imports").seal(Seal::semaphore(20)).observer(|event: &Event<'_>| {
    ///     if let EventKind::WouldRefuse(name) = event.kind {
    ///         println!("a request of {} would have been refused: {name}", event.resource);
    ///     }
    /// });
    /// let layer = AirlockLayer::new(airlock.build()?).shadow();
    /// # let _ = layer;
    /// # Ok(())
    /// # }
    /// ```
    pub fn shadow(self) -> Self {
        self.with(|options| options.shadow = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

impl Options {
    /// The permit of those who are let in although nobody could be asked.
    pub(crate) fn admit_anyway(&self, error: &Error) -> Option<Permit> {
        asking::admit_anyway(&self.airlock, self.on_store_error, error)
    }

    pub(crate) fn respond(&self, problem: &Problem, format: Format) -> Response<Bytes> {
        problem.respond(self.airlock.name(), self.on_refused.as_deref(), format)
    }

    pub(crate) fn skips(&self, parts: &Parts) -> bool {
        let preflight =
            parts.method == Method::OPTIONS && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        preflight || self.skip.as_ref().is_some_and(|skip| skip(parts))
    }

    pub(crate) fn sheds(&self, parts: &Parts) -> bool {
        self.shed_when.as_ref().is_some_and(|shed| shed(parts))
    }
}

impl<S> Layer<S> for AirlockLayer {
    type Service = AirlockService<S>;

    fn layer(&self, inner: S) -> AirlockService<S> {
        // Axum applies a layer once per request where a router's state is not set yet: nothing is made here.
        AirlockService::new(inner, self.options.clone())
    }
}

impl fmt::Debug for AirlockLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AirlockLayer")
            .field("airlock", &self.options.airlock)
            .field("wait", &self.options.wait)
            .field("hold", &self.options.hold)
            .finish_non_exhaustive()
    }
}
