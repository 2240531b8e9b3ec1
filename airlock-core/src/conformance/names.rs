//! Names that must not meet, and names that are none (G22).

use super::Subject;
use super::bench::{Bench, ROOM, invalid, lock, person};
use crate::{Entrant, Permit};

/// RX-17, G22: different names are different gates, however alike they look and wherever they are cut.
pub async fn rx_17_different_names_never_meet(subject: &impl Subject) {
    let long = |last: char| format!("{}{last}", "n".repeat(511));
    let resources: Vec<String> = [
        "a:b", "a_b", "a/b", "a%2Fb", "a%2fb", "a.b", "a b", "a-b", "a\\b", "..", ".", "a", "A", "x", "{x}", "%7Bx%7D",
        "{}", "}", "x ", " x", "é", "e\u{301}", "É", "w", "g", "d", "*", "?", "%", "'", "\"", ";", "--", "NULL", "con",
    ]
    .into_iter()
    .map(String::from)
    .chain([long('a'), long('b')])
    .collect();
    let bench = Bench::named(subject, "key", |b| b.seal(lock())).await;
    let mut inside: Vec<Permit> = Vec::new();
    for resource in &resources {
        inside.push(bench.inside(resource.as_str()).await);
    }
    assert_eq!(bench.airlock.survey(0, 0).await.expect("a store that works").total, resources.len());
    // Each is its own in every respect.
    for (resource, permit) in resources.iter().zip(inside) {
        bench.turned_away(resource.as_str()).await;
        permit.release().await.expect("a lease");
        bench.inside(resource.as_str()).await.release().await.expect("a lease");
    }
    bench.until_nothing_is_left().await;
}

/// RX-17, G22: where an airlock's name ends and its resource's begins makes a difference.
pub async fn rx_17_airlocks_never_meet(subject: &impl Subject) {
    let pairs = [
        ("key", "11"),
        ("key1", "1"),
        ("a:b", "c"),
        ("a", "b:c"),
        ("a/b", "c"),
        ("a", "b/c"),
        ("a{", "}"),
        ("a", "{}"),
    ];
    let mut inside = Vec::new();
    for (airlock, resource) in pairs {
        let bench = Bench::named(subject, airlock, |b| b.seal(lock())).await;
        inside.push(bench.inside(resource).await);
        bench.turned_away(resource).await;
    }
    for permit in inside {
        permit.release().await.expect("a lease");
    }
}

/// RX-17, G22: nor do identities meet each other, or resources, or groups.
pub async fn rx_17_identities_never_meet(subject: &impl Subject) {
    let bench = Bench::with(subject, |b| b.seal(super::bench::semaphore(100))).await;
    let mut inside = Vec::new();
    for identity in ["a:b", "a_b", "a", "A", "a ", "{a}", "%61", "é", "e\u{301}", ROOM, "0", "00", "null"] {
        inside.push(bench.inside(person(identity)).await);
    }
    let holders = bench.inspect().await.holders;
    assert_eq!(holders.len(), inside.len());
    assert!(bench.airlock.evict(ROOM, crate::Whom::Identity("a")).await.expect("a store that works"));
    assert_eq!(bench.inspect().await.in_use as usize, inside.len() - 1);
}

/// G22: a name that is empty, too long or has a control character is a clear error.
pub async fn g22_what_is_no_name_is_refused(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let too_long = "n".repeat(513);
    for wrong in ["", "nul\0", "line\nbreak", "tab\t", "\u{7f}", "\u{85}", too_long.as_str()] {
        let entrants = [Entrant::new(wrong), Entrant::new(ROOM).identity(wrong), Entrant::new(ROOM).group(wrong)];
        for entrant in entrants {
            invalid(bench.airlock.try_enter(entrant.clone()).await);
            invalid(bench.airlock.acquire(entrant.clone()).await);
            invalid(bench.airlock.enter(entrant).await);
        }
        assert!(super::bench::builder(wrong).store(subject.store().await).build().is_err(), "{wrong:?}");
    }
    bench.until_nothing_is_left().await;
    let longest = "é".repeat(256);
    bench.passes(Entrant::new(longest.as_str()).identity(longest.as_str()).group(longest.as_str())).await;
}
