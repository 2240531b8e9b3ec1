use std::fmt;

use airlock_core::ConfigError;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::Rng as _;
use sha2::Sha256;

use super::cookie::Purpose;

/// The least length of a key, in bytes.
const LEAST: usize = 32;

/// What a waiting room signs its cookies with: one key, and older ones that still open.
///
/// Whoever has it can let himself in: keep it where you keep passwords, and give all nodes of a fleet the same. From a
/// key, one key is derived for each purpose (HKDF-SHA256, RFC 5869), and cookies are signed with HMAC-SHA256.
///
/// To change the key, put the new one in front and keep the old one behind it for as long as the longest session:
///
/// ```
/// use airlock_axum::PassKey;
///
/// let (new, old) = (PassKey::generate(), PassKey::generate());
/// let key = new.with_previous(old);
/// assert_eq!(format!("{key:?}"), "PassKey(2 keys)");
/// ```
#[derive(Clone)]
pub struct PassKey(Vec<Key>);

#[derive(Clone)]
struct Key {
    /// Says which key it is, and nothing else about it.
    id: String,
    identity: Hmac<Sha256>,
    pass: Hmac<Sha256>,
}

impl PassKey {
    /// A key of these bytes: at least 32, of which nobody can guess any.
    ///
    /// # Errors
    ///
    /// When there are fewer than 32.
    pub fn new(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() < LEAST {
            let length = bytes.len();
            let problem = format!("it is {length} bytes long; at least {LEAST} are needed: `openssl rand -hex 32`");
            return Err(ConfigError::new("key", problem));
        }
        Ok(PassKey(vec![Key::derived(bytes)]))
    }

    /// From an environment variable: its text as it is, at least 32 bytes, such as `openssl rand -hex 32` prints. Several
    /// keys stand one after the other with commas or white space between them: the first signs, all of them open.
    ///
    /// # Errors
    ///
    /// When there is no such variable, it is no text, or one of its keys is too short. The key itself is never in the error.
    pub fn from_env(name: &str) -> Result<Self, ConfigError> {
        let problem = |what: &str| ConfigError::new("key", format!("the environment variable `{name}` {what}"));
        let text = std::env::var(name).map_err(|error| match error {
            std::env::VarError::NotPresent => problem("is not set: `openssl rand -hex 32` makes a key"),
            std::env::VarError::NotUnicode(_) => problem("is no text"),
        })?;
        let keys = text.split([',', ' ', '\t', '\r', '\n']).filter(|key| !key.is_empty());
        let keys = keys.map(|key| PassKey::new(key.as_bytes())).collect::<Result<Vec<_>, _>>();
        let keys = keys.map_err(|error| problem(&format!("has a key that cannot be: {error}")))?;
        let all: Vec<Key> = keys.into_iter().flat_map(|key| key.0).collect();
        if all.is_empty() { Err(problem("is empty: `openssl rand -hex 32` makes a key")) } else { Ok(PassKey(all)) }
    }

    /// A key of its own: for a single process, whose visitors lose their places when it ends.
    pub fn generate() -> Self {
        let mut bytes = [0; LEAST];
        rand::rng().fill_bytes(&mut bytes);
        PassKey(vec![Key::derived(&bytes)])
    }

    /// Lets that key open as well, and not sign.
    #[must_use]
    pub fn with_previous(mut self, previous: PassKey) -> Self {
        self.0.extend(previous.0);
        self
    }

    /// Which key signs, by its id.
    pub(super) fn id(&self) -> &str {
        &self.0[0].id
    }

    /// Signs with the first.
    pub(super) fn sign(&self, purpose: Purpose, text: &str) -> [u8; 32] {
        // There is at least one, by construction.
        let mut mac = self.0[0].mac(purpose);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Whether the key of that id signed it. In constant time.
    pub(super) fn has_signed(&self, id: &str, purpose: Purpose, text: &str, signature: &[u8]) -> bool {
        self.0.iter().filter(|key| key.id == id).any(|key| {
            let mut mac = key.mac(purpose);
            mac.update(text.as_bytes());
            mac.verify_slice(signature).is_ok()
        })
    }
}

impl Key {
    fn derived(bytes: &[u8]) -> Self {
        let root = Hkdf::<Sha256>::new(Some(b"airlock waiting room"), bytes);
        let derive = |purpose: &str, key: &mut [u8]| {
            root.expand(purpose.as_bytes(), key).expect("it is shorter than 255 hashes");
        };
        let mut id = [0; 4];
        derive("key id v1", &mut id);
        let mac = |purpose: &str| {
            let mut key = [0; 32];
            derive(purpose, &mut key);
            Hmac::new_from_slice(&key).expect("a key of any length will do")
        };
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Key { id, identity: mac("identity v1"), pass: mac("pass v1") }
    }

    fn mac(&self, purpose: Purpose) -> Hmac<Sha256> {
        match purpose {
            Purpose::Identity => self.identity.clone(),
            Purpose::Pass => self.pass.clone(),
        }
    }
}

impl fmt::Debug for PassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.len();
        write!(f, "PassKey({keys} key{})", if keys == 1 { "" } else { "s" })
    }
}
