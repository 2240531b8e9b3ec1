//! Presence, positions and expected waits (G9, G12).

use std::time::Duration;

use super::Subject;
use super::bench::{Bench, MICRO, ROOM, builder, lock, person, secs, semaphore};
use crate::admission::Priority;
use crate::gate::Whom;
use crate::{Line, Standing, Ticket};

/// G9: a waiter that is away stays for its presence after it last asked, and not a microsecond longer.
pub async fn g09_presence_is_moved_by_asking(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).line(Line::new().presence(secs(30)))).await;
    let _inside = bench.inside(ROOM).await;
    let stays = bench.queued(ROOM).await;
    let silent = bench.queued(ROOM).await;
    subject.advance(secs(30) - MICRO).await;
    assert_eq!(bench.still_waiting(&stays).await, 1);
    assert_eq!(bench.inspect().await.waiting, 2);
    subject.advance(MICRO).await;
    assert_eq!(bench.inspect().await.waiting, 1);
    bench.gone(&silent).await;
    subject.advance(secs(30) - MICRO - MICRO).await;
    assert_eq!(bench.still_waiting(&stays).await, 1);
}

/// G9: looking at a place does not count as being there.
pub async fn g09_looking_is_not_presence(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let _inside = bench.inside(ROOM).await;
    let ticket = bench.queued(ROOM).await;
    for _ in 0..3 {
        subject.advance(secs(10) - MICRO).await;
        let place = bench.airlock.position(&ticket.token).await.expect("a store that works");
        assert_eq!(place.map(|place| place.position), Some(1));
    }
    subject.advance(3 * MICRO).await;
    assert_eq!(bench.airlock.position(&ticket.token).await.expect("a store that works"), None);
    bench.gone(&ticket).await;
}

/// G9: an absent waiter is never chosen, wherever in the line it is.
pub async fn g09_the_absent_are_never_chosen(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    let inside = [bench.inside(ROOM).await, bench.inside(ROOM).await];
    let mut line = Vec::new();
    for _ in 0..6 {
        line.push(bench.queued(ROOM).await);
    }
    subject.advance(secs(20)).await;
    for present in [&line[1], &line[4]] {
        bench.still_waiting(present).await;
    }
    subject.advance(secs(10)).await;
    for permit in inside {
        permit.release().await.expect("a lease");
    }
    bench.offered(&line[1]).await;
    bench.offered(&line[4]).await;
    for absent in [0, 2, 3, 5] {
        bench.gone(&line[absent]).await;
    }
}

/// RX-4, G6, G9: any number of dead heads costs nothing: the first who lives is offered the place in the same step.
pub async fn rx_04_dead_heads_cost_nothing(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    for _ in 0..150 {
        bench.queued(ROOM).await;
    }
    let lives = bench.queued(ROOM).await;
    subject.advance(secs(29)).await;
    assert_eq!(bench.still_waiting(&lives).await, 151);
    subject.advance(secs(1)).await;
    // All of that moment: the room comes free, the dead are past their presence, and no time passes.
    inside.release().await.expect("a lease");
    bench.offered(&lives).await;
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.offered, seen.waiting), (1, 1, 0));
}

/// RX-25: whoever waits keeps its place, whatever it asks and whatever happens around it.
pub async fn rx_25_nobody_goes_to_the_back(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let _inside = bench.inside(person("holder")).await;
    let before = bench.queued(person("before")).await;
    let mut ticket = bench.queued(person("ada")).await;
    let mut behind = Vec::new();
    for round in 0..6 {
        behind.push(bench.queued(person(&format!("behind {round}"))).await);
        subject.advance(secs(9)).await;
        for other in &behind {
            bench.still_waiting(other).await;
        }
        match round {
            0 => ticket = bench.queued(person("ada")).await,
            1 => assert!(bench.airlock.claim(&ticket.token, 1).await.is_err()),
            2 => bench.airlock.resize(ROOM, Some(0)).await.expect("a store that works"),
            3 => bench.airlock.resize(ROOM, None).await.expect("a store that works"),
            4 => assert!(bench.airlock.leave(&behind.remove(0).token).await.expect("a store that works")),
            _ => _ = bench.turned_away(person("ada")).await,
        }
        bench.still_waiting(&before).await;
        assert_eq!(bench.still_waiting(&ticket).await, 2, "after round {round}");
    }
    assert!(bench.airlock.evict(ROOM, Whom::Identity("before")).await.expect("a store that works"));
    assert_eq!(bench.still_waiting(&ticket).await, 1);
}

