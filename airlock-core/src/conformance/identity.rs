//! One identity, one lease or place (G4).

use super::bench::{Bench, MICRO, ROOM, admitted, enter, in_line, lock, lost, person, refused, secs, semaphore};
use super::{SHORT, Subject};
use crate::admission::FairShare;
use crate::gate::{Key, Outcome, Stay, Verb};
use crate::token::Secret;
use crate::{Entered, Entrant, OnReentry, Reason, Seal, Standing};

/// G4: entering again while waiting takes the place over; the old token, and its leaving, mean nothing any more.
pub async fn g04_entering_again_while_waiting_takes_the_place_over(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let _inside = bench.inside(ROOM).await;
    let old = bench.queued(person("ada")).await;
    let behind = bench.queued(person("bob")).await;
    let new = bench.queued(person("ada")).await;
    assert_eq!((new.place.position, new.place.waiting), (1, 2));
    bench.gone(&old).await;
    assert!(!bench.airlock.leave(&old.token).await.expect("a store that works"), "the old token left");
    assert_eq!(bench.still_waiting(&new).await, 1);
    assert_eq!(bench.still_waiting(&behind).await, 2);
}

/// G4: a future whose identity entered again elsewhere is told so, and its end does not cost the place.
pub async fn g04_a_superseded_future_is_told(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let old = bench.waits(person("ada")).await;
    let behind = bench.waits(person("bob")).await;
    let new = tokio::spawn(std::future::IntoFuture::into_future(bench.airlock.acquire(person("ada"))));
    assert_eq!(refused(old.outcome().await), Reason::Superseded);
    assert_eq!(bench.inspect().await.waiting, 2);
    inside.release().await.expect("a lease");
    let ada = super::bench::soon("ada's turn", new).await.expect("no panic").expect("her turn");
    assert!(behind.is_waiting());
    ada.release().await.expect("a lease");
    drop(behind.gets_in().await);
}

/// G4: entering again while offered claims, and the old token cannot claim any more.
pub async fn g04_entering_again_while_offered_claims(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let old = bench.queued(person("ada")).await;
    inside.release().await.expect("a lease");
    let offer = bench.offered(&old).await;
    let Ok(Entered::Admitted(permit)) = bench.airlock.enter(person("ada")).await else { panic!("should be inside") };
    assert_eq!(refused(bench.airlock.claim(&old.token, offer.nonce).await), Reason::Missed);
    assert!(!bench.airlock.leave(&old.token).await.expect("a store that works"), "the old token left");
    assert_eq!(bench.inspect().await.in_use, 1);
    permit.release().await.expect("still hers");
    bench.until_empty().await;
}

/// G4: a place that was kept for one weight or group is not there for another: whoever asks for that goes to the end, and
/// neither the limit nor a cap is passed by asking for little first.
pub async fn g04_another_weight_or_group_is_another_place(subject: &impl Subject) {
    let bench = Bench::named(subject, "weight", |b| b.seal(semaphore(2))).await;
    let (first, second) = (bench.inside(ROOM).await, bench.inside(ROOM).await);
    let light = bench.queued(person("ada")).await;
    let behind = bench.queued(person("bob")).await;
    let heavy = bench.queued(person("ada").weight(2)).await;
    bench.gone(&light).await;
    assert_eq!(bench.still_waiting(&behind).await, 1);
    assert_eq!(bench.still_waiting(&heavy).await, 2);
    first.release().await.expect("a lease");
    bench.offered(&behind).await;
    assert!(bench.airlock.leave(&behind.token).await.expect("a store that works"));
    assert_eq!(bench.still_waiting(&heavy).await, 1, "there is room for one, and she weighs two");
    second.release().await.expect("a lease");
    // Nor is an offer for two one for one.
    bench.offered(&heavy).await;
    let Ok(Entered::Admitted(permit)) = bench.airlock.enter(person("ada")).await else { panic!("should be inside") };
    assert_eq!(bench.inspect().await.in_use, 1);
    permit.release().await.expect("still hers");
    bench.until_empty().await;

    let shares = FairShare::new().cap_each(1);
    let bench = Bench::named(subject, "group", |b| b.seal(semaphore(2)).admission(shares)).await;
    let [red, green] = ["red", "green"].map(|group| bench.inside(Entrant::new(ROOM).group(group)));
    let (red, green) = (red.await, green.await);
    bench.queued(person("ada").group("blue")).await;
    let ada = bench.queued(person("ada").group("red")).await;
    green.release().await.expect("a lease");
    bench.still_waiting(&ada).await;
    red.release().await.expect("a lease");
    bench.offered(&ada).await;
}

