//! All or nothing over several gates (G21).

use std::future::IntoFuture;

use super::Subject;
use super::bench::{Bench, LONG, MICRO, ROOM, lock, lost, person, secs, semaphore, soon};
use crate::{All, AllError, Entrant, Error, Permits, Rate, Reason, Seal, Whom};

const LIST: [&str; 3] = ["cellar", ROOM, "attic"];

/// G21: all or none: one that refuses is named, and the others are as they were.
pub async fn g21_all_or_none(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    for (index, taken) in LIST.into_iter().enumerate() {
        let inside = bench.inside(taken).await;
        let refused = refused_at(bench.airlock.enter_all(LIST).await, Reason::Full);
        assert_eq!((refused.index(), refused.resource()), (Some(index), Some(taken)));
        assert_eq!(refused.airlock(), Some("conformance"));
        assert!(refused.is_busy());
        // Names are other people's.
        assert!(taken == ROOM || !refused.to_string().contains(taken), "{refused}");
        inside.release().await.expect("a lease");
        bench.until_nothing_is_left().await;
    }
    let permits = bench.airlock.enter_all(LIST).await.expect("room");
    assert_eq!(permits.len(), LIST.len());
    for taken in LIST {
        assert_eq!(bench.turned_away(taken).await, Reason::Full);
    }
    permits.release().await.expect("leases");
    bench.until_nothing_is_left().await;
}

/// G21, G5: a batch never waits in line, and does not enter before those who do.
pub async fn g21_a_batch_never_queues(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    let inside = bench.inside(ROOM).await;
    let waiting = bench.queued(person("ada").weight(2)).await;
    let refused = refused_at(bench.airlock.enter_all(LIST).await, Reason::Full);
    assert_eq!(refused.resource(), Some(ROOM));
    assert_eq!(bench.inspect().await.waiting, 1, "it is not in line");
    assert_eq!(bench.still_waiting(&waiting).await, 1);
    inside.release().await.expect("a lease");
    bench.offered(&waiting).await;
}

/// G21: the permits are those of the list, in its order, and go one by one if they are let.
pub async fn g21_permits_are_in_order_and_go_one_by_one(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let list = LIST.map(|resource| Entrant::new(resource).identity(format!("of {resource}")));
    let permits = bench.airlock.enter_all(list).await.expect("room");
    let fences: Vec<_> = permits.iter().map(|permit| permit.fence()).collect();
    for (index, permit) in permits.into_permits().into_iter().enumerate() {
        let held = async |at: usize| {
            let of = format!("of {}", LIST[at]);
            bench.airlock.is_held_by(LIST[at], &of).await.expect("a store that works")
        };
        assert!(held(index).await);
        let seen = bench.airlock.inspect(LIST[index]).await.expect("a store that works");
        assert_eq!(seen.holders[0].fence, fences[index], "the permit of {}", LIST[index]);
        permit.release().await.expect("a lease");
        assert!(!held(index).await);
        assert!(index + 1 == LIST.len() || held(index + 1).await, "the others are still held");
    }
}

/// G21: dropped, they are all released; nothing is left.
pub async fn g21_dropping_releases_all(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    drop(bench.airlock.enter_all(LIST).await.expect("room"));
    bench.until_nothing_is_left().await;
}

/// G21: of two that want the same in another order one gets it: they do not undo each other.
pub async fn g21_batches_do_not_undo_each_other(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let backwards: Vec<_> = LIST.into_iter().rev().collect();
    for _ in 0..20 {
        let (one, other) = tokio::join!(bench.airlock.enter_all(LIST), bench.airlock.enter_all(backwards.clone()));
        assert!(one.is_ok() != other.is_ok(), "{one:?} and {other:?}");
        one.or(other).expect("one of them").release().await.expect("leases");
    }
}

/// G21: members may be of several airlocks; two resources of one name are not the same there.
pub async fn g21_a_batch_may_be_over_several_airlocks(subject: &impl Subject) {
    let one = Bench::named(subject, "one", |b| b.seal(lock())).await;
    let two = Bench::named(subject, "two", |b| b.seal(semaphore(3))).await;
    let batch = All::of(&two.airlock, Entrant::new(ROOM).weight(2)).and(&one.airlock, ROOM);
    let permits = batch.clone().enter().await.expect("room");
    assert_eq!((one.inspect().await.in_use, two.inspect().await.in_use), (1, 2));
    assert_eq!((permits[0].airlock().name(), permits[1].airlock().name()), ("two", "one"));
    let refused = refused_at(batch.enter().await, Reason::Full);
    assert_eq!((refused.airlock(), refused.index()), (Some("one"), Some(1)));
    assert_eq!((one.inspect().await.in_use, two.inspect().await.in_use), (1, 2));
    permits.release().await.expect("leases");
}

