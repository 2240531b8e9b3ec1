use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use airlock_core::{Airlock, Entrant};
use tower_layer::Layer;

use super::service::CallService;
use crate::layer::OnStoreError;

/// Gates any service with an [`Airlock`]: jobs, commands, and calls to an upstream that can take only so many.
///
/// As [`AirlockLayer`](crate::AirlockLayer), but nothing is made up: who is not let in gets a
/// [`CallError`](crate::CallError), because a 503 made here would look like the upstream's.
///
/// By default there is one resource for all calls, named like the airlock, everybody is anonymous, and who finds no
/// room is refused at once. The place is kept until the inner service's future has ended. For an HTTP client that is
/// when the head of the response is there; what streams on after it is no longer counted.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use airlock_core::{Airlock, Entrant, Seal};
/// use airlock_tower::CallLayer;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// struct Invoice {
///     tenant: String,
/// }
///
/// // Two at once for each tenant, whoever it is that sends them; the others wait up to five seconds for their turn.
/// let upstream = Airlock::builder("legacy-erp").seal(Seal::semaphore(2)).build()?;
/// let client = ServiceBuilder::new()
///     .layer(
///         CallLayer::new(upstream)
///             .entrant(|invoice: &Invoice| Entrant::new(invoice.tenant.clone()))
///             .wait(Duration::from_secs(5)),
///     )
///     .service_fn(|invoice: Invoice| async move { Ok::<_, std::io::Error>(invoice.tenant.len()) });
///
/// match client.oneshot(Invoice { tenant: "acme".to_owned() }).await {
///     Ok(length) => assert_eq!(length, 4),
///     Err(error) if error.is_busy() => println!("it is busy: later"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping the future of a call leaves the line, or drops the inner future and gives back the place.
///
/// # Limits
///
/// A lost lease drops the inner future, and the call is an [error](crate::CallError::is_lost). It cannot stop what a
/// blocking thread or the other side of the wire is doing.
#[must_use = "a layer does nothing until it is applied"]
pub struct CallLayer<C = Entrant<'static>> {
    options: Options,
    /// None for the airlock's own name.
    entrant: Option<Arc<C>>,
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) airlock: Airlock,
    pub(super) wait: Option<Duration>,
    pub(super) on_store_error: OnStoreError,
}

impl CallLayer {
    /// Gates with this airlock.
    pub fn new(airlock: Airlock) -> Self {
        let options = Options { airlock, wait: None, on_store_error: OnStoreError::Refuse };
        CallLayer { options, entrant: None }
    }
}

impl<C> CallLayer<C> {
    /// Who asks, and to what: an [`Entrant`], the name of a resource, or a closure that looks at the request.
    pub fn entrant<D>(self, entrant: D) -> CallLayer<D> {
        CallLayer { options: self.options, entrant: Some(Arc::new(entrant)) }
    }

    /// How long a call waits in line: not at all by default. Needs a tokio runtime with time enabled.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.options.wait = Some(wait).filter(|wait| !wait.is_zero());
        self
    }

    /// What to do when the store cannot be asked: refuse by default.
    pub fn on_store_error(mut self, on_store_error: OnStoreError) -> Self {
        self.options.on_store_error = on_store_error;
        self
    }
}

impl<S, C> Layer<S> for CallLayer<C> {
    type Service = CallService<S, C>;

    fn layer(&self, inner: S) -> CallService<S, C> {
        CallService::new(inner, self.options.clone(), self.entrant.clone())
    }
}

impl<C> Clone for CallLayer<C> {
    // By hand: a closure is shared and need not be `Clone`.
    fn clone(&self) -> Self {
        CallLayer { options: self.options.clone(), entrant: self.entrant.clone() }
    }
}

impl<C> fmt::Debug for CallLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallLayer")
            .field("airlock", &self.options.airlock)
            .field("wait", &self.options.wait)
            .field("on_store_error", &self.options.on_store_error)
            .finish_non_exhaustive()
    }
}