/// G4: entering again while inside is refused as a duplicate, however there is room: single flight.
pub async fn g04_entering_again_while_inside_is_a_duplicate(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(5)).await;
    let permit = bench.inside(person("ada")).await;
    assert_eq!(bench.turned_away(person("ada")).await, Reason::Duplicate);
    assert_eq!(refused(bench.airlock.acquire(person("ada")).await), Reason::Duplicate);
    assert_eq!(refused(bench.airlock.enter(person("ada")).await), Reason::Duplicate);
    let _bob = bench.inside(person("bob")).await;
    // At another gate she is somebody else.
    let _elsewhere = bench.inside(crate::Entrant::new("elsewhere").identity("ada")).await;
    permit.release().await.expect("a lease");
    bench.passes(person("ada")).await;
}

/// G4: who only tries while it waits elsewhere is turned away, and the place stays whose it is.
pub async fn g04_trying_leaves_the_place_alone(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let _inside = bench.inside(ROOM).await;
    let ticket = bench.queued(person("ada")).await;
    assert_eq!(bench.turned_away(person("ada")).await, Reason::Full);
    assert_eq!(bench.still_waiting(&ticket).await, 1);
}

/// G4: those without an identity are each their own.
pub async fn g04_the_anonymous_are_many(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    let _inside = [bench.inside(ROOM).await, bench.inside(ROOM).await];
    let first = bench.queued(ROOM).await;
    let second = bench.queued(ROOM).await;
    assert_eq!((first.place.position, second.place.position), (1, 2));
}

/// G4: a session's lease belongs to the identity: everybody of it is inside under it, and it counts once.
pub async fn g04_a_session_is_one_lease(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).on_reentry(OnReentry::Share)).await;
    let first = bench.inside(person("ada")).await;
    let Ok(Entered::Admitted(second)) = bench.airlock.enter(person("ada")).await else { panic!("should be inside") };
    let third = bench.airlock.acquire(person("ada")).await.expect("inside already");
    assert_eq!((first.fence(), first.fence()), (second.fence(), third.fence()));
    assert_eq!(bench.inspect().await.in_use, 1);
    assert_eq!(bench.turned_away(person("bob")).await, Reason::Full);
    // No handle releases it by being dropped.
    drop((second, third));
    assert_eq!(bench.inspect().await.in_use, 1);
    first.release().await.expect("a lease");
    assert_eq!(bench.inspect().await.in_use, 0);
}

/// G4: every handle of a session can do what a permit can.
pub async fn g04_every_handle_of_a_session_works(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).on_reentry(OnReentry::Share)).await;
    let first = bench.inside(person("ada")).await;
    let tried = bench.inside(person("ada")).await;
    let Ok(Entered::Admitted(entered)) = bench.airlock.enter(person("ada")).await else { panic!("should be inside") };
    for (which, handle) in [("first", &first), ("tried", &tried), ("entered", &entered)] {
        assert_eq!(handle.is_lost(), None, "{which}");
        handle.renew().await.unwrap_or_else(|error| panic!("{which} cannot renew: {error}"));
        let token = handle.token().unwrap_or_else(|error| panic!("{which} has no token: {error}"));
        bench.airlock.renew(&token).await.unwrap_or_else(|error| panic!("the token of {which}: {error}"));
    }
    entered.release().await.expect("the last to come can end it");
    lost(tried.renew().await);
    bench.until_empty().await;
}

/// G4: a session ends by its time to live, on every store, however many handles there are.
pub async fn g04_a_session_ends_by_its_ttl(subject: &impl Subject) {
    let seal = Seal::lock().ttl(SHORT);
    let bench = Bench::with(subject, |b| b.seal(seal).on_reentry(OnReentry::Share)).await;
    let secret = Secret::random();
    let grant = admitted(&bench.apply(enter(secret, Some("ada"), Stay::No)).await);
    assert!(grant.shared);
    subject.advance(SHORT - MICRO).await;
    let again = admitted(&bench.apply(enter(Secret::random(), Some("ada"), Stay::No)).await);
    assert_eq!(again.fence, grant.fence);
    subject.advance(MICRO).await;
    let new = admitted(&bench.apply(enter(Secret::random(), Some("ada"), Stay::No)).await);
    assert!(new.fence > grant.fence, "the old session came back");
}

/// RX-8, G4: one identity never holds two places, however it pushes, and through however many doors.
pub async fn rx_08_one_identity_never_holds_two_places(subject: &impl Subject) {
    let one = Bench::new(subject, semaphore(3)).await;
    let two = Bench::new(subject, semaphore(3)).await;
    let mut pushing = Vec::new();
    for turn in 0..20 {
        let airlock = if turn % 2 == 0 { one.airlock.clone() } else { two.airlock.clone() };
        pushing.push(tokio::spawn(async move { airlock.enter(person("ada")).await }));
    }
    let mut inside = Vec::new();
    for push in pushing {
        match super::bench::soon("an answer", push).await.expect("no panic") {
            Ok(Entered::Admitted(permit)) => inside.push(permit),
            other => assert_eq!(refused(other), Reason::Duplicate),
        }
    }
    assert_eq!(inside.len(), 1);
    let seen = one.inspect().await;
    assert_eq!((seen.in_use, seen.waiting, seen.holders.len()), (1, 0, 1));
}

