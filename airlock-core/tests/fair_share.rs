//! Fair shares between groups: who always waits gets its share, who is quiet is served at once, who leaves or idles
//! gains nothing, and caps idle no place.

use std::collections::HashMap;

use airlock_core::admission::FairShare;
use airlock_core::clock::TestClock;
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, Entered, Entrant, Error, Line, Permit, Seal, Standing, Token};

const ROOM: &str = "room";

struct Scene {
    airlock: Airlock,
    /// Tokens in line, and whose they are.
    line: Vec<(String, Token)>,
}

impl Scene {
    fn new(limit: u32, strategy: FairShare) -> Self {
        let day = std::time::Duration::from_secs(86_400);
        let airlock = Airlock::builder("shares")
            .seal(Seal::semaphore(limit))
            .admission(strategy)
            .line(Line::new().capacity(1_000_000).presence(day).claim_window(day))
            .store(MemoryStore::with_clock(&TestClock::new()))
            .build()
            .expect("a valid configuration");
        Scene { airlock, line: Vec::new() }
    }

    /// Enters if that is possible, else waits.
    async fn come(&mut self, group: &str) -> Option<Permit> {
        match self.airlock.enter(Entrant::new(ROOM).group(group)).await.expect("there is room in the line") {
            Entered::Admitted(permit) => Some(permit),
            Entered::Queued(ticket) => {
                self.line.push((group.to_owned(), ticket.token));
                None
            }
        }
    }

    /// Releases, and answers who is let in for it.
    async fn next(&mut self, permit: Permit) -> Option<(String, Permit)> {
        drop(permit);
        for at in 0..self.line.len() {
            let (group, token) = self.line[at].clone();
            if let Standing::Offered(offer) = self.airlock.poll(&token).await.expect("memory answers") {
                self.line.remove(at);
                let permit = self.airlock.claim(&token, offer.nonce).await.expect("it is offered");
                return Some((group, permit));
            }
        }
        None
    }

    /// Takes a group's last place in line back.
    async fn leave(&mut self, group: &str) {
        let at = self.line.iter().rposition(|(of, _)| of == group).expect("somebody of it waits");
        let (_, token) = self.line.remove(at);
        assert!(self.airlock.leave(&token).await.expect("memory answers"));
    }
}

#[tokio::test]
async fn who_always_waits_gets_its_share_at_any_time() {
    for (gold, free) in [(1.0, 1.0), (3.0, 1.0), (2.0, 5.0), (0.5, 0.25)] {
        let mut scene = Scene::new(1, FairShare::new().share("gold", gold).share("free", free));
        let mut inside = scene.come("somebody").await.expect("the room is empty");
        for _ in 0..60 {
            for group in ["free", "gold"] {
                assert!(scene.come(group).await.is_none());
            }
        }
        let (mut golds, mut frees) = (0u32, 0u32);
        for _ in 0..50 {
            let (group, permit) = scene.next(inside).await.expect("somebody waits");
            inside = permit;
            *if group == "gold" { &mut golds } else { &mut frees } += 1;
            // Per share they differ by at most one admission of each.
            let difference = (f64::from(golds) / gold - f64::from(frees) / free).abs();
            assert!(difference <= 1.0 / gold + 1.0 / free, "{golds} of {gold}, {frees} of {free}");
        }
        assert!(golds > 0 && frees > 0);
    }
}

#[tokio::test]
async fn the_quiet_are_served_within_about_a_round() {
    let mut scene = Scene::new(1, FairShare::new());
    let mut inside = scene.come("noisy").await.expect("the room is empty");
    for _ in 0..1_000 {
        scene.come("noisy").await;
    }
    for quiet in 0..20 {
        scene.come(&format!("quiet-{quiet}")).await;
    }
    let mut noisy = 0;
    for _ in 0..22 {
        let (group, permit) = scene.next(inside).await.expect("somebody waits");
        inside = permit;
        noisy += u32::from(group == "noisy");
    }
    assert!(noisy <= 2, "{noisy} of 22 were noisy");
    let waiting = scene.airlock.inspect(ROOM).await.expect("memory answers").waiting;
    assert_eq!(waiting, 1_000 - u64::from(noisy));
}

