//! Identities that a front end acts for (G4, G14).

use super::Subject;
use super::bench::{Bench, MICRO, ROOM, lock, lost, refused, secs, semaphore};
use crate::gate::Whom;
use crate::{Door, Entered, OnReentry, Permit, Reason, Seal, Standing, Switch, Ticket, Visitor};

async fn inside(visitor: &Visitor<'_>) -> Permit {
    match visitor.enter().await {
        Ok(Entered::Admitted(permit)) => permit,
        other => panic!("should be inside: {other:?}"),
    }
}

async fn in_line(visitor: &Visitor<'_>) -> Ticket {
    match visitor.enter().await {
        Ok(Entered::Queued(ticket)) => ticket,
        other => panic!("should be in line: {other:?}"),
    }
}

async fn standing(visitor: &Visitor<'_>) -> Standing {
    visitor.poll().await.expect("a store that works")
}

/// G14: a front end acts on the lease whose fence it names, and on no other of that identity.
pub async fn g14_a_visitor_is_known_by_its_fence(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let ada = bench.airlock.visitor(ROOM, "ada");
    let first = inside(&ada).await.fence();
    assert!(ada.leave(first).await.expect("a store that works"));
    let second = inside(&ada).await.fence();
    assert!(second > first);
    for other in [0, first, second + 1] {
        lost(ada.renew(other, None).await);
        assert!(!ada.leave(other).await.expect("a store that works"), "left by {other}");
    }
    lost(bench.airlock.visitor(ROOM, "bob").renew(second, None).await);
    ada.renew(second, None).await.expect("hers");
    // An operator puts it out, and that was it.
    assert!(bench.airlock.evict(ROOM, Whom::Fence(second)).await.expect("a store that works"));
    lost(ada.renew(second, None).await);
    assert_eq!(standing(&ada).await, Standing::Unknown);
    bench.until_empty().await;
}

/// G4: it belongs to the identity, whatever happens on re-entry elsewhere: dropping a permit releases nothing, entering
/// again is the same admission, and it ends by its ttl.
pub async fn g04_a_visitors_lease_is_its_own(subject: &impl Subject) {
    for on_reentry in [OnReentry::Refuse, OnReentry::Share] {
        let seal = Seal::lock().ttl(secs(10));
        let bench = Bench::with(subject, |b| b.seal(seal).on_reentry(on_reentry)).await;
        let ada = bench.airlock.visitor(ROOM, "ada");
        let fence = inside(&ada).await.fence();
        assert_eq!(inside(&ada).await.fence(), fence);
        subject.advance(secs(10) - MICRO).await;
        assert!(matches!(standing(&ada).await, Standing::Inside { fence: is, .. } if is == fence), "{on_reentry:?}");
        subject.advance(MICRO).await;
        assert_eq!(standing(&ada).await, Standing::Unknown, "{on_reentry:?}");
        lost(ada.renew(fence, None).await);
    }
}

/// G4: the older token means nothing any more.
pub async fn g04_a_visitor_that_enters_again_takes_its_place_over(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let _inside = bench.inside(ROOM).await;
    let ada = bench.airlock.visitor(ROOM, "ada");
    let old = in_line(&ada).await;
    let behind = in_line(&bench.airlock.visitor(ROOM, "bob")).await;
    let new = in_line(&ada).await;
    assert_eq!((new.place.position, behind.place.position), (1, 2));
    bench.gone(&old).await;
    assert!(!bench.airlock.leave(&old.token).await.expect("a store that works"));
    assert!(matches!(standing(&ada).await, Standing::Waiting(place) if place.position == 1));
}

/// G11: asking tells, and only a claim, or entering again, lets in.
pub async fn g11_a_visitor_claims_what_it_was_offered(subject: &impl Subject) {
    for on_reentry in [OnReentry::Refuse, OnReentry::Share] {
        let seal = Seal::lock().ttl(secs(10));
        let bench = Bench::with(subject, |b| b.seal(seal).on_reentry(on_reentry)).await;
        let first = bench.airlock.visitor(ROOM, "first");
        let fence = inside(&first).await.fence();
        let ada = bench.airlock.visitor(ROOM, "ada");
        in_line(&ada).await;
        assert!(first.leave(fence).await.expect("a store that works"));
        let Standing::Offered(offer) = standing(&ada).await else { panic!("should be offered") };
        assert_eq!(refused(ada.claim(offer.nonce + 1).await), Reason::Missed);
        lost(ada.renew(offer.fence, None).await);
        let claimed = ada.claim(offer.nonce).await.expect("hers").fence();
        assert_eq!(claimed, offer.fence);
        assert_eq!(ada.claim(offer.nonce).await.expect("the same").fence(), claimed);
        subject.advance(secs(10)).await;
        assert_eq!(standing(&ada).await, Standing::Unknown, "a lease that nobody guards: {on_reentry:?}");
    }
}

/// G13: a renewal may ask for more than the seal's ttl: what holds a newcomer for a moment holds a known one for long.
pub async fn g13_a_visitor_may_stay_longer_than_the_ttl(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(Seal::lock().ttl(secs(30))).on_reentry(OnReentry::Share)).await;
    let ada = bench.airlock.visitor(ROOM, "ada");
    let fence = inside(&ada).await.fence();
    ada.renew(fence, Some(secs(600))).await.expect("hers");
    subject.advance(secs(600) - MICRO).await;
    assert!(matches!(standing(&ada).await, Standing::Inside { .. }));
    subject.advance(MICRO).await;
    lost(ada.renew(fence, None).await);
}

/// G14: a place has no fence, and an offer the one of the admission that it will be.
pub async fn g14_a_visitor_leaves_the_line(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(1)).await;
    let first = bench.inside(ROOM).await;
    let (ada, bob) = (bench.airlock.visitor(ROOM, "ada"), bench.airlock.visitor(ROOM, "bob"));
    in_line(&ada).await;
    assert!(ada.leave(0).await.expect("a store that works"));
    in_line(&bob).await;
    first.release().await.expect("a lease");
    let Standing::Offered(offer) = standing(&bob).await else { panic!("should be offered") };
    assert!(!bob.leave(0).await.expect("a store that works"));
    assert!(bob.leave(offer.fence).await.expect("a store that works"));
    bench.until_empty().await;
}

/// G20: without entering.
pub async fn g20_a_door_says_how_the_switch_stands(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let door = async || bench.airlock.door(ROOM).await.expect("a store that works");
    let set = async |switch| bench.airlock.switch_resource(ROOM, Some(switch)).await.expect("a store that works");
    assert_eq!(door().await, Door::Open);
    let inside = bench.inside(ROOM).await;
    for open in [Switch::hold(), Switch::open()] {
        set(open).await;
        assert_eq!(door().await, Door::Open);
    }
    set(Switch::closed().because("Lunch.").reopen_in(secs(60))).await;
    let closed = Door::Closed { reopens_in: Some(secs(60)), because: Some("Lunch.".into()) };
    assert_eq!(door().await, closed);
    set(Switch::bypass()).await;
    assert_eq!(door().await, Door::Bypassed);
    bench.airlock.switch_resource(ROOM, None).await.expect("a store that works");
    inside.release().await.expect("a lease");
    assert_eq!((door().await, bench.inspect().await.in_use), (Door::Open, 0));
}
