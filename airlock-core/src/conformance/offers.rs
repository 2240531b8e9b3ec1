//! Offers, claims, and what becomes of those who miss them (G10, G11).

use super::bench::{Bench, MICRO, ROOM, heavy, lock, lost, person, refused, secs, semaphore};
use super::{SHORT, Subject};
use crate::gate::OnMissed;
use crate::{Airlock, Line, Offer, Reason, Standing, Ticket};

/// G10: an offer holds capacity: in use, and nobody else's.
pub async fn g10_an_offer_holds_capacity(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(3)).await;
    let inside = bench.inside(heavy(3)).await;
    let ticket = bench.queued(heavy(2)).await;
    inside.release().await.expect("a lease");
    bench.offered(&ticket).await;
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.offered, seen.waiting), (2, 1, 0));
    assert!(seen.holders.len() == 1 && seen.holders[0].offered && seen.holders[0].weight == 2, "{:?}", seen.holders);
    assert_eq!(bench.turned_away(heavy(2)).await, Reason::Full);
    let _beside = bench.inside(heavy(1)).await;
}

/// G10: a status poll moves presence and tells; only a claim, or entering again, admits.
pub async fn g10_asking_does_not_admit(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let ticket = bench.queued(ROOM).await;
    inside.release().await.expect("a lease");
    let first = bench.offered(&ticket).await;
    for _ in 0..3 {
        assert_eq!(bench.airlock.position(&ticket.token).await.expect("a store that works"), None);
        assert_eq!(bench.offered(&ticket).await, first, "asking changes nothing");
    }
    assert_eq!(bench.inspect().await.offered, 1);
    // Asking does not stretch the claim window, either.
    subject.advance(secs(20) - MICRO).await;
    assert_eq!(bench.offered(&ticket).await, first);
    subject.advance(MICRO).await;
    bench.gone(&ticket).await;
}

/// G10: who waits on the spot is let in without a claim.
pub async fn g10_who_is_there_is_let_in(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let here = bench.waits(ROOM).await;
    inside.release().await.expect("a lease");
    let permit = here.gets_in().await;
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.offered, seen.waiting), (1, 0, 0));
    assert_eq!(seen.holders[0].fence, permit.fence());
}

/// G10: an offer that is not taken by its deadline is missed, and the next is offered in the same step.
pub async fn g10_a_missed_offer_goes_to_the_next(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let (first, second) = line_of_two(&bench).await;
    let offer = bench.offered(&first).await;
    bench.still_waiting(&second).await;
    subject.advance(secs(20) - MICRO).await;
    assert_eq!(bench.still_waiting(&second).await, 1);
    assert_eq!(bench.offered(&first).await, offer);
    subject.advance(MICRO).await;
    bench.offered(&second).await;
    bench.gone(&first).await;
    assert_eq!(refused(bench.airlock.claim(&first.token, offer.nonce).await), Reason::Missed);
}

/// G10: with `Requeue`, who missed its offer and is still present goes to the back; who is not is out.
pub async fn g10_who_misses_may_go_to_the_back(subject: &impl Subject) {
    for present in [true, false] {
        let line = Line::new().presence(secs(30)).claim_window(secs(40)).on_missed(OnMissed::Requeue);
        let bench = Bench::named(subject, &format!("{present}"), |b| b.seal(lock()).line(line)).await;
        let (first, second) = line_of_two(&bench).await;
        subject.advance(secs(25)).await;
        bench.still_waiting(&second).await;
        if present {
            bench.offered(&first).await;
        }
        subject.advance(secs(15)).await;
        let offer = bench.offered(&second).await;
        if present {
            assert_eq!(bench.still_waiting(&first).await, 1);
            assert_eq!(bench.inspect().await.waiting, 1);
            // Its next turn comes like anybody's.
            assert!(bench.airlock.leave(&second.token).await.expect("a store that works"));
            let again = bench.offered(&first).await;
            assert_ne!(again.nonce, offer.nonce);
            drop(bench.airlock.claim(&first.token, again.nonce).await.expect("an offer"));
        } else {
            bench.gone(&first).await;
            assert_eq!(bench.inspect().await.waiting, 0);
        }
    }
}

/// G11: a claim answers admitted, again the same for the same nonce, and missed for every other.
pub async fn g11_a_claim_is_the_same_twice(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let ticket = bench.queued(ROOM).await;
    let stranger = bench.queued(ROOM).await;
    inside.release().await.expect("a lease");
    let offer = bench.offered(&ticket).await;
    for nonce in [0, 1, offer.nonce ^ 1, u64::MAX] {
        assert_eq!(refused(bench.airlock.claim(&ticket.token, nonce).await), Reason::Missed, "nonce {nonce}");
    }
    assert_eq!(refused(bench.airlock.claim(&stranger.token, offer.nonce).await), Reason::Missed);
    assert_eq!(bench.offered(&ticket).await, offer, "wrong claims cost nothing");
    let first = bench.airlock.claim(&ticket.token, offer.nonce).await.expect("an offer");
    let again = bench.airlock.claim(&ticket.token, offer.nonce).await.expect("the same answer");
    assert_eq!(first.fence(), again.fence());
    assert_eq!(bench.inspect().await.in_use, 1);
    assert_eq!(refused(bench.airlock.claim(&ticket.token, offer.nonce ^ 1).await), Reason::Missed);
}

