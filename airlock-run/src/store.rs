//! Where it is decided who runs.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use airlock_core::store::{FileStore, RedisStore, SqliteStore};
use airlock_core::{Builder, ConfigError, StoreError};
use rustix::process::getuid;

/// What says it where no option does: in the list of processes, options are for everybody to read.
const VARIABLE: &str = "AIRLOCK_STORE";
/// How many files a folder may have before those of names that nobody uses are removed.
const CROWDED: usize = 100;

/// A store by its name. Not to be shown: there may be a password in it.
pub(crate) enum StoreChoice {
    /// The folder of this user on this machine.
    Default,
    /// By its folder.
    File(PathBuf),
    /// By its file.
    Sqlite(PathBuf),
    /// By its URL.
    Redis(String),
}

impl StoreChoice {
    /// What the environment says, or else the folder of this user.
    pub(crate) fn from_environment() -> Result<Self, String> {
        match std::env::var(VARIABLE) {
            Ok(store) if !store.is_empty() => store.parse().map_err(|wrong| format!("{VARIABLE}: {wrong}")),
            Ok(_) | Err(std::env::VarError::NotPresent) => Ok(StoreChoice::Default),
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("{VARIABLE} is not UTF-8")),
        }
    }

    /// The store itself.
    pub(crate) async fn open(self) -> Result<Opened, NotOpened> {
        match self {
            StoreChoice::Default => {
                // The same for everybody and everything that this user runs: cron knows nothing of XDG_RUNTIME_DIR, which
                // is also gone with the last session of its user.
                let folder = PathBuf::from(format!("/tmp/airlock-{}", getuid().as_raw()));
                let store = FileStore::open(&folder)?;
                is_ours(&folder)?;
                Ok(Opened::File(store))
            }
            StoreChoice::File(folder) => Ok(Opened::File(FileStore::open(folder)?)),
            StoreChoice::Sqlite(path) => Ok(Opened::Sqlite(SqliteStore::open(path)?)),
            StoreChoice::Redis(url) => Ok(Opened::Redis(RedisStore::connect(&url).await?)),
        }
    }
}

/// In /tmp anybody can make a folder of that name first.
fn is_ours(folder: &Path) -> Result<(), NotOpened> {
    let owner = std::fs::symlink_metadata(folder).map(|found| found.uid());
    match owner {
        Ok(owner) if owner == getuid().as_raw() => Ok(()),
        _ => Err(NotOpened::Unavailable(format!(
            "the folder {} is somebody else's: remove it, or name another one with --store",
            folder.display()
        ))),
    }
}

/// Why there is no store.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// It is called what no store can be called.
    Usage(String),
    /// It is not there, or not as it has to be.
    Unavailable(String),
}

impl From<StoreError> for NotOpened {
    fn from(error: StoreError) -> Self {
        NotOpened::Unavailable(error.to_string())
    }
}

impl From<ConfigError> for NotOpened {
    fn from(error: ConfigError) -> Self {
        match error.field() {
            "url" => NotOpened::Usage(error.to_string()),
            _ => NotOpened::Unavailable(error.to_string()),
        }
    }
}

/// A store that is open.
pub(crate) enum Opened {
    File(FileStore),
    Sqlite(SqliteStore),
    Redis(RedisStore),
}

impl Opened {
    /// Has an airlock decided on there.
    pub(crate) fn keep(&self, airlock: Builder) -> Builder {
        match self {
            Opened::File(store) => airlock.store(store.clone()),
            Opened::Sqlite(store) => airlock.store(store.clone()),
            Opened::Redis(store) => airlock.store(store.clone()),
        }
    }

    /// Resolves when it was told everything.
    pub(crate) async fn settled(&self) {
        match self {
            Opened::File(store) => store.settled().await,
            Opened::Sqlite(store) => store.settled().await,
            Opened::Redis(store) => store.settled().await,
        }
    }

    /// Removes what nobody needs any more, where that is not done by itself and there is much of it.
    pub(crate) fn tidy_up(&self) {
        let Opened::File(store) = self else { return };
        let files = std::fs::read_dir(store.folder().path()).map_or(0, Iterator::count);
        if files > CROWDED {
            // What cannot be removed does no harm to anybody, least of all to who has just been here.
            let _ = store.cleaner().clean();
        }
    }
}

impl FromStr for StoreChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("redis" | "rediss", rest)) if rest.starts_with("//") => Ok(StoreChoice::Redis(text.to_owned())),
            Some(("sqlite", path)) if !path.is_empty() => Ok(StoreChoice::Sqlite(path.into())),
            Some(("file", folder)) if !folder.is_empty() => Ok(StoreChoice::File(folder.into())),
            // Not repeated: a mistyped URL may have a password in it.
            _ => Err("there is no such store; use `file:FOLDER`, `sqlite:PATH` or `redis://HOST:PORT/DB`".to_owned()),
        }
    }
}