/// G17, G21: rates are asked last, so a refusal elsewhere uses nothing of them up, wherever they are in the list.
pub async fn g17_a_refused_batch_uses_no_rate_up(subject: &impl Subject) {
    let rooms = Bench::named(subject, "rooms", |b| b.seal(lock())).await;
    // Its name comes first: that is not what the order goes by.
    let calls = Bench::named(subject, "calls", |b| b.seal(Seal::rate(Rate::new(1, LONG)))).await;
    let both = Bench::named(subject, "both", |b| b.seal(semaphore(9).with_rate(Rate::new(1, LONG)))).await;
    let batch = All::of(&calls.airlock, ROOM).and(&both.airlock, ROOM).and(&rooms.airlock, ROOM);
    let inside = rooms.inside(ROOM).await;
    for _ in 0..3 {
        assert_eq!(refused_at(batch.clone().enter().await, Reason::Full).airlock(), Some("rooms"));
    }
    inside.release().await.expect("a lease");
    batch.clone().enter().await.expect("neither rate was used").release().await.expect("leases");
    // And what the rate refuses takes no place.
    assert_eq!(refused_at(batch.enter().await, Reason::Limited).airlock(), Some("both"));
    assert_eq!(rooms.inspect().await.in_use, 0);
}

/// RX-16, G21: a member whose holder is gone keeps a batch out for as long as its lease lasts, and no longer.
pub async fn rx_16_an_expired_member_does_not_block_a_batch(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    for gone in LIST {
        bench.inside(gone).await.detach().expect("a lease");
        refused_at(bench.airlock.enter_all(LIST).await, Reason::Full);
        subject.advance(secs(10) - MICRO).await;
        assert_eq!(refused_at(bench.airlock.enter_all(LIST).await, Reason::Full).resource(), Some(gone));
        subject.advance(MICRO).await;
        let permits = bench.airlock.enter_all(LIST).await.expect("its lease is over");
        permits.release().await.expect("leases");
    }
    // Nor does a whole batch that was forgotten.
    for permit in bench.airlock.enter_all(LIST).await.expect("room").into_permits() {
        permit.detach().expect("a lease");
    }
    refused_at(bench.airlock.enter_all(LIST).await, Reason::Full);
    subject.advance(secs(10)).await;
    bench.airlock.enter_all(LIST).await.expect("their leases are over").release().await.expect("leases");
}

/// RX-16, G21: a batch that lost one of its members hears of it, and still releases the others.
pub async fn rx_16_a_lost_member_does_not_keep_the_others(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let permits = bench.airlock.enter_all(LIST.map(|at| Entrant::new(at).identity("ada"))).await.expect("room");
    assert!(bench.airlock.evict(LIST[0], Whom::Identity("ada")).await.expect("a store that works"));
    soon("the loss", permits.lost()).await;
    lost(permits.release().await);
    bench.until_nothing_is_left().await;
}

/// G21: who waits for a batch holds nothing meanwhile, and gets in when all can be had.
pub async fn g21_waiting_for_a_batch_holds_nothing(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let batch = tokio::spawn(bench.airlock.acquire_all(LIST).into_future());
    for free in [LIST[0], LIST[2]] {
        let gets_in = async {
            for _ in 0..3 {
                let permit = loop {
                    match bench.airlock.try_enter(free).await {
                        Ok(permit) => break permit,
                        Err(error) => assert!(error.is_busy(), "{error}"),
                    }
                    tokio::task::yield_now().await;
                };
                permit.release().await.expect("a lease");
            }
        };
        soon("a stranger to get in", gets_in).await;
    }
    assert!(!batch.is_finished() && bench.inspect().await.waiting == 0);
    inside.release().await.expect("a lease");
    let permits = soon("the whole batch", batch).await.expect("no panic").expect("room");
    permits.release().await.expect("leases");
    bench.until_nothing_is_left().await;
}

/// G21: what asking again cannot help ends the wait at once.
pub async fn g21_a_batch_does_not_wait_in_vain(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    let ada = || Entrant::new(ROOM).identity("ada");
    let _inside = bench.inside(ada()).await;
    let twice = bench.airlock.acquire_all([Entrant::new("attic"), ada()]).into_future();
    refused_at(soon("an answer", twice).await, Reason::Duplicate);
    bench.airlock.switch_resource("attic", Some(crate::Switch::closed())).await.expect("a store that works");
    let closed = bench.airlock.acquire_all(LIST).into_future();
    refused_at(soon("an answer", closed).await, Reason::Closed);
    bench.airlock.switch_resource("attic", None).await.expect("a store that works");
}

/// Which member refused it, and that it was for that reason.
fn refused_at(result: Result<Permits, AllError>, reason: Reason) -> AllError {
    match result {
        Err(error) if error.refusal().is_some_and(|refusal| refusal.reason == reason) => error,
        other => panic!("should be refused as {reason:?}, not {:?}", other.map_err(Error::from)),
    }
}
