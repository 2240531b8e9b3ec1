//! Who gets in, who waits, who is refused (G5 to G8).

use super::bench::{
    Bench, ROOM, enter, give_up, heavy, in_line, invalid, lock, person, refused, secs, semaphore, soon,
};
use super::{SHORT, Subject};
use crate::admission::Priority;
use crate::gate::{Answer, Outcome, Stay, Verb};
use crate::store::{LazyTurn, News};
use crate::token::Secret;
use crate::{Entrant, Line, Reason, Seal};

/// A resource's limit is a limit: so much weight and no more, and other resources are others.
pub async fn g05_a_limit_is_a_limit(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(5)).await;
    let three = bench.inside(heavy(3)).await;
    let _one = bench.inside(heavy(1)).await;
    assert_eq!(bench.turned_away(heavy(2)).await, Reason::Full);
    let _other = bench.inside(heavy(1)).await;
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
    let _elsewhere = bench.inside(Entrant::new("elsewhere").weight(5)).await;
    assert_eq!(bench.inspect().await.in_use, 5);
    three.release().await.expect("a lease");
    let _again = bench.inside(heavy(3)).await;
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
}

/// G5: a newcomer does not take the room that the head is too heavy for; it goes behind it.
pub async fn g05_nobody_barges(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(3)).await;
    let two = bench.inside(heavy(2)).await;
    let head = bench.queued(heavy(2)).await;
    // There is room for one.
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
    let light = bench.queued(heavy(1)).await;
    assert_eq!((head.place.position, light.place.position), (1, 2));
    assert_eq!(bench.inspect().await.in_use, 2);
    two.release().await.expect("a lease");
    bench.offered(&head).await;
    bench.offered(&light).await;
}

/// G5: who has waited goes first even when the newcomer asks at the very moment the room comes free.
pub async fn g05_a_place_that_comes_free_is_the_waiters(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let inside = bench.inside(ROOM).await;
    let waiter = bench.waits(ROOM).await;
    inside.release().await.expect("a lease");
    // The waiter's future has not run yet, and still nobody else gets its place.
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
    drop(waiter.gets_in().await);
}

/// G5: a newcomer that would be picked before everybody who waits is let in, where it fits.
pub async fn g05_the_first_of_all_may_enter(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(semaphore(3)).admission(Priority::new())).await;
    let _two = bench.inside(heavy(2)).await;
    bench.queued(heavy(2).priority(5)).await;
    assert_eq!(bench.turned_away(heavy(1).priority(5)).await, Reason::Full, "an equal came later");
    assert_eq!(bench.turned_away(heavy(2).priority(6)).await, Reason::Full, "it does not fit");
    let _urgent = bench.inside(heavy(1).priority(6)).await;
    assert_eq!(bench.inspect().await.in_use, 3);
}

/// G6: so many free places let in so many waiters, at once.
pub async fn g06_many_free_places_are_given_at_once(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(3)).await;
    let all = bench.inside(heavy(3)).await;
    let away = [bench.queued(ROOM).await, bench.queued(ROOM).await];
    let here = bench.waits(ROOM).await;
    let last = bench.waits(ROOM).await;
    all.release().await.expect("a lease");
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.waiting), (3, 1));
    for ticket in &away {
        bench.offered(ticket).await;
    }
    let _inside = here.gets_in().await;
    assert!(last.is_waiting());
}

/// G6: a step reclaims and promotes a bounded number, and says so or goes on at once until nobody may enter.
pub async fn g06_no_place_stays_free_beside_a_line(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(0)).await;
    for _ in 0..300 {
        bench.queued(ROOM).await;
    }
    let answer = bench.apply(Verb::Resize { limit: Some(200) }).await;
    go_on(&bench, answer).await;
    // One look, which is a step itself, has not much left to do: it is all done by now.
    let seen = bench.inspect().await;
    assert_eq!((seen.offered, seen.in_use, seen.waiting), (200, 200, 100));
    // All of them miss, more than a step can do, and the rest is offered what that makes room for.
    subject.advance(secs(20)).await;
    let answer = bench.apply(Verb::Tick).await;
    go_on(&bench, answer).await;
    let seen = bench.inspect().await;
    assert_eq!((seen.offered, seen.in_use, seen.waiting), (100, 100, 0));
    subject.advance(secs(20)).await;
    bench.until_empty().await;
}

