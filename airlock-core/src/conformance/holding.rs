//! Renewals, releases, guards and fences (G13 to G16).

use std::time::Duration;

use super::Subject;
use super::bench::{Bench, LONG, MICRO, ROOM, SECOND, admitted, enter, invalid, lost, person, secs, semaphore, soon};
use crate::gate::{Key, Micros, Outcome, Stay, Verb};
use crate::token::Secret;
use crate::{Ending, Seal, Standing, Token, Whom};

/// RX-1, G13: refreshing a lock does not free it.
pub async fn rx_01_refreshing_does_not_free(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let permit = bench.inside(ROOM).await;
    for _ in 0..3 {
        permit.renew().await.expect("a lease");
        permit.renew_for(SECOND).await.expect("a lease");
        bench.turned_away(ROOM).await;
    }
    let token = permit.detach().expect("a lease");
    for _ in 0..3 {
        bench.airlock.renew(&token).await.expect("a lease");
        bench.turned_away(ROOM).await;
    }
    assert_eq!(bench.inspect().await.in_use, 1);
}

/// G13: renewing sets the deadline to now plus the time to live, and the lease ends exactly then.
pub async fn g13_renewing_moves_the_deadline(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let token = bench.inside(ROOM).await.detach().expect("a lease");
    let first = until(&bench, &token).await;
    subject.advance(secs(7)).await;
    let answered = bench.airlock.renew(&token).await.expect("a lease");
    assert_eq!(answered.duration_since(first).expect("later"), secs(7));
    assert_eq!(until(&bench, &token).await, answered);
    subject.advance(secs(10) - MICRO).await;
    bench.turned_away(ROOM).await;
    subject.advance(MICRO).await;
    lost(bench.airlock.renew(&token).await);
    bench.passes(ROOM).await;
}

/// G13: renewing never shortens a lease.
pub async fn g13_renewing_never_shortens(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(60))).await;
    let token = bench.inside(ROOM).await.detach().expect("a lease");
    let before = until(&bench, &token).await;
    for shorter in [1, 1_000_000, 59_999_999] {
        let left = renew(&bench, &token, Some(shorter)).await;
        assert_eq!(Duration::from_micros(left), before.duration_since(std::time::UNIX_EPOCH).expect("after 1970"));
    }
    assert_eq!(until(&bench, &token).await, before);
    let longer = renew(&bench, &token, Some(90_000_000)).await;
    assert_eq!(Duration::from_micros(longer), before.duration_since(std::time::UNIX_EPOCH).expect("") + secs(30));
}

/// G13: renewing never revives what is over, not even when nobody else came.
pub async fn g13_renewing_never_revives(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let token = bench.inside(ROOM).await.detach().expect("a lease");
    subject.advance(secs(10)).await;
    for _ in 0..3 {
        lost(bench.airlock.renew(&token).await);
    }
    lost(bench.airlock.restore(&token).await);
    assert_eq!(bench.inspect().await.in_use, 0);
    let next = bench.inside(ROOM).await;
    lost(bench.airlock.renew(&token).await);
    next.release().await.expect("untouched");
}

/// RX-22, G13: a handle that was restored from its text, and renewed by default, is not permanent.
pub async fn rx_22_a_restored_handle_is_not_permanent(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let text = bench.inside(ROOM).await.detach().expect("a lease").expose();
    let token: Token = text.parse().expect("a token");
    for _ in 0..3 {
        subject.advance(secs(5)).await;
        bench.airlock.renew(&token).await.expect("a lease");
    }
    let permit = bench.airlock.restore(&token).await.expect("a lease");
    permit.renew().await.expect("a lease");
    bench.turned_away(ROOM).await;
    assert_eq!(permit.detach().expect("a lease"), token);
    subject.advance(secs(10)).await;
    lost(bench.airlock.renew(&token).await);
    bench.passes(ROOM).await;
    // However long somebody asks for.
    let token = bench.inside("another room").await.detach().expect("a lease");
    let verb = Verb::Renew { key: Key::Token(token.secret()), ttl: Some(Micros::MAX) };
    let answer = bench.apply_at("another room", verb).await;
    assert!(matches!(answer.outcome, Outcome::Renewed(until) if until < crate::gate::NEVER), "{answer:?}");
}

