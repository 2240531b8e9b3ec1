//! Where it is decided who gets in.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use airlock_axum::store::{Fallback, FileStore, MemoryStore, RedisStore, SqliteStore, Store};
use airlock_axum::{ConfigError, StoreError};

use crate::options::{OnOutage, Options};

/// A store that this program can use.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoreChoice {
    Memory,
    /// By its URL.
    Redis(String),
    /// By its file.
    Sqlite(PathBuf),
    /// By its folder.
    File(PathBuf),
}

impl StoreChoice {
    /// The store, and what stands in for it.
    pub(crate) async fn open(&self, options: &Options) -> Result<Arc<dyn Store>, ConfigError> {
        let store: Arc<dyn Store> = match self {
            StoreChoice::Memory if options.fallback.is_some() => {
                let problem = "the memory of this process is never away; it needs another --store";
                return Err(ConfigError::new("--fallback", problem));
            }
            StoreChoice::Memory => Arc::new(MemoryStore::new()),
            StoreChoice::Redis(url) => Arc::new(RedisStore::connect(url).await?),
            StoreChoice::Sqlite(path) => Arc::new(SqliteStore::open(path).map_err(cannot_be_opened)?),
            StoreChoice::File(folder) => Arc::new(FileStore::open(folder).map_err(cannot_be_opened)?),
        };
        let Some(on_outage) = options.fallback else { return Ok(store) };
        let store = Fallback::new(store).reset_after(options.reset_after);
        Ok(Arc::new(match on_outage {
            OnOutage::Refuse => store.refuse(),
            OnOutage::Admit => store.admit(),
            OnOutage::Memory => store.local(options.tenant_limit),
        }))
    }
}

fn cannot_be_opened(error: StoreError) -> ConfigError {
    ConfigError::new("--store", error.to_string())
}

impl fmt::Debug for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreChoice::Memory => f.write_str("Memory"),
            // A URL may have a password in it.
            StoreChoice::Redis(_) => f.write_str("Redis(…)"),
            StoreChoice::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            StoreChoice::File(folder) => f.debug_tuple("File").field(folder).finish(),
        }
    }
}

impl FromStr for StoreChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "memory" => Ok(StoreChoice::Memory),
            Some(("redis" | "rediss", rest)) if rest.starts_with("//") => Ok(StoreChoice::Redis(text.to_owned())),
            Some(("sqlite", path)) if !path.is_empty() => Ok(StoreChoice::Sqlite(path.into())),
            Some(("file", folder)) if !folder.is_empty() => Ok(StoreChoice::File(folder.into())),
            _ => Err("there is no such store; use `memory`, `redis://HOST:PORT/DB`, `sqlite:PATH` or `file:FOLDER`"
                .to_owned()),
        }
    }
}
