//! The lock that everything here uses, exchanged for a model checker's under `--cfg shuttle`.

#[cfg(not(shuttle))]
pub(crate) use parking_lot::Mutex;

#[cfg(shuttle)]
pub(crate) use model::Mutex;

#[cfg(shuttle)]
mod model {
    use shuttle::sync::{Mutex as ShuttleMutex, MutexGuard};

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(ShuttleMutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(ShuttleMutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
        }
    }
}
