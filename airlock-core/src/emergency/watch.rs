//! The file in which an emergency is said, looked at about once a second.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use super::Emergency;
use super::text::{self, Settings};
use crate::error::ConfigError;
use crate::sync::Mutex;

/// How often: with what it takes to read it, within a second.
const LOOK: Duration = Duration::from_millis(900);
/// How large it may be.
const MOST_BYTES: u64 = 64 << 10;

/// All files that are looked at in this process: one thread for each, however many airlocks go by it.
static WATCHED: LazyLock<Mutex<HashMap<PathBuf, Weak<Watched>>>> = LazyLock::new(Mutex::default);

/// A file that is looked at for as long as somebody goes by it.
pub(super) struct Watched {
    path: PathBuf,
    said: Mutex<Said>,
}

struct Said {
    settings: Settings,
    /// What was wrong when it was last looked at: said once.
    problem: Option<String>,
    airlocks: Vec<Weak<Emergency>>,
}

impl Watched {
    /// Reads it now, and looks at it from now on.
    pub(super) fn open(path: PathBuf) -> Result<Arc<Self>, ConfigError> {
        let mut all = WATCHED.lock();
        if let Some(watched) = all.get(&path).and_then(Weak::upgrade) {
            return Ok(watched);
        }
        let cannot = |problem: String| ConfigError::new("emergency", format!("{}: {problem}", path.display()));
        let settings = read(&path).map_err(cannot)?;
        let said = Mutex::new(Said { settings, problem: None, airlocks: Vec::new() });
        let watched = Arc::new(Watched { path: path.clone(), said });
        let (weak, known) = (Arc::downgrade(&watched), Arc::downgrade(&watched));
        let look = move || {
            loop {
                std::thread::sleep(LOOK);
                // Whoever lets go of it last may be this thread, which then ends.
                let Some(watched) = weak.upgrade() else { return };
                watched.look();
            }
        };
        let thread = std::thread::Builder::new().name("airlock-emergency".into()).spawn(look);
        thread.map_err(|error| cannot(format!("there is no thread to be had to look at it: {error}")))?;
        all.retain(|_, watched| watched.strong_count() > 0);
        all.insert(path, known);
        Ok(watched)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Has an airlock go by it.
    pub(super) fn join(&self, emergency: &Arc<Emergency>) {
        let mut said = self.said.lock();
        said.airlocks.retain(|known| known.strong_count() > 0);
        said.airlocks.push(Arc::downgrade(emergency));
        let setting = said.settings.of(&emergency.airlock).cloned();
        // Outside of the lock: observers may hear of what follows. Should it be out of date by then, the next look tells.
        drop(said);
        emergency.goes_by(setting);
    }

    fn look(&self) {
        let read = read(&self.path);
        let mut said = self.said.lock();
        match read {
            Ok(settings) => {
                said.problem = None;
                said.settings = settings;
            }
            Err(problem) => {
                if said.problem.as_ref() != Some(&problem) {
                    tracing::error!(
                        target: "airlock",
                        path = %self.path.display(),
                        problem,
                        "the file for emergencies cannot be understood: what it last said stays in force",
                    );
                    said.problem = Some(problem);
                }
                return;
            }
        }
        let airlocks = said.airlocks.iter().filter_map(Weak::upgrade);
        let told = airlocks.map(|emergency| (said.settings.of(&emergency.airlock).cloned(), emergency));
        let told: Vec<_> = told.collect();
        drop(said);
        for (setting, emergency) in told {
            emergency.goes_by(setting);
        }
    }
}

/// What it says: nothing if there is none.
fn read(path: &Path) -> Result<Settings, String> {
    let mut text = String::new();
    let file = match std::fs::metadata(path) {
        // A pipe would keep whoever looks into it waiting.
        Ok(found) if !found.is_file() => return Err("it is no plain file".to_owned()),
        found => found.and_then(|_| File::open(path)),
    };
    let file = match file {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Settings::default()),
        file => file.map_err(|error| error.to_string())?,
    };
    file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    text::settings(&text).map_err(|problem| problem.to_string())
}
