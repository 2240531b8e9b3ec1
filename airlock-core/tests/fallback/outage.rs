//! What becomes of newcomers before, during and after an outage.

use std::time::Duration;

use airlock_core::store::{BreakerStatus, GrantedBy};
use airlock_core::{Airlock, Entered, Entrant, Error, Reason};

use crate::scripted::Fault;
use crate::support::{Outage, RESET, ROOM, away, bench, open, refused};

/// Five pay for it with the store's own error; nobody after them asks it at all.
#[tokio::test]
async fn refused_at_once_and_without_asking() {
    let bench = bench(Outage::Refuse, 1);
    bench.store.set(Fault::Fails);
    for _ in 0..5 {
        assert!(!away(bench.airlock.try_enter(ROOM).await).is_not_asked());
    }
    assert_eq!(bench.store.asked().len(), 5);
    for _ in 0..100 {
        assert!(away(bench.airlock.try_enter(ROOM).await).is_not_asked());
        assert!(away(bench.airlock.acquire(ROOM).await).is_not_asked());
        assert!(away(bench.airlock.enter(ROOM).await).is_not_asked());
    }
    assert_eq!(bench.store.asked(), [""; 0]);
    assert!(matches!(bench.fallback.status(ROOM), BreakerStatus::Open { .. }));
}

/// No future is made and nothing is waited for: front ends hear of it at once.
#[tokio::test]
async fn a_refusal_is_there_at_once() {
    let bench = bench(Outage::Refuse, 1);
    open(&bench).await;
    let started = bench.airlock.try_enter(ROOM).start();
    assert!(matches!(started, airlock_core::Started::Decided(Err(Error::Unavailable(_)))), "{started:?}");
}

#[tokio::test]
async fn a_refusal_by_the_gate_is_no_failure() {
    let bench = bench(Outage::Refuse, 1);
    let permit = bench.airlock.try_enter(ROOM).await.expect("room");
    for _ in 0..20 {
        assert_eq!(refused(bench.airlock.try_enter(ROOM).await), Reason::Full);
    }
    assert_eq!(bench.fallback.all(), []);
    drop(permit);
}

#[tokio::test]
async fn admitted_without_asking() {
    let bench = bench(Outage::Admit, 1);
    open(&bench).await;
    let mut permits = Vec::new();
    for _ in 0..10 {
        permits.push(bench.airlock.try_enter(ROOM).await.expect("everybody"));
        permits.push(bench.airlock.acquire(ROOM).await.expect("everybody"));
        let Ok(Entered::Admitted(permit)) = bench.airlock.enter(ROOM).await else { panic!("everybody") };
        permits.push(permit);
    }
    for permit in permits {
        assert_eq!((permit.granted_by(), permit.fence()), (GrantedBy::Nobody, 0));
        permit.renew().await.expect("nothing to renew");
        permit.release().await.expect("nothing to release");
    }
    assert_eq!(bench.store.asked(), [""; 0]);
}

/// The same rules with another limit: so many, a line, a handing over.
#[tokio::test]
async fn decided_on_locally_up_to_its_own_limit() {
    let bench = bench(Outage::Local(2), 5);
    open(&bench).await;
    let (ada, bob) = (Entrant::new(ROOM).identity("ada"), Entrant::new(ROOM).identity("bob"));
    let first = bench.airlock.try_enter(ada.clone()).await.expect("room");
    let second = bench.airlock.try_enter(ROOM).await.expect("room");
    assert_eq!((first.granted_by(), second.granted_by()), (GrantedBy::Local, GrantedBy::Local));
    assert_eq!(refused(bench.airlock.try_enter(ROOM).await), Reason::Full);
    assert_eq!(refused(bench.airlock.try_enter(ada).await), Reason::Duplicate);
    assert_eq!(refused(bench.airlock.try_enter(Entrant::new(ROOM).weight(3)).await), Reason::TooHeavy);
    let seen = bench.airlock.inspect(ROOM).await.expect("the local gate");
    assert_eq!((seen.limit, seen.in_use, seen.waiting), (2, 2, 0));
    let waits = tokio::spawn({
        let airlock = bench.airlock.clone();
        async move { airlock.acquire(bob).await }
    });
    while bench.airlock.inspect(ROOM).await.expect("the local gate").waiting == 0 {
        tokio::task::yield_now().await;
    }
    first.release().await.expect("a lease");
    let third = waits.await.expect("no panic").expect("its turn");
    assert_eq!(third.granted_by(), GrantedBy::Local);
    assert_eq!(bench.store.asked(), [""; 0]);
}

/// The fifth, who finds out, is treated as those after it, and its token is not left behind.
#[tokio::test]
async fn who_finds_out_is_let_in_elsewhere() {
    for fault in [Fault::Fails, Fault::LosesTheAnswer] {
        let bench = bench(Outage::Local(1), 1);
        bench.store.set(fault);
        for _ in 0..4 {
            away(bench.airlock.try_enter(ROOM).await);
        }
        let permit = bench.airlock.try_enter(ROOM).await.expect("a place of its own");
        assert_eq!(permit.granted_by(), GrantedBy::Local);
        bench.store.set(Fault::None);
        assert_eq!(bench.in_primary().await, 0, "{fault:?}: it holds a place that nobody knows of");
    }
}

