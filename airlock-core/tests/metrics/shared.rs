//! On a store that several processes share.

use std::time::Duration;

use airlock_core::{Airlock, Builder, Entered, Error, Seal, Switch};

use crate::recorder::{are_about, published};
use crate::shelf::Shelf;

const ROOM: &str = "room";
const SHELF: &str = r#",store="shelf""#;

fn with(more: &str) -> String {
    format!("{SHELF},{more}")
}

fn on(shelf: &Shelf, name: &str) -> Builder {
    Airlock::builder(name).seal(Seal::lock().ttl(Duration::from_secs(60))).store(shelf.node()).metrics()
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_this_process_decides_is_counted_and_measured() -> Result<(), Error> {
    let (shelf, name) = (Shelf::default(), "shared");
    let airlock = on(&shelf, name).build().expect("it works");
    let inside = airlock.try_enter(ROOM).await?;
    assert!(airlock.try_enter(ROOM).await.is_err());
    let waits = tokio::spawn(airlock.acquire(ROOM).into_future());
    until(|| published().count("queued", name, SHELF) == 1).await;
    // Not so far that whoever waits counts as gone.
    shelf.clock().advance(Duration::from_secs(5));
    inside.release().await?;
    // It is told by its own process, which let it in.
    let permit = waits.await.expect("no panic")?;
    permit.release().await?;

    let told = published();
    assert_eq!(told.count("admitted", name, SHELF), 2);
    assert_eq!(told.count("refused", name, &with(r#"reason="full""#)), 1);
    assert_eq!(told.count("ended", name, &with(r#"ending="released""#)), 2);
    let woken = |by: &str| told.count("woken", name, &with(&format!("by=\"{by}\"")));
    assert_eq!(woken("push") + woken("asking"), 1);
    are_about(&told.spans("wait", name, SHELF), &[0.0, 5.0]);
    are_about(&told.spans("hold", name, SHELF), &[0.0, 5.0]);
    Ok(())
}

#[tokio::test]
async fn who_is_not_told_by_another_process_finds_out_by_asking() -> Result<(), Error> {
    let (shelf, name) = (Shelf::default(), "two nodes");
    // In one process here, so they count together.
    let (here, there) = (on(&shelf, name).build().expect("it works"), on(&shelf, name).build().expect("it works"));
    let inside = here.try_enter(ROOM).await?;
    let waits = tokio::spawn(there.acquire(ROOM).into_future());
    until(|| published().count("queued", name, SHELF) == 1).await;
    inside.release().await?;
    drop(waits.await.expect("no panic")?);
    let told = published();
    assert_eq!(told.count("woken", name, &with(r#"by="asking""#)), 1);
    assert_eq!(told.count("woken", name, &with(r#"by="push""#)), 0);
    Ok(())
}

#[tokio::test]
async fn each_call_is_measured_and_each_failure_counted() -> Result<(), Error> {
    let (shelf, name) = (Shelf::default(), "calls");
    let airlock = on(&shelf, name).build().expect("it works");
    airlock.try_enter(ROOM).await?.release().await?;
    until(|| {
        let calls = published().spans("store", name, SHELF).len();
        calls >= 2 && calls == shelf.calls()
    })
    .await;
    assert_eq!(published().count("store_failures", name, SHELF), 0);
    assert_eq!(published().count("unavailable", name, ""), 0);
    shelf.fails(true);
    assert!(matches!(airlock.try_enter(ROOM).await, Err(Error::Unavailable(_))));
    assert!(published().count("store_failures", name, SHELF) >= 1);
    assert_eq!(published().count("unavailable", name, ""), 1);
    Ok(())
}

#[tokio::test]
async fn the_store_is_looked_at_by_itself() -> Result<(), Error> {
    let (shelf, name) = (Shelf::default(), "looked at");
    let airlock = on(&shelf, name).build().expect("it works");
    // Nothing is known before it was looked at, and nothing is made up.
    assert_eq!(published().shown(&format!("airlock_held{{airlock=\"{name}\"{SHELF}}}")), None);
    let shows = |gauge: &'static str, value: f64| {
        move || published().shown(&format!("airlock_{gauge}{{airlock=\"{name}\"{SHELF}}}")) == Some(value)
    };
    let inside = airlock.try_enter(ROOM).await?;
    let Entered::Queued(_ticket) = airlock.enter(ROOM).await? else { panic!("there is no room") };
    airlock.resize(ROOM, Some(0)).await?;
    until(shows("held", 1.0)).await;
    until(shows("waiting", 1.0)).await;
    until(shows("capacity", 0.0)).await;
    assert_eq!(published().gauge("limit", name, SHELF), 1.0);
    airlock.resize(ROOM, None).await?;
    inside.release().await?;
    until(shows("offered", 1.0)).await;
    until(shows("capacity", 1.0)).await;
    // What another process sets is shown when this one goes by it.
    let other = on(&shelf, name).build().expect("it works");
    other.switch(Switch::hold()).await?;
    until(|| published().gauge("switch", name, &with(r#"state="hold""#)) == 1.0).await;
    drop((airlock, other));
    until(shows("held", 0.0)).await;
    Ok(())
}

/// A store forgets which resources were in use when nobody has named them for a while.
#[tokio::test]
async fn who_only_looks_does_not_keep_what_is_not_in_use() -> Result<(), Error> {
    let shelf = Shelf::default();
    let airlock = on(&shelf, "looks only").build().expect("it works");
    let inside = airlock.try_enter(ROOM).await?;
    until(|| shelf.listed().0 >= 2).await;
    inside.release().await?;
    let surveys = |more: usize| {
        let so_far = shelf.listed().1;
        let shelf = shelf.clone();
        async move { until(|| shelf.listed().1 >= so_far + more).await }
    };
    // What was used until now is named once more.
    surveys(2).await;
    let before = shelf.listed().0;
    surveys(5).await;
    assert_eq!(shelf.listed().0, before);
    Ok(())
}
