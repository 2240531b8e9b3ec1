//! What concerns more than one gate: lists, what is set for an airlock, what is past, and the thread with the database.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airlock_core::StoreError;
use airlock_core::gate::{Conditions, Outcome, Record, Stay, Verb};
use airlock_core::store::SurveyQuery;
use airlock_core::store::shared::{Asked, Call};
use airlock_core::store::sqlite::{Database, Options, Worker};

use crate::folder::{Folder, ask, enter, give_up, impatient, spec};

const NOW: u64 = 1_777_777_777_000_000;
const MINUTE: u64 = 60_000_000;

fn in_memory() -> Database {
    Database::open(Path::new(":memory:"), Options::default()).expect("there is memory")
}

#[test]
fn the_busiest_come_first_and_the_past_does_not_count() {
    let mut database = in_memory();
    for (resource, count) in [("quiet", 1), ("busy", 5), ("past", 2), ("b", 2), ("a", 2)] {
        for number in 0..count {
            let then = if resource == "past" { NOW } else { NOW + 20_000_000 };
            ask(&mut database, resource, enter(number, Stay::Here), then).expect("it works");
        }
    }
    let other = airlock_core::gate::Spec { name: "other".into(), ..spec() };
    crate::folder::ask_as(&mut database, &other, "elsewhere", enter(1, Stay::No), NOW).expect("it works");
    ask(&mut database, "widened", Verb::Resize { limit: Some(9) }, NOW).expect("it works");
    // Long enough for the first to be past.
    let later = NOW + 31_000_000;
    let mut survey = |of| {
        let survey =
            database.transact(|work| work.survey(&spec(), &Conditions::default(), of, later, 1)).expect("it works");
        let resources =
            survey.resources.into_iter().map(|usage| (usage.resource, usage.limit, usage.in_use, usage.waiting));
        (survey.total, resources.collect::<Vec<_>>())
    };
    let page = |offset, count| SurveyQuery { text: "", offset, count };
    let row = |name: &str, limit, in_use, waiting| (name.to_owned(), limit, in_use, waiting);
    // Those who waited at the busy one have not asked again in time.
    let all = vec![
        row("a", 2, 2, 0),
        row("b", 2, 2, 0),
        row("busy", 2, 2, 0),
        row("quiet", 2, 1, 0),
        row("widened", 9, 0, 0),
    ];
    assert_eq!(survey(page(0, 100)), (5, all.clone()));
    assert_eq!(survey(page(1, 2)), (5, all[1..3].to_vec()));
    assert_eq!(survey(page(9, 2)), (5, vec![]));
    assert_eq!(survey(SurveyQuery { text: "W", ..page(0, 9) }), (1, all[4..].to_vec()));
    // Text is text, and no pattern.
    assert_eq!(survey(SurveyQuery { text: "%", ..page(0, 9) }), (0, vec![]));
}

#[test]
fn what_is_set_for_an_airlock_is_changed_only_by_who_has_seen_it() {
    let mut database = in_memory();
    let set = |database: &mut Database, held: &[u8], wanted: &[u8]| {
        database.transact(|work| work.swap_conditions("one", held, wanted)).expect("it works")
    };
    assert_eq!(database.conditions("one").expect("it works"), b"");
    assert!(set(&mut database, b"", b"closed"));
    assert!(!set(&mut database, b"", b"open"));
    assert_eq!(database.conditions("one").expect("it works"), b"closed");
    assert_eq!(database.conditions("two").expect("it works"), b"");
    assert!(set(&mut database, b"closed", b""));
    assert_eq!(database.conditions("one").expect("it works"), b"");
    assert!(crate::folder::dump(&database, "airlock_").is_empty());
}

