//! The store: all that there is to write.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airlock_axum::gate::{BlobError, Micros, Spec};
use airlock_axum::observer::Observers;
use airlock_axum::store::shared::{Backend, Call, Decided, Driver, InUse, Options, Query, Runtime, decide_blob};
use airlock_axum::store::{BoxFuture, Gates, Store};
use airlock_axum::{ConfigError, StoreError};

use crate::key_value::KeyValue;

/// Gates in a key-value store, one value each.
#[derive(Clone)]
pub(crate) struct KeyValueStore(pub(crate) Driver);

impl KeyValueStore {
    pub(crate) fn new(values: Arc<KeyValue>, options: Options) -> Result<Self, ConfigError> {
        Ok(KeyValueStore(Driver::new(Values(values), Runtime::current()?, options)))
    }
}

impl Store for KeyValueStore {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        self.0.open(spec, observers)
    }
}

struct Values(Arc<KeyValue>);

/// What the keys of an airlock's gates begin with. The length keeps `a/b` + `c` from being `a` + `b/c`.
fn gates_of(airlock: &str) -> String {
    format!("gate/{}/{airlock}/", airlock.len())
}

fn settings_of(airlock: &str) -> String {
    format!("settings/{airlock}")
}

/// The clock has to be the same for all processes. Here they share a machine; a database has a clock to ask.
fn now() -> Micros {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as Micros
}

fn unreadable(error: BlobError) -> StoreError {
    StoreError::not_executed(format!("the gate cannot be read: {error}")).caused_by(error)
}

impl Backend for Values {
    fn decide<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Decided, StoreError>> {
        Box::pin(async move {
            let key = gates_of(&call.spec.name) + call.resource;
            loop {
                let (version, kept) = self.0.get(&key).await;
                let (decided, changed) = decide_blob(kept.as_deref(), &call, now()).map_err(unreadable)?;
                let Some(changed) = changed else { return Ok(decided) };
                if self.0.put_if(&key, version, changed).await {
                    return Ok(decided);
                }
                // Somebody was faster: it is decided again on what they left.
            }
        })
    }

    fn settings<'a>(&'a self, airlock: &'a str) -> BoxFuture<'a, Result<(Vec<u8>, Micros), StoreError>> {
        Box::pin(async move { Ok((self.0.get(&settings_of(airlock)).await.1.unwrap_or_default(), now())) })
    }

    fn swap_settings<'a>(
        &'a self,
        airlock: &'a str,
        held: &'a [u8],
        wanted: &'a [u8],
        _kept_for: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let key = settings_of(airlock);
            let (version, kept) = self.0.get(&key).await;
            Ok(kept.unwrap_or_default() == held && self.0.put_if(&key, version, wanted.to_vec()).await)
        })
    }

    fn in_use<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<InUse, StoreError>> {
        Box::pin(async move {
            let prefix = gates_of(&query.spec.name);
            let keys = self.0.keys(&prefix).await;
            Ok(InUse::Named(keys.iter().map(|key| key[prefix.len()..].to_owned()).collect()))
        })
    }
}
