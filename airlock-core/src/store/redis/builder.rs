use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::backend::RedisBackend;
use super::call::Script;
use super::client::{self, Tls};
use super::link::{Link, Plan};
use super::wire::NodeId;
use super::{RedisStore, keys, listen, script};
use crate::clock::TestClock;
use crate::error::ConfigError;
use crate::store::shared::{Driver, Options, Runtime};

/// Options of a [`RedisStore`].
///
/// ```no_run
/// # async fn example() -> Result<(), airlock_core::ConfigError> {
/// use airlock_core::store::RedisStore;
///
/// let store = RedisStore::builder().prefix("shop").connect("redis://127.0.0.1:6379/0").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisStoreBuilder {
    prefix: String,
    connect_timeout: Duration,
    call_timeout: Duration,
    re_ask: Duration,
    any_eviction: bool,
    node_id: Option<String>,
    tls: Tls,
    /// A test's own clock, and how often to ask again in real time, which then has nothing to do with it.
    clock: Option<(TestClock, Duration)>,
}

impl Default for RedisStoreBuilder {
    fn default() -> Self {
        RedisStoreBuilder {
            prefix: "airlock".to_owned(),
            connect_timeout: Duration::from_secs(1),
            call_timeout: Duration::from_millis(900),
            re_ask: Duration::from_secs(2),
            any_eviction: false,
            node_id: None,
            tls: Tls::default(),
            clock: None,
        }
    }
}

impl RedisStoreBuilder {
    /// What all keys and channels begin with: `airlock` by default. 1 to 64 letters, digits, `-`, `_` and `.`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a try to connect may take: 1 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a call may take: 900 ms by default, a little less than an airlock waits for its store.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// How often a node asks again for those who wait in it: 2 s by default, 10 ms to an hour.
    ///
    /// Each interval is up to a quarter longer, so that a fleet does not ask at once. One interval bounds what a lost
    /// wake-up costs. A waiter whose node has not asked for it in three times that is gone, and whoever is let in from the
    /// line is held its place for twice that, until its node has confirmed it.
    pub fn re_ask(mut self, interval: Duration) -> Self {
        self.re_ask = interval;
        self
    }

    /// Takes a server that throws keys away when its memory is full, and with them who is inside. Refused by default.
    pub fn any_eviction(mut self, any: bool) -> Self {
        self.any_eviction = any;
        self
    }

    /// A name for this process among all that share the prefix, such as the pod's: 1 to 512 bytes, no control
    /// characters. 128 random bits by default, which is what nearly everybody wants.
    ///
    /// Messages to those who wait in this process go to a channel that is called after a hash of it: who looks at
    /// `PUBSUB CHANNELS` finds the same one after a restart. It need not be secret. Two processes that have the same one at
    /// the same time hear each other's messages and ignore them: nobody is let in by them, but they are not the one
    /// process that is woken any more.
    pub fn node_id(mut self, name: impl Into<String>) -> Self {
        self.node_id = Some(name.into());
        self
    }

