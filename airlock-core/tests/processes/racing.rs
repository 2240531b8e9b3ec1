//! Several processes want the same place at once.

use std::path::Path;

use airlock_core::gate::{Micros, Outcome, Stay};

use super::{Gates, NOW, Process, TTL, asked, say};
use crate::random;

const PROCESSES: u32 = 8;

/// Each line is a resource, a token and a time.
pub fn race<G: Gates>(place: &Path) {
    let mut gates = G::open(place);
    for line in asked() {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("three words");
        let (resource, token, now) = (word(), word().parse().expect("a number"), word().parse().expect("a time"));
        match gates.enter(resource, token, Stay::No, now) {
            Ok(Outcome::Admitted(grant)) => say(&grant.fence.to_string()),
            Ok(Outcome::Refused { .. }) => say("refused"),
            other => say(&format!("{other:?}")),
        }
    }
}

/// Who won, by fence. There is to be one.
fn round(racers: &mut [Process], resource: &str, first_token: u32, now: Micros) -> u64 {
    for (token, racer) in (first_token..).zip(racers.iter_mut()) {
        racer.ask(&format!("{resource} {token} {now}"));
    }
    let mut winners = Vec::new();
    for racer in racers {
        let answer = racer.answer().expect("it still runs");
        if answer != "refused" {
            winners.push(answer.parse().unwrap_or_else(|_| panic!("{resource}: {answer}")));
        }
    }
    assert!(winners.len() == 1, "the winners of {resource} are {winners:?}");
    winners[0]
}

/// RX-13: two or more take over one lock that has expired.
pub fn for_an_expired_lock<G: Gates>() {
    let place = tempfile::tempdir().expect("a place for it");
    let mut racers: Vec<_> = (0..PROCESSES).map(|_| Process::start("race", place.path())).collect();
    let mut gates = G::open(place.path());
    let mut last = 0;
    for number in 0..random::scaled(600) {
        // Exactly when the last one's lease is over, and not before.
        let now = NOW + number * TTL;
        let won = round(&mut racers, "expired", number as u32 * PROCESSES + 1, now);
        assert!(won > last, "fence {won} after {last}");
        last = won;
        assert_eq!(gates.look("expired", now + TTL - 1).expect("it is read"), (1, 0));
    }
}

/// RX-14: two or more make one lock that nobody has made before.
pub fn for_a_fresh_lock<G: Gates>() {
    let place = tempfile::tempdir().expect("a place for it");
    // Also what the gates are kept in is made by whoever comes first.
    let gates = place.path().join("gates");
    let mut racers: Vec<_> = (0..PROCESSES).map(|_| Process::start("race", &gates)).collect();
    for number in 0..random::scaled(600) {
        round(&mut racers, &format!("fresh-{number}"), 1, NOW);
    }
}
