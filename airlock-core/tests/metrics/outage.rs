//! While a store is away, and while an operator says that it does not matter.

use std::time::Duration;

use airlock_core::store::{Fallback, GrantedBy};
use airlock_core::{Airlock, Error, Seal};

use crate::recorder::published;
use crate::shelf::{Node, Shelf};

const ROOM: &str = "room";

/// An airlock whose store is away from the first failure on.
fn on(shelf: &Shelf, name: &str, policy: impl FnOnce(Fallback<Node>) -> Fallback<Node>) -> Airlock {
    let store = Fallback::new(shelf.node()).threshold(1).reset_after(Duration::from_secs(30)).clock(shelf.clock());
    let airlock = Airlock::builder(name).seal(Seal::semaphore(5)).store(policy(store));
    airlock.metrics().build().expect("it works")
}

#[tokio::test]
async fn an_outage_is_shown_while_it_lasts() -> Result<(), Error> {
    let (shelf, name) = (Shelf::default(), "an outage");
    let airlock = on(&shelf, name, Fallback::refuse);
    let breakers = |state: &str| published().gauge("breakers", name, &format!(",state=\"{state}\""));
    let failovers = |kind: &str| published().count("failovers", name, &format!(",kind=\"{kind}\""));
    airlock.try_enter(ROOM).await?.release().await?;
    assert_eq!((breakers("open"), breakers("half-open"), failovers("over")), (0.0, 0.0, 0));
    shelf.fails(true);
    for _ in 0..3 {
        assert!(matches!(airlock.try_enter(ROOM).await, Err(Error::Unavailable(_))));
    }
    assert_eq!((breakers("open"), failovers("over"), failovers("back")), (1.0, 1, 0));
    assert_eq!(published().count("unavailable", name, ""), 3, "whether or not it was asked");
    shelf.fails(false);
    shelf.clock().advance(Duration::from_secs(40));
    assert_eq!((breakers("open"), breakers("half-open")), (0.0, 1.0));
    for _ in 0..3 {
        airlock.try_enter(ROOM).await?.release().await?;
    }
    assert_eq!((breakers("open"), breakers("half-open"), failovers("over"), failovers("back")), (0.0, 0.0, 1, 1));
    Ok(())
}

#[tokio::test]
async fn who_is_let_in_meanwhile_is_counted_by_who_decided() -> Result<(), Error> {
    let (shelf, nobody, local) = (Shelf::default(), "let in by nobody", "let in by memory");
    let (by_nobody, by_memory) = (on(&shelf, nobody, Fallback::admit), on(&shelf, local, |store| store.local(1)));
    shelf.fails(true);
    assert_eq!(by_nobody.try_enter(ROOM).await?.granted_by(), GrantedBy::Nobody);
    let _inside = by_memory.try_enter(ROOM).await?;
    assert!(by_memory.try_enter(ROOM).await.is_err_and(|error| error.is_busy()));

    let told = published();
    assert_eq!(told.count("admitted_unasked", nobody, ""), 1);
    assert_eq!(told.count("admitted", nobody, r#",store="shelf""#), 0);
    assert_eq!(told.count("admitted_unasked", local, ""), 0);
    assert_eq!(told.count("admitted", local, r#",store="shelf""#), 0);
    assert_eq!(told.count("admitted", local, r#",store="memory""#), 1);
    assert_eq!(told.count("refused", local, r#",store="memory",reason="full""#), 1);
    assert_eq!(told.gauge("held", local, r#",store="memory""#), 1.0);
    Ok(())
}

#[tokio::test]
async fn an_emergency_is_counted_apart() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("switch");
    for (name, said, refused, admitted) in [("shut", "shut = closed", 1, 0), ("wide open", "wide open = bypass", 0, 1)]
    {
        std::fs::write(&file, said).expect("there is room");
        let airlock = Airlock::builder(name).seal(Seal::lock()).emergency_file(&file).metrics();
        let airlock = airlock.build().expect("it works");
        assert_eq!(u64::from(airlock.try_enter(ROOM).await.is_ok()), admitted);
        let told = published();
        assert_eq!(told.count("emergency_refused", name, ""), refused);
        assert_eq!(told.count("admitted_unasked", name, ""), admitted);
        assert_eq!(told.count("admitted", name, r#",store="memory""#), 0);
    }
    Ok(())
}
