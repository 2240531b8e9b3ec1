//! A place that is lost while the command runs.

use std::time::Instant;

use crate::place::{PATIENCE, Place};

#[test]
fn the_command_is_told_to_end() {
    for place in Place::all() {
        let mut running = place.inside(&["--ttl", "2s", "--grace", "1h"]);
        place.evict(running.fence);
        assert_eq!(running.next(), "TERM", "{}", place.store);
        // Whatever it ends with then.
        running.end_with(0);
        let (code, said) = running.outcome();
        assert_eq!(code, Some(79), "{said}");
        assert!(said.contains("airlock-run: job: the lease is lost") && said.contains("told to end"), "{said}");
    }
}

#[test]
fn a_command_that_does_not_end_is_killed() {
    let place = Place::file();
    let running = place.inside(&["--ttl", "2s", "--grace", "100ms"]);
    place.evict(running.fence);
    assert_eq!(running.next(), "TERM");
    let (code, said) = running.outcome();
    assert_eq!(code, Some(79), "{said}");
    assert!(said.contains("does not end and is killed"), "{said}");
}

/// A store that is away renews nothing: after the ttl nobody can know that the place is still ours.
#[test]
fn a_store_that_stays_away_is_a_lost_place() {
    let mut place = Place::redis();
    let mut running = place.inside(&["--ttl", "2s", "--grace", "1h"]);
    place.redis.as_mut().expect("a server").kill();
    let away = Instant::now();
    assert_eq!(running.next(), "TERM");
    assert!(away.elapsed() < PATIENCE);
    running.end_with(0);
    let (code, said) = running.outcome();
    assert_eq!(code, Some(79), "{said}");
}

/// A store that comes back in time costs nothing.
#[test]
fn a_command_that_ends_while_the_store_is_away_has_ended_well() {
    let mut place = Place::redis();
    let mut running = place.inside(&["--ttl", "1h"]);
    place.redis.as_mut().expect("a server").kill();
    running.end_with(5);
    let (code, said) = running.outcome();
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("the place is free after 3600s at the latest"), "{said}");
}