/// G14, G15: a release releases once, and says so; dropping releases as well.
pub async fn g14_a_release_releases_once(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    let first = bench.inside(ROOM).await;
    let second = bench.inside(ROOM).await;
    let token = first.token().expect("a lease");
    first.release().await.expect("a lease");
    lost(bench.airlock.release(&token).await);
    assert!(!bench.airlock.leave(&token).await.expect("a store that works"));
    assert_eq!(bench.inspect().await.in_use, 1, "released once");
    drop(second);
    bench.until_nothing_is_left().await;
}

/// RX-15, G14: who does not hold the lock cannot free it: neither a stranger, nor who held it before, nor a name.
pub async fn rx_15_only_the_holder_frees(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let stale = bench.inside(person("ada")).await.detach().expect("a lease");
    subject.advance(secs(10)).await;
    let permit = bench.inside(person("bob")).await;
    let stranger = Token::random(ROOM).expect("a valid name");
    for token in [&stale, &stranger] {
        lost(bench.airlock.release(token).await);
        assert!(!bench.airlock.leave(token).await.expect("a store that works"));
        lost(bench.airlock.restore(token).await);
        assert!(bench.airlock.claim(token, 1).await.is_err());
    }
    // An authenticated identity may release its own lease only, and names it by its fence.
    for (identity, fence) in [("ada", permit.fence()), ("bob", permit.fence() - 1), ("bob", 0)] {
        let key = Key::Identity { identity, fence };
        for verb in [Verb::GiveUp { key, doubt: false }, Verb::Renew { key, ttl: None }, Verb::Restore { key }] {
            let answer = bench.apply(verb).await;
            assert!(matches!(answer.outcome, Outcome::NotHeld | Outcome::Lost), "{identity} {fence}: {answer:?}");
        }
    }
    bench.turned_away(ROOM).await;
    let key = Key::Identity { identity: "bob", fence: permit.fence() };
    assert!(matches!(bench.apply(Verb::Renew { key, ttl: None }).await.outcome, Outcome::Renewed(_)));
    assert!(matches!(bench.apply(Verb::GiveUp { key, doubt: false }).await.outcome, Outcome::Released));
    lost(permit.release().await);
}

/// G14: a token is for its resource alone.
pub async fn g14_a_token_is_for_its_resource(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(1)).await;
    let here = bench.inside(ROOM).await.detach().expect("a lease");
    let _there = bench.inside("another room").await;
    let text = here.expose().replace(ROOM, "another room");
    let forged: Token = text.parse().expect("a token");
    lost(bench.airlock.release(&forged).await);
    bench.turned_away("another room").await;
    bench.airlock.release(&here).await.expect("a lease");
}

/// RX-10, G13, G14: nothing says "held" of a lease that is over.
pub async fn rx_10_nothing_is_held_after_expiry(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(LONG).max_hold(secs(10))).await;
    let permit = bench.inside(ROOM).await;
    let token = permit.token().expect("a lease");
    assert_eq!(permit.is_lost(), None);
    subject.advance(secs(10)).await;
    soon("the loss", permit.lost()).await;
    assert!(permit.is_lost().is_some());
    lost(permit.renew().await);
    assert_eq!(bench.airlock.poll(&token).await.expect("a store that works"), Standing::Unknown);
    lost(bench.airlock.renew(&token).await);
    assert!(permit.token().is_err() && bench.inspect().await.in_use == 0);
    // Nor does its end touch who came after.
    let next = bench.inside(ROOM).await;
    lost(permit.release().await);
    bench.turned_away(ROOM).await;
    next.release().await.expect("a lease");
}

