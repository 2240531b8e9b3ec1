use std::fmt;

use super::node::shortened;
use super::suggest::did_you_mean;

/// There is no airlock of that name, or not one alone.
///
/// See [`Airlocks::named`](super::Airlocks::named) for where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchAirlock(String);

impl NoSuchAirlock {
    pub(super) fn named<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let hint = did_you_mean(name, known);
        NoSuchAirlock(format!("no airlock is called {:?}{hint}", shortened(name)))
    }

    pub(super) fn several<'a>(known: impl Iterator<Item = &'a str>) -> Self {
        let hint = did_you_mean("", known);
        NoSuchAirlock(format!("there are several airlocks, and not one alone: say which{hint}"))
    }
}

impl fmt::Display for NoSuchAirlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoSuchAirlock {}
