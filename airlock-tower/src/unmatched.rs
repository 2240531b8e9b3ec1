//! Requests that a router found no route for.

use http::request::Parts;

/// Whether an axum router has looked for a route and found none: the request is on its way to a fallback.
///
/// A router leaves the one extension with all that it looks at, and the other with those that it matches. What has
/// neither was not routed yet, and whoever asks for a name can expect one.
#[cfg(feature = "axum")]
pub(crate) fn is_unmatched(parts: &Parts) -> bool {
    use axum::extract::{MatchedPath, OriginalUri};

    parts.extensions.get::<OriginalUri>().is_some() && parts.extensions.get::<MatchedPath>().is_none()
}

#[cfg(not(feature = "axum"))]
pub(crate) fn is_unmatched(_: &Parts) -> bool {
    false
}
