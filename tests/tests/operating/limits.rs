//! Limits that change under load, and processes that are configured otherwise (G18): never do more work than may.

use crate::node::{Node, PATIENCE, now};
use crate::place::{Place, TTL, airlock};
use crate::work::Done;

/// A limit, from when on it may have been in force, and from when on it certainly was.
struct Phase {
    limit: usize,
    set: u64,
    known: u64,
}

/// A raised limit is used, and a lowered one lets nobody in until there are fewer.
async fn change_under_load(place: Place) {
    let here = airlock(&place.url, 2, 0).await;
    let mut nodes = [Node::start(&place.url, 2, 0), Node::start(&place.url, 2, 0)];
    let mut done = Done::default();
    let mut phases = vec![Phase { limit: 2, set: 0, known: 0 }];
    nodes.iter_mut().for_each(Node::work);
    done.until_at_once(&[&nodes[0], &nodes[1]], 2, 0);
    for limit in [5, 1, 3, 2, 4] {
        let set = now();
        here.resize("load", Some(limit)).await.expect("the store works");
        let known = now();
        phases.push(Phase { limit: limit as usize, set, known });
        done.until_at_once(&[&nodes[0], &nodes[1]], limit as usize, known);
    }
    let set = now();
    here.resize("load", None).await.expect("the store works");
    phases.push(Phase { limit: 2, set, known: now() });
    done.until_at_once(&[&nodes[0], &nodes[1]], 2, now());
    for node in &mut nodes {
        done.0.extend(node.stop());
    }

    for work in &done.0 {
        let begun = phases.iter().rposition(|phase| phase.set <= work.fence).expect("one from the start");
        let (phase, before) = (&phases[begun], begun.checked_sub(1).map(|before| &phases[before]));
        let most = match before {
            Some(before) if work.fence < phase.known => phase.limit.max(before.limit),
            _ => phase.limit,
        };
        let at_once = done.at(work.fence);
        assert!(at_once <= most, "{at_once} at once where {most} may: {work:?}");
    }
    println!("{} pieces of work, never more at once than might be", done.0.len());
}

/// Of two versions of a configuration the newer counts for both, however different they are.
async fn two_versions(place: Place) {
    let mut old = Node::start(&place.url, 4, 0);
    let mut done = Done::default();
    old.work();
    done.until_at_once(&[&old], 4, 0);

    // A newer one that allows less, beside it.
    let mut newer = Node::start(&place.url, 2, 1);
    newer.work();
    let came = newer.worked(PATIENCE).expect("its turn comes");
    done.0.push(came);
    done.until_at_once(&[&old, &newer], 2, came.fence);
    // One still newer that allows more, beside both.
    let mut newest = Node::start(&place.url, 5, 2);
    let before = now();
    newest.work();
    let last = newest.worked(PATIENCE).expect("its turn comes");
    done.0.push(last);
    done.until_at_once(&[&old, &newer, &newest], 5, last.fence);
    for node in [&mut old, &mut newer, &mut newest] {
        done.0.extend(node.stop());
    }
    for work in &done.0 {
        let most = match work.fence {
            fence if fence < came.fence => 4,
            fence if fence < before => 2,
            _ => 5,
        };
        let at_once = done.at(work.fence);
        assert!(at_once <= most, "{at_once} at once where {most} may: {work:?}, {came:?}, {before}");
    }
}

/// Of one version, two that differ: the lower counts, and the higher only when the other has been quiet for a lease.
async fn two_of_one_version(place: Place) {
    let mut low = Node::start(&place.url, 2, 0);
    let mut high = Node::start(&place.url, 4, 0);
    let mut done = Done::default();
    assert_eq!(low.tries("load"), "in");
    low.work();
    high.work();
    done.until_at_once(&[&low, &high], 2, 0);
    done.until_at_once(&[&low, &high], 2, now());
    // What it has begun it ends: so it asks something after this moment, if only to release.
    let stopping = now();
    done.0.extend(low.stop());
    drop(low);
    done.until_at_once(&[&high], 4, stopping);
    done.0.extend(high.stop());
    let lease = TTL.as_micros() as u64;
    for work in &done.0 {
        let most = if work.fence < stopping + lease { 2 } else { 4 };
        let at_once = done.at(work.fence);
        assert!(at_once <= most, "{at_once} at once where {most} may: {work:?}, stopped at {stopping}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_change_under_load_on_redis() {
    change_under_load(Place::redis()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_change_under_load_on_sqlite() {
    change_under_load(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_change_under_load_on_files() {
    change_under_load(Place::file()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_versions_side_by_side_on_redis() {
    two_versions(Place::redis()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_versions_side_by_side_on_sqlite() {
    two_versions(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_versions_side_by_side_on_files() {
    two_versions(Place::file()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lower_of_two_limits_counts_while_it_is_asked_with_on_redis() {
    two_of_one_version(Place::redis()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lower_of_two_limits_counts_while_it_is_asked_with_on_sqlite() {
    two_of_one_version(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lower_of_two_limits_counts_while_it_is_asked_with_on_files() {
    two_of_one_version(Place::file()).await;
}