#[test]
fn the_stamp_tells_of_others_and_not_of_oneself() {
    let folder = Folder::new();
    let (mut mine, mut theirs) = (folder.open().expect("it is new"), folder.open().expect("it is ours"));
    let before = mine.stamp().expect("it works");
    ask(&mut mine, "any", enter(1, Stay::No), NOW).expect("it works");
    assert_eq!(mine.stamp().expect("it works"), before);
    ask(&mut theirs, "any", enter(2, Stay::No), NOW).expect("it works");
    assert_ne!(mine.stamp().expect("it works"), before);
}

/// G2: nothing is left of who was there but the last numbers, and these are not kept for ever either.
#[test]
fn gates_long_gone_leave_nothing() {
    let mut database = in_memory();
    let count = |database: &Database| crate::folder::dump(database, "airlock_").len();
    for tenant in 0..500u64 {
        let resource = format!("tenant:{tenant}");
        ask(&mut database, &resource, enter(1, Stay::No), NOW).expect("it works");
        ask(&mut database, &resource, enter(2, Stay::Here), NOW).expect("it works");
        if tenant % 2 == 0 {
            ask(&mut database, &resource, give_up(1), NOW).expect("it works");
            ask(&mut database, &resource, give_up(2), NOW).expect("it works");
        }
    }
    assert_eq!(count(&database), 500 + 250 * 2, "one row each at rest, and three of those with two inside");
    // Before its time nothing is forgotten: the last fence still counts.
    database.transact(|work| work.forget_past(NOW + MINUTE, 1000)).expect("it works");
    assert_eq!(count(&database), 1000);
    let outcome = ask(&mut database, "tenant:0", enter(3, Stay::No), 5).expect("it works");
    assert!(matches!(outcome, Outcome::Admitted(grant) if grant.fence > NOW), "{outcome:?}");
    ask(&mut database, "tenant:0", give_up(3), 5).expect("it works");

    // Twice the longest time and a minute, and it is as if nobody had ever come: a little with every newcomer.
    let later = NOW + 4 * MINUTE;
    for newcomer in 0..170 {
        ask(&mut database, &format!("new:{newcomer}"), enter(1, Stay::No), later).expect("it works");
    }
    assert_eq!(count(&database), 2 * 170);
}

/// An operator's limit and switch stay until they are cleared, and a lease for as long as it was asked for.
#[test]
fn what_has_to_stay_stays() {
    let mut database = in_memory();
    ask(&mut database, "widened", Verb::Resize { limit: Some(9) }, NOW).expect("it works");
    let closed = Verb::Switch {
        state: Some(airlock_core::gate::SwitchState::Closed),
        reopen_in: None,
        because: Some("holiday"),
    };
    ask(&mut database, "closed", closed, NOW).expect("it works");
    ask(&mut database, "long", enter(1, Stay::No), NOW).expect("it works");
    let renew = Verb::Renew { key: crate::folder::key(1), ttl: Some(500 * MINUTE) };
    ask(&mut database, "long", renew, NOW).expect("it works");
    ask(&mut database, "short", enter(1, Stay::No), NOW).expect("it works");
    let removed = database.transact(|work| work.forget_past(NOW + 499 * MINUTE, 100)).expect("it works");
    assert_eq!(removed, 1);
    let removed = database.transact(|work| work.forget_past(NOW + 600 * MINUTE, 100)).expect("it works");
    assert_eq!(removed, 1);
    let outcome = ask(&mut database, "closed", enter(2, Stay::No), NOW + 600 * MINUTE).expect("it works");
    assert!(
        matches!(&outcome, Outcome::Refused { because, .. } if because.as_deref() == Some("holiday")),
        "{outcome:?}"
    );
}

/// Asks for one command as a store does.
fn decided(worker: &Worker, resource: &str, verb: Verb<'static>) -> airlock_core::store::sqlite::Answer<Outcome> {
    let resource = resource.to_owned();
    worker.ask(move |work| {
        let (spec, conditions, asked) = (&spec(), &Conditions::default(), &[Asked::new(&verb, 7)?]);
        let call = Call { spec, conditions, resource: &resource, asked, record: Record::Nothing, now: Some(NOW) };
        let decided = work.decide(&call, NOW)?;
        Ok(decided.answered.into_iter().next().expect("one answer").answer.outcome)
    })
}

