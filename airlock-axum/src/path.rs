use std::borrow::Cow;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use airlock_tower::{Name, NameError};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

/// Names by a parameter of the path; made by [`by_path`].
#[derive(Clone, Debug)]
pub struct ByPath(Cow<'static, str>);

/// Names by a parameter of the path, decoded: `by_path("tenant")` behind a route such as `/tenants/{tenant}/imports`.
///
/// The layer has to be on the router or the route, where the path is known: `Router::layer`, `Router::route_layer`,
/// `MethodRouter::layer`. Where the route has no such parameter there is no name. Empty it is 400 `unidentified`; not
/// UTF-8, 400 `invalid`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_axum::{Airlock, AirlockLayer, Seal, by_path};
/// use axum::{Router, routing::post};
///
/// let imports = Airlock::builder("imports").seal(Seal::semaphore(2)).build()?;
/// let app: Router = Router::new()
///     .route("/tenants/{tenant}/imports", post(|| async { "imported" }))
///     .layer(AirlockLayer::new(imports).resource(by_path("tenant")));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
pub fn by_path(parameter: impl Into<Cow<'static, str>>) -> ByPath {
    ByPath(parameter.into())
}

impl Name for ByPath {
    fn name<'a>(&self, parts: &'a mut Parts) -> Result<Option<Cow<'a, str>>, NameError> {
        let params = match params(parts) {
            Ok(params) => params,
            Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => {
                return Err(NameError::invalid("a parameter of the path is not UTF-8"));
            }
            // No route was looked for yet, or none was found.
            Err(_) => return Ok(None),
        };
        match params.iter().find(|(name, _)| *name == self.0) {
            Some((_, "")) => Err(NameError::unidentified("the parameter of the path that says who asks is empty")),
            Some((_, value)) => Ok(Some(Cow::Owned(value.to_owned()))),
            None => Ok(None),
        }
    }
}

fn params(parts: &mut Parts) -> Result<RawPathParams, RawPathParamsRejection> {
    match pin!(RawPathParams::from_request_parts(parts, &())).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(params) => params,
        Poll::Pending => unreachable!("the path is there already: there is nothing to wait for"),
    }
}
