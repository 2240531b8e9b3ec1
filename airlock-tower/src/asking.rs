//! What all front ends do alike: ask, go on without an answer, and watch the lease.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use airlock_core::{Admitted, Airlock, Entrant, Error, LeaseLost, Permit, Started};

use http::Extensions;

use crate::layer::OnStoreError;

/// Asks, and stays in line for as long as `wait`. That a store is away is said at once: a crowd of open requests would do
/// it no good, and their clients may know another place to ask.
pub(crate) fn ask(airlock: &Airlock, entrant: Entrant<'_>, wait: Option<Duration>) -> Started {
    match wait {
        Some(wait) => airlock.acquire(entrant).timeout(wait).retry(false).start(),
        None => airlock.try_enter(entrant).start(),
    }
}

/// The permit of those who are let in although nobody could be asked.
pub(crate) fn admit_anyway(airlock: &Airlock, on_store_error: OnStoreError, error: &Error) -> Option<Permit> {
    let admits = on_store_error == OnStoreError::Admit && matches!(error, Error::Unavailable(_));
    admits.then(|| Permit::unleased(airlock.clone()))
}

/// Shows a request's permit to whoever handles it: a weak handle, for only an [`Admitted`] keeps the place.
pub(crate) fn show(admitted: &Admitted, extensions: &mut Extensions) {
    if let Some(outer) = extensions.insert(admitted.downgrade()) {
        // A layer around this one: its permit is found by its airlock's name.
        extensions.insert(admitted.downgrade().within(outer));
    }
}

/// Resolves when the lease is lost. Made when a request first has to wait for something: until then, it cannot be
/// stopped anyway.
pub(crate) type Lost = Pin<Box<dyn Future<Output = LeaseLost> + Send + Sync>>;

pub(crate) fn watch(admitted: &Admitted) -> Lost {
    let admitted = admitted.clone();
    Box::pin(async move { admitted.lost().await })
}
