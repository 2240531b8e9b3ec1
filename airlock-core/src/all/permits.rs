use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::Pin;
use std::task::Poll;

use crate::error::{Error, LeaseLost};
use crate::permit::Permit;

/// Permits that were taken together, in the order in which they were listed. Dropping them releases all.
///
/// See [`All`](super::All) for an example.
#[must_use = "dropping permits releases them"]
pub struct Permits(Vec<Permit>);

impl Permits {
    pub(super) fn new(permits: Vec<Permit>) -> Self {
        Permits(permits)
    }

    /// The permits, to release one by one.
    pub fn into_permits(self) -> Vec<Permit> {
        self.0
    }

    /// Releases all, also those that come after one that was lost.
    ///
    /// # Errors
    ///
    /// [Lost](Error::Lost) when one of them was not held any more; [unavailable](Error::Unavailable) when the store did
    /// not say: then the others are released in the background or by their deadlines.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future releases all as well.
    pub async fn release(self) -> Result<(), Error> {
        let mut released = Ok(());
        for permit in self.0 {
            match permit.release().await {
                Ok(()) => {}
                Err(error @ Error::Unavailable(_)) => return Err(error),
                Err(error) => released = Err(error),
            }
        }
        released
    }

    /// Resolves when one of the leases is lost, or can no longer be known not to be. Never otherwise. Cancel safe.
    pub async fn lost(&self) -> LeaseLost {
        type Lost<'a> = Pin<Box<dyn Future<Output = LeaseLost> + Send + 'a>>;
        let mut losses: Vec<Lost<'_>> = self.0.iter().map(|permit| Box::pin(permit.lost()) as Lost<'_>).collect();
        poll_fn(|cx| {
            let lost = losses.iter_mut().find_map(|lost| match lost.as_mut().poll(cx) {
                Poll::Ready(lost) => Some(lost),
                Poll::Pending => None,
            });
            lost.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl Deref for Permits {
    type Target = [Permit];

    fn deref(&self) -> &[Permit] {
        &self.0
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permits").field(&self.0).finish()
    }
}