/// Calls again for as long as there is more to do, as a driver does.
async fn go_on(bench: &Bench, mut answer: Answer) {
    while answer.more {
        answer = bench.apply(Verb::Tick).await;
    }
}

/// RX-2, G6: waiters get into a room that comes empty although nobody ticks, asks or leaves.
pub async fn rx_02_an_empty_room_admits_without_ticking(subject: &impl Subject) {
    let bench = Bench::new(subject, Seal::lock().ttl(SHORT)).await;
    let crashed = bench.inside(ROOM).await.detach().expect("a lease");
    let first = bench.waits(ROOM).await;
    let second = bench.waits(ROOM).await;
    subject.advance(SHORT).await;
    let first = first.gets_in().await;
    assert!(second.is_waiting());
    first.release().await.expect("a lease");
    drop(second.gets_in().await);
    super::bench::lost(bench.airlock.renew(&crashed).await);
}

/// G7: the line is full when it is; offers count; and whoever leaves makes room.
pub async fn g07_a_full_line_refuses(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).line(Line::new().capacity(2))).await;
    let inside = bench.inside(ROOM).await;
    let first = bench.queued(ROOM).await;
    let second = bench.queued(ROOM).await;
    assert_eq!(refused(bench.airlock.enter(ROOM).await), Reason::LineFull);
    assert_eq!(refused(bench.airlock.acquire(ROOM).await), Reason::LineFull);
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full, "who only tries did not want to wait");
    inside.release().await.expect("a lease");
    let offer = bench.offered(&first).await;
    assert_eq!(refused(bench.airlock.enter(ROOM).await), Reason::LineFull, "the offer counts");
    let _inside = bench.airlock.claim(&first.token, offer.nonce).await.expect("an offer");
    let third = bench.queued(ROOM).await;
    assert_eq!(refused(bench.airlock.enter(ROOM).await), Reason::LineFull);
    assert!(bench.airlock.leave(&second.token).await.expect("a store that works"));
    bench.queued(ROOM).await;
    assert_eq!(bench.still_waiting(&third).await, 1);
}

/// G7: a line without places is no line.
pub async fn g07_a_line_without_places_refuses(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).line(Line::new().capacity(0))).await;
    let inside = bench.inside(ROOM).await;
    assert_eq!(refused(bench.airlock.acquire(ROOM).await), Reason::LineFull);
    inside.release().await.expect("a lease");
    drop(bench.airlock.acquire(ROOM).await.expect("there is room"));
}

/// G7: a group has so many places in the line; offers count; others, and those without a group, are not concerned.
pub async fn g07_a_group_has_its_part_of_the_line(subject: &impl Subject) {
    let line = Line::new().group_capacity(2);
    let bench = Bench::with(subject, |b| b.seal(lock()).line(line)).await;
    let of = |group: &str| Entrant::new(ROOM).group(group.to_owned());
    // Inside, it does not count.
    let inside = bench.inside(of("a")).await;
    let first = bench.queued(of("a")).await;
    let second = bench.queued(of("a")).await;
    assert_eq!(refused(bench.airlock.enter(of("a")).await), Reason::GroupLineFull);
    assert_eq!(refused(bench.airlock.acquire(of("a")).await), Reason::GroupLineFull);
    bench.queued(of("b")).await;
    for _ in 0..3 {
        bench.queued(ROOM).await;
    }
    inside.release().await.expect("a lease");
    let offer = bench.offered(&first).await;
    assert_eq!(refused(bench.airlock.enter(of("a")).await), Reason::GroupLineFull, "the offer counts");
    let permit = bench.airlock.claim(&first.token, offer.nonce).await.expect("an offer");
    let third = bench.queued(of("a")).await;
    assert_eq!(refused(bench.airlock.enter(of("a")).await), Reason::GroupLineFull);
    for ticket in [&second, &third] {
        assert!(bench.airlock.leave(&ticket.token).await.expect("a store that works"));
    }
    bench.queued(of("a")).await;
    permit.release().await.expect("a lease");
}