/// RX-10, G4: an identity holds while it is inside: not in line, not when offered, not after its end, and nowhere else.
pub async fn rx_10_held_by_is_said_of_holders_alone(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let held_by = async |identity| bench.airlock.is_held_by(ROOM, identity).await.expect("a store that works");
    assert!(!held_by("ada").await, "nobody was ever there");
    let ada = bench.inside(person("ada")).await;
    let bob = bench.queued(person("bob")).await;
    assert!(held_by("ada").await && !held_by("bob").await);
    assert!(!bench.airlock.is_held_by("another room", "ada").await.expect("a store that works"));
    ada.release().await.expect("a lease");
    let offer = bench.offered(&bob).await;
    assert!(!held_by("ada").await && !held_by("bob").await);
    let permit = bench.airlock.claim(&bob.token, offer.nonce).await.expect("an offer");
    assert!(held_by("bob").await);
    permit.detach().expect("a lease");
    subject.advance(secs(10) - MICRO).await;
    assert!(held_by("bob").await);
    subject.advance(MICRO).await;
    assert!(!held_by("bob").await);
    for nonsense in ["", "\n"] {
        invalid(bench.airlock.is_held_by(nonsense, "ada").await);
        invalid(bench.airlock.is_held_by(ROOM, nonsense).await);
    }
}

/// RX-10, RX-22, G13: what remains of a lease counts down to nothing by the store's clock, and is lost from then on.
pub async fn rx_10_what_remains_runs_out(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let token = bench.inside(ROOM).await.detach().expect("a lease");
    let left = async || bench.airlock.remaining(&token).await;
    assert_eq!(left().await.expect("a lease"), Some(secs(10)));
    subject.advance(secs(7)).await;
    assert_eq!(left().await.expect("a lease"), Some(secs(3)));
    bench.airlock.renew(&token).await.expect("a lease");
    assert_eq!(left().await.expect("a lease"), Some(secs(10)));
    subject.advance(secs(10) - MICRO).await;
    assert_eq!(left().await.expect("a lease"), Some(MICRO));
    subject.advance(MICRO).await;
    lost(left().await);
    // Nor is there anything left of what was never there, or only waits.
    lost(bench.airlock.remaining(&Token::random(ROOM).expect("a name")).await);
    let _inside = bench.inside(ROOM).await;
    lost(bench.airlock.remaining(&bench.queued(ROOM).await.token).await);
}

/// G15: a detached permit keeps its place for the time to live, from when it was detached.
pub async fn g15_detaching_keeps_the_place(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let permit = bench.inside(ROOM).await;
    subject.advance(secs(3)).await;
    let token = permit.detach().expect("a lease");
    bench.turned_away(ROOM).await;
    subject.advance(secs(10) - MICRO).await;
    bench.turned_away(ROOM).await;
    subject.advance(MICRO).await;
    lost(bench.airlock.release(&token).await);
    bench.passes(ROOM).await;
}

/// G15: who took a detached lease over guards it: its drop releases it.
pub async fn g15_a_restored_permit_is_a_guard(subject: &impl Subject) {
    let one = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let two = Bench::new(subject, Seal::lock().ttl(secs(10))).await;
    let first = one.inside(ROOM).await;
    let fence = first.fence();
    let token = first.detach().expect("a lease");
    let permit = two.airlock.restore(&token).await.expect("a lease");
    assert_eq!(permit.fence(), fence);
    one.turned_away(ROOM).await;
    drop(permit);
    one.until_nothing_is_left().await;
    lost(one.airlock.renew(&token).await);
}

/// G16: no renewal goes beyond the longest hold, which the gate enforces.
pub async fn g16_no_lease_outlasts_the_longest_hold(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(secs(10)).max_hold(secs(25))).await;
    let token = bench.inside(ROOM).await.detach().expect("a lease");
    let since = until(&bench, &token).await - secs(10);
    for _ in 0..3 {
        subject.advance(secs(8)).await;
        bench.airlock.renew(&token).await.expect("a lease");
        let until = until(&bench, &token).await;
        assert!(until <= since + secs(25), "{until:?}");
    }
    assert_eq!(until(&bench, &token).await, since + secs(25));
    subject.advance(secs(1)).await;
    lost(bench.airlock.renew(&token).await);
}

