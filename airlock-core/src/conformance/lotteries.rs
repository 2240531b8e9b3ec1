//! Drawing lots: who may be drawn, and when (G5, G6, G12, strategies). How often is a matter of statistics.

use super::bench::{Bench, LONG, ROOM, SECOND, heavy, lock, lost, person, refused, secs, semaphore};
use super::{SHORT, Subject};
use crate::admission::{AgingLottery, Lottery};
use crate::{Builder, Line, Reason, Seal, Standing, Ticket};

/// Every lottery.
const ALL: [&str; 3] = ["uniform", "overdue", "aging"];

/// A configuration with that lottery.
fn with(lottery: &str, builder: Builder) -> Builder {
    match lottery {
        "uniform" => builder.admission(Lottery::new()),
        "overdue" => builder.admission(Lottery::new().overdue(LONG)),
        _ => builder.admission(AgingLottery::new(1.0, 0.5, 100.0)),
    }
}

/// Whichever of them is offered a place; exactly one.
async fn winner(bench: &Bench, line: &[Ticket]) -> usize {
    let mut offered = Vec::new();
    for (at, ticket) in line.iter().enumerate() {
        if let Standing::Offered(_) = bench.airlock.poll(&ticket.token).await.expect("a store that works") {
            offered.push(at);
        }
    }
    assert_eq!(offered.len(), 1, "{offered:?}");
    offered[0]
}

/// Whoever is offered a place takes it, and is gone.
async fn served(bench: &Bench, line: &mut Vec<Ticket>) -> usize {
    let at = winner(bench, line).await;
    let ticket = line.remove(at);
    let offer = bench.offered(&ticket).await;
    let permit = bench.airlock.claim(&ticket.token, offer.nonce).await.expect("an offer");
    permit.release().await.expect("a lease");
    at
}

/// RX-2, G6: whoever comes to an empty room is let in, and two who wait get into one that comes empty, although
/// nobody ticks, asks or leaves.
pub async fn rx_02_a_lottery_needs_no_ticking(subject: &impl Subject) {
    for lottery in ALL {
        let bench = Bench::named(subject, lottery, |b| with(lottery, b.seal(Seal::lock().ttl(SHORT)))).await;
        for _ in 0..3 {
            bench.passes(ROOM).await;
        }
        let crashed = bench.inside(ROOM).await.detach().expect("a lease");
        let one = bench.waits(ROOM).await;
        let other = bench.waits(ROOM).await;
        subject.advance(SHORT).await;
        bench.until("one of them inside", |seen| (seen.in_use, seen.waiting) == (1, 1)).await;
        let (first, second) = loop {
            match (one.is_waiting(), other.is_waiting()) {
                (true, true) => tokio::task::yield_now().await,
                (false, true) => break (one, other),
                (true, false) => break (other, one),
                (false, false) => panic!("both are inside"),
            }
        };
        first.gets_in().await.release().await.expect("a lease");
        drop(second.gets_in().await);
        lost(bench.airlock.renew(&crashed).await);
        bench.until_nothing_is_left().await;
    }
}

/// G6: as many are drawn at once as there is room for, each of them once.
pub async fn g06_a_lottery_leaves_no_place_free(subject: &impl Subject) {
    for lottery in ALL {
        let bench = Bench::named(subject, lottery, |b| with(lottery, b.seal(semaphore(0)))).await;
        for _ in 0..10 {
            bench.queued(ROOM).await;
        }
        for (limit, offered) in [(3, 3), (4, 4), (2, 4), (12, 10)] {
            bench.airlock.resize(ROOM, Some(limit)).await.expect("a store that works");
            let seen = bench.inspect().await;
            assert_eq!((seen.offered, seen.in_use, seen.waiting), (offered, offered, 10 - offered), "{lottery}");
        }
        bench.passes(ROOM).await;
    }
}

