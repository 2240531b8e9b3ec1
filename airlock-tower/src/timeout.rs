//! How long the caller waits for its answer: closures for [`AirlockLayer::caller_timeout`](crate::AirlockLayer::caller_timeout).

use std::time::Duration;

use http::header::HeaderName;
use http::request::Parts;

use crate::name::{NameError, single_header};

/// A number of seconds in a header, such as `5` or `0.25`: missing is none, anything else is 400 `invalid`.
///
/// ```
/// use std::time::Duration;
/// use airlock_core::{Airlock, Seal};
/// use airlock_tower::{AirlockLayer, seconds_header};
///
/// # fn main() -> Result<(), airlock_core::ConfigError> {
/// let airlock = Airlock::builder("imports").seal(Seal::lock()).build()?;
/// let layer = AirlockLayer::new(airlock)
///     .wait(Duration::from_secs(30))
///     .caller_timeout(seconds_header("x-request-timeout"));
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// When `name` is no lower-case header name: here, not on the first request.
#[track_caller]
pub fn seconds_header(
    name: &'static str,
) -> impl Fn(&Parts) -> Result<Option<Duration>, NameError> + Send + Sync + 'static {
    header(HeaderName::from_static(name), |text| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        // Signs, exponents and words are numbers to a parser, and mistakes to people.
        let seconds = text.parse().ok().filter(|_| plain)?;
        Duration::try_from_secs_f64(seconds).ok()
    })
}

/// What a gRPC client says in `grpc-timeout`: up to eight digits and a unit, as in `250m` ([gRPC over HTTP/2]). Missing is
/// none, anything else is `invalid`.
///
/// ```
/// use std::time::Duration;
/// use airlock_core::{Airlock, Seal};
/// use airlock_tower::{AirlockLayer, grpc_timeout};
///
/// # fn main() -> Result<(), airlock_core::ConfigError> {
/// let airlock = Airlock::builder("imports").seal(Seal::lock()).build()?;
/// let layer = AirlockLayer::new(airlock).wait(Duration::from_secs(30)).caller_timeout(grpc_timeout());
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
///
/// [gRPC over HTTP/2]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
pub fn grpc_timeout() -> impl Fn(&Parts) -> Result<Option<Duration>, NameError> + Send + Sync + 'static {
    header(HeaderName::from_static("grpc-timeout"), |text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let value: u64 = digits.parse().ok()?;
        Some(match unit {
            "H" => Duration::from_secs(3600 * value),
            "M" => Duration::from_secs(60 * value),
            "S" => Duration::from_secs(value),
            "m" => Duration::from_millis(value),
            "u" => Duration::from_micros(value),
            "n" => Duration::from_nanos(value),
            _ => return None,
        })
    })
}

fn header(
    name: HeaderName,
    parse: impl Fn(&str) -> Option<Duration> + Send + Sync + 'static,
) -> impl Fn(&Parts) -> Result<Option<Duration>, NameError> + Send + Sync + 'static {
    let wrong = NameError::invalid("a header that says how long the caller waits does not, or is sent more than once");
    move |parts| match single_header(parts, &name).map_err(|_| wrong)? {
        None => Ok(None),
        Some(text) => parse(text.trim()).map(Some).ok_or(wrong),
    }
}
