use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;

use super::environment::{self, Environment};
use super::options::store::Opened;
use super::problem::{Log, Problem, Problems};
use super::section::Section;
use super::shape::{self, Given, Home, Opening, Shape};
use super::{Airlocks, Format, read};
use crate::airlock::Builder;
use crate::notifier::Notifier;
use crate::store::Store;

/// Where a configuration comes from, and what the program adds to it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::clock::TestClock;
/// use airlock_core::config::{Airlocks, Format};
/// use airlock_core::store::MemoryStore;
///
/// let clock = TestClock::new();
/// let airlocks = Airlocks::builder()
///     .text("[codes]\nseal = { kind = 'cooldown', every = '${EVERY:-1m}' }\nstore = 'clocked'", Format::Toml)
///     .environment([("EVERY", "30s")])
///     .store("clocked", MemoryStore::with_clock(&clock))
///     .build()
///     .await?;
/// let codes = airlocks.only()?;
/// codes.try_enter("ada").await?;
/// assert!(codes.try_enter("ada").await.is_err());
/// clock.advance(std::time::Duration::from_secs(30));
/// assert!(codes.try_enter("ada").await.is_ok());
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is read until `build()` is awaited"]
pub struct AirlocksBuilder {
    source: Source,
    environment: Environment,
    given: Given,
    each: Vec<Box<Each>>,
}

type Each = dyn FnMut(&str, Builder) -> Builder + Send;

enum Source {
    Nothing,
    File(PathBuf),
    Text(String, Format),
}

impl AirlocksBuilder {
    pub(super) fn new() -> Self {
        AirlocksBuilder {
            source: Source::Nothing,
            environment: Environment::Process,
            given: Given::default(),
            each: Vec::new(),
        }
    }

    /// Reads this file, by the [format](Format::of) that its name says. Of files and texts the last one counts.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.source = Source::File(path.into());
        self
    }

    /// Reads this text. Of files and texts the last one counts.
    pub fn text(mut self, text: impl Into<String>, format: Format) -> Self {
        self.source = Source::Text(text.into(), format);
        self
    }

    /// Goes by these variables alone, instead of those of this process: for tests, and for environments that come from
    /// elsewhere. Those that stand for keys are all whose names begin with `AIRLOCK__`.
    pub fn environment<N: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let given = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self.environment = Environment::Given(given);
        self
    }

    /// A store of the program's own, that airlocks may name as if it were one of `stores`.
    pub fn store(mut self, name: impl Into<String>, store: impl Store) -> Self {
        self.given.stores.insert(name.into(), Arc::new(store));
        self
    }

    /// A notifier of the program's own, that airlocks may name as if it were one of `notifiers`.
    pub fn notifier(mut self, name: impl Into<String>, notifier: impl Notifier) -> Self {
        self.given.notifiers.insert(name.into(), Arc::new(notifier));
        self
    }

    /// Goes over the builder of each airlock, by its name, when everything that is configured has been set: for what is code,
    /// such as observers and strategies of one's own. What it sets comes before what is configured.
    pub fn each(mut self, each: impl FnMut(&str, Builder) -> Builder + Send + 'static) -> Self {
        self.each.push(Box::new(each));
        self
    }

    /// Reads it, opens the stores that are used, and builds all airlocks, or none of them.
    ///
    /// Reading, and opening stores in files, blocks for as long as the disk takes. A Redis server that is away is waited for, all
    /// of them at once, for twice their time to connect; then it goes on without. There has to be a tokio runtime where there is
    /// a Redis store.
    ///
    /// # Errors
    ///
    /// Everything that is wrong. Stores are opened when nothing else is.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped nothing is built; files of stores may have been made.
    pub async fn build(self) -> Result<Airlocks, Problems> {
        let AirlocksBuilder { source, environment, given, mut each } = self;
        let (text, format, file) = match source {
            Source::Text(text, format) => (text, format, None),
            Source::File(path) => {
                let name = path.display().to_string();
                let (text, format) = read::file(&path).map_err(|problem| Problems::from(problem).of_file(&name))?;
                (text, format, Some(name))
            }
            Source::Nothing => {
                return Err(Problem::new(None, "", "there is nothing to read: say a file or a text").into());
            }
        };
        let built = built(&text, format, &environment, &given, &mut each).await;
        built.map_err(|problems| match &file {
            Some(name) => problems.of_file(name),
            None => problems,
        })
    }
}

async fn built(
    text: &str,
    format: Format,
    environment: &Environment,
    given: &Given,
    each: &mut [Box<Each>],
) -> Result<Airlocks, Problems> {
    let mut root = read::text(text, format)?;
    let log = Log::default();
    environment::overlay(&mut root, environment, &log);
    environment::interpolate(&mut root, "", environment, &log);
    let Shape { airlocks, stores } = shape::read(&root, given, &log);
    log.check()?;
    let opened = open(stores, &log).await;
    log.check()?;

    let (mut built, mut fallbacks) = (BTreeMap::new(), BTreeMap::new());
    for shape::Described { section, plan, home } in airlocks {
        let store = match home {
            Home::Given(store) => Some(store),
            Home::Opened(index) => opened.get(&index).map(|opened| opened.store.clone()),
            Home::Memory | Home::Nowhere => None,
        };
        let mut builder = plan.builder;
        match (store, plan.outage) {
            (Some(store), Some(outage)) => {
                let fallback = outage.around(store);
                fallbacks.insert(plan.name.clone(), fallback.clone());
                builder = builder.store(fallback);
            }
            (Some(store), None) => builder = builder.store(store),
            (None, _) => {}
        }
        let builder = each.iter_mut().fold(builder, |builder, each| each(&plan.name, builder));
        match builder.build() {
            Ok(airlock) => {
                built.insert(plan.name, airlock);
            }
            Err(error) => section.refused(&error),
        }
    }
    log.check()?;
    let kept = opened.into_values().filter_map(|opened| opened.kept).collect();
    Ok(Airlocks::new(built, fallbacks, kept))
}

/// Opens those that are used, at the same time.
async fn open(stores: Vec<Opening<'_>>, log: &Log) -> BTreeMap<usize, Opened> {
    let used = stores.into_iter().enumerate().filter(|(_, store)| store.is_used);
    let opening = used.filter_map(|(index, store)| {
        let Opening { path, node, plan, .. } = store;
        let opening = plan?.opening;
        Some(async move { (index, path, node, opening.await) })
    });
    let mut opened = BTreeMap::new();
    for (index, path, node, result) in join_all(opening).await {
        match (result, Section::at(path, node, log)) {
            (Ok(store), _) => {
                opened.insert(index, store);
            }
            (Err(trouble), Some(section)) => match trouble.key {
                Some(key) => section.wrong_at(key, trouble.what),
                None => section.wrong(trouble.what),
            },
            // It was a table when it was described.
            (Err(_), None) => {}
        }
    }
    opened
}

impl fmt::Debug for AirlocksBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the text nor the environment: there may be passwords in them.
        let stores: Vec<&String> = self.given.stores.keys().collect();
        f.debug_struct("AirlocksBuilder").field("stores", &stores).finish_non_exhaustive()
    }
}