#[test]
fn what_has_arrived_goes_in_one_transaction() {
    let folder = Folder::new();
    let worker = Worker::start(folder.open().expect("it is new")).expect("there are threads");
    let other = folder.open().expect("it is ours");
    // While the thread looks at this, the others arrive.
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let busy = worker.look(move |_| Ok(gone.recv().is_ok()));
    let before = other.stamp().expect("it works");
    let answers: Vec<_> =
        (0..40).map(|number| decided(&worker, &format!("resource:{}", number % 4), enter(number, Stay::No))).collect();
    let taken_back = decided(&worker, "taken back", enter(1, Stay::No));
    drop(taken_back);
    go.send(()).expect("it waits");
    assert!(busy.blocking_recv().expect("it answers").expect("it works"));
    let inside = answers.into_iter().map(|answer| answer.blocking_recv().expect("it answers").expect("it works"));
    assert_eq!(inside.filter(|outcome| matches!(outcome, Outcome::Admitted(_))).count(), 4 * 2);
    assert_eq!(other.stamp().expect("it works"), before + 1, "there were several transactions");
    assert!(!crate::folder::dump(&other, "airlock_").iter().any(|row| row.contains("taken back")));
}

#[test]
fn one_that_fails_does_not_take_the_others_with_it() {
    let folder = Folder::new();
    let worker = Worker::start(folder.open().expect("it is new")).expect("there are threads");
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let busy = worker.look(move |_| Ok(gone.recv().is_ok()));
    let runs = Arc::new(AtomicUsize::new(0));
    let first = decided(&worker, "first", enter(1, Stay::No));
    let counted = runs.clone();
    let wrong = worker.ask::<()>(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::not_executed("this one"))
    });
    let panics = worker.ask::<()>(|_| panic!("that one"));
    let last = decided(&worker, "last", enter(1, Stay::No));
    go.send(()).expect("it waits");
    busy.blocking_recv().expect("it answers").expect("it works");
    for answer in [first, last] {
        let outcome = answer.blocking_recv().expect("it answers").expect("it works");
        assert!(matches!(outcome, Outcome::Admitted(_)), "{outcome:?}");
    }
    let wrong = wrong.blocking_recv().expect("it answers").expect_err("it is wrong");
    assert_eq!((wrong.to_string(), runs.load(Ordering::SeqCst)), ("this one".to_owned(), 1));
    let panics = panics.blocking_recv().expect("it answers").expect_err("it panics");
    assert!(panics.to_string().contains("stopped half way") && !panics.is_unknown(), "{panics}");
}

#[test]
fn a_database_that_is_locked_is_everybodys_failure_at_once() {
    let folder = Folder::new();
    let database = Database::open(&folder.file(), impatient()).expect("it is new");
    let other = folder.open().expect("it is ours");
    let worker = Worker::start(database).expect("there are threads");
    other.connection().execute_batch("BEGIN IMMEDIATE").expect("nobody else has it");
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let busy = worker.look(move |_| Ok(gone.recv().is_ok()));
    let answers: Vec<_> = (0..100).map(|number| decided(&worker, "any", enter(number, Stay::No))).collect();
    go.send(()).expect("it waits");
    busy.blocking_recv().expect("it answers").expect("it works");
    let started = std::time::Instant::now();
    for answer in answers {
        let error = answer.blocking_recv().expect("it answers").expect_err("it is locked");
        assert!(error.to_string().contains("locked") && !error.is_unknown(), "{error}");
    }
    // Not one after the other: that would be five seconds.
    assert!(started.elapsed() < std::time::Duration::from_secs(4), "{:?}", started.elapsed());
}
