//! Simple locks by key.

use std::future::IntoFuture;
use std::time::Duration;

use super::Subject;
use super::bench::{MICRO, builder, invalid, lost, refused, secs, soon};
use crate::locks::Locks;
use crate::{Error, Reason};

const TTL: Duration = Duration::from_secs(60);

/// A key is locked by one at a time, and no key is another.
pub async fn a_key_is_locked_by_one(subject: &impl Subject) {
    let (one, other) = (locks(subject).await, locks(subject).await);
    let held = one.try_lock("report", TTL).await.expect("free");
    assert!(other.is_locked("report").await.expect("a store that works"));
    assert!(!other.is_locked("invoice").await.expect("a store that works"));
    // Whoever asks, and for however long: RX-23.
    for locks in [&one, &other] {
        for ttl in [secs(1), TTL, 10 * TTL] {
            assert_eq!(refused(locks.try_lock("report", ttl).await), Reason::Full);
        }
        locks.try_lock("invoice", TTL).await.expect("free").release().await.expect("held");
    }
    let fence = held.fence();
    held.release().await.expect("held");
    assert!(!other.is_locked("report").await.expect("a store that works"));
    let next = other.try_lock("report", secs(1)).await.expect("free");
    assert!(next.fence() > fence);
}

/// Who waits is next, in order; who waits in vain is timed out.
pub async fn locks_are_waited_for_in_line(subject: &impl Subject) {
    let locks = locks(subject).await;
    let held = locks.try_lock("report", TTL).await.expect("free");
    let waits = locks.lock("report").wait(Duration::from_millis(500)).into_future();
    assert_eq!(refused(soon("the end of the wait", waits).await), Reason::TimedOut);
    let mut waiting = Vec::new();
    for place in 0..3 {
        let locks = locks.clone();
        waiting.push(tokio::spawn(async move { locks.lock("report").ttl(TTL).wait(secs(30)).await }));
        until_waiting(&waiting, place + 1, &self::locks(subject).await).await;
    }
    drop(held);
    let mut last = 0;
    for next in waiting {
        let guard = soon("its turn", next).await.expect("no panic").expect("its turn");
        assert!(guard.fence() > last, "in order");
        last = guard.fence();
        guard.release().await.expect("held");
    }
}

/// Work under a lock holds it, for exactly as long as it takes.
pub async fn work_is_done_under_its_lock(subject: &impl Subject) {
    let locks = locks(subject).await;
    let work = |lock: crate::Admitted| {
        let locks = locks.clone();
        async move { (lock.fence(), locks.is_locked("report").await.expect("a store that works")) }
    };
    let (fence, locked) = locks.with_lock("report", work).await.expect("free");
    assert!(fence > 0 && locked);
    locks.try_lock("report", TTL).await.expect("free again").release().await.expect("held");
}

/// A lock that was detached lasts for its own ttl, whatever others have: shorter or longer than a lease, at one gate.
pub async fn a_ttl_is_a_keys_own(subject: &impl Subject) {
    let locks = locks(subject).await;
    for ttl in [MICRO, secs(3), Locks::LEASE + MICRO, TTL, 10 * TTL] {
        let lasts = ttl.max(Locks::LEASE);
        let token = locks.try_lock("report", ttl).await.expect("free").detach().await.expect("held");
        assert_eq!(locks.airlock().remaining(&token).await.expect("held"), Some(lasts));
        subject.advance(lasts - MICRO).await;
        assert_eq!(refused(locks.try_lock("report", TTL).await), Reason::Full, "{ttl:?}");
        subject.advance(MICRO).await;
        assert!(!locks.is_locked("report").await.expect("a store that works"), "{ttl:?}");
        lost(locks.restore(&token, ttl).await);
    }
    for bad in [Duration::ZERO, Duration::from_nanos(999), Duration::MAX] {
        invalid(locks.try_lock("report", bad).await);
        invalid(locks.lock("report").ttl(bad).await);
        assert!(matches!(locks.try_lock_all(["report"], bad).await.map_err(Error::from), Err(Error::Invalid(_))));
    }
}

/// RX-15: a lock goes on in another process with its token, and without it nobody unlocks it.
pub async fn rx_15_a_lock_is_handed_over_by_its_token(subject: &impl Subject) {
    let (one, other) = (locks(subject).await, locks(subject).await);
    let first = one.try_lock("report", TTL).await.expect("free");
    let fence = first.fence();
    let token = first.detach().await.expect("held");
    assert_eq!(refused(one.try_lock("report", TTL).await), Reason::Full);
    let second = other.restore(&token.expose().parse().expect("a token"), TTL).await.expect("held");
    assert_eq!(second.fence(), fence);
    second.renew_for(2 * TTL).await.expect("held");
    second.release().await.expect("held");
    lost(one.restore(&token, TTL).await);
    one.try_lock("report", TTL).await.expect("free").release().await.expect("held");
}

/// All keys or none, in the order of the list.
pub async fn keys_are_locked_together_or_not_at_all(subject: &impl Subject) {
    let locks = locks(subject).await;
    let held = locks.try_lock("b", TTL).await.expect("free");
    let error = locks.try_lock_all(["c", "b", "a"], TTL).await.expect_err("one is held");
    assert_eq!((error.is_busy(), error.resource()), (true, Some("b")));
    for free in ["a", "c"] {
        assert!(!locks.is_locked(free).await.expect("a store that works"));
    }
    held.release().await.expect("held");
    let guards = locks.try_lock_all(["c", "b", "a"], TTL).await.expect("free");
    for (guard, key) in guards.into_iter().zip(["c", "b", "a"]) {
        assert!(locks.is_locked(key).await.expect("a store that works"));
        guard.release().await.expect("held");
        assert!(!locks.is_locked(key).await.expect("a store that works"));
    }
}

/// RX-21: an operator unlocks whoever has it, who hears of it and does not touch whoever comes after.
pub async fn rx_21_who_is_unlocked_by_force_hears_of_it(subject: &impl Subject) {
    let (locks, operator) = (locks(subject).await, locks(subject).await);
    assert!(!operator.force_unlock("report").await.expect("a store that works"));
    let first = locks.try_lock("report", TTL).await.expect("free");
    assert_eq!(first.is_lost(), None);
    assert!(operator.force_unlock("report").await.expect("a store that works"));
    let second = locks.try_lock("report", TTL).await.expect("free");
    soon("the loss", first.lost()).await;
    assert!(first.is_lost().is_some());
    lost(first.renew_for(TTL).await);
    lost(first.release().await);
    assert_eq!(refused(locks.try_lock("report", TTL).await), Reason::Full);
    second.release().await.expect("held");
}

async fn locks(subject: &impl Subject) -> Locks {
    Locks::with(builder("locks").store(subject.store().await)).expect("a valid configuration")
}

/// Until so many of those who wait are in line.
async fn until_waiting<T>(waiting: &[tokio::task::JoinHandle<T>], many: u64, locks: &Locks) {
    let in_line = async {
        while locks.airlock().inspect("report").await.expect("a store that works").waiting < many {
            assert!(waiting.iter().all(|waiter| !waiter.is_finished()), "there was no room for it");
            tokio::task::yield_now().await;
        }
    };
    soon("a place in line", in_line).await;
}