/// A store that hangs is one that fails: what cuts it is the airlock's own patience.
#[tokio::test(start_paused = true)]
async fn a_hang_counts() {
    let bench = bench(Outage::Refuse, 1);
    bench.store.set(Fault::Hangs);
    for _ in 0..5 {
        assert!(!away(bench.airlock.try_enter(ROOM).await).is_not_asked());
    }
    assert!(away(bench.airlock.try_enter(ROOM).await).is_not_asked());
}

/// Clients that come and go at once open nothing, and do not keep a probe to themselves.
#[tokio::test(start_paused = true)]
async fn who_goes_away_at_once_says_nothing_of_the_store() {
    let bench = bench(Outage::Refuse, 1);
    bench.store.set(Fault::Hangs);
    let come_and_go = async |airlock: &Airlock| {
        let asked = airlock.try_enter(ROOM);
        let _ = tokio::time::timeout(Duration::from_millis(50), asked).await;
    };
    for _ in 0..20 {
        come_and_go(&bench.airlock).await;
    }
    assert_eq!(bench.fallback.all(), []);
    open(&bench).await;
    bench.store.set(Fault::Hangs);
    bench.clock.advance(2 * RESET);
    for _ in 0..20 {
        come_and_go(&bench.airlock).await;
        assert_eq!(bench.fallback.status(ROOM), BreakerStatus::HalfOpen);
    }
    bench.store.set(Fault::None);
    bench.back().await;
}

/// One at a time is sent to see; the others are still refused meanwhile.
#[tokio::test(start_paused = true)]
async fn a_single_probe_at_a_time() {
    let bench = bench(Outage::Refuse, 9);
    open(&bench).await;
    bench.clock.advance(2 * RESET);
    bench.store.set(Fault::Hangs);
    let mut probe = Box::pin(async { bench.airlock.try_enter(ROOM).await });
    let polled = poll_once(&mut probe).await;
    assert!(polled.is_none(), "it has no answer yet");
    bench.store.asked();
    for _ in 0..10 {
        assert!(away(bench.airlock.try_enter(ROOM).await).is_not_asked());
    }
    assert_eq!(bench.store.asked(), [""; 0]);
    away(probe.await);
    assert!(matches!(bench.fallback.status(ROOM), BreakerStatus::Open { .. }), "it begins anew");
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// With the time for it, an entry is asked again until the outage is over; with a local store, it is not needed.
#[tokio::test(start_paused = true)]
async fn who_has_the_time_rides_it_out() {
    let bench = bench(Outage::Refuse, 1);
    open(&bench).await;
    let waits = tokio::spawn({
        let airlock = bench.airlock.clone();
        async move { airlock.acquire(ROOM).timeout(Duration::from_secs(600)).await }
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!waits.is_finished());
    bench.store.set(Fault::None);
    bench.clock.advance(2 * RESET);
    assert_eq!(waits.await.expect("no panic").expect("room").granted_by(), GrantedBy::Primary);
}

#[tokio::test]
async fn a_reset_asks_the_store_again() {
    let bench = bench(Outage::Refuse, 1);
    open(&bench).await;
    bench.store.set(Fault::None);
    away(bench.airlock.try_enter(ROOM).await);
    assert!(bench.fallback.reset(ROOM));
    assert!(!bench.fallback.reset(ROOM));
    assert_eq!(bench.airlock.try_enter(ROOM).await.expect("room").granted_by(), GrantedBy::Primary);
}

/// RX-20: what an open breaker says is unavailable, and nothing that a full gate says.
#[tokio::test]
async fn rx_20_an_open_breaker_is_not_contention() {
    let bench = bench(Outage::Refuse, 1);
    open(&bench).await;
    let error = bench.airlock.try_enter(ROOM).await.expect_err("it is away");
    assert!(!error.is_busy() && error.refusal().is_none(), "{error}");
}

/// Nobody is let in after a shutdown, whatever is done during an outage.
#[tokio::test(start_paused = true)]
async fn a_shutdown_is_for_both() {
    for outage in [Outage::Refuse, Outage::Admit, Outage::Local(1)] {
        let bench = bench(outage, 1);
        let inside = bench.airlock.try_enter(ROOM).await.expect("room");
        open(&bench).await;
        let local = bench.airlock.try_enter(ROOM).await;
        let held = if matches!(outage, Outage::Local(_)) { 1 } else { 0 };
        bench.store.set(Fault::None);
        // The scripted primary guards nothing: its leases are known by tokens.
        let handed_back = bench.airlock.shutdown(Duration::from_secs(1)).await.expect("both");
        assert!(handed_back >= held, "{handed_back}");
        assert_eq!(refused(bench.airlock.try_enter(ROOM).await), Reason::ShuttingDown, "{outage:?}");
        drop((inside, local));
    }
}
