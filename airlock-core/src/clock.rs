//! Where the memory store has the time from, and who wakes it when a deadline comes.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex as StdMutex, MutexGuard, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::gate::{Micros, NEVER};
use crate::sync::Mutex;

/// A clock that stands still until it is moved, for tests of code that uses a
/// [`MemoryStore`](crate::store::MemoryStore).
///
/// [`advance`](TestClock::advance) moves it from one deadline to the next and does at each what is due, before
/// it returns: leases lapse, offers are missed, and the next in line is let in.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use airlock_core::clock::TestClock;
/// use airlock_core::store::MemoryStore;
/// use airlock_core::{Airlock, Seal};
///
/// let clock = TestClock::new();
/// let airlock = Airlock::builder("reports")
///     .seal(Seal::lock().ttl(Duration::from_secs(60)))
///     .store(MemoryStore::with_clock(&clock))
///     .build()?;
///
/// let token = airlock.try_enter("daily").await?.detach()?;
/// assert!(airlock.try_enter("daily").await.is_err());
/// clock.advance(Duration::from_secs(60));
/// assert!(airlock.try_enter("daily").await.is_ok());
/// assert!(airlock.renew(&token).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestClock(Arc<Still>);

struct Still {
    now: AtomicU64,
    alarms: Mutex<Alarms>,
}

impl TestClock {
    /// A clock that shows some time in 2026.
    pub fn new() -> Self {
        let now = AtomicU64::new(1_777_777_777_000_000);
        TestClock(Arc::new(Still { now, alarms: Mutex::new(Alarms::default()) }))
    }

    /// What it shows.
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.micros())
    }

    /// Moves it, and does what becomes due on the way, each thing at its time.
    pub fn advance(&self, by: Duration) {
        let by = Micros::try_from(by.as_micros()).unwrap_or(NEVER);
        let target = self.micros().saturating_add(by).min(NEVER - 1);
        loop {
            let next = self.0.alarms.lock().pop_due(target);
            let Some((at, alarm)) = next else { break };
            self.0.now.fetch_max(at, Ordering::SeqCst);
            alarm.ring();
        }
        self.0.now.fetch_max(target, Ordering::SeqCst);
    }

    pub(crate) fn micros(&self) -> Micros {
        self.0.now.load(Ordering::SeqCst)
    }
}

impl Default for TestClock {
    fn default() -> Self {
        TestClock::new()
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestClock").field(&self.micros()).finish()
    }
}

/// Who is told when a deadline comes.
pub(crate) trait Due: Send + Sync {
    fn due(&self, home: u64);
}

pub(crate) struct Alarm {
    pub(crate) whom: Weak<dyn Due>,
    pub(crate) home: u64,
}

impl Alarm {
    fn ring(self) {
        if let Some(whom) = self.whom.upgrade() {
            whom.due(self.home);
        }
    }
}

/// Names an alarm, to cancel it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlarmKey {
    pub(crate) at: Micros,
    number: u64,
}

/// Alarms by time; those of one time in the order in which they were set.
#[derive(Default)]
struct Alarms {
    set: BTreeMap<(Micros, u64), Alarm>,
    count: u64,
}

impl Alarms {
    fn add(&mut self, at: Micros, alarm: Alarm) -> AlarmKey {
        self.count += 1;
        self.set.insert((at, self.count), alarm);
        AlarmKey { at, number: self.count }
    }

    fn remove(&mut self, key: AlarmKey) {
        self.set.remove(&(key.at, key.number));
    }

    fn pop_due(&mut self, now: Micros) -> Option<(Micros, Alarm)> {
        let entry = self.set.first_entry().filter(|entry| entry.key().0 <= now)?;
        let at = entry.key().0;
        Some((at, entry.remove()))
    }
}

/// The clock of a memory store.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    System,
    Test(TestClock),
}

impl Clock {
    #[inline]
    pub(crate) fn now(&self) -> Micros {
        match self {
            Clock::System => EPOCH.now(),
            Clock::Test(clock) => clock.micros(),
        }
    }

