//! Recipe: a shield for an upstream that breaks when too many call it at once: 10,000 calls, 50 of them in flight.
//!
//! All of them are started at once, and each waits for its turn. The upstream of this example is in this process; it fails
//! when it is called 51 times at once, and says how many there were at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use airlock_axum::{Airlock, Seal};
use clap::Parser;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

#[derive(Parser)]
struct Options {
    /// How many calls there are
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    calls: u32,

    /// How many may be in flight at once
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
}

/// An error that can be brought from one task to another.
type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let options = Options::parse();
    // On a store that is shared, such as a `RedisStore`, these are 50 of the whole fleet. For a `tower` service, such as an
    // HTTP client, `CallLayer` does what `call` does here.
    let shield = Airlock::builder("erp").seal(Seal::semaphore(options.in_flight)).build()?;
    let upstream = Arc::new(Upstream::default());

    let bar = ProgressBar::new(options.calls.into());
    let mut calls = JoinSet::new();
    for number in 0..options.calls {
        calls.spawn(call(shield.clone(), upstream.clone(), number));
    }
    while let Some(done) = calls.join_next().await {
        done??;
        bar.inc(1);
    }
    bar.finish();
    println!("{} calls, at most {} in flight", options.calls, upstream.most.load(Ordering::SeqCst));
    Ok(())
}

/// One call, when it is its turn. Whoever does not want to wait for long says `acquire(…).timeout(…)` instead.
async fn call(shield: Airlock, upstream: Arc<Upstream>, number: u32) -> Result<u32, Error> {
    // In flight until the answer is there, or this is dropped.
    Ok(shield.with_admitted("erp", |_| upstream.answer(number)).await??)
}

/// Something old that nobody dares to touch.
#[derive(Default)]
struct Upstream {
    now: AtomicU32,
    most: AtomicU32,
}

impl Upstream {
    async fn answer(&self, number: u32) -> Result<u32, &'static str> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        if now > 50 { Err("the upstream is broken") } else { Ok(number) }
    }
}
