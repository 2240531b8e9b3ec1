use std::borrow::Cow;

use crate::error::InvalidEntrant;
use crate::gate::Spec;
use crate::name::{self, What};

/// Who asks to be let in, and to what.
///
/// A plain string is an anonymous entrant of weight 1 to the resource of that name.
///
/// ```
/// use airlock_core::Entrant;
///
/// let entrant = Entrant::new("tenant:acme:imports").identity("user-7").priority(10).weight(2);
/// assert_eq!(entrant.resource, "tenant:acme:imports");
/// let anonymous: Entrant = "job:invoice".into();
/// assert_eq!(anonymous.identity, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entrant<'a> {
    /// What is guarded. Each resource of an airlock has its own gate. 1 to 512 bytes, no control characters.
    pub resource: Cow<'a, str>,
    /// Who asks: holds at most one lease or place per resource. Anonymous without one. Bounds as above.
    pub identity: Option<Cow<'a, str>>,
    /// The group it belongs to, for limits and shares of the line. Bounds as above.
    pub group: Option<Cow<'a, str>>,
    /// Higher goes first, where the admission strategy heeds it. 0 by default.
    pub priority: i32,
    /// How much of the capacity it takes, 1 by default.
    pub weight: u32,
}

impl<'a> Entrant<'a> {
    /// An anonymous entrant of weight 1.
    pub fn new(resource: impl Into<Cow<'a, str>>) -> Self {
        Entrant { resource: resource.into(), identity: None, group: None, priority: 0, weight: 1 }
    }

    /// Says who asks.
    #[must_use]
    pub fn identity(mut self, identity: impl Into<Cow<'a, str>>) -> Self {
        self.identity = Some(identity.into());
        self
    }

    /// Says which group it belongs to.
    #[must_use]
    pub fn group(mut self, group: impl Into<Cow<'a, str>>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Says how urgent it is.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Says how much of the capacity it takes.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The same, with names of its own.
    pub fn into_owned(self) -> Entrant<'static> {
        let own = |name: Cow<'_, str>| Cow::Owned(name.into_owned());
        Entrant {
            resource: own(self.resource),
            identity: self.identity.map(own),
            group: self.group.map(own),
            priority: self.priority,
            weight: self.weight,
        }
    }

    /// Refuses what no store shall see (G8, G22).
    pub(crate) fn check(&self, spec: &Spec) -> Result<(), InvalidEntrant> {
        name::check(What::Resource, &self.resource)?;
        if let Some(identity) = &self.identity {
            name::check(What::Identity, identity)?;
        }
        if let Some(group) = &self.group {
            name::check(What::Group, group)?;
        }
        if self.weight == 0 {
            return Err(InvalidEntrant::weightless());
        }
        // Limit 0 is hold: everybody waits for a higher one.
        if spec.limit > 0 && self.weight > spec.limit {
            return Err(InvalidEntrant::too_heavy(self.weight, spec.limit));
        }
        if let Some(rate) = spec.rate
            && self.weight > rate.burst
        {
            return Err(InvalidEntrant::too_much(self.weight, rate.burst));
        }
        Ok(())
    }
}

impl<'a> From<&'a str> for Entrant<'a> {
    fn from(resource: &'a str) -> Self {
        Entrant::new(resource)
    }
}

impl From<String> for Entrant<'_> {
    fn from(resource: String) -> Self {
        Entrant::new(resource)
    }
}
