//! Limits, evictions, inspection and shutdown (G18 as far as one configuration goes).

use std::future::IntoFuture;
use std::time::Duration;

use super::Subject;
use super::bench::{Bench, LONG, ROOM, builder, invalid, lock, person, refused, secs, semaphore, soon};
use crate::gate::{Ending, Micros, Page, Whom};
use crate::{Entrant, Error, OnReentry, Reason};

/// G18: raising the limit lets waiters in at once.
pub async fn g18_raising_the_limit_promotes(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let _inside = bench.inside(ROOM).await;
    let here = bench.waits(ROOM).await;
    let away = bench.queued(ROOM).await;
    let last = bench.queued(ROOM).await;
    bench.airlock.resize(ROOM, Some(3)).await.expect("a store that works");
    let _second = here.gets_in().await;
    bench.offered(&away).await;
    assert_eq!(bench.still_waiting(&last).await, 1);
    let seen = bench.inspect().await;
    assert_eq!((seen.limit, seen.limit_override, seen.in_use), (3, Some(3), 3));
}

/// G18: lowering the limit puts nobody out, and lets nobody in until there is room below it.
pub async fn g18_lowering_the_limit_holds_at_once(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(4)).await;
    let mut inside = Vec::new();
    for _ in 0..4 {
        inside.push(bench.inside(ROOM).await);
    }
    let waiter = bench.waits(ROOM).await;
    bench.airlock.resize(ROOM, Some(2)).await.expect("a store that works");
    assert!(inside.iter().all(|permit| permit.is_lost().is_none()));
    for left in [3, 2] {
        inside.pop().expect("one of them").release().await.expect("a lease");
        let seen = bench.inspect().await;
        assert_eq!((seen.limit, seen.in_use, seen.waiting), (2, left, 1));
        bench.turned_away(ROOM).await;
    }
    inside.pop().expect("one of them").release().await.expect("a lease");
    drop(waiter.gets_in().await);
}

/// G18: without an override the configured limit is in force again; other resources were never concerned.
pub async fn g18_clearing_the_override_returns_to_the_configured_limit(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    bench.airlock.resize(ROOM, Some(1)).await.expect("a store that works");
    let _one = bench.inside(ROOM).await;
    bench.turned_away(ROOM).await;
    let other = Entrant::new("elsewhere").weight(2);
    bench.passes(other).await;
    let waiter = bench.waits(ROOM).await;
    bench.airlock.resize(ROOM, None).await.expect("a store that works");
    let _two = waiter.gets_in().await;
    let seen = bench.inspect().await;
    assert_eq!((seen.limit, seen.limit_override), (2, None));
    bench.turned_away(ROOM).await;
}

/// RX-12, G18: an airlock of the same name with a larger limit is refused, or at any rate admits nobody beyond.
pub async fn rx_12_a_larger_limit_does_not_over_admit(subject: &impl Subject) {
    let small = Bench::named(subject, "one name", |b| b.seal(lock())).await;
    let inside = small.inside(ROOM).await;
    let large = builder("one name").seal(semaphore(5)).store(subject.store().await).build();
    if let Ok(large) = large {
        for _ in 0..3 {
            let refusal = large.try_enter(ROOM).await;
            assert!(matches!(&refusal, Err(Error::Refused(_))), "over-admitted: {refusal:?}");
        }
        assert_eq!(small.inspect().await.in_use, 1);
    }
    inside.release().await.expect("a lease");
    small.passes(ROOM).await;
}

/// An operator puts somebody out, by name or by number, from inside or from the line; the next gets in.
pub async fn g18_evicting_makes_room(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    let ada = bench.inside(person("ada")).await;
    let anonymous = bench.inside(ROOM).await;
    let in_line = bench.waits(person("bob")).await;
    let (third, fourth) = (bench.waits(ROOM).await, bench.waits(ROOM).await);
    assert!(bench.airlock.evict(ROOM, Whom::Identity("bob")).await.expect("a store that works"));
    assert_eq!(refused(in_line.outcome().await), Reason::Evicted);
    assert!(bench.airlock.evict(ROOM, Whom::Identity("ada")).await.expect("a store that works"));
    let third = third.gets_in().await;
    assert!(fourth.is_waiting());
    assert!(bench.airlock.evict(ROOM, Whom::Fence(anonymous.fence())).await.expect("a store that works"));
    let _fourth = fourth.gets_in().await;
    // Those who are out are out, and who came after them is not touched by their end.
    for whom in [Whom::Identity("ada"), Whom::Identity("bob"), Whom::Fence(anonymous.fence()), Whom::Fence(0)] {
        assert!(!bench.airlock.evict(ROOM, whom).await.expect("a store that works"), "{whom:?}");
    }
    super::bench::lost(ada.release().await);
    drop(anonymous);
    assert_eq!(bench.inspect().await.in_use, 2);
    third.release().await.expect("untouched");
}