/// G12: with Fifo and Priority the position is exact, from 1, and follows who leaves and who comes in ahead.
pub async fn g12_positions_are_exact(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).admission(Priority::new())).await;
    let _inside = bench.inside(ROOM).await;
    let mut line: Vec<Ticket> = Vec::new();
    for _ in 0..10 {
        line.push(bench.queued(ROOM).await);
    }
    let ahead = bench.queued(person("urgent").priority(1)).await;
    assert_eq!(ahead.place.position, 1);
    assert!(bench.airlock.leave(&line.remove(3).token).await.expect("a store that works"));
    for (index, ticket) in (0..).zip(&line) {
        let Ok(Standing::Waiting(place)) = bench.airlock.poll(&ticket.token).await else { panic!("should wait") };
        assert_eq!((place.position, place.ahead, place.waiting), (index + 2, index + 1, 10));
        assert!(place.position_exact);
    }
}

/// G12: the estimated wait is unknown until the line has moved, and then follows its pace.
pub async fn g12_the_estimate_follows_the_pace(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let mut inside = bench.inside(ROOM).await;
    let mut line = Vec::new();
    for _ in 0..8 {
        line.push(bench.queued(ROOM).await);
    }
    let last = line.pop().expect("one of them");
    for _ in 0..4 {
        let place = bench.airlock.position(&last.token).await.expect("a store that works").expect("in line");
        if line.len() == 7 {
            assert_eq!(place.estimated_wait, None, "nobody has moved yet");
        } else {
            // One every 10 s: what is ahead, and at most this one's own turn on top.
            let ahead = place.ahead as u32;
            let estimate = place.estimated_wait.expect("the line has moved");
            let bounds = ahead * secs(10)..=(ahead + 1) * secs(10);
            assert!(bounds.contains(&estimate), "{estimate:?} with {ahead} ahead");
        }
        subject.advance(secs(10)).await;
        for ticket in &line {
            bench.airlock.poll(&ticket.token).await.expect("a store that works");
        }
        bench.still_waiting(&last).await;
        inside.release().await.expect("a lease");
        let next = line.remove(0);
        let offer = bench.offered(&next).await;
        inside = bench.airlock.claim(&next.token, offer.nonce).await.expect("an offer");
    }
}

/// G9, G10: who is told to ask again is told so in time: three times within its presence, twice in a claim window.
pub async fn g09_asking_as_told_is_often_enough(subject: &impl Subject) {
    for (presence, window) in [(30, 20), (30, 300), (9, 6)] {
        let line = Line::new().presence(secs(presence)).claim_window(secs(window));
        let bench = Bench::named(subject, &format!("{presence}/{window}"), |b| b.seal(lock()).line(line)).await;
        let _inside = bench.inside(ROOM).await;
        let place = bench.queued(ROOM).await.place;
        assert!(place.refresh_after > Duration::ZERO);
        assert!(3 * place.refresh_after <= secs(presence), "{place:?}");
        assert!(2 * place.refresh_after <= secs(window), "{place:?}");
    }
}

/// G10: a claim window in which nobody could notice its offer in time is refused when the airlock is built.
pub async fn g10_a_hopeless_claim_window_is_refused(subject: &impl Subject) {
    let store = subject.store().await;
    let line = Line::new().presence(secs(30)).claim_window(secs(20) - MICRO);
    let refused = builder("conformance").line(line).store(store).build();
    assert_eq!(refused.expect_err("too short a window").field(), "line.claim_window");
    for bad in [Line::new().presence(Duration::ZERO), Line::new().claim_window(Duration::MAX)] {
        let refused = builder("conformance").line(bad.clone()).store(subject.store().await).build();
        assert!(refused.is_err(), "{bad:?}");
    }
}
