//! Who is counted, under which names; and recorders that do not do what they should.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use airlock_core::metrics::{publish, publish_every};
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, Entrant, Error, Seal};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::recorder::{published, told};

const MEMORY: &str = r#",store="memory""#;

#[tokio::test]
async fn an_airlock_counts_when_it_is_told_to() -> Result<(), Error> {
    let airlock = Airlock::builder("not counted").seal(Seal::lock()).build().expect("it works");
    drop(airlock.try_enter("room").await?);
    assert_eq!(published().series("not counted"), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn airlocks_of_one_name_count_together_whichever_is_told_to() -> Result<(), Error> {
    let store = MemoryStore::new();
    let open = || Airlock::builder("twins").seal(Seal::semaphore(9)).store(store.clone());
    // They have their gates in common.
    let one = open().build().expect("it works");
    drop(one.try_enter("room").await?);
    let other = open().metrics().build().expect("it works");
    let _inside = (one.try_enter("room").await?, other.try_enter("room").await?);
    // This one has gates of its own.
    let third = Airlock::builder("twins").seal(Seal::semaphore(9)).metrics().build().expect("it works");
    let _there = third.try_enter("room").await?;
    let told = published();
    assert_eq!(told.count("admitted", "twins", MEMORY), 3, "from when on it is told to");
    assert_eq!(told.gauge("held", "twins", MEMORY), 3.0);
    Ok(())
}

#[tokio::test]
async fn a_counter_goes_on_when_its_airlock_is_made_anew() -> Result<(), Error> {
    for count in 1..4 {
        let airlock = Airlock::builder("anew").seal(Seal::lock()).metrics().build().expect("it works");
        drop(airlock.try_enter("room").await?);
        assert_eq!(published().count("admitted", "anew", MEMORY), count);
    }
    Ok(())
}

#[tokio::test]
async fn nobodys_name_is_in_a_label_however_many_come() -> Result<(), Error> {
    let airlock = Airlock::builder("crowd").seal(Seal::lock()).metrics().build().expect("it works");
    let before = published().series("crowd").len();
    for number in 0..1000 {
        let (room, identity) = (format!("tenant-{number}"), format!("visitor-{number}"));
        let entrant = || Entrant::new(room.as_str()).identity(identity.as_str()).group("of-some-group");
        let permit = airlock.try_enter(entrant()).await?;
        assert!(airlock.try_enter(entrant()).await.is_err());
        assert!(airlock.try_enter(room.as_str()).await.is_err());
        drop(permit);
    }
    let told = published();
    let after = told.series("crowd");
    // Only spans had nothing to show before.
    assert!(after.len() <= before + 2 && after.len() < 60, "{after:#?}");
    for series in &after {
        assert!(["tenant-", "visitor-", "group-of"].iter().all(|name| !series.contains(name)), "{series}");
    }
    Ok(())
}

#[tokio::test]
async fn all_that_is_published_is_documented_with_its_labels() {
    // Whatever other tests have brought about so far is looked at as well.
    let page = include_str!("../../src/metrics/mod.rs");
    let told = published();
    let units = told.units();
    let documented: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("//! | `airlock_")?.split('`').next()).collect();
    assert_eq!(documented.len(), units.len(), "{documented:?} and {units:?}");
    for (name, unit) in &units {
        let short = name.strip_prefix("airlock_").expect("all are the airlock's");
        assert!(documented.contains(short), "{name} is not documented");
        assert_eq!(*unit, Some(if name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count }), "{name}");
    }
    for series in told.all() {
        let (name, labels) = series.trim_end_matches('}').split_once('{').expect("all have labels");
        let line = page.lines().find(|line| line.starts_with(&format!("//! | `{name}` |")));
        let cells = line.unwrap_or_else(|| panic!("{name} is not documented")).split('|').nth(2).expect("labels");
        let documented: Vec<&str> = cells.split(',').map(|cell| cell.trim().trim_matches('`')).collect();
        let labels: Vec<&str> = labels.split("\",").map(|label| label.split('=').next().expect("a name")).collect();
        assert_eq!(labels, documented, "{series}");
    }
}

/// Panics at everything that it is told about one airlock, and at every description.
struct Broken;

impl Recorder for Broken {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("a recorder");
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("a recorder");
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("a recorder");
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        with_told(key, |told| told.register_counter(key, metadata))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        with_told(key, |told| told.register_gauge(key, metadata))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        with_told(key, |told| told.register_histogram(key, metadata))
    }
}

/// Other airlocks are other tests'.
fn with_told<T>(key: &Key, register: impl FnOnce(&dyn Recorder) -> T) -> T {
    let is_here = key.labels().any(|label| label.value() == "broken");
    assert!(!is_here, "a recorder");
    register(told())
}

#[tokio::test]
async fn a_recorder_that_panics_is_in_nobodys_way() -> Result<(), Error> {
    let airlock = Airlock::builder("broken").seal(Seal::lock()).metrics().build().expect("it works");
    let permit = airlock.try_enter("room").await?;
    for _ in 0..3 {
        let brought = catch_unwind(AssertUnwindSafe(|| metrics::with_local_recorder(&Broken, publish)));
        assert!(brought.is_ok(), "whoever publishes does not hear of it");
        assert!(airlock.try_enter("room").await.is_err());
    }
    drop(permit);
    drop(airlock.try_enter("room").await?);
    // Another recorder has it all.
    let told = published();
    assert_eq!(told.count("admitted", "broken", MEMORY), 2);
    assert_eq!(told.count("refused", "broken", &format!(r#"{MEMORY},reason="full""#)), 3);
    assert_eq!(told.spans("wait", "broken", MEMORY).len(), 2);
    Ok(())
}

#[test]
fn a_thread_publishes_until_nobody_wants_it_any_more() {
    // Not before there is somebody to tell.
    published();
    let airlock = Airlock::builder("by a thread").seal(Seal::lock()).metrics().build().expect("it works");
    airlock.report_shed();
    let publishing = publish_every(Duration::from_millis(1)).expect("a thread");
    let told = told();
    let series = r#"airlock_shed_total{airlock="by a thread"}"#;
    for count in 1..4 {
        while told.counted(series) != Some(count) {
            std::thread::yield_now();
        }
        airlock.report_shed();
    }
    drop(publishing);
    assert!(publish_every(Duration::ZERO).is_err());
}
