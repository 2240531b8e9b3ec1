use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use airlock_core::{Admitted, Airlock, Entrant, Error};
use airlock_tower::{Format, Problem, ResponseBody};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

/// Which airlock a handler is behind, and who asks: what [`Enter`] asks before it lets a request in.
///
/// See [`Enter`] for an example.
pub trait Gate<S>: 'static {
    /// The answer to a request that does not say who it is, or must not ask.
    type Rejection: IntoResponse;

    /// How long a request waits in line on its open connection: not at all by default. Needs a tokio runtime with time
    /// enabled.
    fn wait() -> Duration {
        Duration::ZERO
    }

    /// The airlock, and who asks to be let in. Write it as an `async fn`; other extractors may be used in it.
    fn entrant(
        parts: &mut Parts,
        state: &S,
    ) -> impl Future<Output = Result<(Airlock, Entrant<'static>), Self::Rejection>> + Send;
}

/// Admission by the extractor itself: for handlers whose resource comes from the path, the state or authentication.
///
/// The place is kept as long as this is; [`through`](Enter::through) hands it to the response, which keeps it to the
/// end of its body. It is an [`Admitted`]: a clone of that keeps the place as well.
///
/// ```
/// use std::time::Duration;
/// use airlock_axum::{Airlock, Enter, Entrant, Gate, Seal};
/// use axum::extract::rejection::PathRejection;
/// use axum::extract::{FromRequestParts, Path};
/// use axum::response::IntoResponse;
/// use axum::{Router, routing::post};
/// use http::request::Parts;
///
/// #[derive(Clone)]
/// struct App {
///     imports: Airlock,
/// }
///
/// struct Imports;
///
/// impl Gate<App> for Imports {
///     type Rejection = PathRejection;
///
///     fn wait() -> Duration {
///         Duration::from_secs(5)
///     }
///
///     async fn entrant(parts: &mut Parts, app: &App) -> Result<(Airlock, Entrant<'static>), PathRejection> {
///         let Path(tenant) = Path::<String>::from_request_parts(parts, app).await?;
///         Ok((app.imports.clone(), Entrant::new(tenant)))
///     }
/// }
///
/// async fn import(enter: Enter<Imports>) -> impl IntoResponse {
///     let fence = enter.fence();
///     enter.through(format!("imported as number {fence}"))
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let imports = Airlock::builder("imports").seal(Seal::semaphore(2)).build()?;
/// let app: Router = Router::new().route("/tenants/{tenant}/imports", post(import)).with_state(App { imports });
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// Whoever is not let in gets the response that an [`AirlockLayer`](crate::AirlockLayer) would give.
///
/// # Cancel safety
///
/// A client that disconnects while it waits leaves the line, as soon as the server notices.
///
/// # Limits
///
/// Other than a layer, an extractor cannot stop the handler when the lease is lost: look at
/// [`lost`](airlock_core::Permit::lost) where that matters. `through` answers 500 `lost` then, and a body under way is
/// aborted.
#[must_use = "dropping it gives the place back; `through` keeps it to the end of the response"]
pub struct Enter<G> {
    admitted: Admitted,
    format: Format,
    gate: PhantomData<fn() -> G>,
}

impl<G> Enter<G> {
    /// The response, which keeps the place until its body has ended or is dropped.
    pub fn through(self, response: impl IntoResponse) -> Response {
        if let Some(lost) = self.admitted.is_lost() {
            return refusal(&Problem::of(&lost.into()), self.admitted.airlock(), self.format);
        }
        let response = response.into_response();
        response.map(|body| Body::new(ResponseBody::holding(body, self.admitted)))
    }
}

impl<G, S> FromRequestParts<S> for Enter<G>
where
    G: Gate<S>,
    S: Send + Sync,
{
    type Rejection = EnterRejection<G::Rejection>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let (airlock, entrant) = G::entrant(parts, state).await.map_err(EnterRejection::Gate)?;
        let format = Format::of(parts);
        let wait = G::wait();
        let permit = if wait.is_zero() {
            airlock.try_enter(entrant).await
        } else {
            airlock.acquire(entrant).timeout(wait).retry(false).await
        };
        match permit {
            Ok(permit) => Ok(Enter { admitted: Admitted::new(permit), format, gate: PhantomData }),
            Err(error) => Err(EnterRejection::Refused(Refused { error, airlock, format })),
        }
    }
}

impl<G> Deref for Enter<G> {
    type Target = Admitted;

    fn deref(&self) -> &Admitted {
        &self.admitted
    }
}

impl<G> fmt::Debug for Enter<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Enter").field(&self.admitted).finish()
    }
}

/// Why [`Enter`] let a request not in. It is a response; take `Result<Enter<_>, EnterRejection<_>>` to see it first.
///
/// See [`Enter`] for an example.
#[derive(Debug)]
pub enum EnterRejection<R> {
    /// The [`Gate`] rejected it.
    Gate(R),
    /// The airlock refused it.
    Refused(Refused),
}

/// An airlock's refusal, with all that its response needs.
///
/// See [`EnterRejection`] for where it comes from.
#[derive(Debug)]
pub struct Refused {
    error: Error,
    airlock: Airlock,
    format: Format,
}

impl Refused {
    /// Why.
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl<R: IntoResponse> IntoResponse for EnterRejection<R> {
    fn into_response(self) -> Response {
        match self {
            EnterRejection::Gate(rejection) => rejection.into_response(),
            EnterRejection::Refused(Refused { error, airlock, format }) => {
                refusal(&Problem::of(&error), &airlock, format)
            }
        }
    }
}

fn refusal(problem: &Problem, airlock: &Airlock, format: Format) -> Response {
    problem.response(airlock.name(), format).map(Body::from)
}
