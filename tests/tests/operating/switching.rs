//! Switches that one process sets and another obeys (G20).

use std::time::{Duration, Instant};

use airlock_axum::{Airlock, Switch};

use crate::node::{Node, PATIENCE};
use crate::place::{Place, airlock};

/// What is promised.
const SECOND: Duration = Duration::from_secs(1);

/// How long after it was set the other process goes by it.
async fn obeyed(airlock: &Airlock, node: &mut Node, switch: Switch, expected: &str) -> Duration {
    airlock.switch(switch).await.expect("the store works");
    let since = Instant::now();
    while node.tries("door") != expected {
        assert!(since.elapsed() < PATIENCE, "it is not {expected}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    since.elapsed()
}

async fn is_obeyed_by_others(place: Place) {
    let here = airlock(&place.url, 1, 0).await;
    let mut node = Node::start(&place.url, 1, 0);
    assert_eq!(node.tries("door"), "in");

    // A resource's own: at its next step.
    for _ in 0..5 {
        here.switch_resource("door", Some(Switch::closed())).await.expect("the store works");
        assert_eq!(node.tries("door"), "Closed");
        assert_eq!(node.tries("other"), "in");
        here.switch_resource("door", None).await.expect("the store works");
        assert_eq!(node.tries("door"), "in");
    }

    let mut took = Vec::new();
    for _ in 0..4 {
        took.push(obeyed(&here, &mut node, Switch::closed(), "Closed").await);
        took.push(obeyed(&here, &mut node, Switch::open(), "in").await);
    }
    took.sort_unstable();
    println!("an airlock's switch is obeyed after {took:?}");
    // A machine with much else to do may be late now and then, but not mostly.
    assert!(took[took.len() / 2] < SECOND, "{took:?}");

    // Who comes anew, be it for a moment, obeys from the start.
    here.switch(Switch::closed()).await.expect("the store works");
    assert_eq!(Node::start(&place.url, 1, 0).tries("door"), "Closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_is_obeyed_by_others_on_redis() {
    is_obeyed_by_others(Place::redis()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_is_obeyed_by_others_on_sqlite() {
    is_obeyed_by_others(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_is_obeyed_by_others_on_files() {
    is_obeyed_by_others(Place::file()).await;
}
