use std::error::Error as StdError;
use std::fmt;

use airlock_core::Error;

/// Why a call through a [`CallLayer`](crate::CallLayer) has no response.
///
/// It is a [`std::error::Error`] where the inner service's error is one. A [`BoxError`](crate::BoxError) is none, by a
/// rule of the language: where another layer wants one, put that layer inside, or map the error.
///
/// ```
/// use airlock_tower::{BoxError, CallError};
///
/// fn flatten(error: CallError<BoxError>) -> BoxError {
///     match error {
///         CallError::Refused(error) => error.into(),
///         CallError::Inner(error) => error,
///     }
/// }
/// # let _ = flatten;
/// ```
#[derive(Debug)]
pub enum CallError<E> {
    /// The airlock did not let the call in or, [as lost](CallError::is_lost), not to its end.
    Refused(Error),
    /// The inner service failed.
    Inner(E),
}

impl<E> CallError<E> {
    /// Whether somebody else has the room: the inner service was not called, and asking again later makes sense.
    pub fn is_busy(&self) -> bool {
        matches!(self, CallError::Refused(error) if error.is_busy())
    }

    /// Whether the call was stopped because its lease was lost. It may have been carried out in part: nobody should
    /// repeat it blindly.
    pub fn is_lost(&self) -> bool {
        matches!(self, CallError::Refused(Error::Lost(_)))
    }

    /// The inner service's own error, if that is what it is.
    pub fn into_inner(self) -> Option<E> {
        match self {
            CallError::Inner(error) => Some(error),
            CallError::Refused(_) => None,
        }
    }
}

impl<E> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CallError::Refused(Error::Lost(_)) => "the call was stopped: it lost its place in the airlock",
            CallError::Refused(_) => "the call was not let in by the airlock",
            CallError::Inner(_) => "the call failed",
        })
    }
}

impl<E: StdError + 'static> StdError for CallError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match self {
            CallError::Refused(error) => error,
            CallError::Inner(error) => error,
        })
    }
}
