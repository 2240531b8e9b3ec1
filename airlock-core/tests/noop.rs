//! A store for tests of other people's code.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::gate::{Denial, Stay};
use airlock_core::observer::{Event, EventKind};
use airlock_core::store::NoopStore;
use airlock_core::{Airlock, Builder, Door, Entered, Entrant, Error, Rate, Reason, Seal, Switch, Whom};

fn airlock(store: &NoopStore) -> Airlock {
    build(Airlock::builder("imports").seal(Seal::lock()), store)
}

fn build(builder: Builder, store: &NoopStore) -> Airlock {
    builder.store(store.clone()).build().expect("it is valid")
}

fn reason<T: std::fmt::Debug>(result: Result<T, Error>) -> Reason {
    result.expect_err("it is shut").refusal().expect("a refusal").reason
}

#[tokio::test]
async fn open_lets_everybody_in() -> Result<(), Error> {
    let store = NoopStore::open();
    let airlock = airlock(&store);
    airlock.switch(Switch::closed()).await?;
    airlock.switch_resource("a", Some(Switch::hold())).await?;
    airlock.resize("a", Some(0)).await?;
    airlock.report_health(0.0).await?;
    let mut last = 0;
    let mut permits = Vec::new();
    for _ in 0..3 {
        for permit in [
            airlock.try_enter(Entrant::new("a").identity("ada")).await?,
            airlock.acquire("a").timeout(Duration::ZERO).await?,
        ] {
            assert!(permit.fence() > last, "fence {} after {last}", permit.fence());
            last = permit.fence();
            permits.push(permit);
        }
        let Entered::Admitted(permit) = airlock.enter("a").await? else { panic!("it is open") };
        last = permit.fence();
        permits.push(permit);
    }
    assert_eq!(airlock.inspect("a").await?.in_use, 9);
    permits.truncate(2);
    assert_eq!(airlock.inspect("a").await?.in_use, 2);

    // They are real.
    let (kept, evicted) = (permits.remove(0), permits.remove(0));
    kept.renew().await?;
    let token = kept.detach().expect("it is held");
    airlock.renew(&token).await?;
    airlock.release(&token).await?;
    assert!(airlock.release(&token).await.is_err());
    assert!(airlock.evict("a", Whom::Fence(evicted.fence())).await?);
    evicted.lost().await;
    Ok(())
}

#[tokio::test]
async fn a_rate_never_ends() -> Result<(), Error> {
    let cooldown = Airlock::builder("code").seal(Seal::rate(Rate::per_hour(1)));
    let airlock = build(cooldown, &NoopStore::open());
    for _ in 0..5 {
        drop(airlock.try_enter("ada").await?);
    }
    Ok(())
}

#[tokio::test]
async fn shut_refuses_everybody_at_once() {
    let store = NoopStore::shut();
    let airlock = airlock(&store);
    assert_eq!(reason(airlock.try_enter("a").await), Reason::Full);
    assert_eq!(reason(airlock.acquire("a").await), Reason::Full);
    assert_eq!(reason(airlock.enter("a").await), Reason::Full);
    assert_eq!(store.asked().len(), 3);
    let closed = build(Airlock::builder("b").seal(Seal::lock()), &NoopStore::refusing(Denial::Closed));
    assert_eq!(reason(closed.try_enter("a").await), Reason::Closed);
    assert!(matches!(closed.door("a").await, Ok(Door::Closed { .. })));
    assert_eq!(airlock.door("a").await.ok(), Some(Door::Open));
}

#[tokio::test]
async fn it_writes_down_what_was_asked() -> Result<(), Error> {
    let store = NoopStore::open();
    let (imports, exports) = (airlock(&store), build(Airlock::builder("exports").seal(Seal::semaphore(9)), &store));
    let _first = imports.try_enter(Entrant::new("a").identity("ada").group("red")).await?;
    let _second = exports.acquire(Entrant::new("b").weight(3)).await?;
    assert!(exports.try_enter(Entrant::new("b").weight(10)).await.is_err(), "it could never enter anywhere");
    let asked = store.asked();
    let [first, second] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((&*first.airlock, &*first.resource, first.weight, first.stay), ("imports", "a", 1, Stay::No));
    assert_eq!((first.identity.as_deref(), first.group.as_deref()), (Some("ada"), Some("red")));
    assert_eq!((&*second.airlock, &*second.resource, second.weight, second.stay), ("exports", "b", 3, Stay::Here));
    assert_eq!((second.identity.as_deref(), second.group.as_deref()), (None, None));
    Ok(())
}

#[tokio::test]
async fn observers_are_told() -> Result<(), Error> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let builder = |seen: &Arc<Mutex<Vec<EventKind>>>| {
        let seen = seen.clone();
        let tell = move |event: &Event<'_>| seen.lock().expect("no panic under it").push(event.kind);
        Airlock::builder("imports").seal(Seal::lock()).observer(tell)
    };
    drop(build(builder(&seen), &NoopStore::open()).try_enter("a").await?);
    let shut = build(builder(&seen), &NoopStore::refusing(Denial::Limited));
    assert_eq!(reason(shut.try_enter("a").await), Reason::Limited);
    let seen = seen.lock().expect("no panic under it");
    let [EventKind::Admitted, EventKind::Ended(_), EventKind::Refused(Denial::Limited)] = seen[..] else {
        panic!("{seen:?}")
    };
    Ok(())
}
