//! A gate in a folder, in short; and the same worlds that every other store has to live through.

use std::path::Path;

use airlock_core::StoreError;
use airlock_core::gate::{
    Conditions, Decided, Enter, Key, LineSpec, Micros, NEVER, OnMissed, OnReentry, Outcome, Page, Pick, Record,
    Setting, SharedSpec, Spec, Stay, SwitchState, Verb,
};
use airlock_core::store::file::Folder;

use crate::ask::secret;
use crate::compare;
use crate::coverage::Coverage;
use crate::ensure;
use crate::random::{self, Random};
use crate::script::Kind;
use crate::twin::{Taken, Twin};
use crate::world::World;

pub const NOW: Micros = 1_777_777_777_000_000;
pub const TTL: Micros = 30_000_000;

/// A lock that processes share.
pub fn spec() -> Spec {
    Spec {
        name: "jobs".into(),
        limit: 1,
        rate: None,
        leased: true,
        ttl: TTL,
        max_hold: NEVER,
        pick: Pick::Head,
        line: LineSpec {
            capacity: 1000,
            group_capacity: NEVER,
            presence: 6_000_000,
            claim_window: 4_000_000,
            on_missed: OnMissed::Drop,
        },
        on_reentry: OnReentry::Refuse,
        revision: 0,
        step_bound: 64,
        guarded: false,
        shared: Some(SharedSpec { presence: 6_000_000, confirmation: 4_000_000 }),
    }
}

pub fn enter(token: u32, stay: Stay) -> Verb<'static> {
    let key = Some(Key::Token(secret(token)));
    Verb::Enter(Enter {
        key,
        identity: None,
        group: None,
        weight: 1,
        score: 0.0,
        per_second: 0.0,
        share: 1.0,
        cap: 0,
        stay,
    })
}

pub fn release(token: u32) -> Verb<'static> {
    Verb::GiveUp { key: Key::Token(secret(token)), doubt: false }
}

pub fn ask(folder: &Folder, resource: &str, verb: Verb<'_>, now: Micros) -> Result<Decided, StoreError> {
    let mut decided = folder.decide(&spec(), &Conditions::default(), resource, &[(verb, 7)], now, Record::Names)?;
    Ok(decided.remove(0))
}

pub fn is_admitted(folder: &Folder, resource: &str, token: u32, now: Micros) -> bool {
    let decided = ask(folder, resource, enter(token, Stay::No), now).expect("the folder works");
    matches!(decided.answer.outcome, Outcome::Admitted(_))
}

/// Weight inside, and how many wait.
pub fn look(folder: &Folder, resource: &str, now: Micros) -> Result<(u64, u64), StoreError> {
    match ask(folder, resource, Verb::Inspect { page: Page { offset: 0, count: 10 } }, now)?.answer.outcome {
        Outcome::Seen(seen) => Ok((seen.in_use, seen.waiting)),
        other => panic!("{other:?}"),
    }
}

pub fn open(path: &Path) -> Folder {
    Folder::open(path).expect("it can be made")
}

/// The gate as a file.
struct Filed<'a>(&'a Folder, String);