/// RX-21, G16: whoever holds a lease that is lost notices, and its work is stopped where it awaits.
pub async fn rx_21_a_lost_lease_stops_the_work(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    let permit = bench.inside(person("ada")).await;
    let (started, has_started) = tokio::sync::oneshot::channel();
    let airlock = bench.airlock.clone();
    let work = tokio::spawn(async move {
        let endless = |_| async {
            let _ = started.send(());
            std::future::pending::<()>().await;
        };
        airlock.with_admitted(person("bob"), endless).await
    });
    soon("the work to start", has_started).await.expect("it starts");
    assert_eq!(permit.is_lost(), None);
    for identity in ["ada", "bob"] {
        assert!(bench.airlock.evict(ROOM, Whom::Identity(identity)).await.expect("a store that works"));
    }
    let loss = soon("the loss", permit.lost()).await;
    assert!(matches!(loss.ending, Some(Ending::Evicted) | None), "{loss:?}");
    lost(soon("the work to stop", work).await.expect("no panic"));
    assert_eq!(bench.inspect().await.in_use, 0);
}

/// G15: work inside is over when it ends, however it ends, and so is the permit.
pub async fn g15_work_releases_however_it_ends(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(1)).await;
    let sum = bench.airlock.with_admitted(ROOM, |permit| async move { permit.fence() }).await.expect("room");
    assert!(sum > 0);
    bench.until_nothing_is_left().await;
    let airlock = bench.airlock.clone();
    let panics = tokio::spawn(async move { airlock.with_admitted(ROOM, |_| async { panic!("on purpose") }).await });
    assert!(soon("the panic", panics).await.is_err_and(|error| error.is_panic()));
    bench.until_nothing_is_left().await;
    let kept = bench.airlock.try_with_admitted(ROOM, |permit| async { permit }).await.expect("room");
    bench.turned_away(ROOM).await;
    drop(kept);
    bench.until_nothing_is_left().await;
}

/// Fences: a permit carries the lowest number still inside.
pub async fn fences_have_a_floor(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(3)).await;
    let first = bench.inside(ROOM).await;
    assert_eq!(first.floor(), first.fence());
    let second = bench.inside(ROOM).await;
    let third = bench.inside(ROOM).await;
    assert_eq!((second.floor(), third.floor()), (first.fence(), first.fence()));
    second.release().await.expect("a lease");
    assert_eq!(bench.inside(ROOM).await.floor(), first.fence());
    first.release().await.expect("a lease");
    assert_eq!(bench.inside(ROOM).await.floor(), third.fence());
}

/// Fences: an offer has its number before it is claimed, and holds the floor.
pub async fn fences_of_offers_count(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    let (one, two, away) = (Secret::random(), Secret::random(), Secret::random());
    admitted(&bench.apply(enter(one, None, Stay::No)).await);
    admitted(&bench.apply(enter(two, None, Stay::No)).await);
    bench.apply(enter(away, None, Stay::Away)).await;
    for gone in [one, two] {
        bench.apply(super::bench::give_up(gone, false)).await;
    }
    let answer = bench.apply(Verb::Poll { key: Key::Token(away) }).await;
    let Outcome::Offered { nonce, fence, .. } = answer.outcome else { panic!("should be offered, not {answer:?}") };
    let beside = bench.inside(ROOM).await;
    assert!(beside.floor() == fence && beside.fence() > fence);
    let grant = admitted(&bench.apply(Verb::Claim { key: Key::Token(away), nonce }).await);
    assert_eq!((grant.fence, grant.floor), (fence, fence));
}

/// When the lease ends.
async fn until(bench: &Bench, token: &Token) -> std::time::SystemTime {
    match bench.airlock.poll(token).await {
        Ok(Standing::Inside { until: Some(until), .. }) => until,
        other => panic!("should be inside with a deadline, not {other:?}"),
    }
}

/// Renews by so much, and answers when the lease ends.
async fn renew(bench: &Bench, token: &Token, ttl: Option<Micros>) -> Micros {
    match bench.apply(Verb::Renew { key: Key::Token(token.secret()), ttl }).await.outcome {
        Outcome::Renewed(until) => until,
        other => panic!("should be renewed, not {other:?}"),
    }
}