/// G10: an offer can be declined, and goes to the next at once.
pub async fn g10_a_declined_offer_goes_to_the_next(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let (first, second) = line_of_two(&bench).await;
    bench.offered(&first).await;
    assert!(bench.airlock.leave(&first.token).await.expect("a store that works"));
    bench.offered(&second).await;
    bench.gone(&first).await;
    assert!(!bench.airlock.leave(&first.token).await.expect("a store that works"), "once");
}

/// RX-6, G10: however many processes look after a gate, an offer stays the one it was.
pub async fn rx_06_promoters_do_not_invalidate_each_other(subject: &impl Subject) {
    let one = Bench::new(subject, semaphore(2)).await;
    let two = Bench::new(subject, semaphore(2)).await;
    let inside = [one.inside(ROOM).await, two.inside(ROOM).await];
    let tickets = [one.queued(person("ada")).await, two.queued(person("bob")).await];
    for permit in inside {
        permit.release().await.expect("a lease");
    }
    let offers = [two.offered(&tickets[0]).await, one.offered(&tickets[1]).await];
    for _ in 0..10 {
        for bench in [&one, &two] {
            bench.apply(crate::gate::Verb::Tick).await;
            bench.airlock.resize(ROOM, Some(2)).await.expect("a store that works");
            bench.turned_away(ROOM).await;
            for (ticket, offer) in tickets.iter().zip(offers) {
                assert_eq!(bench.offered(ticket).await, offer);
            }
        }
        subject.advance(SHORT).await;
    }
    let claims: [(&Airlock, &Ticket, Offer); 2] =
        [(&one.airlock, &tickets[0], offers[0]), (&two.airlock, &tickets[1], offers[1])];
    for (airlock, ticket, offer) in claims {
        airlock.claim(&ticket.token, offer.nonce).await.expect("an offer").detach().expect("a lease");
    }
}

/// RX-7, G10, G11: nobody takes an offered place before its claim, through whichever door.
pub async fn rx_07_an_offered_place_is_not_taken(subject: &impl Subject) {
    let one = Bench::new(subject, lock()).await;
    let two = Bench::new(subject, lock()).await;
    let inside = one.inside(ROOM).await;
    let ticket = one.queued(person("ada")).await;
    inside.release().await.expect("a lease");
    let offer = one.offered(&ticket).await;
    for bench in [&one, &two] {
        assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
        assert_eq!(bench.turned_away(person("bob")).await, Reason::Full);
        bench.queued(ROOM).await;
    }
    let waiter = two.waits(ROOM).await;
    subject.advance(SHORT).await;
    let permit = one.airlock.claim(&ticket.token, offer.nonce).await.expect("its place");
    assert!(waiter.is_waiting());
    assert_eq!(one.inspect().await.in_use, 1);
    permit.release().await.expect("a lease");
}

/// RX-24, G11: who claims too early is told so, and keeps its place; who is offered a place always gets it.
pub async fn rx_24_an_early_claim_costs_nothing(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let ticket = bench.queued(person("ada")).await;
    let behind = bench.queued(person("bob")).await;
    for nonce in [0, 1, u64::MAX] {
        assert_eq!(refused(bench.airlock.claim(&ticket.token, nonce).await), Reason::Missed);
        assert_eq!(bench.still_waiting(&ticket).await, 1);
        assert_eq!(bench.still_waiting(&behind).await, 2);
    }
    inside.release().await.expect("a lease");
    let offer = bench.offered(&ticket).await;
    subject.advance(secs(20) - MICRO).await;
    // In the last moment, with others pushing, it is still its place.
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
    drop(bench.airlock.claim(&ticket.token, offer.nonce).await.expect("capacity was held"));
}

/// G10: an offer that an operator takes back is gone, and goes to the next.
pub async fn g10_an_evicted_offer_goes_to_the_next(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let first = bench.queued(person("ada")).await;
    let second = bench.queued(person("bob")).await;
    inside.release().await.expect("a lease");
    let offer = bench.offered(&first).await;
    assert!(bench.airlock.evict(ROOM, crate::Whom::Identity("ada")).await.expect("a store that works"));
    assert_eq!(refused(bench.airlock.claim(&first.token, offer.nonce).await), Reason::Missed);
    bench.offered(&second).await;
}

/// G10, G13: a lease that began with a claim is a lease like any other.
pub async fn g10_a_claimed_lease_is_a_lease(subject: &impl Subject) {
    let bench = Bench::new(subject, crate::Seal::lock().ttl(secs(60))).await;
    let inside = bench.inside(ROOM).await;
    let ticket = bench.queued(ROOM).await;
    inside.release().await.expect("a lease");
    let offer = bench.offered(&ticket).await;
    let permit = bench.airlock.claim(&ticket.token, offer.nonce).await.expect("an offer");
    assert_eq!(permit.is_lost(), None);
    assert_eq!(permit.token().expect("a lease"), ticket.token);
    // No longer the claim window, but the seal's time to live counts.
    permit.detach().expect("a lease");
    subject.advance(secs(60) - MICRO).await;
    assert!(matches!(bench.airlock.poll(&ticket.token).await, Ok(Standing::Inside { .. })));
    subject.advance(MICRO).await;
    lost(bench.airlock.renew(&ticket.token).await);
}

/// A lock that was released while two were waiting.
async fn line_of_two(bench: &Bench) -> (Ticket, Ticket) {
    let inside = bench.inside(ROOM).await;
    let tickets = (bench.queued(person("first")).await, bench.queued(person("second")).await);
    inside.release().await.expect("a lease");
    tickets
}
