//! Where the work in the background is done.

use std::sync::Arc;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::error::ConfigError;

/// A tokio runtime: the caller's, or one thread of its own for a program that has none.
///
/// See [`locks::blocking`](crate#modules), which has one for programs without a runtime.
#[derive(Clone, Debug)]
pub struct Runtime {
    handle: Handle,
    /// Ends the thread when the last clone is gone.
    _own: Option<Arc<oneshot::Sender<()>>>,
}

impl Runtime {
    /// The runtime that this is called on, or else a thread of its own.
    ///
    /// # Errors
    ///
    /// When there is none and no thread can be started.
    pub fn current() -> Result<Self, ConfigError> {
        match Handle::try_current() {
            Ok(handle) => Ok(Runtime { handle, _own: None }),
            Err(_) => Runtime::own(),
        }
    }

    fn own() -> Result<Self, ConfigError> {
        let failed = |error: std::io::Error| {
            ConfigError::new(
                "store",
                format!("there is no tokio runtime, and no thread for one can be started: {error}"),
            )
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (alive, over) = oneshot::channel::<()>();
        let run = move || {
            // Until everybody who could want something is gone.
            let _ = runtime.block_on(over);
        };
        std::thread::Builder::new().name("airlock".to_owned()).spawn(run).map_err(failed)?;
        Ok(Runtime { handle, _own: Some(Arc::new(alive)) })
    }

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }
}