/// G7: being refused leaves no trace.
pub async fn g07_a_refusal_leaves_no_trace(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(lock()).line(Line::new().capacity(0).group_capacity(1))).await;
    let inside = bench.inside(ROOM).await;
    let before = bench.inspect().await;
    for _ in 0..10 {
        bench.turned_away(person("ada")).await;
        refused(bench.airlock.enter(person("ada").group("a")).await);
        refused(bench.airlock.acquire(person("ada").group("b")).await);
    }
    assert_eq!(bench.inspect().await, before);
    inside.release().await.expect("a lease");
    bench.until_nothing_is_left().await;
}

/// G8: what could never enter is an error at once, and no wait.
pub async fn g08_what_can_never_enter_is_an_error(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(3)).await;
    for weight in [0, 4, u32::MAX] {
        invalid(bench.airlock.try_enter(heavy(weight)).await);
        invalid(bench.airlock.acquire(heavy(weight)).await);
        invalid(bench.airlock.enter(heavy(weight)).await);
    }
    bench.until_nothing_is_left().await;
    bench.passes(heavy(3)).await;
}

/// G8: a head that is heavier than a lowered limit is refused when it comes up, and is in nobody's way then.
pub async fn g08_a_head_that_became_too_heavy_is_refused(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(3)).await;
    let all = bench.inside(heavy(3)).await;
    let away = bench.queued(heavy(3)).await;
    let here = bench.waits(heavy(3)).await;
    let light = bench.waits(heavy(2)).await;
    bench.airlock.resize(ROOM, Some(2)).await.expect("a store that works");
    assert_eq!(bench.turned_away(heavy(3)).await, Reason::TooHeavy);
    assert_eq!(refused(bench.airlock.acquire(heavy(3)).await), Reason::TooHeavy);
    all.release().await.expect("a lease");
    assert_eq!(refused(here.outcome().await), Reason::TooHeavy);
    let _inside = light.gets_in().await;
    bench.gone(&away).await;
}

/// RX-18, G8: limit 0 admits nobody, whether configured or set, and everybody waits until it is raised.
pub async fn rx_18_limit_zero_admits_nobody(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(0)).await;
    assert_eq!(bench.turned_away(ROOM).await, Reason::Full);
    let waiter = bench.waits(ROOM).await;
    // However heavy: it is not known what the limit will be.
    let heavy_one = bench.queued(heavy(7)).await;
    subject.advance(SHORT).await;
    assert!(waiter.is_waiting());
    assert_eq!(bench.inspect().await.in_use, 0);
    bench.airlock.resize(ROOM, Some(8)).await.expect("a store that works");
    let permit = waiter.gets_in().await;
    bench.offered(&heavy_one).await;
    bench.airlock.leave(&heavy_one.token).await.expect("a store that works");
    bench.airlock.resize(ROOM, Some(0)).await.expect("a store that works");
    let next = bench.waits(ROOM).await;
    permit.release().await.expect("a lease");
    assert_eq!(bench.inspect().await.in_use, 0);
    assert!(next.is_waiting());
}

/// RX-28, G6: a release tells exactly one waiter, the one whose turn it is.
pub async fn rx_28_a_release_wakes_exactly_one(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let mut inside = Secret::random();
    bench.apply(enter(inside, None, Stay::No)).await;
    let mut line: Vec<(Secret, LazyTurn)> = Vec::new();
    for _ in 0..8 {
        let (secret, turn) = (Secret::random(), LazyTurn::default());
        in_line(&bench.apply_beside(enter(secret, None, Stay::Here), &turn).await);
        line.push((secret, turn));
    }
    while !line.is_empty() {
        let (secret, turn) = line.remove(0);
        assert!(matches!(bench.apply(give_up(inside, false)).await.outcome, Outcome::Released));
        let news = soon("news", std::future::poll_fn(|cx| turn.get().poll_news(cx))).await;
        assert!(matches!(news, News::Granted(_)), "{news:?}");
        for (_, other) in &line {
            let mut idle = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(other.get().poll_news(&mut idle).is_pending(), "somebody else was told as well");
        }
        inside = secret;
    }
    assert!(matches!(bench.apply(give_up(inside, false)).await.outcome, Outcome::Released));
}
