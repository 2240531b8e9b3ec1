//! Who asks: names taken from a request.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use http::header::{COOKIE, HeaderName};
use http::request::Parts;

/// One name taken from a request: a resource, an identity, a group.
///
/// Use [`by_header`], [`by_cookie`], [`by_extension`], [`by_forwarded`](crate::by_forwarded), or [`by`] for a closure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot name an entrant",
    note = "use `by_header`, `by_cookie`, `by_extension`, or `by(|parts| …)` for a closure"
)]
pub trait Name: Send + Sync + 'static {
    /// The name, or none if the request has none. The parts are mutable because some extractors want them so;
    /// leave them as they are.
    ///
    /// # Errors
    ///
    /// When the request has something there, but no name.
    fn name<'a>(&self, parts: &'a mut Parts) -> Result<Option<Cow<'a, str>>, NameError>;
}

/// A request that does not say who it is, or says it in a way that cannot be. Answered with 400.
///
/// ```
/// use airlock_tower::{NameError, Problem};
///
/// let problem = Problem::unnamed(&NameError::unidentified("there is no tenant in it"));
/// assert_eq!((problem.status().as_u16(), problem.name()), (400, "unidentified"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError {
    malformed: bool,
    detail: &'static str,
}

impl NameError {
    /// It does not say, or says it twice: the problem is `unidentified`.
    pub const fn unidentified(detail: &'static str) -> Self {
        NameError { malformed: false, detail }
    }

    /// What it says cannot be: the problem is `invalid`.
    pub const fn invalid(detail: &'static str) -> Self {
        NameError { malformed: true, detail }
    }

    pub(crate) fn is_malformed(&self) -> bool {
        self.malformed
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail)
    }
}

impl std::error::Error for NameError {}

/// Names by a closure; made by [`by`].
#[derive(Clone, Copy, Debug)]
pub struct By<F>(F);

/// Names by a closure, which answers a `String` or an `Option<String>`.
///
/// ```
/// use airlock_tower::by;
///
/// let by_host = by(|parts| parts.uri.host().map(str::to_owned));
/// # let _: &dyn airlock_tower::Name = &by_host;
/// ```
pub fn by<F, R>(name: F) -> By<F>
where
    F: Fn(&Parts) -> R + Send + Sync + 'static,
    R: Into<Option<String>>,
{
    By(name)
}

impl<F, R> Name for By<F>
where
    F: Fn(&Parts) -> R + Send + Sync + 'static,
    R: Into<Option<String>>,
{
    fn name<'a>(&self, parts: &'a mut Parts) -> Result<Option<Cow<'a, str>>, NameError> {
        match (self.0)(parts).into() {
            Some(name) if name.is_empty() => Err(NameError::unidentified("the name of the entrant is empty")),
            name => Ok(name.map(Cow::Owned)),
        }
    }
}

/// Names by an extension of the request; made by [`by_extension`].
pub struct ByExtension<T, F>(F, PhantomData<fn(T)>);

/// Names by something that a middleware in front, such as authentication, put into the request's extensions.
///
/// ```
/// use airlock_tower::by_extension;
///
/// struct Claims {
///     tenant: String,
/// }
///
/// let by_tenant = by_extension(|claims: &Claims| &claims.tenant);
/// # let _: &dyn airlock_tower::Name = &by_tenant;
/// ```
pub fn by_extension<T, F>(name: F) -> ByExtension<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> &str + Send + Sync + 'static,
{
    ByExtension(name, PhantomData)
}

impl<T, F> Name for ByExtension<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> &str + Send + Sync + 'static,
{
    fn name<'a>(&self, parts: &'a mut Parts) -> Result<Option<Cow<'a, str>>, NameError> {
        match parts.extensions.get::<T>().map(|extension| (self.0)(extension)) {
            Some("") => Err(NameError::unidentified("the name of the entrant is empty")),
            name => Ok(name.map(Cow::Borrowed)),
        }
    }
}

impl<T, F> fmt::Debug for ByExtension<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByExtension<{}>", std::any::type_name::<T>())
    }
}

/// Names by a header; made by [`by_header`].
#[derive(Clone, Debug)]
pub struct ByHeader(HeaderName);

/// Names by a header, as it was sent. A header is no identity unless something in front sets or checks it.
///
/// ```
/// use airlock_tower::by_header;
///
/// // Set by the proxy that signs people in, which removes what came from outside.
/// let by_user = by_header("x-user");
/// # let _: &dyn airlock_tower::Name = &by_user;
/// ```
///
/// Empty or repeated it is 400 `unidentified`; not UTF-8, 400 `invalid`.
///
/// # Panics
///
/// When `name` is no lower-case header name: here, not on the first request.
#[track_caller]
pub fn by_header(name: &'static str) -> ByHeader {
    ByHeader(HeaderName::from_static(name))
}

impl Name for ByHeader {
    fn name<'a>(&self, parts: &'a mut Parts) -> Result<Option<Cow<'a, str>>, NameError> {
        Ok(single_header(parts, &self.0)?.map(Cow::Borrowed))
    }
}

/// The text of a header that must not be repeated.
pub(crate) fn single_header<'a>(parts: &'a Parts, name: &HeaderName) -> Result<Option<&'a str>, NameError> {
    let mut values = parts.headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(NameError::unidentified("a header that says who asks was sent more than once"));
    }
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) if text.trim().is_empty() => Err(NameError::unidentified("a header that says who asks is empty")),
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(NameError::invalid("a header that says who asks is not UTF-8")),
    }
}

/// Names by a cookie; made by [`by_cookie`].
#[derive(Clone, Debug)]
pub struct ByCookie(Cow<'static, str>);

/// Names by a cookie's value, as it was sent. A cookie is no identity unless it is checked in front.
///
/// ```
/// use airlock_tower::by_cookie;
///
/// let by_session = by_cookie("session");
/// # let _: &dyn airlock_tower::Name = &by_session;
/// ```
///
/// Empty or repeated it is 400 `unidentified`; not UTF-8, 400 `invalid`.
pub fn by_cookie(name: impl Into<Cow<'static, str>>) -> ByCookie {
    ByCookie(name.into())
}

impl Name for ByCookie {
    fn name<'a>(&self, parts: &'a mut Parts) -> Result<Option<Cow<'a, str>>, NameError> {
        let mut found = None;
        // Taken apart before it is decoded: what stands beside it may be in any encoding.
        let headers = parts.headers.get_all(COOKIE).into_iter();
        for pair in headers.flat_map(|header| header.as_bytes().split(|byte| *byte == b';')) {
            let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
            if pair[..equals].trim_ascii() != self.0.as_bytes() {
                continue;
            }
            if found.replace(pair[equals + 1..].trim_ascii()).is_some() {
                return Err(NameError::unidentified("a cookie that says who asks was sent more than once"));
            }
        }
        match found.map(std::str::from_utf8) {
            None => Ok(None),
            Some(Ok("")) => Err(NameError::unidentified("a cookie that says who asks is empty")),
            Some(Ok(value)) => Ok(Some(Cow::Borrowed(value))),
            Some(Err(_)) => Err(NameError::invalid("a cookie that says who asks is not UTF-8")),
        }
    }
}