impl Twin for Filed<'_> {
    fn step(&mut self, step: &Taken<'_>) -> Result<(), String> {
        let asked = [(step.ask.verb(), step.entropy)];
        let heard = !self.0.path_of(&step.spec.name, &self.1).exists() && !step.ask.verb().creates();
        let decided = self
            .0
            .decide(step.spec, step.conditions, &self.1, &asked, step.now, Record::Names)
            .map_err(|problem| problem.to_string())?;
        compare::answers(step.answer, &decided[0].answer, step.fair)?;
        let here = step.effects.iter().map(|effect| (compare::plain(effect), effect.token));
        let there = decided[0].effects.iter().map(|effect| (compare::plain(effect), effect.token));
        ensure!(here.eq(there), "a table tells {:?}\na file {:?}", step.effects, decided[0].effects);
        // Of a question about nothing, nothing is kept; but a table has heard who asked.
        ensure!(!heard || step.spec.shared.is_none(), "{HEARD}");
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// How a world ends that is none for a file.
const HEARD: &str = "somebody asked before there was a gate";

#[test]
fn a_file_decides_as_a_table_does() {
    let seed = random::seed();
    let mut seeds = Random::new(seed);
    let place = tempfile::tempdir().expect("a place for it");
    let folder = open(&place.path().join("gates"));
    let mut done = 0;
    let mut coverage = Coverage::default();
    for world in 0.. {
        // Leaked: a twin lives as long as it likes.
        let twin = Filed(Box::leak(Box::new(open(folder.path()))), format!("world {world}"));
        let mut world = World::new(seeds.bits(), Kind::Remote).beside(Box::new(twin));
        match world.run(150, &mut coverage) {
            Err(problem) if problem.starts_with(HEARD) => {}
            Err(problem) => panic!("AIRLOCK_SEED={seed}: {problem}"),
            Ok(()) => done += world.commands,
        }
        if done >= random::scaled(3_000) {
            break;
        }
    }
}

#[test]
fn what_holds_for_all_is_set_by_one_at_a_time() {
    let place = tempfile::tempdir().expect("a place for it");
    let (folder, other) = (open(place.path()), open(place.path()));
    let normal = Conditions::default();
    let because = Some("taking stock".into());
    let closed = Conditions {
        switch: Setting { state: SwitchState::Closed, until: NEVER, because },
        unwell_until: 0,
        forced: false,
    };
    let unwell = Conditions { unwell_until: NOW, ..closed.clone() };
    assert_eq!(folder.conditions("jobs").expect("nothing is set"), normal);
    assert!(folder.swap_conditions("jobs", &normal, &closed).expect("it is written"));
    assert!(!other.swap_conditions("jobs", &normal, &unwell).expect("it has changed"));
    assert!(other.swap_conditions("jobs", &closed, &unwell).expect("it is written"));
    assert_eq!(folder.conditions("jobs").expect("it is read"), unwell);
    assert_eq!(folder.conditions("others").expect("nothing is set"), normal);
    let beyond = Conditions { unwell_until: NEVER + 1, ..normal.clone() };
    assert!(folder.swap_conditions("beyond", &normal, &beyond).expect("it is written"));
    assert!(folder.conditions("beyond").expect_err("it is no time").to_string().contains("beyond all times"));
    assert!(folder.swap_conditions("jobs", &unwell, &normal).expect("it is removed"));
    assert_eq!(other.conditions("jobs").expect("nothing is set"), normal);
}

#[test]
fn a_change_shows_in_the_stamp() {
    let place = tempfile::tempdir().expect("a place for it");
    let (folder, other) = (open(place.path()), open(place.path()));
    let stamp = || folder.stamp("jobs", "a").expect("it can be looked at");
    let nothing = stamp();
    assert!(is_admitted(&other, "a", 1, NOW));
    let inside = stamp();
    assert_ne!(nothing, inside);
    assert_eq!(inside, stamp(), "nobody has changed it");
    ask(&other, "b", enter(2, Stay::No), NOW).expect("another gate");
    assert_eq!(inside, stamp(), "nobody has changed this one");
    ask(&other, "a", release(1), NOW + 1).expect("it is inside");
    assert_ne!(inside, stamp());
}

#[test]
fn those_in_use_are_listed() {
    let place = tempfile::tempdir().expect("a place for it");
    let folder = open(place.path());
    let long = "x".repeat(512);
    let names = ["a", "A", "a/b", "a:b", "../a", ".", " ", "\u{e9}", "e\u{301}", &long];
    for name in names {
        assert!(is_admitted(&folder, name, 1, NOW), "{name}");
    }
    ask(&folder, "gone", enter(1, Stay::No), NOW).expect("it is free");
    ask(&folder, "gone", release(1), NOW + 1).expect("it is inside");
    ask(&folder, "never", Verb::Tick, NOW).expect("there is none");
    let other = Spec { name: "job".into(), ..spec() };
    folder
        .decide(&other, &Conditions::default(), "other", &[(enter(1, Stay::No), 1)], NOW, Record::Nothing)
        .expect("another airlock");
    let mut listed = folder.resources("jobs").expect("it can be read");
    listed.sort();
    let mut names = names.map(str::to_owned);
    names.sort();
    assert_eq!(listed, names);
    // RX-17: nobody else's gate was asked.
    assert!(names.iter().all(|name| look(&folder, name, NOW).expect("it is read") == (1, 0)));
    assert!(!folder.path_of("jobs", "never").exists(), "a question makes no gate");
}
