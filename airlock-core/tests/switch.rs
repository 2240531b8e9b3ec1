//! The operator's switch and the health of what is guarded (G19, G20), on the memory store.

use std::future::IntoFuture as _;
use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, Entered, Entrant, Error, Reason, Seal, Standing, Switch};

const ROOM: &str = "room";

fn airlock(clock: &TestClock, limit: u32) -> Airlock {
    let store = MemoryStore::with_clock(clock);
    Airlock::builder("doors").seal(Seal::semaphore(limit)).store(store).build().expect("a valid configuration")
}

fn reason(error: Error) -> Reason {
    error.refusal().expect("a refusal").reason
}

#[tokio::test]
async fn closed_refuses_newcomers_and_freezes_the_line() -> Result<(), Error> {
    let clock = TestClock::new();
    let airlock = airlock(&clock, 1);
    let inside = airlock.try_enter(ROOM).await?;
    let Entered::Queued(waiting) = airlock.enter(ROOM).await? else { panic!("there is no room") };
    airlock.switch(Switch::closed().reopen_in(Duration::from_secs(10))).await?;

    let error = airlock.enter("elsewhere").await.expect_err("closed");
    assert_eq!(error.refusal().expect("a refusal").retry_after(), Some(Duration::from_secs(10)));
    assert_eq!(reason(error), Reason::Closed);
    assert!(inside.is_lost().is_none());
    inside.release().await?;
    assert!(matches!(airlock.poll(&waiting.token).await?, Standing::Waiting(_)));
    // It reopens by itself, and nobody has to ask for that.
    clock.advance(Duration::from_secs(10));
    assert!(matches!(airlock.poll(&waiting.token).await?, Standing::Offered(_)));
    drop(airlock.try_enter("elsewhere").await?);
    Ok(())
}

#[tokio::test]
async fn hold_queues_everybody_and_lets_nobody_in() -> Result<(), Error> {
    let clock = TestClock::new();
    let airlock = airlock(&clock, 2);
    airlock.switch(Switch::hold()).await?;
    assert_eq!(reason(airlock.try_enter(ROOM).await.expect_err("on hold")), Reason::Full);
    let waits = tokio::spawn(airlock.acquire(ROOM).into_future());
    tokio::task::yield_now().await;
    assert!(!waits.is_finished());
    airlock.switch(Switch::open()).await?;
    drop(waits.await.expect("no panic")?);
    Ok(())
}

#[tokio::test]
async fn drain_serves_the_line_and_refuses_newcomers() -> Result<(), Error> {
    let airlock = airlock(&TestClock::new(), 1);
    let inside = airlock.try_enter(ROOM).await?;
    let Entered::Queued(waiting) = airlock.enter(ROOM).await? else { panic!("there is no room") };
    airlock.switch(Switch::drain()).await?;
    assert_eq!(reason(airlock.enter(ROOM).await.expect_err("draining")), Reason::Closed);
    drop(inside);
    assert!(matches!(airlock.poll(&waiting.token).await?, Standing::Offered(_)));
    Ok(())
}

#[tokio::test]
async fn bypass_lets_everybody_in_uncounted() -> Result<(), Error> {
    let airlock = airlock(&TestClock::new(), 1);
    let inside = airlock.try_enter(Entrant::new(ROOM).identity("ada")).await?;
    let beside = tokio::spawn(airlock.acquire(ROOM).into_future());
    tokio::task::yield_now().await;
    airlock.switch(Switch::bypass()).await?;
    let beside = beside.await.expect("no panic")?;
    let again = airlock.try_enter(Entrant::new(ROOM).identity("ada")).await?;
    let others = [airlock.try_enter(ROOM).await?, airlock.acquire(ROOM).await?];
    assert_eq!(airlock.inspect(ROOM).await?.in_use, 1, "only who was inside before counts");
    let mut fences = vec![inside.fence(), beside.fence(), again.fence(), others[0].fence(), others[1].fence()];
    assert!(fences.is_sorted());
    fences.dedup();
    assert_eq!(fences.len(), 5);
    // Such a permit is no lease.
    again.renew().await?;
    again.release().await?;
    drop((beside, others, inside));
    airlock.switch(Switch::open()).await?;
    assert_eq!(airlock.survey(0, 1).await?.total, 0);
    Ok(())
}