/// G18: whoever is to be put out of one place is not put out of the other.
pub async fn g18_evicting_says_from_where(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let ada = bench.inside(person("ada")).await;
    let bob = bench.queued(person("bob")).await;
    let evict = async |whom| bench.airlock.evict(ROOM, whom).await.expect("a store that works");
    for nobody in [Whom::InLine("ada"), Whom::Inside("bob"), Whom::Inside("cora"), Whom::InLine("cora")] {
        assert!(!evict(nobody).await, "{nobody:?}");
    }
    assert_eq!(bench.still_waiting(&bob).await, 1);
    ada.renew().await.expect("untouched");
    assert!(evict(Whom::Inside("ada")).await);
    // He is offered her place, which is as good as inside.
    bench.offered(&bob).await;
    assert!(!evict(Whom::InLine("bob")).await);
    assert!(evict(Whom::Inside("bob")).await);
    let _cora = bench.inside(person("cora")).await;
    bench.queued(person("bob")).await;
    assert!(evict(Whom::InLine("bob")).await);
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.waiting), (1, 0));
}

/// An inspection shows who is inside, by number, and who waits, by position; and pages of both.
pub async fn g18_inspecting_shows_who_is_where(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(4)).await;
    assert_eq!((bench.inspect().await.limit, bench.inspect().await.in_use), (4, 0));
    let ada = bench.inside(person("ada").weight(2)).await;
    let bob = bench.inside(person("bob")).await;
    subject.advance(secs(5)).await;
    let _anonymous = bench.inside(ROOM).await;
    for name in ["cora", "dan", "eve"] {
        bench.queued(person(name).weight(2)).await;
    }
    subject.advance(secs(2)).await;
    let seen = bench.inspect().await;
    assert_eq!((seen.limit, seen.limit_override, seen.in_use, seen.offered, seen.waiting), (4, None, 4, 0, 3));
    // Arrivals of one moment are microseconds apart.
    let age = |micros: Micros| Duration::from_micros(micros).as_secs_f64().round() as u64;
    let inside: Vec<_> = seen.holders.iter().map(|one| (one.identity.as_deref(), one.weight, age(one.age))).collect();
    let expected = [(Some("ada"), 2, 7), (Some("bob"), 1, 7), (None, 1, 2)];
    assert_eq!(inside, expected);
    assert_eq!((seen.holders[0].fence, seen.holders[1].fence), (ada.fence(), bob.fence()));
    let line: Vec<_> =
        seen.waiters.iter().map(|one| (one.identity.as_deref(), one.position, one.weight, age(one.age))).collect();
    let waits = |name, position| (Some(name), position, 2, 2);
    assert_eq!(line, [waits("cora", 1), waits("dan", 2), waits("eve", 3)]);

    let page = bench.airlock.inspect_page(ROOM, Page { offset: 1, count: 1 }).await.expect("a store that works");
    assert_eq!((page.in_use, page.waiting), (4, 3), "a page changes no number");
    assert_eq!((&page.holders[..], &page.waiters[..]), (&seen.holders[1..2], &seen.waiters[1..2]));
    let beyond = bench.airlock.inspect_page(ROOM, Page { offset: 9, count: u64::MAX }).await.expect("it works");
    assert!(beyond.holders.is_empty() && beyond.waiters.is_empty());
}

/// A survey lists the resources in use, busiest first, in pages.
pub async fn g18_a_survey_lists_the_busiest_first(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    let mut inside = Vec::new();
    for (resource, weight) in [("quiet", 1), ("full", 2), ("crowded", 2)] {
        inside.push(bench.inside(Entrant::new(resource).weight(weight)).await);
    }
    for _ in 0..3 {
        bench.queued("crowded").await;
    }
    let survey = bench.airlock.survey(0, 10).await.expect("a store that works");
    let listed: Vec<_> =
        survey.resources.iter().map(|one| (one.resource.as_str(), one.limit, one.in_use, one.waiting)).collect();
    assert_eq!(listed, [("crowded", 2, 2, 3), ("full", 2, 2, 0), ("quiet", 2, 1, 0)]);
    let page = bench.airlock.survey(1, 1).await.expect("a store that works");
    assert_eq!((page.total, page.resources), (3, survey.resources[1..2].to_vec()));
    assert!(bench.airlock.survey(3, 5).await.expect("a store that works").resources.is_empty());
    assert_eq!((survey.in_use, survey.waiting), (5, 3));
}

