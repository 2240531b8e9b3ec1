//! What the cleaner removes, and what it must not.

use std::fs;
use std::time::{Duration, Instant};

use airlock_core::clock::TestClock;
use airlock_core::gate::{Conditions, Key, NEVER, RETRY_HORIZON, Setting, Stay, SwitchState, Verb};
use airlock_core::store::FileStore;
use tempfile::TempDir;

use crate::ask::secret;
use crate::gates::{NOW, TTL, ask, enter, look, release};

const HOUR: Duration = Duration::from_secs(3600);

fn store() -> (TempDir, TestClock, FileStore) {
    let (place, clock) = (tempfile::tempdir().expect("a place for it"), TestClock::new());
    let store = FileStore::with_clock(place.path(), &clock).expect("it can be made");
    (place, clock, store)
}

fn until(clock: &TestClock, store: &FileStore, micros: u64) {
    clock.advance(Duration::from_micros(micros - store.folder().now()));
}

/// How many were removed, and how many kept.
fn clean(store: &FileStore, age: Duration) -> (usize, usize) {
    let cleaned = store.cleaner().older_than(age).clean().expect("it can be read");
    assert!(cleaned.failed.is_empty(), "{:?}", cleaned.failed);
    (cleaned.removed, cleaned.kept)
}

#[test]
fn what_is_live_stays() {
    let (_place, clock, store) = store();
    let folder = store.folder();
    let lasting = [
        ("held", enter(1, Stay::No), TTL),
        ("spent", Verb::GiveUp { key: Key::Token(secret(9)), doubt: true }, RETRY_HORIZON),
        ("closed", Verb::Switch { state: Some(SwitchState::Closed), reopen_in: Some(2 * TTL), because: None }, 2 * TTL),
    ];
    for (resource, verb, _) in lasting {
        ask(folder, resource, verb, NOW).expect("it is written");
    }
    for (resource, verb) in [
        ("resized", Verb::Resize { limit: Some(3) }),
        ("held for ever", Verb::Switch { state: Some(SwitchState::Hold), reopen_in: None, because: None }),
    ] {
        ask(folder, resource, verb, NOW).expect("it is written");
    }
    let mut left = 5;
    for end in [TTL, RETRY_HORIZON] {
        until(&clock, &store, NOW + end - 1);
        assert_eq!(clean(&store, Duration::ZERO), (0, left));
        until(&clock, &store, NOW + end);
        let over = lasting.iter().filter(|(_, _, lasts)| *lasts == end).count();
        assert_eq!(clean(&store, Duration::ZERO), (over, left - over));
        left -= over;
    }
    clock.advance(1000 * HOUR);
    assert_eq!(clean(&store, Duration::ZERO), (0, 2), "what an operator has set without an end");
}

#[test]
fn what_is_over_goes_when_it_is_old_enough() {
    let (_place, clock, store) = store();
    let folder = store.folder();
    ask(folder, "a", enter(1, Stay::No), NOW).expect("it is free");
    ask(folder, "a", release(1), NOW + 1).expect("it is inside");
    // What nodes are agreed on lasts for a lease.
    until(&clock, &store, NOW + 1 + TTL + 3_600_000_000 - 1);
    assert_eq!(clean(&store, HOUR), (0, 1));
    clock.advance(Duration::from_micros(1));
    assert_eq!(clean(&store, HOUR), (1, 0));
    assert_eq!(clean(&store, HOUR), (0, 0));
}

/// G2: a fence is higher than every one before it, though nothing is left of that gate.
#[test]
fn g02_fences_grow_across_a_removal() {
    let (_place, clock, store) = store();
    let folder = store.folder();
    let fence = |decided: airlock_core::gate::Decided| match decided.answer.outcome {
        airlock_core::gate::Outcome::Admitted(grant) => grant.fence,
        other => panic!("{other:?}"),
    };
    let mut last = 0;
    // So many in a microsecond that the numbers are ahead of the clock.
    for token in 1..=50 {
        last = fence(ask(folder, "a", enter(token, Stay::No), NOW).expect("it is free"));
        ask(folder, "a", release(token), NOW).expect("it is inside");
    }
    assert!(last > NOW);
    until(&clock, &store, last + TTL + 1);
    assert_eq!(clean(&store, Duration::ZERO), (1, 0));
    assert!(fence(ask(folder, "a", enter(99, Stay::No), folder.now()).expect("it is free")) > last);
}