#[tokio::test]
async fn a_resources_own_switch_wins_until_it_is_cleared() -> Result<(), Error> {
    let clock = TestClock::new();
    let airlock = airlock(&clock, 1);
    airlock.switch_resource("press", Some(Switch::open())).await?;
    airlock.switch(Switch::closed()).await?;
    drop(airlock.try_enter("press").await?);
    assert_eq!(reason(airlock.try_enter(ROOM).await.expect_err("closed")), Reason::Closed);
    airlock.switch_resource("press", None).await?;
    assert_eq!(reason(airlock.try_enter("press").await.expect_err("closed")), Reason::Closed);
    airlock.switch(Switch::open()).await?;

    // One that reopens by itself leaves nothing behind.
    airlock.switch_resource(ROOM, Some(Switch::closed().reopen_in(Duration::from_secs(5)))).await?;
    assert!(airlock.try_enter(ROOM).await.is_err());
    assert_eq!(airlock.survey(0, 1).await?.total, 1);
    clock.advance(Duration::from_secs(5));
    assert_eq!(airlock.survey(0, 1).await?.total, 0);
    drop(airlock.try_enter(ROOM).await?);
    Ok(())
}

/// RX-3: at health 0.0 the head was still admitted.
#[tokio::test]
async fn rx_03_nobody_is_let_in_while_it_is_unwell() -> Result<(), Error> {
    let clock = TestClock::new();
    let airlock = airlock(&clock, 1);
    let inside = airlock.try_enter(ROOM).await?;
    let Entered::Queued(head) = airlock.enter(ROOM).await? else { panic!("there is no room") };
    airlock.report_health(0.0).await?;
    drop(inside);
    assert!(matches!(airlock.poll(&head.token).await?, Standing::Waiting(_)));
    assert_eq!(reason(airlock.try_enter("elsewhere").await.expect_err("unwell")), Reason::Full);
    airlock.report_health(0.9).await?;
    assert!(matches!(airlock.poll(&head.token).await?, Standing::Offered(_)));

    // A report that is too old does not count, and nobody has to ask for that.
    airlock.report_health(0.1).await?;
    let Entered::Queued(next) = airlock.enter("elsewhere").await? else { panic!("it is unwell") };
    clock.advance(Duration::from_secs(10));
    assert!(matches!(airlock.poll(&next.token).await?, Standing::Offered(_)));
    assert!(matches!(airlock.report_health(f64::NAN).await, Err(Error::Invalid(_))));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_is_refused() -> Result<(), Error> {
    let airlock = airlock(&TestClock::new(), 1);
    for never in [Duration::ZERO, Duration::MAX] {
        let switch = Switch::closed().reopen_in(never);
        assert!(matches!(airlock.switch(switch).await, Err(Error::Invalid(_))));
        assert!(matches!(airlock.switch_resource(ROOM, Some(switch)).await, Err(Error::Invalid(_))));
    }
    assert!(matches!(airlock.switch_resource("", Some(Switch::hold())).await, Err(Error::Invalid(_))));
    drop(airlock.try_enter(ROOM).await?);
    for (threshold, counts_for) in [(f64::NAN, 10), (1.5, 10), (-0.1, 10), (0.5, 0)] {
        let builder = Airlock::builder("doors").seal(Seal::lock());
        let error = builder.health(threshold, Duration::from_secs(counts_for)).build().expect_err("impossible");
        assert_eq!(error.field(), "health");
    }
    Ok(())
}
