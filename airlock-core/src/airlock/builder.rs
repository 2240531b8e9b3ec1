use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::{Airlock, Inner};
use crate::admission::{Admission, Fifo};
use crate::emergency::{Emergency, Sources};
use crate::error::ConfigError;
use crate::gate::{OnReentry, Setting, Spec};
use crate::line::Line;
use crate::meter::AirlockMeter;
use crate::name::{self, What};
use crate::notifier::{Courier, Notifier, TopicPrefix};
use crate::observer::{Observer, Observers};
use crate::seal::{Seal, micros, out_of_bounds};
use crate::store::{MemoryStore, Store};

/// How many tickets one step reclaims and promotes before it lets others have the gate.
const STEP_BOUND: u32 = 64;

/// Configures an [`Airlock`].
///
/// See the [crate documentation](crate) for an example.
#[must_use = "nothing is configured until `build()` is called"]
pub struct Builder {
    name: String,
    seal: Option<Seal>,
    admission: Arc<dyn Admission>,
    line: Line,
    on_reentry: OnReentry,
    revision: u32,
    store: Arc<dyn Store>,
    store_timeout: Duration,
    health: (f64, Duration),
    observers: Vec<Arc<dyn Observer>>,
    emergency_file: Option<PathBuf>,
    switched: Option<Setting>,
    notifier: Option<Arc<dyn Notifier>>,
    topic_prefix: Option<String>,
    counts: bool,
}

impl Builder {
    /// Below which health nobody is let in, and for how long a report counts, by default.
    pub(crate) const HEALTH: (f64, Duration) = (0.5, Duration::from_secs(10));

    pub(super) fn new(name: String) -> Self {
        Builder {
            name,
            seal: None,
            admission: Arc::new(Fifo),
            line: Line::new(),
            on_reentry: OnReentry::Refuse,
            revision: 0,
            store: Arc::new(MemoryStore::new()),
            store_timeout: Duration::from_secs(1),
            health: Builder::HEALTH,
            observers: Vec::new(),
            emergency_file: None,
            switched: None,
            notifier: None,
            topic_prefix: None,
            counts: false,
        }
    }

    /// How capacity is enforced. There is no default.
    pub fn seal(mut self, seal: Seal) -> Self {
        self.seal = Some(seal);
        self
    }

    /// Who goes next. First come, first served by default.
    pub fn admission(mut self, admission: impl Admission) -> Self {
        self.admission = Arc::new(admission);
        self
    }

    /// How people wait: 10,000 places by default, see [`Line::new`].
    pub fn line(mut self, line: Line) -> Self {
        self.line = line;
        self
    }

    /// What happens when an identity that is inside enters again. It is refused by default.
    pub fn on_reentry(mut self, on_reentry: OnReentry) -> Self {
        self.on_reentry = on_reentry;
        self
    }

    /// Which revision of the configuration this is: 0 by default. Where several processes share a store, the limit of the
    /// highest revision counts for all, at once when it is lower; between processes of one revision that differ, the
    /// lowest that was asked with during the last ttl of a lease. So nobody lets too many in because two processes differ.
    pub fn revision(mut self, revision: u32) -> Self {
        self.revision = revision;
        self
    }

    /// Where it is decided. A [`MemoryStore`] of its own by default.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// How long one call of the store may take before it counts as unavailable: 1 s by default. The memory store
    /// never takes any time.
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// Below which [reported health](Airlock::report_health) nobody is let in, and for how long a report counts: 0.5 and
    /// 10 s by default.
    pub fn health(mut self, threshold: f64, counts_for: Duration) -> Self {
        self.health = (threshold, counts_for);
        self
    }

    /// Has this observer told of every transition, besides those added before.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// A file in which an operator can say how this process is to be switched, whatever the store says or does not say; one
    /// that `AIRLOCK_SWITCH_FILE` names comes before it. See [`emergency`](crate::emergency). It need not be there.
    pub fn emergency_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.emergency_file = Some(path.into());
        self
    }

    /// What a configuration says that this process is to go by: an [emergency](crate::emergency), as if the environment said it.
    #[cfg(feature = "config")]
    pub(crate) fn switched(mut self, setting: Setting) -> Self {
        self.switched = Some(setting);
        self
    }

    /// Has whoever is away told that its turn has come. Nobody by default; the last one counts. See
    /// [`notifier`](crate::notifier).
    pub fn notifier(mut self, notifier: impl Notifier) -> Self {
        self.notifier = Some(Arc::new(notifier));
        self
    }

    /// What the [topics](Airlock::topic) begin with under which identities are told of their turns: a path or a URL, slashes at
    /// its end do not matter. `/waiting-room` by default.
    pub fn topic_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.topic_prefix = Some(prefix.into());
        self
    }

    /// Counts what happens, for [`metrics`](crate::metrics). It does not by default.
    ///
    /// Airlocks of one name count together, and what is counted stays until the process ends: the names are to be few.
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn metrics(mut self) -> Self {
        self.counts = true;
        self
    }

    /// Checks the whole configuration. Does no I/O and starts nothing, but where there is a file for
    /// [emergencies](crate::emergency): that is read, and a thread looks at it from then on.
    ///
    /// # Errors
    ///
    /// The first option that cannot work, by name.
    pub fn build(self) -> Result<Airlock, ConfigError> {
        name::check(What::Airlock, &self.name).map_err(|error| ConfigError::new("name", error.to_string()))?;
        let seal = self.seal.ok_or_else(|| {
            ConfigError::new("seal", "there is none; say how many may be inside, for example `Seal::semaphore(10)`")
        })?;
        self.admission.check()?;
        let pick = self.admission.pick();
        pick.check().map_err(|problem| ConfigError::new("admission", problem))?;
        if self.store_timeout.is_zero() {
            return Err(ConfigError::new("store_timeout", "it is zero: no store could answer in time"));
        }
        if !(0.0..=1.0).contains(&self.health.0) {
            return Err(ConfigError::new("health", format!("the threshold {} is not between 0 and 1", self.health.0)));
        }
        let counts_for = micros(self.health.1).ok_or_else(|| out_of_bounds("health", self.health.1))?;
        let spec = Spec {
            name: self.name.into(),
            limit: seal.limit(),
            rate: seal.checked_rate()?,
            leased: seal.is_leased(),
            ttl: seal.checked_ttl()?,
            max_hold: seal.checked_max_hold()?,
            pick,
            line: self.line.checked()?,
            on_reentry: self.on_reentry,
            revision: self.revision.into(),
            step_bound: STEP_BOUND,
            guarded: false,
            shared: None,
        };
        let topics = self.topic_prefix.as_deref().map_or_else(|| Ok(TopicPrefix::default()), TopicPrefix::new)?;
        let courier = self.notifier.map(|notifier| Courier::new(spec.name.clone(), topics.clone(), notifier));
        let meter = if self.counts { AirlockMeter::of(&spec.name) } else { AirlockMeter::default() };
        let observers = Observers::new(spec.name.clone(), self.observers, courier, meter);
        let gates = self.store.open(&spec, &observers)?;
        let sources = Sources::of_process().or(self.switched);
        let emergency = Emergency::new(&sources, self.emergency_file, &spec.name, &gates, &observers)?;
        Ok(Airlock(Arc::new(Inner {
            spec,
            needs_tokens: gates.needs_tokens(),
            gates,
            emergency,
            observers,
            topics,
            admission: self.admission,
            store_timeout: self.store_timeout,
            health: (self.health.0, counts_for),
            evictions: AtomicU64::new(0),
        })))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("seal", &self.seal)
            .field("admission", &self.admission)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}
