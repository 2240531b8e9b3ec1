//! Processes that are killed while they write.

use std::fs;
use std::path::Path;

use airlock_core::gate::{Outcome, Stay};
use airlock_core::store::FileStore;

use crate::gates::{TTL, ask, enter, look, open, release};
use crate::processes::{Process, say};
use crate::random::{self, Random};

const GATES: [&str; 3] = ["one", "two", "three"];

/// Enters and leaves as fast as it can, for ever; says each fence once it is let in.
pub fn write(place: &Path) {
    let folder = open(place);
    let first = std::process::id() * 16;
    loop {
        for (token, gate) in (first..).zip(GATES) {
            // Whoever was killed before is over by then, and who is not is in the way.
            let entered = ask(&folder, gate, enter(token, Stay::Away), folder.now()).expect("it is never damaged");
            if let Outcome::Admitted(grant) = entered.answer.outcome {
                say(&format!("{gate} {}", grant.fence));
            }
            ask(&folder, gate, release(token), folder.now()).expect("it is never damaged");
        }
    }
}

/// Two at a time, so that one writes while the other is killed.
#[test]
fn who_is_killed_leaves_the_gate_whole() {
    let seed = random::seed();
    let mut random = Random::new(seed);
    let place = tempfile::tempdir().expect("a place for it");
    let store = FileStore::open(place.path()).expect("it can be made");
    let folder = store.folder();
    let mut last = [0; GATES.len()];
    let mut leftovers = 0;
    for round in 0..random::scaled(200) {
        let mut writers = [Process::start("write", place.path()), Process::start("write", place.path())];
        for said in 0..=random.below(20) {
            let line = writers[said as usize % 2].answer();
            // It may have found the others in its way all the time.
            let Some(line) = line else { panic!("AIRLOCK_SEED={seed}, round {round}: it ended by itself") };
            let (gate, fence) = line.split_once(' ').expect("two words");
            let gate = GATES.iter().position(|known| *known == gate).expect("one of three");
            last[gate] = fence.parse::<u64>().expect("a fence").max(last[gate]);
        }
        // Somewhere in what it does next.
        for _ in 0..random.below(200_000) {
            std::hint::spin_loop();
        }
        writers.into_iter().for_each(Process::kill);
        leftovers += fs::read_dir(place.path())
            .expect("it is there")
            .filter(|file| file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|end| end == "new")))
            .count();
        // Opened anew, as by the next process.
        let next = open(place.path());
        for (gate, last) in GATES.iter().zip(&mut last) {
            let now = next.now();
            let (inside, _) = look(&next, gate, now).unwrap_or_else(|error| panic!("AIRLOCK_SEED={seed}: {error}"));
            assert!(inside <= 1, "AIRLOCK_SEED={seed}: {inside} in {gate}");
            // What was said to be so is so, and nobody is inside any longer than its lease.
            let later = now + TTL;
            assert_eq!(look(&next, gate, later).expect("it is read"), (0, 0), "AIRLOCK_SEED={seed}: {gate}");
            let entered = ask(&next, gate, enter(7, Stay::No), later).expect("it is read").answer.outcome;
            let Outcome::Admitted(grant) = entered else { panic!("AIRLOCK_SEED={seed}: {entered:?} in {gate}") };
            assert!(grant.fence > *last, "AIRLOCK_SEED={seed}: fence {} after {last}", grant.fence);
            ask(&next, gate, release(7), later).expect("it is read");
            // The clock of this test is ahead of the others': they go on from the last number.
            *last = grant.fence;
        }
    }
    let cleaned = store.cleaner().clean().expect("it is read");
    println!("{leftovers} times something was left half-written");
    assert!(cleaned.failed.is_empty(), "{:?}", cleaned.failed);
    let left = fs::read_dir(folder.path()).expect("it is there");
    let names: Vec<_> = left.map(|file| file.expect("it is there").file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".new")), "{names:?}");
}