#[test]
fn settings_stay_until_they_are_over() {
    let (_place, clock, store) = store();
    let folder = store.folder();
    let held = Setting { state: SwitchState::Hold, until: NOW + 10, because: None };
    let normal = Conditions::default();
    let set = Conditions { switch: held, unwell_until: NOW + 20, forced: false };
    assert!(folder.swap_conditions("a", &normal, &set).expect("it is written"));
    let endless = Setting { state: SwitchState::Hold, until: NEVER, because: None };
    let endless = Conditions { switch: endless, unwell_until: 0, forced: false };
    assert!(folder.swap_conditions("b", &normal, &endless).expect("it is written"));
    until(&clock, &store, NOW + 19);
    assert_eq!(clean(&store, Duration::ZERO), (0, 2));
    until(&clock, &store, NOW + 20);
    assert_eq!(clean(&store, Duration::ZERO), (1, 1));
    assert_eq!(folder.conditions("a").expect("nothing is set"), normal);
    assert_eq!(folder.conditions("b").expect("it is read"), endless);
}

#[test]
fn nothing_else_is_touched() {
    let (place, clock, store) = store();
    let folder = store.folder();
    ask(folder, "a", enter(1, Stay::No), NOW).expect("it is free");
    let gate = folder.path_of("jobs", "a");
    let damaged = folder.path_of("jobs", "damaged");
    let leftover = format!("{}.new", folder.path_of("jobs", "b").display());
    for (path, text) in [
        (place.path().join("notes.txt"), "mine"),
        (place.path().join("notes.gate"), "mine"),
        (place.path().join("notes.new"), "mine"),
        (damaged.clone(), "airlock-gate 1 "),
        (leftover.clone().into(), "airlock-ga"),
    ] {
        fs::write(path, text).expect("it can be written");
    }
    clock.advance(1000 * HOUR);
    let cleaned = store.cleaner().clean().expect("it can be read");
    assert_eq!((cleaned.removed, cleaned.kept, cleaned.leftovers), (1, 0, 1));
    assert!(!gate.exists() && damaged.exists() && !fs::exists(leftover).expect("it can be looked at"));
    let [failed] = &cleaned.failed[..] else { panic!("{:?}", cleaned.failed) };
    assert!(failed.to_string().starts_with(&damaged.display().to_string()), "{failed}");
    for mine in ["notes.txt", "notes.gate", "notes.new"] {
        assert!(place.path().join(mine).exists(), "{mine}");
    }
}

/// Who takes a place while the cleaner is at work has it, however they come together.
#[test]
fn no_place_is_lost_to_a_cleaner() {
    let (_place, clock, store) = store();
    let folder = store.folder();
    let cleaning = store.cleaner().older_than(Duration::ZERO).every(Duration::from_nanos(1)).expect("it starts");
    for token in 1..=300 {
        let decided = ask(folder, "a", enter(token, Stay::No), folder.now()).expect("it works");
        assert!(matches!(decided.answer.outcome, airlock_core::gate::Outcome::Admitted(_)), "{decided:?}");
        assert_eq!(look(folder, "a", folder.now()).expect("it works"), (1, 0));
        // All of it is over from here on.
        clock.advance(Duration::from_micros(2 * TTL));
    }
    drop(cleaning);
}

#[test]
fn it_cleans_now_and_then() {
    let (_place, clock, store) = store();
    let folder = store.folder();
    let cleaning = store.cleaner().older_than(HOUR).every(Duration::from_millis(1)).expect("it starts");
    let started = Instant::now();
    for token in 1..=3 {
        ask(folder, "a", enter(token, Stay::No), folder.now()).expect("it works");
        clock.advance(2 * HOUR);
        while folder.path_of("jobs", "a").exists() {
            assert!(started.elapsed() < Duration::from_secs(30), "it does not clean");
            std::thread::yield_now();
        }
    }
    drop(cleaning);
}