/// RX-8, G4: nor does it have two places in line, or a place in line and one inside.
pub async fn rx_08_nor_two_places_in_line(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(person("bob")).await;
    for _ in 0..5 {
        bench.queued(person("ada")).await;
    }
    let ticket = bench.queued(person("ada")).await;
    assert_eq!(bench.inspect().await.waiting, 1);
    inside.release().await.expect("a lease");
    let offer = bench.offered(&ticket).await;
    let _permit = bench.airlock.claim(&ticket.token, offer.nonce).await.expect("an offer");
    assert_eq!(bench.turned_away(person("ada")).await, Reason::Duplicate);
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.offered, seen.waiting), (1, 0, 0));
}

/// RX-11, G4: entering again never looks like an extension that it is not.
pub async fn rx_11_reacquiring_does_not_pretend_to_extend(subject: &impl Subject) {
    // Refused, it cannot be mistaken.
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let token = bench.inside(person("ada")).await.detach().expect("a lease");
    subject.advance(secs(9)).await;
    assert_eq!(bench.turned_away(person("ada")).await, Reason::Duplicate);
    subject.advance(secs(1)).await;
    lost(bench.airlock.renew(&token).await);

    // Shared, the answer says when the lease ends, and that is when it ends.
    let session = |b: crate::Builder| b.seal(Seal::lock().ttl(secs(10))).on_reentry(OnReentry::Share);
    let bench = Bench::named(subject, "sessions", session).await;
    let secret = Secret::random();
    let first = admitted(&bench.apply(enter(secret, Some("ada"), Stay::No)).await);
    subject.advance(secs(9)).await;
    let again = admitted(&bench.apply(enter(Secret::random(), Some("ada"), Stay::No)).await);
    let left = again.until - first.until;
    subject.advance(secs(1) - MICRO).await;
    let standing = bench.apply(Verb::Look { key: Key::Token(secret) }).await;
    assert!(matches!(standing.outcome, Outcome::Admitted(_)), "{standing:?}");
    subject.advance(MICRO + std::time::Duration::from_micros(left)).await;
    let standing = bench.apply(Verb::Look { key: Key::Token(secret) }).await;
    assert!(matches!(standing.outcome, Outcome::NotHeld), "inside beyond what it was told: {standing:?}");
}

/// RX-23, G4: what the same owner gets when it comes again is the same on every store, in every state.
pub async fn rx_23_reacquiring_is_the_same_on_every_store(subject: &impl Subject) {
    for on_reentry in [OnReentry::Refuse, OnReentry::Share] {
        let name = format!("{on_reentry:?}");
        let bench = Bench::named(subject, &name, |b| b.seal(lock()).on_reentry(on_reentry)).await;
        let other = bench.inside(person("bob")).await;
        // Waiting: the same place, under the new token.
        let (one, two, three) = (Secret::random(), Secret::random(), Secret::random());
        in_line(&bench.apply(enter(one, Some("ada"), Stay::Away)).await);
        assert_eq!(in_line(&bench.apply(enter(two, Some("ada"), Stay::Away)).await).waiting, 1);
        // Offered: inside, under the new token.
        other.release().await.expect("a lease");
        if on_reentry == OnReentry::Share {
            bench.until("an offer", |seen| seen.offered == 1).await;
        }
        let grant = admitted(&bench.apply(enter(three, Some("ada"), Stay::Away)).await);
        for old in [one, two] {
            let standing = bench.apply(Verb::Look { key: Key::Token(old) }).await;
            assert!(matches!(standing.outcome, Outcome::NotHeld), "{standing:?}");
        }
        // Inside: refused or shared, as configured.
        let again = bench.apply(enter(Secret::random(), Some("ada"), Stay::Away)).await;
        match on_reentry {
            OnReentry::Refuse => assert!(matches!(again.outcome, Outcome::Refused { .. }), "{again:?}"),
            OnReentry::Share => assert_eq!(admitted(&again).fence, grant.fence),
        }
        let standing = bench.airlock.inspect(ROOM).await.expect("a store that works");
        assert_eq!((standing.in_use, standing.offered, standing.waiting), (1, 0, 0));
    }
}

/// G4: the place that was taken over is as present as its new owner.
pub async fn g04_taking_over_counts_as_presence(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let _inside = bench.inside(ROOM).await;
    let _old = bench.queued(person("ada")).await;
    subject.advance(secs(29)).await;
    let new = bench.queued(person("ada")).await;
    subject.advance(secs(29)).await;
    assert!(matches!(bench.airlock.poll(&new.token).await, Ok(Standing::Waiting(_))));
}
