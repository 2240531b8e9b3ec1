use std::fmt;

use crate::error::{Error, Refusal};

/// Why there are no [`Permits`](super::Permits), and which member it was.
///
/// See [`All`](super::All) for an example.
///
/// Its text has the member's number and its airlock; the resource's name, which may be somebody else's, is only told to
/// who asks for it.
#[derive(Debug)]
pub struct AllError(Box<Failed>);

/// Boxed: a result should not be as large as its error.
#[derive(Debug)]
struct Failed {
    error: Error,
    member: Option<At>,
}

#[derive(Debug)]
struct At {
    index: usize,
    airlock: String,
    resource: String,
}

impl AllError {
    /// The list itself is wrong.
    pub(crate) fn of_all(error: Error) -> Self {
        AllError(Box::new(Failed { error, member: None }))
    }

    pub(super) fn of_member(index: usize, airlock: &str, resource: &str, error: Error) -> Self {
        let member = Some(At { index, airlock: airlock.into(), resource: resource.into() });
        AllError(Box::new(Failed { error, member }))
    }

    /// What that member said.
    pub fn error(&self) -> &Error {
        &self.0.error
    }

    /// What that member said.
    pub fn into_error(self) -> Error {
        self.0.error
    }

    /// Which member it was, from 0 in the order of the list; none where it was the list itself.
    pub fn index(&self) -> Option<usize> {
        self.0.member.as_ref().map(|at| at.index)
    }

    /// The name of that member's airlock.
    pub fn airlock(&self) -> Option<&str> {
        self.0.member.as_ref().map(|at| &*at.airlock)
    }

    /// That member's resource.
    pub fn resource(&self) -> Option<&str> {
        self.0.member.as_ref().map(|at| &*at.resource)
    }

    /// The refusal, if that is what it is.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.error.refusal()
    }

    /// Whether somebody else has the room, see [`Error::is_busy`].
    pub fn is_busy(&self) -> bool {
        self.0.error.is_busy()
    }

    /// The same member, with another error.
    pub(super) fn but(mut self, error: Error) -> Self {
        self.0.error = error;
        self
    }
}

impl fmt::Display for AllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.member {
            Some(at) => {
                write!(f, "number {} of the list, of the airlock `{}`: {}", at.index + 1, at.airlock, self.0.error)
            }
            None => self.0.error.fmt(f),
        }
    }
}

impl std::error::Error for AllError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.error.source()
    }
}

impl From<AllError> for Error {
    fn from(error: AllError) -> Self {
        error.into_error()
    }
}
