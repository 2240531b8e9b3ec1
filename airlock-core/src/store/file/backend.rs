//! The gates of a folder, as the [driver](crate::store::shared) asks them: on threads that may block.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::folder::Folder;
use crate::error::StoreError;
use crate::gate::Micros;
use crate::store::BoxFuture;
use crate::store::shared::{Asked, Backend, Call, Decided, InUse, Query};

pub(super) struct FileBackend(Arc<Folder>);

impl FileBackend {
    pub(super) fn new(folder: Arc<Folder>) -> Self {
        FileBackend(folder)
    }

    fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let folder = self.0.clone();
        let done = spawn_blocking(move || work(&folder));
        Box::pin(async move {
            let stopped = |_| StoreError::unknown("the step stopped half way, which is an error in Airlock");
            done.await.map_err(stopped).and_then(|done| done)
        })
    }
}

impl Backend for FileBackend {
    fn decide<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Decided, StoreError>> {
        let Call { record, now, .. } = call;
        let (spec, conditions, resource) = (call.spec.clone(), call.conditions.clone(), call.resource.to_owned());
        let asked: Vec<Asked> = call.asked.to_vec();
        self.on_a_thread(move |folder| {
            let (spec, conditions, resource, asked) = (&spec, &conditions, &*resource, &*asked);
            folder.decide_call(&Call { spec, conditions, resource, asked, record, now })
        })
    }

    fn settings<'a>(&'a self, airlock: &'a str) -> BoxFuture<'a, Result<(Vec<u8>, Micros), StoreError>> {
        let airlock = airlock.to_owned();
        self.on_a_thread(move |folder| Ok((folder.settings(&airlock)?, folder.now())))
    }

    fn swap_settings<'a>(
        &'a self,
        airlock: &'a str,
        held: &'a [u8],
        wanted: &'a [u8],
        // The cleaner sees by itself when they are past.
        _kept_for: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let (airlock, held, wanted) = (airlock.to_owned(), held.to_vec(), wanted.to_vec());
        self.on_a_thread(move |folder| folder.swap_settings(&airlock, &held, &wanted))
    }

    fn in_use<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<InUse, StoreError>> {
        let airlock = query.spec.name.clone();
        self.on_a_thread(move |folder| folder.resources(&airlock).map(InUse::Named))
    }

    /// One look at the file's entry.
    fn stamp(&self, airlock: &str, resource: &str) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        self.0.stamp(airlock, resource).ok()?.hash(&mut hasher);
        Some(hasher.finish())
    }
}