/// A survey finds names by what is in them, whatever its case, and takes it as it is.
pub async fn g18_a_survey_finds_what_is_searched_for(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let mut inside = Vec::new();
    for resource in ["tenant:Acme", "tenant:acme-2", "50%", "a_b", "axb"] {
        inside.push(bench.inside(resource).await);
    }
    let found = async |text| {
        let survey = bench.airlock.search(text, 0, 10).await.expect("a store that works");
        assert_eq!((survey.total, survey.in_use), (survey.resources.len(), survey.resources.len() as u64));
        survey.resources.into_iter().map(|one| one.resource).collect::<Vec<_>>()
    };
    assert_eq!(found("ACME").await, ["tenant:Acme", "tenant:acme-2"]);
    assert_eq!((found("%").await, found("a_b").await), (vec!["50%".to_owned()], vec!["a_b".to_owned()]));
    assert_eq!((found("").await.len(), found("tenant:acme-22").await.len()), (5, 0));
}

/// Operators' commands about what is not there make nothing.
pub async fn g02_operating_on_nothing_makes_nothing(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    assert!(!bench.airlock.evict(ROOM, Whom::Identity("ada")).await.expect("a store that works"));
    bench.airlock.resize(ROOM, None).await.expect("a store that works");
    assert_eq!(bench.inspect().await.holders, []);
    for wrong in ["", "line\nbreak"] {
        invalid(bench.airlock.inspect(wrong).await);
        invalid(bench.airlock.resize(wrong, None).await);
        invalid(bench.airlock.evict(wrong, Whom::Fence(1)).await);
    }
    bench.until_nothing_is_left().await;
}

/// Shutting down: newcomers and waiters are refused as such, holders may finish, and then it is over.
pub async fn shutdown_lets_holders_finish(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let permit = bench.inside(ROOM).await;
    let waiter = bench.waits(ROOM).await;
    let airlock = bench.airlock.clone();
    let shutdown = tokio::spawn(async move { airlock.shutdown(LONG).await });
    assert_eq!(refused(waiter.outcome().await), Reason::ShuttingDown);
    assert_eq!(bench.turned_away(ROOM).await, Reason::ShuttingDown);
    let waits = bench.airlock.acquire(ROOM).into_future();
    assert_eq!(refused(soon("an answer", waits).await), Reason::ShuttingDown);
    assert_eq!(refused(bench.airlock.enter(person("ada")).await), Reason::ShuttingDown);
    assert!(!shutdown.is_finished() && permit.is_lost().is_none(), "the holder has not finished");
    permit.renew().await.expect("a lease");
    permit.release().await.expect("a lease");
    let cut_off = soon("the shutdown", shutdown).await.expect("no panic").expect("a store that works");
    assert_eq!(cut_off, 0);
    bench.until_nothing_is_left().await;
}

/// Shutting down: what is still held when the grace is over is handed back, and its holder notices.
pub async fn shutdown_hands_back_what_is_held(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(3)).await;
    let permits = [bench.inside(ROOM).await, bench.inside(ROOM).await];
    assert!(permits.iter().all(|permit| permit.is_lost().is_none()));
    assert_eq!(soon("the shutdown", bench.airlock.shutdown(Duration::ZERO)).await.expect("a store that works"), 2);
    for permit in &permits {
        let loss = soon("the loss", permit.lost()).await;
        assert!(matches!(loss.ending, Some(Ending::Closed) | None), "{loss:?}");
        super::bench::lost(permit.renew().await);
    }
    bench.until_nothing_is_left().await;
}

/// Shutting down: what nobody in this process guards is left alone: tickets, detached leases, sessions.
pub async fn shutdown_leaves_others_alone(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(semaphore(2)).on_reentry(OnReentry::Share)).await;
    let detached = bench.inside(ROOM).await.detach().expect("a lease");
    drop(bench.inside(person("session")).await);
    let ticket = bench.queued(person("away")).await;
    let cut_off = soon("the shutdown", bench.airlock.shutdown(LONG)).await.expect("a store that works");
    assert_eq!(cut_off, 0);
    let seen = bench.inspect().await;
    assert_eq!((seen.in_use, seen.waiting), (2, 1));
    assert_eq!(bench.still_waiting(&ticket).await, 1);
    bench.airlock.renew(&detached).await.expect("a lease");
    bench.airlock.release(&detached).await.expect("a lease");
    bench.offered(&ticket).await;
}
