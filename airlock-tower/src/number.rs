//! How urgent and how heavy: numbers taken from a request.

use std::str::FromStr;

use http::header::HeaderName;
use http::request::Parts;

use crate::name::{NameError, single_header};

/// What a closure that takes a number from a request may answer: the number, or an `Option` or `Result` of it.
///
/// See [`integer_header`](crate::integer_header) for an example.
pub trait IntoNumber<T> {
    /// The number, or none for the default.
    ///
    /// # Errors
    ///
    /// When the request has something there, but no such number.
    fn into_number(self) -> Result<Option<T>, NameError>;
}

impl<T> IntoNumber<T> for T {
    fn into_number(self) -> Result<Option<T>, NameError> {
        Ok(Some(self))
    }
}

impl<T> IntoNumber<T> for Option<T> {
    fn into_number(self) -> Result<Option<T>, NameError> {
        Ok(self)
    }
}

impl<T> IntoNumber<T> for Result<T, NameError> {
    fn into_number(self) -> Result<Option<T>, NameError> {
        self.map(Some)
    }
}

impl<T> IntoNumber<T> for Result<Option<T>, NameError> {
    fn into_number(self) -> Result<Option<T>, NameError> {
        self
    }
}

/// A whole number in a header: missing is the default, anything but a number in range is 400 `invalid`.
///
/// ```
/// use airlock_core::{Airlock, Seal, admission::Priority};
/// use airlock_tower::{AirlockLayer, integer_header};
///
/// # fn main() -> Result<(), airlock_core::ConfigError> {
/// let airlock = Airlock::builder("shared").seal(Seal::lock()).admission(Priority::new()).build()?;
/// let layer = AirlockLayer::new(airlock).priority(integer_header("x-priority"));
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// When `name` is no lower-case header name: here, not on the first request.
#[track_caller]
pub fn integer_header<T: FromStr>(
    name: &'static str,
) -> impl Fn(&Parts) -> Result<Option<T>, NameError> + Send + Sync + 'static {
    let name = HeaderName::from_static(name);
    let wrong = NameError::invalid("a header that must be one whole number is none, or is out of range");
    // Empty or repeated it says nothing about who asks: that is as wrong as any other text.
    move |parts| match single_header(parts, &name).map_err(|_| wrong)? {
        None => Ok(None),
        Some(text) => text.trim().parse().map(Some).map_err(|_| wrong),
    }
}
