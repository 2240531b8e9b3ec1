//! What only the memory store can get wrong: it keeps gates for reuse, and its permits begin without tokens.

use std::future::{Future as _, IntoFuture as _};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, Entered, Entrant, Error, Line, OnMissed, OnReentry, Reason, Seal, Standing};

fn lock(clock: &TestClock, ttl: Duration) -> Airlock {
    let store = MemoryStore::with_clock(clock);
    Airlock::builder("memory").seal(Seal::lock().ttl(ttl)).store(store).build().expect("it is well configured")
}

/// A permit has one token, however often it is asked for it.
#[tokio::test]
async fn every_token_of_a_permit_is_its_token() -> Result<(), Error> {
    let airlock = lock(&TestClock::new(), Duration::from_secs(30));
    let permit = airlock.try_enter("room").await?;
    let first = permit.token()?;
    assert_eq!(first, permit.token()?);
    let last = permit.detach()?;
    assert_eq!(first, last);
    airlock.release(&last).await
}

/// The alarm of a gate that vanished is not taken for one of the next gate in its place.
#[tokio::test]
async fn a_gate_kept_for_reuse_forgets_its_alarm() -> Result<(), Error> {
    let ttl = Duration::from_secs(30);
    let clock = TestClock::new();
    let airlock = lock(&clock, ttl);
    let token = airlock.try_enter("room").await?.detach()?;
    airlock.release(&token).await?;

    clock.advance(Duration::from_secs(1));
    let _forgotten = airlock.try_enter("room").await?.detach()?;
    let waits = airlock.acquire("room").timeout(Duration::from_secs(5));
    let waits = tokio::spawn(waits.into_future());
    tokio::task::yield_now().await;
    // Nobody asks: only the alarm can notice that the lease is over.
    clock.advance(ttl);
    let permit = waits.await.expect("no panic")?;
    assert!(permit.is_lost().is_none());
    Ok(())
}

/// Each offer has a nonce of its own, also one made again to whoever missed the last.
#[tokio::test]
async fn no_nonce_is_used_twice() -> Result<(), Error> {
    let clock = TestClock::new();
    let line = Line::new().presence(Duration::from_secs(90)).claim_window(Duration::from_secs(60));
    let airlock = Airlock::builder("memory")
        .seal(Seal::lock())
        .line(line.on_missed(OnMissed::Requeue))
        .store(MemoryStore::with_clock(&clock))
        .build()
        .expect("it is well configured");
    let permit = airlock.try_enter("room").await?;
    let Entered::Queued(ticket) = airlock.enter("room").await? else { panic!("there is no room") };
    drop(permit);
    let mut nonces = Vec::new();
    for _ in 0..4 {
        let Standing::Offered(offer) = airlock.poll(&ticket.token).await? else { panic!("nobody else is there") };
        assert!(!nonces.contains(&offer.nonce), "{nonces:?}");
        nonces.push(offer.nonce);
        clock.advance(Duration::from_secs(60));
    }
    Ok(())
}

/// A session is nobody's guard: a shutdown neither waits for it nor ends it.
#[tokio::test]
async fn a_shutdown_leaves_sessions_alone() -> Result<(), Error> {
    let airlock =
        Airlock::builder("memory").seal(Seal::lock()).on_reentry(OnReentry::Share).build().expect("well configured");
    drop(airlock.try_enter(Entrant::new("room").identity("ada")).await?);
    assert_eq!(airlock.shutdown(Duration::from_millis(20)).await?, 0);
    Ok(())
}

/// Whoever panics when it is woken does not take the deadlines of all the others along.
#[tokio::test]
async fn a_waker_that_panics_stops_no_deadlines() -> Result<(), Error> {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }

    // On the system's clock: it is its thread that must go on.
    let airlock = Airlock::builder("memory")
        .seal(Seal::lock().max_hold(Duration::from_millis(100)))
        .build()
        .expect("it is well configured");
    let holds = airlock.try_enter("room").await?;
    let mut waits = Box::pin(airlock.acquire("room").into_future());
    let waker = Waker::from(Arc::new(Panics));
    assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    holds.lost().await;

    let other = airlock.try_enter("other").await?;
    tokio::time::timeout(Duration::from_secs(10), other.lost()).await.expect("deadlines are kept");
    Ok(())
}

/// Who waits for a shutdown is told outside every lock: a waker may do anything.
#[tokio::test]
async fn the_last_to_leave_wakes_a_shutdown_outside_the_lock() -> Result<(), Error> {
    struct Asks(Airlock);
    impl Wake for Asks {
        fn wake(self: Arc<Self>) {
            let inspection = std::pin::pin!(self.0.inspect("room"));
            assert!(inspection.poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
    }

    let airlock = lock(&TestClock::new(), Duration::from_secs(30));
    let permit = airlock.try_enter("room").await?;
    let mut shutdown = std::pin::pin!(airlock.shutdown(Duration::from_secs(60)));
    let waker = Waker::from(Arc::new(Asks(airlock.clone())));
    assert!(shutdown.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    // Under the lock this would wait for itself.
    drop(permit);
    assert_eq!(shutdown.await?, 0);
    Ok(())
}

/// Once it shuts down nobody is let in any more, by whichever door.
#[tokio::test]
async fn a_closed_airlock_neither_takes_claims_nor_restores() -> Result<(), Error> {
    let airlock = lock(&TestClock::new(), Duration::from_secs(30));
    let permit = airlock.try_enter("room").await?;
    let Entered::Queued(ticket) = airlock.enter("room").await? else { panic!("there is no room") };
    drop(permit);
    let Standing::Offered(offer) = airlock.poll(&ticket.token).await? else { panic!("it is its turn") };
    let detached = airlock.try_enter("elsewhere").await?.detach()?;
    assert_eq!(airlock.shutdown(Duration::ZERO).await?, 0);

    let reason = |error: Error| error.refusal().expect("a refusal, not a loss").reason;
    let claimed = airlock.claim(&ticket.token, offer.nonce).await.expect_err("closed");
    assert_eq!(reason(claimed), Reason::ShuttingDown);
    assert_eq!(reason(airlock.restore(&detached).await.expect_err("closed")), Reason::ShuttingDown);
    // What nobody here guards is left alone.
    airlock.renew(&detached).await?;
    airlock.release(&detached).await
}

/// An observer goes with its airlock, however many of that name there were.
#[tokio::test]
async fn observers_do_not_outlive_their_airlocks() -> Result<(), Error> {
    let store = MemoryStore::new();
    let heard = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let open = || {
        let heard = heard.clone();
        let count = move |_: &airlock_core::observer::Event<'_>| {
            heard.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        };
        Airlock::builder("doors").seal(Seal::lock()).store(store.clone()).observer(count).build().expect("valid")
    };
    let first = open();
    for _ in 0..100 {
        drop(open());
    }
    let _second = open();
    drop(first.try_enter("room").await?);
    assert_eq!(heard.load(std::sync::atomic::Ordering::SeqCst), 4, "two events, two observers");
    Ok(())
}
