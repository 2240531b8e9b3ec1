//! Processes that are killed while they write.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use airlock_core::gate::{Micros, Outcome, Stay};

use super::{Gates, Process, TTL, say};
use crate::random::{self, Random};

const GATES: [&str; 3] = ["one", "two", "three"];

#[expect(clippy::disallowed_methods, reason = "this is the clock of stores that several processes share")]
fn now() -> Micros {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_micros() as Micros
}

/// Enters and leaves as fast as it can, for ever; says each fence once it is let in.
pub fn write<G: Gates>(place: &Path) {
    let mut gates = G::open(place);
    let first = std::process::id() * 16;
    loop {
        for (token, gate) in (first..).zip(GATES) {
            // Whoever was killed before is over by then, and who is not is in the way.
            let entered = gates.enter(gate, token, Stay::Away, now()).expect("it is never damaged");
            if let Outcome::Admitted(grant) = entered {
                say(&format!("{gate} {}", grant.fence));
            }
            gates.release(gate, token, now()).expect("it is never damaged");
        }
    }
}

/// Two at a time, so that one writes while the other is killed; 200 times. `look` looks at what is left, each time when
/// it has been opened again.
pub fn while_they_write<G: Gates>(place: &Path, mut look: impl FnMut(&str)) {
    let seed = random::seed();
    let mut random = Random::new(seed);
    let mut last = [0; GATES.len()];
    for round in 0..random::scaled(200) {
        let mut writers = [Process::start("write", place), Process::start("write", place)];
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
        // Opened anew, as by the next process.
        let mut next = G::open(place);
        look(&format!("AIRLOCK_SEED={seed}, round {round}"));
        for (gate, last) in GATES.iter().zip(&mut last) {
            let now = now();
            let (inside, _) = next.look(gate, now).unwrap_or_else(|error| panic!("AIRLOCK_SEED={seed}: {error}"));
            assert!(inside <= 1, "AIRLOCK_SEED={seed}: {inside} in {gate}");
            // What was said to be so is so, and nobody is inside any longer than its lease.
            let later = now + TTL;
            assert_eq!(next.look(gate, later).expect("it is read"), (0, 0), "AIRLOCK_SEED={seed}: {gate}");
            let entered = next.enter(gate, 7, Stay::No, later).expect("it is read");
            let Outcome::Admitted(grant) = entered else { panic!("AIRLOCK_SEED={seed}: {entered:?} in {gate}") };
            assert!(grant.fence > *last, "AIRLOCK_SEED={seed}: fence {} after {last}", grant.fence);
            next.release(gate, 7, later).expect("it is read");
            // The clock of this test is ahead of the others': they go on from the last number.
            *last = grant.fence;
        }
    }
}
