//! A request refused because the store is away, against one refused because the gate is full.

use std::future::IntoFuture as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use airlock_axum::gate::{Answer, Micros, Spec, SwitchState};
use airlock_axum::observer::Observers;
use airlock_axum::store::{BoxFuture, Command, Fallback, Gates, Lease, MemoryStore, Store, Survey, SurveyQuery, Watch};
use airlock_axum::{Airlock, ConfigError, Permit, Seal, StoreError, Token};
use airlock_tests::paired::{self, Comparison, time};
use futures_util::FutureExt as _;

const TURNS: usize = 10_000;

fn main() {
    // A store that takes its time is asked with a deadline.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _within = runtime.enter();
    paired::print_head();
    compare("refused, breaker open : memory full, 1 resource", 1);
    compare("refused, breaker open : memory full, 1,000 resources", 1000);
    working();
}

fn compare(what: &'static str, resources: usize) {
    let names: Vec<String> = (0..resources).map(|n| format!("tenant:{}", n * 7919 % resources)).collect();
    let down = Airlock::builder("bench").seal(Seal::lock()).store(Fallback::new(Down));
    let down = down.build().expect("a valid configuration");
    let full = Airlock::builder("bench").seal(Seal::lock()).build().expect("a valid configuration");
    let enter = |airlock: &Airlock, name: &str| airlock.try_enter(name).into_future().now_or_never();
    // Until the breaker is open, questions go to the store.
    for name in names.iter().flat_map(|name| [name; 5]) {
        assert!(enter(&down, name).is_some_and(|answer| answer.is_err()));
    }
    let _inside: Vec<Permit> =
        names.iter().map(|name| enter(&full, name).expect("at once").expect("nobody else is in")).collect();
    let refused = |airlock: &Airlock| {
        time(|| {
            for name in names.iter().cycle().take(TURNS) {
                assert!(black_box(enter(airlock, name)).expect("at once").is_err());
            }
        })
    };
    let comparison = Comparison { what, operations: TURNS as u32, rounds: 201, at_most: 3.0 };
    comparison.run(|| refused(&down), || refused(&full));
}

/// What it costs while nothing is wrong.
fn working() {
    let plain = Airlock::builder("bench").seal(Seal::semaphore(2)).build().expect("a valid configuration");
    let backed = Airlock::builder("bench").seal(Seal::semaphore(2)).store(Fallback::new(MemoryStore::new()).local(1));
    let backed = backed.build().expect("a valid configuration");
    let pass = |airlock: &Airlock| {
        time(|| {
            for _ in 0..TURNS {
                let entered = airlock.try_enter("one").into_future().now_or_never();
                drop(black_box(entered.expect("at once").expect("nobody else is in")));
            }
        })
    };
    let what = "enter + drop, nothing wrong : without a fallback";
    let comparison = Comparison { what, operations: TURNS as u32, rounds: 201, at_most: 1.5 };
    comparison.run(|| pass(&backed), || pass(&plain));
}

/// A store that goes by tokens and never works.
struct Down;

struct DownGates;

impl Store for Down {
    fn open(&self, _: &Spec, _: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        Ok(Arc::new(DownGates))
    }
}

fn down<T: Send + 'static>() -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(async { Err(StoreError::not_executed("it is down")) })
}

impl Gates for DownGates {
    fn apply<'a>(&'a self, _: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        down()
    }

    fn give_back(&self, _: &Lease, _: bool) {}

    fn token(&self, _: &Lease, _: bool) -> Option<Token> {
        None
    }

    fn watch(&self, _: &Lease, watch: &Arc<Watch>) {
        watch.lose(None);
    }

    fn survey<'a>(&'a self, _: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
        down()
    }

    fn switch<'a>(
        &'a self,
        _: SwitchState,
        _: Option<Micros>,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        down()
    }

    fn report_unwell(&self, _: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        down()
    }

    fn close(&self, _: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        down()
    }
}