    /// Trusts servers whose certificate is signed by one of these, in PEM, instead of those that the system trusts.
    ///
    /// For a `rediss://` URL.
    #[cfg(feature = "redis-tls")]
    pub fn tls_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.ca = Some(pem.into());
        self
    }

    /// Shows the server this certificate, with what leads to its signer if it takes more than one, and proves it with that
    /// key; both in PEM. Redis asks for it unless it has `tls-auth-clients no`.
    ///
    /// For a `rediss://` URL.
    #[cfg(feature = "redis-tls")]
    pub fn tls_identity(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.tls.identity = Some(redis::ClientTlsConfig { client_cert: certificate.into(), client_key: key.into() });
        self
    }

    /// Goes by a clock that a test moves, instead of the server's.
    #[cfg(feature = "conformance")]
    #[doc(hidden)]
    pub fn with_clock(mut self, clock: &TestClock, ask_every: Duration) -> Self {
        self.clock = Some((clock.clone(), ask_every));
        self
    }

    /// The server at this URL. See [`RedisStore::connect`].
    ///
    /// # Errors
    ///
    /// As there, and when an option is out of bounds or there is no tokio runtime.
    pub async fn connect(self, url: &str) -> Result<RedisStore, ConfigError> {
        self.check_prefix()?;
        let spans = [("connect_timeout", self.connect_timeout), ("call_timeout", self.call_timeout)];
        for (field, span) in spans {
            if span.is_zero() {
                return Err(ConfigError::new(field, "it is zero: no server could answer in time"));
            }
        }
        if !(Duration::from_millis(10)..=Duration::from_secs(3600)).contains(&self.re_ask) {
            return Err(ConfigError::new("re_ask", format!("{:?} is not between 10 ms and an hour", self.re_ask)));
        }
        if Handle::try_current().is_err() {
            return Err(ConfigError::new("store", "a Redis store is made on a tokio runtime, and there is none"));
        }
        let runtime = Runtime::current()?;
        let client = client::open(url, self.tls, self.call_timeout)?;
        let node = match self.node_id {
            None => rand::random(),
            Some(name) => node_id(&name)?,
        };
        let script = Script::new(text(self.clock.is_some()));
        let changed = keys::changed(&self.prefix);
        let plan = Plan {
            client,
            script: script.clone(),
            prefix: self.prefix.clone(),
            channels: vec![keys::channel(&self.prefix, &node), changed.clone()],
            connect_timeout: self.connect_timeout,
            call_timeout: self.call_timeout,
            any_eviction: self.any_eviction,
        };
        let link = Link::new(plan);
        let (said, heard) = mpsc::unbounded_channel();
        let prefix = Arc::from(&*self.prefix);
        let options = Options {
            re_ask: self.re_ask,
            patience: 2 * self.call_timeout,
            clock: self.clock,
            ..Options::new("Redis")
        };
        let backend = RedisBackend { link: link.clone(), script, prefix: self.prefix, node, changed: changed.clone() };
        let driver = Driver::new(backend, runtime, options);
        tokio::spawn(link.clone().keep_up(said));
        tokio::spawn(listen(driver.downgrade(), changed, heard));
        link.first_try().await.map_err(|why| ConfigError::new("store", &*why))?;
        Ok(RedisStore { driver, prefix })
    }
}

/// What can be known without a server.
impl RedisStoreBuilder {
    /// All that is wrong, at once.
    #[cfg(feature = "config")]
    pub(crate) fn problems(&self, url: &str) -> Vec<ConfigError> {
        let client = client::open(url, self.tls.clone(), self.call_timeout).map(drop);
        let node = self.node_id.as_deref().map_or(Ok(()), |name| node_id(name).map(drop));
        [self.check_prefix(), node, client].into_iter().filter_map(Result::err).collect()
    }

    fn check_prefix(&self) -> Result<(), ConfigError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if (1..=64).contains(&self.prefix.len()) && self.prefix.chars().all(allowed) {
            return Ok(());
        }
        let problem = format!("`{}` is not 1 to 64 letters, digits, `-`, `_` and `.`", self.prefix.escape_debug());
        Err(ConfigError::new("prefix", problem))
    }
}

fn node_id(name: &str) -> Result<NodeId, ConfigError> {
    if name.is_empty() || name.len() > 512 || name.chars().any(char::is_control) {
        let problem = format!("`{}` is not 1 to 512 bytes without control characters", name.escape_debug());
        return Err(ConfigError::new("node_id", problem));
    }
    let digest: [u8; 32] = Sha256::digest(name).into();
    let mut id = NodeId::default();
    let length = id.len();
    id.copy_from_slice(&digest[..length]);
    Ok(id)
}

#[cfg(feature = "conformance")]
fn text(with_clock: bool) -> String {
    if with_clock { script::with_clock() } else { script::TEXT.to_owned() }
}

#[cfg(not(feature = "conformance"))]
fn text(_: bool) -> &'static str {
    script::TEXT
}
