//! A store of one's own, on anything that keeps values and replaces them only if nobody was faster.
//!
//! `store.rs` is all that has to be written. `cargo test --example custom-store` runs the rules of the gate on it, and
//! `cargo run --example custom-store` lets two processes, as it were, share one lock.

mod key_value;
mod store;

use std::sync::Arc;
use std::time::Duration;

use airlock_axum::store::shared::Options;
use airlock_axum::{Airlock, Seal};

use key_value::KeyValue;
use store::KeyValueStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let values = Arc::new(KeyValue::default());
    // Each with a driver of its own, as it would be in a process of its own.
    let process = || {
        let store = KeyValueStore::new(values.clone(), Options::new("the key-value store"))?;
        Airlock::builder("jobs").seal(Seal::lock()).store(store).build()
    };
    let (one, other) = (process()?, process()?);

    let permit = one.try_enter("invoice").await?;
    println!("one is inside, number {}", permit.fence());
    println!("the other is told: {}", other.try_enter("invoice").await.expect_err("it is a lock"));

    let waiting = tokio::spawn(async move { other.acquire("invoice").timeout(Duration::from_secs(5)).await });
    while one.inspect("invoice").await?.waiting == 0 {
        tokio::task::yield_now().await;
    }
    permit.release().await?;
    let permit = waiting.await??;
    println!("the other waited {:?} and is inside, number {}", permit.waited(), permit.fence());
    permit.release().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use airlock_core::conformance::{Fleet, Subject};

    use super::*;

    /// Any number of processes that share one key-value store, and a clock.
    #[derive(Default)]
    struct Nodes {
        fleet: Fleet,
        values: Arc<KeyValue>,
    }

    impl Subject for Nodes {
        type Store = KeyValueStore;

        async fn store(&self) -> KeyValueStore {
            let options = self.fleet.options("the key-value store");
            let node = KeyValueStore::new(self.values.clone(), options).expect("a test has a runtime");
            self.fleet.add(&node.0);
            node
        }

        async fn advance(&self, by: Duration) {
            self.fleet.advance(by).await;
        }
    }

    airlock_core::conformance_suite!(Nodes::default());
}
