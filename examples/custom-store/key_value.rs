//! What stands for a database of one's own: keys with values, each with a version, replaced only if nobody was faster.
//! etcd, DynamoDB, a table with a version column or an object store with conditional writes can do as much.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// Clients share one of these as they would share a server.
#[derive(Default)]
pub(crate) struct KeyValue(Mutex<BTreeMap<String, (u64, Vec<u8>)>>);

impl KeyValue {
    /// A value and its version; version 0 where there is none.
    pub(crate) async fn get(&self, key: &str) -> (u64, Option<Vec<u8>>) {
        // As if it were far away.
        tokio::task::yield_now().await;
        match self.0.lock().expect("no panic under it").get(key) {
            Some((version, value)) => (*version, Some(value.clone())),
            None => (0, None),
        }
    }

    /// Puts a value in the place of the one with that version. False if that is not there any more.
    pub(crate) async fn put_if(&self, key: &str, version: u64, value: Vec<u8>) -> bool {
        tokio::task::yield_now().await;
        let mut values = self.0.lock().expect("no panic under it");
        let kept = values.entry(key.to_owned()).or_default();
        let same = kept.0 == version;
        if same {
            *kept = (version + 1, value);
        }
        same
    }

    /// The keys that begin so.
    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        tokio::task::yield_now().await;
        let values = self.0.lock().expect("no panic under it");
        values.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}
