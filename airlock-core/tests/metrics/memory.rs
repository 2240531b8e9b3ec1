//! In memory, by a clock that stands still.

use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::observer::Event;
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, Builder, Entered, Entrant, Error, OnMissed, Reason, Seal, Standing, Switch, Whom};
use airlock_core::{Line, OnReentry};

use crate::recorder::{are_about, published};

const ROOM: &str = "room";
const MEMORY: &str = r#",store="memory""#;

fn with(more: &str) -> String {
    format!("{MEMORY},{more}")
}

fn on(clock: &TestClock, name: &str, seal: Seal) -> Builder {
    Airlock::builder(name).seal(seal.ttl(Duration::from_secs(60))).store(MemoryStore::with_clock(clock)).metrics()
}

/// The plain way and, with an observer, the one that tells of everything: they count alike.
fn both(clock: &TestClock, name: &str, seal: Seal) -> [(String, Airlock); 2] {
    let [plain, observed] = [name.to_owned(), format!("{name}, observed")];
    let quick = on(clock, &plain, seal.clone()).build().expect("it works");
    let slow = on(clock, &observed, seal).observer(|_: &Event<'_>| {}).build().expect("it works");
    [(plain, quick), (observed, slow)]
}

#[tokio::test]
async fn who_comes_and_goes_is_counted() -> Result<(), Error> {
    let clock = TestClock::new();
    for (name, airlock) in both(&clock, "comes and goes", Seal::semaphore(2)) {
        let first = airlock.try_enter(ROOM).await?;
        clock.advance(Duration::from_secs(8));
        let second = airlock.try_enter(ROOM).await?;
        assert!(airlock.try_enter(ROOM).await.is_err());
        clock.advance(Duration::from_secs(2));
        drop(first);
        second.release().await?;

        let told = published();
        assert_eq!(told.count("admitted", &name, MEMORY), 2);
        assert_eq!(told.count("refused", &name, &with(r#"reason="full""#)), 1);
        assert_eq!(told.count("ended", &name, &with(r#"ending="released""#)), 2);
        assert_eq!(told.count("queued", &name, MEMORY), 0);
        assert_eq!(told.count("woken", &name, &with(r#"by="push""#)), 0);
        are_about(&told.spans("wait", &name, MEMORY), &[0.0, 0.0]);
        are_about(&told.spans("hold", &name, MEMORY), &[2.0, 10.0]);

        // Each span is told once.
        drop(airlock.try_enter(ROOM).await?);
        let told = published();
        assert_eq!((told.spans("wait", &name, MEMORY).len(), told.spans("hold", &name, MEMORY).len()), (3, 3));
    }
    Ok(())
}

#[tokio::test]
async fn a_wait_is_counted_and_measured() -> Result<(), Error> {
    let clock = TestClock::new();
    for (name, airlock) in both(&clock, "a wait", Seal::lock()) {
        let inside = airlock.try_enter(ROOM).await?;
        let waits = tokio::spawn(airlock.acquire(ROOM).into_future());
        while published().gauge("waiting", &name, MEMORY) < 1.0 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(30));
        drop(inside);
        let permit = waits.await.expect("no panic")?;
        drop(permit);

        let told = published();
        assert_eq!((told.count("admitted", &name, MEMORY), told.count("queued", &name, MEMORY)), (2, 1));
        assert_eq!(told.count("woken", &name, &with(r#"by="push""#)), 1);
        assert_eq!(told.count("woken", &name, &with(r#"by="asking""#)), 0);
        are_about(&told.spans("wait", &name, MEMORY), &[0.0, 30.0]);
        are_about(&told.spans("hold", &name, MEMORY), &[0.0, 30.0]);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_longer_is_counted() -> Result<(), Error> {
    let airlock = Airlock::builder("in a hurry").seal(Seal::lock()).metrics().build().expect("it works");
    let _inside = airlock.try_enter(ROOM).await?;
    let error = airlock.acquire(ROOM).timeout(Duration::from_secs(5)).await.expect_err("there is no room");
    assert_eq!(error.refusal().map(|refusal| refusal.reason), Some(Reason::TimedOut));
    let told = published();
    assert_eq!(told.count("timed_out", "in a hurry", ""), 1);
    assert_eq!(told.count("ended", "in a hurry", &with(r#"ending="left""#)), 1);
    assert_eq!(told.count("unavailable", "in a hurry", ""), 0);
    Ok(())
}

#[tokio::test]
async fn all_that_is_there_is_shown() -> Result<(), Error> {
    let clock = TestClock::new();
    let name = "what is there";
    let airlock = on(&clock, name, Seal::semaphore(3)).build().expect("it works");
    assert_eq!(published().gauge("held", name, MEMORY), 0.0);
    let (one, heavy) = (airlock.try_enter("one").await?, airlock.try_enter(Entrant::new("two").weight(3)).await?);
    let Entered::Queued(ticket) = airlock.enter("two").await? else { panic!("there is no room") };
    airlock.resize("one", Some(7)).await?;

    let told = published();
    assert_eq!((told.gauge("held", name, MEMORY), told.gauge("waiting", name, MEMORY)), (4.0, 1.0));
    assert_eq!((told.gauge("resources", name, MEMORY), told.gauge("offered", name, MEMORY)), (2.0, 0.0));
    assert_eq!((told.gauge("limit", name, MEMORY), told.gauge("capacity", name, MEMORY)), (3.0, 10.0));

    drop(heavy);
    let told = published();
    assert_eq!((told.gauge("held", name, MEMORY), told.gauge("waiting", name, MEMORY)), (2.0, 0.0));
    assert_eq!(told.gauge("offered", name, MEMORY), 1.0);
    assert_eq!(told.count("offers", name, MEMORY), 1);

    let Standing::Offered(offer) = airlock.poll(&ticket.token).await? else { panic!("it is its turn") };
    let claimed = airlock.claim(&ticket.token, offer.nonce).await?;
    assert_eq!(published().gauge("offered", name, MEMORY), 0.0);
    airlock.resize("one", None).await?;
    drop((one, claimed));
    drop(airlock);
    let told = published();
    for gauge in ["held", "waiting", "offered", "resources", "capacity"] {
        assert_eq!(told.gauge(gauge, name, MEMORY), 0.0, "{gauge} of an airlock that is gone");
    }
    Ok(())
}

#[tokio::test]
async fn each_ending_is_counted_as_what_it_is() -> Result<(), Error> {
    let clock = TestClock::new();
    let name = "endings";
    let line = Line::new().presence(Duration::from_secs(9)).claim_window(Duration::from_secs(6));
    let airlock = on(&clock, name, Seal::lock()).line(line).build().expect("it works");
    let enters = |identity: &'static str| airlock.enter(Entrant::new(ROOM).identity(identity));
    let ended = |ending: &str| published().count("ended", name, &with(&format!("ending=\"{ending}\"")));

    let lapses = airlock.try_enter(ROOM).await?.detach().expect("it is held");
    clock.advance(Duration::from_secs(60));
    assert_eq!((ended("lapsed"), airlock.renew(&lapses).await.is_err()), (1, true));

    let inside = airlock.try_enter(ROOM).await?;
    let Entered::Queued(absent) = enters("ada").await? else { panic!("there is no room") };
    clock.advance(Duration::from_secs(9));
    let Entered::Queued(missing) = enters("bob").await? else { panic!("there is no room") };
    assert_eq!(ended("absent"), 1);
    inside.release().await?;
    clock.advance(Duration::from_secs(6));
    assert!(!airlock.leave(&missing.token).await?, "it is gone");
    assert!(!airlock.leave(&absent.token).await?, "it is gone");
    assert_eq!(ended("missed"), 1);

    let inside = airlock.try_enter(Entrant::new(ROOM).identity("cleo")).await?;
    assert_eq!(inside.is_lost(), None);
    assert!(airlock.try_enter(Entrant::new(ROOM).identity("cleo")).await.is_err());
    let Entered::Queued(leaves) = enters("dan").await? else { panic!("there is no room") };
    let Entered::Queued(other) = enters("dan").await? else { panic!("there is no room") };
    assert!(airlock.leave(&other.token).await? && !airlock.leave(&leaves.token).await?);
    airlock.evict(ROOM, Whom::Identity("cleo")).await?;
    let told = published();
    assert_eq!(told.count("refused", name, &with(r#"reason="duplicate""#)), 1);
    assert_eq!((ended("left"), ended("superseded"), ended("evicted")), (1, 1, 1));

    // Who had it knows of it, and says so when it goes.
    assert!(inside.is_lost().is_some());
    assert_eq!(published().count("lost", name, ""), 0);
    drop(inside);
    assert_eq!(published().count("lost", name, ""), 1);
    Ok(())
}

#[tokio::test]
async fn a_release_that_comes_too_late_is_a_loss() -> Result<(), Error> {
    let clock = TestClock::new();
    let airlock = on(&clock, "too late", Seal::lock().max_hold(Duration::from_secs(90))).build().expect("it works");
    let permit = airlock.try_enter(ROOM).await?;
    clock.advance(Duration::from_secs(90));
    assert!(matches!(permit.release().await, Err(Error::Lost(_))));
    assert_eq!(published().count("lost", "too late", ""), 1);
    Ok(())
}

#[tokio::test]
async fn whoever_misses_an_offer_may_be_put_at_the_back() -> Result<(), Error> {
    let clock = TestClock::new();
    let line = Line::new().on_missed(OnMissed::Requeue);
    let airlock = on(&clock, "requeued", Seal::lock()).line(line).build().expect("it works");
    let inside = airlock.try_enter(ROOM).await?;
    let Entered::Queued(_ticket) = airlock.enter(ROOM).await? else { panic!("there is no room") };
    drop(inside);
    clock.advance(Duration::from_secs(20));
    assert_eq!(published().count("requeued", "requeued", MEMORY), 1);
    Ok(())
}

#[tokio::test]
async fn the_switch_is_shown_and_who_meets_it_is_counted() -> Result<(), Error> {
    let airlock = Airlock::builder("switched").seal(Seal::lock()).metrics().build().expect("it works");
    let shown = |state: &str| published().gauge("switch", "switched", &with(&format!("state=\"{state}\"")));
    assert_eq!((shown("open"), shown("closed")), (1.0, 0.0));
    airlock.switch(Switch::closed()).await?;
    assert!(airlock.try_enter(ROOM).await.is_err());
    assert_eq!((shown("open"), shown("closed")), (0.0, 1.0));
    assert_eq!(published().count("refused", "switched", &with(r#"reason="closed""#)), 1);
    airlock.switch(Switch::drain()).await?;
    assert_eq!((shown("drain"), shown("closed"), shown("hold"), shown("bypass")), (1.0, 0.0, 0.0, 0.0));
    Ok(())
}

#[tokio::test]
async fn front_ends_count_whom_they_shed_and_would_refuse() {
    let airlock = Airlock::builder("front end").seal(Seal::lock()).metrics().build().expect("it works");
    airlock.report_shed();
    for name in [Reason::LineFull.name(), "shed", Reason::LineFull.name()] {
        airlock.report_would_refuse(ROOM, None, name);
    }
    let told = published();
    assert_eq!(told.count("shed", "front end", ""), 1);
    assert_eq!(told.count("would_refuse", "front end", r#",reason="line-full""#), 2);
    assert_eq!(told.count("would_refuse", "front end", r#",reason="shed""#), 1);
}

#[tokio::test]
async fn refusals_of_any_name_do_not_become_series_without_end() {
    let airlock = Airlock::builder("inventive").seal(Seal::lock()).metrics().build().expect("it works");
    for number in 0..100 {
        airlock.report_would_refuse(ROOM, None, format!("no {number}").leak());
    }
    let told = published();
    assert_eq!(told.count("would_refuse", "inventive", r#",reason="no 31""#), 1);
    assert_eq!(told.count("would_refuse", "inventive", r#",reason="other""#), 68);
}

#[tokio::test]
async fn a_session_is_one_admission_and_one_hold() -> Result<(), Error> {
    let clock = TestClock::new();
    let airlock = on(&clock, "session", Seal::lock()).on_reentry(OnReentry::Share).build().expect("it works");
    for _ in 0..3 {
        drop(airlock.try_enter(Entrant::new(ROOM).identity("ada")).await?);
    }
    clock.advance(Duration::from_secs(60));
    let told = published();
    assert_eq!(told.count("admitted", "session", MEMORY), 1);
    are_about(&told.spans("hold", "session", MEMORY), &[60.0]);
    Ok(())
}

#[tokio::test]
async fn whoever_waits_when_its_process_shuts_down_is_closed() -> Result<(), Error> {
    let airlock = Airlock::builder("shut down").seal(Seal::lock()).metrics().build().expect("it works");
    let permit = airlock.try_enter(ROOM).await?;
    let waits = airlock.acquire(ROOM).start();
    assert_eq!(airlock.shutdown(Duration::ZERO).await?, 1);
    drop((permit, waits));
    assert_eq!(published().count("ended", "shut down", &with(r#"ending="closed""#)), 2);
    Ok(())
}
