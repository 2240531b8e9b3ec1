use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use crate::permit::{Held, Permit};

/// A permit that several hold: the place is kept until the last clone is gone.
///
/// See [`Airlock::with_admitted`](crate::Airlock::with_admitted) for an example.
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
        WeakAdmitted { held: self.0.downgrade(), outer: None }
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
///
/// Where layers are nested it is the innermost one's, and knows those around it.
#[derive(Clone)]
pub struct WeakAdmitted {
    held: Weak<Held>,
    /// Most requests go through one layer, and pay for no more than that there could be another.
    outer: Option<Arc<WeakAdmitted>>,
}

impl WeakAdmitted {
    /// The same, inside another layer: what was in the request's extensions before.
    #[must_use]
    pub fn within(mut self, outer: WeakAdmitted) -> Self {
        self.outer = Some(Arc::new(outer));
        self
    }

    /// The permit, while somebody keeps it.
    pub fn upgrade(&self) -> Option<Admitted> {
        Permit::upgrade(&self.held).map(Admitted)
    }

    /// The permit of the airlock of that name, while somebody keeps it: this one, or that of a layer around it. The
    /// innermost, if there are several.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use airlock_core::{Admitted, Airlock, Seal};
    ///
    /// let tenants = Airlock::builder("tenants").seal(Seal::semaphore(9)).build()?;
    /// let imports = Airlock::builder("imports").seal(Seal::lock()).build()?;
    /// let tenant = Admitted::new(tenants.try_enter("acme").await?);
    /// let import = Admitted::new(imports.try_enter("acme").await?);
    ///
    /// let inside = import.downgrade().within(tenant.downgrade());
    /// assert_eq!(inside.of("tenants").map(|permit| permit.fence()), Some(tenant.fence()));
    /// assert_eq!(inside.of("imports").map(|permit| permit.fence()), Some(import.fence()));
    /// assert!(inside.of("exports").is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn of(&self, airlock: &str) -> Option<Admitted> {
        let mut layer = Some(self);
        while let Some(handle) = layer {
            match handle.upgrade() {
                Some(admitted) if admitted.airlock().name() == airlock => return Some(admitted),
                _ => layer = handle.outer.as_deref(),
            }
        }
        None
    }
}

impl fmt::Debug for WeakAdmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("WeakAdmitted");
        tuple.field(&self.upgrade());
        if let Some(outer) = &self.outer {
            tuple.field(outer);
        }
        tuple.finish()
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
    use http::request::Parts;
    use http::{Extensions, StatusCode};

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

    impl Admitted {
        /// The permit of the airlock of that name, where layers are nested: by itself an extracted `Admitted` is the
        /// innermost layer's.
        ///
        /// A handler gets the extensions as an argument of the type [`Extensions`], or from the request.
        ///
        /// ```
        /// use airlock_core::Admitted;
        /// use http::Extensions;
        ///
        /// async fn import(extensions: Extensions, import: Admitted) -> String {
        ///     let tenant = Admitted::of(&extensions, "tenants").map(|permit| permit.fence());
        ///     format!("import {}, of a tenant inside as {tenant:?}", import.fence())
        /// }
        /// # let _ = import;
        /// ```
        pub fn of(extensions: &Extensions, airlock: &str) -> Option<Admitted> {
            extensions.get::<WeakAdmitted>()?.of(airlock)
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
