use std::fmt;
use std::ops::Deref;
use std::sync::Weak;

use crate::permit::{Held, Permit};

/// A permit that several hold: the place is kept until the last clone is gone.
///
/// It is what a handler behind an `AirlockLayer` extracts, and what the work in
/// [`with_admitted`](crate::Airlock::with_admitted) gets. Keep a clone to keep the place: in a WebSocket's task, in a
/// job that outlives the response.
#[derive(Debug)]
pub struct Admitted(Permit);

impl Admitted {
    /// Shares a permit.
    pub fn new(permit: Permit) -> Self {
        Admitted(permit)
    }

    /// A handle that does not keep the place.
    pub fn downgrade(&self) -> WeakAdmitted {
        WeakAdmitted(self.0.downgrade())
    }
}

impl Clone for Admitted {
    // By hand: a permit itself is not to be cloned, or it could be detached under another owner.
    fn clone(&self) -> Self {
        Admitted(self.0.share())
    }
}

impl Deref for Admitted {
    type Target = Permit;

    fn deref(&self) -> &Permit {
        &self.0
    }
}

/// A handle on an [`Admitted`] that does not keep the place: what a layer puts into a request's extensions.
#[derive(Clone)]
pub struct WeakAdmitted(Weak<Held>);

impl WeakAdmitted {
    /// The permit, while somebody keeps it.
    pub fn upgrade(&self) -> Option<Admitted> {
        Permit::upgrade(&self.0).map(Admitted)
    }
}

impl fmt::Debug for WeakAdmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakAdmitted").field(&self.upgrade()).finish()
    }
}

#[cfg(feature = "axum")]
pub use extract::MissingAdmitted;

#[cfg(feature = "axum")]
mod extract {
    //! Here, and not in `airlock-axum`, because only the crate of a type can make it an extractor.

    use std::convert::Infallible;
    use std::fmt;

    use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
    use axum_core::response::{IntoResponse, Response};
    use http::StatusCode;
    use http::request::Parts;

    use super::{Admitted, WeakAdmitted};

    impl<S: Sync> FromRequestParts<S> for Admitted {
        type Rejection = MissingAdmitted;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingAdmitted> {
            find(parts).ok_or(MissingAdmitted)
        }
    }

    impl<S: Sync> OptionalFromRequestParts<S> for Admitted {
        type Rejection = Infallible;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
            Ok(find(parts))
        }
    }

    fn find(parts: &Parts) -> Option<Admitted> {
        parts.extensions.get::<WeakAdmitted>()?.upgrade()
    }

    /// A handler asks for [`Admitted`], but no `AirlockLayer` let this request in. A mistake in the program: 500.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct MissingAdmitted;

    impl fmt::Display for MissingAdmitted {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "this handler takes `Admitted`, but no `AirlockLayer` let the request in: add \
                 `.layer(AirlockLayer::new(airlock))` around the route, or take `Option<Admitted>` where the layer \
                 skips requests",
            )
        }
    }

    impl std::error::Error for MissingAdmitted {}

    impl IntoResponse for MissingAdmitted {
        fn into_response(self) -> Response {
            (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
        }
    }
}
