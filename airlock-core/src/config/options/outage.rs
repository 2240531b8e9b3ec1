use std::sync::Arc;
use std::time::Duration;

use crate::config::section::Section;
use crate::store::{Fallback, Store};

#[derive(Clone, Copy)]
enum Kind {
    Refuse,
    Admit,
    Local,
}

const KINDS: [(&str, Kind); 3] = [("refuse", Kind::Refuse), ("admit", Kind::Admit), ("local", Kind::Local)];

/// What is done while the store is away: `outage` of an airlock.
#[derive(Clone, Copy)]
pub(in crate::config) struct Outage {
    kind: Kind,
    /// Of `local`.
    limit: u32,
    threshold: Option<u32>,
    reset_after: Option<Duration>,
}

pub(super) fn read(airlock: &mut Section<'_>) -> Option<Outage> {
    let (kind, mut section) = airlock.kind("outage", &KINDS)?;
    let limit = match kind {
        Kind::Refuse | Kind::Admit => Some(0),
        Kind::Local => {
            let limit = section.count("limit", 1);
            section.required("limit", "how many may be inside for each process meanwhile", limit)
        }
    };
    let (threshold, reset_after) = (section.count("threshold", 1), section.time("reset_after"));
    section.done();
    Some(Outage { kind, limit: limit?, threshold, reset_after })
}

impl Outage {
    /// The store with that in front of it.
    pub(in crate::config) fn around(self, store: Arc<dyn Store>) -> Fallback<Arc<dyn Store>> {
        let mut fallback = match self.kind {
            Kind::Refuse => Fallback::new(store).refuse(),
            Kind::Admit => Fallback::new(store).admit(),
            Kind::Local => Fallback::new(store).local(self.limit),
        };
        if let Some(failures) = self.threshold {
            fallback = fallback.threshold(failures);
        }
        self.reset_after.map_or(fallback.clone(), |time| fallback.reset_after(time))
    }
}
