mod hub;
mod jwt;

use std::fmt;
use std::time::Duration;

use super::{Notifier, NotifyError, Turn};
use crate::airlock::Airlock;
use crate::error::{ConfigError, InvalidEntrant};
use crate::seal::micros;
use crate::store::BoxFuture;
use hub::Hub;
use jwt::{Claims, Key};

/// Tells browsers of their turns by a Mercure hub.
///
/// Each turn is a private update of its identity's [topic](Airlock::topic), of the type `turn`, published with a token that is
/// good for that topic and for a minute. A browser gets it if it brings a
/// [subscriber token](MercureNotifier::subscriber_token) for that one topic, by a cookie or a header as the hub wants it. The
/// update says `{"airlock": …, "claim_within_ms": …}`, and nothing that a claim could be made with: what opens the door stays
/// the browser's cookie.
///
/// ```
/// use std::time::Duration;
/// use airlock_core::notifier::MercureNotifier;
/// use airlock_core::{Airlock, Seal};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The hub's publisher and subscriber key: from the environment, rather.
/// let key = "!ChangeThisMercureHubJWTSecretKey!";
/// let mercure = MercureNotifier::new("https://hub.example/.well-known/mercure", key)?;
/// let shop = Airlock::builder("shop").seal(Seal::semaphore(200)).notifier(mercure.clone()).build()?;
///
/// // For the browser of a visitor that is authenticated as ada.
/// let token = mercure.subscriber_token(&shop, "ada", Duration::from_secs(3600))?;
/// let topic = shop.topic("ada")?;
/// # let _ = (token, topic);
/// # Ok(())
/// # }
/// ```
///
/// Speaks the Mercure protocol as in draft-dunglas-mercure, over HTTP/1.1, with the system's certificates where the hub is
/// `https`. Tokens are JWTs signed with HMAC-SHA256 (`HS256`); a hub that trusts other kinds alone needs to be told of this key.
/// Clones are the same notifier.
#[derive(Clone)]
pub struct MercureNotifier {
    hub: Hub,
    publisher: Key,
    subscriber: Key,
}

/// How long a token for one request is good.
const REQUEST: Duration = Duration::from_secs(60);
/// How long the hub may take to say who is there.
const PATIENCE: Duration = Duration::from_secs(5);

impl MercureNotifier {
    /// A hub, by the URL of its publish endpoint, and the key that it checks tokens with: 32 bytes or more.
    ///
    /// # Errors
    ///
    /// When the URL is no such URL, or the key is too short. The key is not repeated.
    pub fn new(hub: &str, key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let publisher = Key::new("key", key.as_ref())?;
        Ok(MercureNotifier { hub: Hub::new(hub)?, subscriber: publisher.clone(), publisher })
    }

    /// Whether that can be a key, without repeating it.
    #[cfg(feature = "config")]
    pub(crate) fn check_key(field: &'static str, key: &str) -> Result<(), ConfigError> {
        Key::new(field, key.as_bytes()).map(drop)
    }

    /// Whether that can be a hub.
    #[cfg(feature = "config")]
    pub(crate) fn check_hub(hub: &str) -> Result<(), ConfigError> {
        Hub::new(hub).map(drop)
    }

    /// Another key that the hub checks subscribers' tokens with, where it has two.
    ///
    /// # Errors
    ///
    /// When the key is too short.
    pub fn subscriber_key(mut self, key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        self.subscriber = Key::new("subscriber_key", key.as_ref())?;
        Ok(self)
    }

    /// A token with which the turns of that identity at that airlock can be subscribed to, and nothing else, for so long. Give it
    /// to nobody but this identity.
    ///
    /// # Errors
    ///
    /// When the identity is no valid name, or the time is out of bounds.
    pub fn subscriber_token(
        &self,
        airlock: &Airlock,
        identity: &str,
        lasts: Duration,
    ) -> Result<String, InvalidEntrant> {
        micros(lasts).ok_or_else(InvalidEntrant::span)?;
        Ok(self.subscriber.sign(&Claims::subscribe(&airlock.topic(identity)?), lasts))
    }

    /// Whether somebody is subscribed to the turns of that identity at this moment, as the hub's subscriptions say.
    ///
    /// # Errors
    ///
    /// When the identity is no valid name; when the hub cannot be asked, does not let itself be asked, or has no subscriptions to
    /// ask for (`subscriptions` in its configuration).
    ///
    /// # Cancel safety
    ///
    /// It only asks.
    pub async fn is_present(&self, airlock: &Airlock, identity: &str) -> Result<bool, NotifyError> {
        let invalid = |error: InvalidEntrant| NotifyError::permanent("the identity is no valid name").caused_by(error);
        let topic = airlock.topic(identity).map_err(invalid)?;
        let path = self.hub.subscriptions(&topic);
        let token = self.subscriber.sign(&Claims::subscribe(&path), REQUEST);
        let asked = tokio::time::timeout(PATIENCE, self.hub.is_subscribed(&topic, &path, &token)).await;
        asked.unwrap_or_else(|_| Err(NotifyError::temporary("the hub did not answer in time")))
    }
}

impl Notifier for MercureNotifier {
    fn notify<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), NotifyError>> {
        let token = self.publisher.sign(&Claims::publish(&turn.topic), REQUEST);
        let within = u64::try_from(turn.claim_within().as_millis()).unwrap_or(u64::MAX);
        let data = serde_json::json!({ "airlock": &*turn.airlock, "claim_within_ms": within }).to_string();
        Box::pin(async move { self.hub.publish(&turn.topic, &data, &token).await })
    }
}

impl fmt::Debug for MercureNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MercureNotifier").field("hub", &self.hub).finish_non_exhaustive()
    }
}
