//! Where gates live: what a store's table says, and opening it.

#[cfg(all(feature = "file", unix))]
mod file;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::any::Any;
use std::sync::Arc;

use crate::config::section::Section;
use crate::store::{BoxFuture, MemoryStore, Store};

/// A store that is described well, and opened when it is awaited.
pub(in crate::config) struct Plan {
    pub(in crate::config) kind: Kind,
    pub(in crate::config) opening: BoxFuture<'static, Result<Opened, Trouble>>,
}

/// A store, and what has to be kept for as long as it is used.
pub(in crate::config) struct Opened {
    pub(in crate::config) store: Arc<dyn Store>,
    pub(in crate::config) kept: Option<Box<dyn Any + Send + Sync>>,
}

/// Why a store cannot be opened: the key that it is about, if it is one, and what is wrong.
pub(in crate::config) struct Trouble {
    pub(in crate::config) key: Option<&'static str>,
    pub(in crate::config) what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    Memory,
    Redis,
    Sqlite,
    File,
}

const KINDS: [(&str, Kind); 4] =
    [("memory", Kind::Memory), ("redis", Kind::Redis), ("sqlite", Kind::Sqlite), ("file", Kind::File)];

impl Kind {
    /// What a program has to be built with, where this one is not.
    fn missing(self) -> Option<&'static str> {
        let (is_there, feature) = match self {
            Kind::Memory => return None,
            Kind::Redis => (cfg!(feature = "redis"), "the feature `redis`"),
            Kind::Sqlite => (cfg!(feature = "sqlite"), "the feature `sqlite` or `sqlite-bundled`"),
            Kind::File => (cfg!(all(feature = "file", unix)), "the feature `file`, on Unix"),
        };
        (!is_there).then_some(feature)
    }
}

/// A store's own table.
pub(in crate::config) fn read(store: Section<'_>) -> Option<Plan> {
    let (kind, mut section) = store.by_kind(&KINDS)?;
    if let Some(feature) = kind.missing() {
        section.wrong_at("kind", format!("this program is built without {feature}"));
        return None;
    }
    let opening = opening(kind, &mut section);
    section.done();
    opening.map(|opening| Plan { kind, opening })
}

type Opening = BoxFuture<'static, Result<Opened, Trouble>>;

#[cfg_attr(
    not(any(feature = "redis", feature = "sqlite", all(feature = "file", unix))),
    expect(clippy::needless_pass_by_ref_mut, reason = "memory has nothing to ask it for")
)]
fn opening(kind: Kind, section: &mut Section<'_>) -> Option<Opening> {
    match kind {
        Kind::Memory => Some(memory().opening),
        #[cfg(feature = "redis")]
        Kind::Redis => redis::opening(section),
        #[cfg(feature = "sqlite")]
        Kind::Sqlite => sqlite::opening(section),
        #[cfg(all(feature = "file", unix))]
        Kind::File => file::opening(section),
        // What is missing was said.
        #[cfg_attr(all(feature = "redis", feature = "sqlite", feature = "file", unix), expect(unreachable_patterns))]
        _ => {
            let _ = section;
            None
        }
    }
}

/// A memory store of its own.
pub(in crate::config) fn memory() -> Plan {
    let opening = Box::pin(async { Ok(Opened::new(MemoryStore::new())) });
    Plan { kind: Kind::Memory, opening }
}

impl Opened {
    fn new(store: impl Store) -> Self {
        Opened { store: Arc::new(store), kept: None }
    }
}

/// How often a process may ask again, as all stores have it that several processes share.
#[cfg(any(feature = "redis", feature = "sqlite"))]
fn re_ask(section: &mut Section<'_>) -> Option<std::time::Duration> {
    use std::time::Duration;
    let fits = |time| (Duration::from_millis(10)..=Duration::from_secs(3600)).contains(&time);
    section.time_if("re_ask", "between 10 ms and an hour", fits)
}

/// Where a store is on the disk.
#[cfg(any(feature = "sqlite", all(feature = "file", unix)))]
fn path(section: &mut Section<'_>) -> Option<std::path::PathBuf> {
    let path = section.text("path", "a path");
    let path = section.required("path", "where it is", path)?;
    if path.is_empty() {
        section.wrong_at("path", "expected a path, found \"\"");
        return None;
    }
    Some(path.into())
}

#[cfg(any(feature = "sqlite", all(feature = "file", unix)))]
impl From<crate::error::StoreError> for Trouble {
    fn from(error: crate::error::StoreError) -> Self {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        Trouble { key: Some("path"), what: format!("it cannot be opened: {error}{}", source.unwrap_or_default()) }
    }
}