/// G5: in a lottery nobody gets in beside those who wait, and nobody who waits is drawn before there is room.
pub async fn g05_nobody_enters_beside_a_lottery(subject: &impl Subject) {
    for lottery in ALL {
        let bench = Bench::named(subject, lottery, |b| with(lottery, b.seal(semaphore(2)))).await;
        let one = bench.inside(ROOM).await;
        let other = bench.inside(ROOM).await;
        let heavy_one = bench.queued(heavy(2)).await;
        one.release().await.expect("a lease");
        // It was drawn, for nobody else was there, and is next until it is in, however many may come.
        let mut light = Vec::new();
        for _ in 0..8 {
            assert_eq!(bench.turned_away(ROOM).await, Reason::Full, "{lottery}");
            light.push(bench.queued(ROOM).await);
        }
        assert_eq!(bench.inspect().await.in_use, 1);
        other.release().await.expect("a lease");
        let offer = bench.offered(&heavy_one).await;
        let permit = bench.airlock.claim(&heavy_one.token, offer.nonce).await.expect("an offer");
        assert_eq!(bench.inspect().await.waiting, 8, "{lottery}");
        permit.release().await.expect("a lease");
        assert_eq!(bench.inspect().await.offered, 2);
    }
}

/// G5: once who was drawn and did not fit is gone, somebody else is drawn at once.
pub async fn g05_a_draw_that_leaves_makes_way(subject: &impl Subject) {
    for lottery in ALL {
        let bench = Bench::named(subject, lottery, |b| with(lottery, b.seal(semaphore(2)))).await;
        let one = bench.inside(ROOM).await;
        let _other = bench.inside(ROOM).await;
        let heavy_one = bench.queued(heavy(2)).await;
        one.release().await.expect("a lease");
        let light = bench.queued(ROOM).await;
        bench.still_waiting(&light).await;
        assert!(bench.airlock.leave(&heavy_one.token).await.expect("a store that works"));
        bench.offered(&light).await;
    }
}

/// G9: who is absent is not drawn.
pub async fn g09_the_absent_are_not_drawn(subject: &impl Subject) {
    for lottery in ALL {
        let line = Line::new().presence(secs(30));
        let bench = Bench::named(subject, lottery, |b| with(lottery, b.seal(lock()).line(line))).await;
        let inside = bench.inside(ROOM).await;
        for _ in 0..20 {
            bench.queued(ROOM).await;
        }
        subject.advance(secs(20)).await;
        let present = bench.queued(ROOM).await;
        subject.advance(secs(10)).await;
        inside.release().await.expect("a lease");
        bench.offered(&present).await;
        assert_eq!(bench.inspect().await.waiting, 0, "{lottery}");
    }
}

/// G12: everybody's position is the size of the pool and not exact, and the chance is said where all are alike.
pub async fn g12_a_lotterys_position_is_the_size_of_its_pool(subject: &impl Subject) {
    for lottery in ALL {
        let bench = Bench::named(subject, lottery, |b| with(lottery, b.seal(lock()))).await;
        let _inside = bench.inside(ROOM).await;
        let mut line = Vec::new();
        for pool in 1..=4_u64 {
            let ticket = bench.queued(ROOM).await;
            assert_eq!(ticket.place.position, pool);
            line.push(ticket);
            for ticket in &line {
                let standing = bench.airlock.poll(&ticket.token).await.expect("a store that works");
                let Standing::Waiting(place) = standing else { panic!("should be waiting, not {standing:?}") };
                let chance = (lottery == "uniform").then(|| 1.0 / pool as f64);
                let is = (place.position, place.position_exact, place.waiting, place.chance);
                assert_eq!(is, (pool, false, pool, chance), "{lottery}");
            }
        }
        assert!(bench.airlock.leave(&line[0].token).await.expect("a store that works"));
        assert_eq!(bench.still_waiting(&line[1]).await, 3);
    }
}

