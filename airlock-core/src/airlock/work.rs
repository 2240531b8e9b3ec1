use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::Airlock;
use crate::admitted::Admitted;
use crate::entrant::Entrant;
use crate::error::Error;

impl Airlock {
    /// Waits in line, does the work inside, and releases: also when the work panics or is dropped.
    ///
    /// The work gets the permit, cheap to clone; whoever keeps a clone beyond the work's end keeps the place.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use airlock_core::{Airlock, Seal};
    /// # let airlock = Airlock::builder("jobs").seal(Seal::lock()).build()?;
    /// let sum = airlock.with_admitted("job:sum", |permit| async move { permit.fence() + 1 }).await?;
    /// # let _ = sum;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`acquire`](Airlock::acquire); and [lost](Error::Lost) when the lease is lost, which stops the work where
    /// it awaits.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the work and releases.
    pub async fn with_admitted<'a, F, Fut, T>(&self, entrant: impl Into<Entrant<'a>>, work: F) -> Result<T, Error>
    where
        F: FnOnce(Admitted) -> Fut,
        Fut: Future<Output = T>,
    {
        let admitted = Admitted::new(self.acquire(entrant).await?);
        work_inside(admitted, work).await
    }

    /// The same without waiting: does the work only if there is room now.
    ///
    /// # Errors
    ///
    /// As [`try_enter`](Airlock::try_enter); and [lost](Error::Lost).
    pub async fn try_with_admitted<'a, F, Fut, T>(&self, entrant: impl Into<Entrant<'a>>, work: F) -> Result<T, Error>
    where
        F: FnOnce(Admitted) -> Fut,
        Fut: Future<Output = T>,
    {
        let admitted = Admitted::new(self.try_enter(entrant).await?);
        work_inside(admitted, work).await
    }
}

async fn work_inside<F, Fut, T>(admitted: Admitted, work: F) -> Result<T, Error>
where
    F: FnOnce(Admitted) -> Fut,
    Fut: Future<Output = T>,
{
    let inside = admitted.span();
    let mut work = pin!(inside.in_scope(|| work(admitted.clone())));
    let mut lost = pin!(admitted.lost());
    poll_fn(|cx| {
        let _inside = inside.enter();
        // The work first: what it has finished it shall not lose.
        if let Poll::Ready(value) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        lost.as_mut().poll(cx).map(|lost| Err(lost.into()))
    })
    .await
}
