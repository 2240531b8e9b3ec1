//! Futures that are dropped: no cancellation at any await point leaks a place or a permit (G15).

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::bench::{Bench, ROOM, lock, person, secs, semaphore, soon};
use super::{SHORT, Subject};
use crate::Entered;

/// How often a future is polled before it is dropped, at most.
const POLLS: usize = 6;

/// G15: a future that waits and is dropped leaves the line, and those behind it move up.
pub async fn g15_dropping_a_wait_leaves_the_line(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let first = bench.waits(person("first")).await;
    let second = bench.waits(person("second")).await;
    let third = bench.queued(person("third")).await;
    drop(first);
    bench.until("two in line", |seen| seen.waiting == 2).await;
    assert_eq!(bench.still_waiting(&third).await, 2);
    drop(second);
    bench.until("one in line", |seen| seen.waiting == 1).await;
    inside.release().await.expect("a lease");
    bench.offered(&third).await;
}

/// RX-26, G15: an acquire that was given up never gets in later.
pub async fn rx_26_a_cancelled_acquire_never_completes(subject: &impl Subject) {
    for polls in 0..POLLS {
        let bench = Bench::named(subject, &format!("{polls} polls"), |b| b.seal(lock())).await;
        let inside = bench.inside(ROOM).await;
        poll_and_drop(bench.airlock.acquire(person("ada")).into_future(), polls).await;
        bench.until("nobody waits", |seen| seen.waiting == 0).await;
        inside.release().await.expect("a lease");
        bench.until_empty().await;
        // Neither does time bring it back, nor is its identity taken.
        subject.advance(SHORT).await;
        let ada = bench.inside(person("ada")).await;
        ada.release().await.expect("a lease");
        // What is remembered of its token is forgotten in the end.
        subject.advance(secs(60)).await;
        bench.until_nothing_is_left().await;
    }
}

/// G15: what was granted in the very moment in which the wait was given up goes to the next.
pub async fn g15_a_grant_that_crosses_is_given_back(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let mut abandoned = Box::pin(bench.airlock.acquire(person("ada")).into_future());
    let ended = bench.until_polling(&mut abandoned, "one in line", |seen| seen.waiting == 1).await;
    assert!(ended.is_none(), "there was no room for it: {ended:?}");
    let next = bench.waits(person("bob")).await;
    inside.release().await.expect("a lease");
    // It is inside, or offered its place, and has not been told yet.
    drop(abandoned);
    let bob = next.gets_in().await;
    bob.release().await.expect("a lease");
    // What is remembered of its token, if it was in doubt, is forgotten in the end.
    subject.advance(secs(60)).await;
    bench.until_nothing_is_left().await;
}

/// G15: no call leaks when it is dropped after any number of polls into an empty room.
pub async fn g15_no_await_point_leaks(subject: &impl Subject) {
    for polls in 0..POLLS {
        let bench = Bench::named(subject, &format!("{polls} polls"), |b| b.seal(semaphore(2))).await;
        poll_and_drop(bench.airlock.try_enter(person("ada")).into_future(), polls).await;
        bench.until_empty().await;
        poll_and_drop(bench.airlock.acquire(person("ada")).into_future(), polls).await;
        bench.until_empty().await;
        poll_and_drop(bench.airlock.enter(person("ada")), polls).await;
        bench.until_empty().await;
        let work = bench.airlock.with_admitted(person("ada"), |_| std::future::pending::<()>());
        poll_and_drop(work, polls).await;
        bench.until_empty().await;
        let permit = bench.inside(person("ada")).await;
        poll_and_drop(permit.renew(), polls).await;
        assert_eq!(bench.inspect().await.in_use, 1, "a renewal does not release");
        poll_and_drop(permit.release(), polls).await;
        bench.until_empty().await;
        subject.advance(secs(60)).await;
        bench.until_nothing_is_left().await;
    }
}

/// G15, G21: nor does a batch, dropped while it takes its members, gives them back, or pauses.
pub async fn g15_a_batch_that_is_dropped_leaks_nothing(subject: &impl Subject) {
    let list = ["attic", "cellar", ROOM];
    for polls in 0..4 * POLLS {
        let bench = Bench::named(subject, &format!("{polls} polls"), |b| b.seal(lock())).await;
        let empty = async || {
            for resource in list {
                let gone = async {
                    while bench.airlock.inspect(resource).await.expect("a store that works").in_use > 0 {
                        tokio::task::yield_now().await;
                    }
                };
                soon("nobody inside", gone).await;
            }
        };
        poll_and_drop(bench.airlock.enter_all(list), polls).await;
        empty().await;
        poll_and_drop(bench.airlock.acquire_all(list).into_future(), polls).await;
        empty().await;
        let inside = bench.inside(ROOM).await;
        poll_and_drop(bench.airlock.enter_all(list), polls).await;
        poll_and_drop(bench.airlock.acquire_all(list).timeout(secs(30)).into_future(), polls).await;
        inside.release().await.expect("a lease");
        empty().await;
        if let Ok(permits) = bench.airlock.enter_all(list).await {
            poll_and_drop(permits.release(), polls).await;
        }
        empty().await;
        subject.advance(secs(60)).await;
        bench.until_nothing_is_left().await;
    }
}

/// G15: a claim that was dropped can be sent again, or left, with the same token.
pub async fn g15_a_dropped_claim_can_be_repeated(subject: &impl Subject) {
    for polls in 0..POLLS {
        let bench = Bench::named(subject, &format!("{polls} polls"), |b| b.seal(lock())).await;
        let inside = bench.inside(ROOM).await;
        let ticket = bench.queued(person("ada")).await;
        inside.release().await.expect("a lease");
        let offer = bench.offered(&ticket).await;
        poll_and_drop(bench.airlock.claim(&ticket.token, offer.nonce), polls).await;
        // Whoever was polled to its end got a permit and dropped it.
        let standing = bench.airlock.poll(&ticket.token).await.expect("a store that works");
        match bench.airlock.claim(&ticket.token, offer.nonce).await {
            Ok(permit) => permit.release().await.expect("a lease"),
            Err(error) => assert!(standing == crate::Standing::Unknown, "{standing:?}, but {error}"),
        }
        bench.until_nothing_is_left().await;
    }
}

/// G15: dropping what `enter` gave for somebody who is away is no leaving: the ticket is plain data.
pub async fn g15_a_ticket_is_plain_data(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let _inside = bench.inside(ROOM).await;
    let token = match bench.airlock.enter(ROOM).await {
        Ok(Entered::Queued(ticket)) => ticket.token,
        other => panic!("should be in line, not {other:?}"),
    };
    assert_eq!(bench.inspect().await.waiting, 1);
    assert!(bench.airlock.leave(&token).await.expect("a store that works"));
    assert_eq!(bench.inspect().await.waiting, 0);
}

/// Polls a future so many times, or to its end, then drops it and whatever came of it.
async fn poll_and_drop<F: Future>(future: F, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let ended = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
        if ended {
            return;
        }
        // Whatever the store has under way gets its chance.
        tokio::task::yield_now().await;
    }
}