    /// Tells `alarm` at `at`, once.
    pub(crate) fn set_alarm(&self, at: Micros, alarm: Alarm) -> AlarmKey {
        match self {
            Clock::System => TIMER.set(at, alarm),
            Clock::Test(clock) => clock.0.alarms.lock().add(at, alarm),
        }
    }

    pub(crate) fn cancel(&self, key: AlarmKey) {
        match self {
            Clock::System => TIMER.lock().remove(key),
            Clock::Test(clock) => clock.0.alarms.lock().remove(key),
        }
    }
}

/// The machine's clock, for stores that the processes of one machine share.
#[cfg(any(feature = "sqlite", all(feature = "file", unix)))]
#[expect(clippy::disallowed_methods, reason = "the only clock that all of them see alike, and that outlives them")]
pub(crate) fn wall_clock() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros::try_from(since.as_micros()).unwrap_or(NEVER).min(NEVER - 1)
}

/// Unix time that never goes back: the wall clock at start, and the monotonic clock from there on.
struct Epoch {
    wall: Micros,
    /// Reads the processor's counter where that is steady, which takes half as long as asking the system.
    clock: quanta::Clock,
    /// What the counter showed then.
    start: u64,
}

#[expect(clippy::disallowed_methods, reason = "the clock of stores that are in this process")]
static EPOCH: LazyLock<Epoch> = LazyLock::new(|| {
    // First, because it takes some milliseconds to calibrate.
    let clock = quanta::Clock::new();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Epoch { wall: wall.as_micros() as Micros, start: clock.raw(), clock }
});

impl Epoch {
    fn now(&self) -> Micros {
        self.wall + self.clock.delta_as_nanos(self.start, self.clock.raw()) / 1000
    }
}

/// One thread for all memory stores of the process, started when the first deadline is set.
///
/// A thread rather than a task: deadlines come whether or not a runtime is running, and whichever of several
/// runtimes the waiters live on.
struct Timer {
    alarms: StdMutex<Alarms>,
    sooner: Condvar,
}

static TIMER: LazyLock<&'static Timer> = LazyLock::new(|| {
    let timer: &'static Timer =
        Box::leak(Box::new(Timer { alarms: StdMutex::new(Alarms::default()), sooner: Condvar::new() }));
    let spawned = std::thread::Builder::new().name("airlock-timer".into()).spawn(|| timer.run());
    if let Err(error) = spawned {
        // Deadlines are still kept by every command that comes; only quiet gates are late.
        tracing::error!(%error, "cannot start the timer thread");
    }
    timer
});

impl Timer {
    fn lock(&self) -> MutexGuard<'_, Alarms> {
        // Nothing that could panic runs under it.
        self.alarms.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn set(&self, at: Micros, alarm: Alarm) -> AlarmKey {
        let mut alarms = self.lock();
        let first = alarms.set.first_key_value().is_none_or(|(key, _)| at < key.0);
        let key = alarms.add(at, alarm);
        drop(alarms);
        if first {
            self.sooner.notify_one();
        }
        key
    }

    fn run(&self) {
        let mut alarms = self.lock();
        loop {
            let now = EPOCH.now();
            if let Some((_, alarm)) = alarms.pop_due(now) {
                drop(alarms);
                // Somebody's waker may panic: that is no reason to keep nobody's deadlines from then on.
                if catch_unwind(AssertUnwindSafe(|| alarm.ring())).is_err() {
                    tracing::error!(target: "airlock", "whoever was told of a deadline panicked");
                }
                alarms = self.lock();
                continue;
            }
            let wait = alarms.set.first_key_value().map(|(key, _)| Duration::from_micros(key.0 - now));
            alarms = match wait {
                Some(wait) => match self.sooner.wait_timeout(alarms, wait) {
                    Ok((alarms, _)) => alarms,
                    Err(poisoned) => poisoned.into_inner().0,
                },
                None => self.sooner.wait(alarms).unwrap_or_else(|poisoned| poisoned.into_inner()),
            };
        }
    }
}