/// Strategies: everybody in the pool gets in at last, and not in the order in which they came.
pub async fn a_lottery_is_no_line(subject: &impl Subject) {
    for lottery in ALL {
        let bench = Bench::named(subject, lottery, |b| with(lottery, b.seal(lock()))).await;
        let inside = bench.inside(ROOM).await;
        let mut line = Vec::new();
        for _ in 0..30 {
            line.push(bench.queued(ROOM).await);
        }
        inside.release().await.expect("a lease");
        let mut heads = 0;
        while !line.is_empty() {
            heads += u32::from(served(&bench, &mut line).await == 0);
        }
        // That all thirty were the first of those who were left happens once in 30! times.
        assert!(heads < 30, "{lottery}");
        bench.until_empty().await;
    }
}

/// Strategies: who is overdue is drawn before all who are not, the longest wait first.
pub async fn who_is_overdue_is_drawn_first(subject: &impl Subject) {
    let (overdue, line) = (Lottery::new().overdue(secs(10)), Line::new().presence(secs(60)).claim_window(secs(60)));
    let bench = Bench::with(subject, |b| b.seal(lock()).admission(overdue).line(line)).await;
    let inside = bench.inside(ROOM).await;
    let mut tickets = Vec::new();
    for _ in 0..6 {
        tickets.push(bench.queued(ROOM).await);
        subject.advance(SECOND).await;
    }
    subject.advance(secs(4)).await;
    for _ in 0..20 {
        tickets.push(bench.queued(ROOM).await);
    }
    // The first of them has waited for exactly ten seconds, and after two more it is three.
    subject.advance(secs(2)).await;
    inside.release().await.expect("a lease");
    for _ in 0..3 {
        assert_eq!(served(&bench, &mut tickets).await, 0);
    }
    assert_eq!(tickets.len(), 23);
}

/// G4: an identity has one lot, however often it comes; who comes again keeps the one it had, and its age.
pub async fn g04_an_identity_has_one_lot(subject: &impl Subject) {
    for lottery in ALL {
        let bench = Bench::named(subject, lottery, |b| with(lottery, b.seal(lock()))).await;
        let inside = bench.inside(person("somebody")).await;
        bench.queued(person("ada")).await;
        subject.advance(secs(5)).await;
        let other = bench.queued(person("bob")).await;
        let mut last = bench.queued(person("ada")).await;
        for _ in 0..10 {
            last = bench.queued(person("ada")).await;
            assert_eq!((last.place.position, last.place.waiting), (2, 2), "{lottery}");
        }
        let waiters = bench.inspect().await.waiters;
        let names: Vec<_> = waiters.iter().map(|waiter| waiter.identity.as_deref().unwrap_or_default()).collect();
        // Arrivals are unique, and so may be a little later than the clock.
        let age = std::time::Duration::from_micros(waiters[0].age);
        assert!(names == ["ada", "bob"] && age > secs(4) && age <= secs(5), "{lottery}: {waiters:?}");
        inside.release().await.expect("a lease");
        let mut line = vec![last, other];
        served(&bench, &mut line).await;
        served(&bench, &mut line).await;
    }
}

/// G7: the line of a lottery is full when it is, and who only tries is refused.
pub async fn g07_a_lotterys_pool_may_be_full(subject: &impl Subject) {
    for lottery in ALL {
        let line = Line::new().capacity(2);
        let bench = Bench::named(subject, lottery, |b| with(lottery, b.seal(lock()).line(line))).await;
        let inside = bench.inside(ROOM).await;
        bench.queued(ROOM).await;
        bench.queued(ROOM).await;
        assert_eq!(refused(bench.airlock.enter(ROOM).await), Reason::LineFull, "{lottery}");
        assert_eq!(bench.turned_away(ROOM).await, Reason::Full, "{lottery}");
        inside.release().await.expect("a lease");
        assert_eq!(refused(bench.airlock.enter(ROOM).await), Reason::LineFull, "the offer counts");
    }
}