#[tokio::test]
async fn new_names_without_end_starve_nobody() {
    let mut scene = Scene::new(1, FairShare::new());
    let mut inside = scene.come("first").await.expect("the room is empty");
    for _ in 0..10 {
        scene.come("old").await;
    }
    let mut turns = 0;
    for name in 0..100 {
        scene.come(&format!("new-{name}")).await;
        let (group, permit) = scene.next(inside).await.expect("somebody waits");
        inside = permit;
        turns += u32::from(group == "old");
        if turns == 10 {
            return;
        }
    }
    panic!("the old group had {turns} turns of 100");
}

#[tokio::test]
async fn a_backlog_that_is_cancelled_is_no_advantage() {
    // Two alike, but one of them fills the line and leaves it again, over and over.
    let mut scene = Scene::new(1, FairShare::new());
    let mut inside = scene.come("somebody").await.expect("the room is empty");
    let mut turns: HashMap<String, u32> = HashMap::new();
    for group in ["honest", "sly"] {
        for _ in 0..3 {
            scene.come(group).await;
        }
    }
    for _ in 0..60 {
        for _ in 0..5 {
            scene.come("sly").await;
        }
        for _ in 0..5 {
            scene.leave("sly").await;
        }
        let (group, permit) = scene.next(inside).await.expect("somebody waits");
        inside = permit;
        scene.come(&group).await;
        *turns.entry(group).or_default() += 1;
    }
    assert!(turns["sly"].abs_diff(turns["honest"]) <= 2, "{turns:?}");
}

#[tokio::test]
async fn an_idle_group_banks_nothing() {
    let mut scene = Scene::new(1, FairShare::new());
    let mut inside = scene.come("busy").await.expect("the room is empty");
    for _ in 0..40 {
        scene.come("busy").await;
    }
    for _ in 0..20 {
        inside = scene.next(inside).await.expect("somebody waits").1;
    }
    // It was away for twenty turns, and gets every second one from now on, not the next twenty.
    for _ in 0..20 {
        scene.come("idle").await;
    }
    let mut idle = 0;
    for _ in 0..10 {
        let (group, permit) = scene.next(inside).await.expect("somebody waits");
        inside = permit;
        idle += u32::from(group == "idle");
    }
    assert!((4..=6).contains(&idle), "{idle} of 10");
}

#[tokio::test]
async fn caps_hold_and_idle_no_place() -> Result<(), Error> {
    let mut scene = Scene::new(4, FairShare::new().cap_each(2).cap("vip", 0));
    let mut held = Vec::new();
    for _ in 0..6 {
        held.extend(scene.come("a").await);
    }
    assert_eq!(held.len(), 2, "its cap");
    held.extend(scene.come("b").await);
    held.extend(scene.come("vip").await);
    assert_eq!(held.len(), 4, "the places that `a` may not take are not idle");
    assert!(scene.come("vip").await.is_none(), "the room is full");
    // `a` is at its cap, so the place goes to the vip, though `a` has waited longer.
    let (group, permit) = scene.next(held.pop().expect("four are inside")).await.expect("somebody may");
    assert_eq!(group, "vip");
    // One of `a` goes, and the next of `a` comes.
    let (group, _second) = scene.next(held.remove(0)).await.expect("somebody may");
    assert_eq!(group, "a");
    drop(permit);
    assert_eq!(scene.airlock.inspect(ROOM).await?.in_use, 3, "nobody else may come in");
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_of_groups_that_are_gone() -> Result<(), Error> {
    let mut scene = Scene::new(1, FairShare::new().cap_each(1));
    let mut inside = scene.come("first").await.expect("the room is empty");
    for name in 0..100 {
        scene.come(&format!("group-{name}")).await;
    }
    while !scene.line.is_empty() {
        inside = scene.next(inside).await.expect("somebody waits").1;
    }
    drop(inside);
    assert_eq!(scene.airlock.survey(0, 1).await?.total, 0);
    Ok(())
}
