use std::future::IntoFuture;
use std::time::Duration;

use tokio::time::Instant;

use super::{All, AllError, Permits};
use crate::backoff::Backoff;
use crate::error::{Error, Reason, Refusal, StoreError};
use crate::store::BoxFuture;

/// Tries again until all can be had together. Await it.
///
/// See [`All`](super::All) for an example.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct AcquireAll<'a> {
    all: All<'a>,
    timeout: Option<Duration>,
}

impl<'a> AcquireAll<'a> {
    pub(super) fn new(all: All<'a>) -> Self {
        AcquireAll { all, timeout: None }
    }

    /// For how long to try, on the clock of the tokio runtime. Until then a store that fails is asked again as well;
    /// without a timeout it is [unavailable](Error::Unavailable) at once.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn run(self) -> Result<Permits, AllError> {
        let order = self.all.checked()?;
        // None is also what is too far away to be told from never.
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut backoff = Backoff::new();
        let mut last = None;
        loop {
            let tried = match deadline {
                None => self.all.take(&order).await,
                Some(at) => match tokio::time::timeout_at(at, self.all.take(&order)).await {
                    Ok(tried) => tried,
                    Err(_) => return Err(too_late(last)),
                },
            };
            let error = match tried {
                Ok(permits) => return Ok(permits),
                Err(error) => error,
            };
            let pause = match error.error() {
                // Sooner is in vain, and what other members with rates give on the way would be lost.
                Error::Refused(Refusal { reason: Reason::Limited, .. }) => {
                    let known = error.refusal().and_then(Refusal::retry_after).unwrap_or_default();
                    known.max(backoff.pause())
                }
                Error::Refused(Refusal { reason: Reason::Full, .. }) => backoff.pause(),
                Error::Unavailable(_) if self.timeout.is_some() => backoff.pause(),
                _ => return Err(error),
            };
            last = Some(error);
            match deadline {
                Some(at) if at <= Instant::now() + pause => {
                    tokio::time::sleep_until(at).await;
                    return Err(too_late(last));
                }
                _ => tokio::time::sleep(pause).await,
            }
        }
    }
}

/// What is said when the time is over: as it last was.
fn too_late(last: Option<AllError>) -> AllError {
    match last {
        None => AllError::of_all(StoreError::unknown("it did not answer while the caller waited").into()),
        Some(last) if matches!(last.error(), Error::Refused(_)) => last.but(Refusal::new(Reason::TimedOut).into()),
        Some(last) => last,
    }
}

impl<'a> IntoFuture for AcquireAll<'a> {
    type Output = Result<Permits, AllError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
