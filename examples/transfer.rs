//! Recipe: several locks at once, or none: money from one account to another, by eight clerks at the same time.
//!
//! Each transfer locks both accounts. Two that lock the same ones in another order do not get in each other's way for ever,
//! because nobody holds the one while it waits for the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use airlock_axum::{Airlock, Seal};
use rand::seq::index::sample;
use tokio::task::{JoinSet, yield_now};

const ACCOUNTS: [&str; 6] = ["ada", "bob", "cleo", "dan", "eve", "fay"];
const CLERKS: usize = 8;
const TRANSFERS: usize = 25;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let locks = Airlock::builder("accounts").seal(Seal::lock()).build()?;
    let balances: Arc<[AtomicI64]> = ACCOUNTS.iter().map(|_| AtomicI64::new(1000)).collect();

    let mut clerks = JoinSet::new();
    for _ in 0..CLERKS {
        let (locks, balances) = (locks.clone(), balances.clone());
        clerks.spawn(async move {
            for _ in 0..TRANSFERS {
                let two = sample(&mut rand::rng(), ACCOUNTS.len(), 2);
                transfer(&locks, &balances, two.index(0), two.index(1)).await?;
            }
            Ok::<_, airlock_axum::AllError>(())
        });
    }
    while let Some(clerk) = clerks.join_next().await {
        clerk??;
    }
    let sum: i64 = balances.iter().map(|balance| balance.load(Ordering::SeqCst)).sum();
    println!("{} transfers, {sum} in all accounts", CLERKS * TRANSFERS);
    // Not one coin more or less.
    if sum == 1000 * ACCOUNTS.len() as i64 { Ok(()) } else { Err("some of it was lost or made up".into()) }
}

async fn transfer(
    locks: &Airlock,
    balances: &[AtomicI64],
    from: usize,
    to: usize,
) -> Result<(), airlock_axum::AllError> {
    // Both, or neither yet. `enter_all` does not wait; `Locks::try_lock_all` is the same for those who only want locks.
    let both = locks.acquire_all([ACCOUNTS[from], ACCOUNTS[to]]).timeout(Duration::from_secs(60)).await?;

    // Read, think, write: what goes wrong at once when somebody else does so in between.
    let (rich, poor) = (balances[from].load(Ordering::SeqCst), balances[to].load(Ordering::SeqCst));
    yield_now().await;
    balances[from].store(rich - 10, Ordering::SeqCst);
    balances[to].store(poor + 10, Ordering::SeqCst);

    drop(both);
    Ok(())
}
