//! Observers hear of everything, by name; logs hear of everything, without names; neither gets in the way.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::gate::Denial;
use airlock_core::locks::Locks;
use airlock_core::observer::{Event, EventKind, Happened};
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, Ending, Entered, Entrant, Error, Seal, Standing, Whom};

const ROOM: &str = "tenant-of-somebody";
const ADA: &str = "ada-of-somebody";

/// Goes through most of what can happen, and answers the texts of all tokens that there were.
async fn a_day(airlock: &Airlock) -> Result<Vec<String>, Error> {
    let permit = airlock.try_enter(Entrant::new(ROOM).identity(ADA)).await?;
    assert!(airlock.try_enter(ROOM).await.is_err());
    let Entered::Queued(first) = airlock.enter(Entrant::new(ROOM).identity("bob")).await? else { panic!("no room") };
    let Entered::Queued(second) = airlock.enter(ROOM).await? else { panic!("no room") };
    airlock.leave(&second.token).await?;
    let mut texts = vec![permit.token()?.expose(), first.token.expose(), second.token.expose()];
    permit.release().await?;
    let Standing::Offered(offer) = airlock.poll(&first.token).await? else { panic!("it is its turn") };
    let claimed = airlock.claim(&first.token, offer.nonce).await?;
    texts.push(format!("{:?}", offer.nonce));
    airlock.resize(ROOM, Some(2)).await?;
    airlock.evict(ROOM, Whom::Identity("bob")).await?;
    airlock.resize(ROOM, None).await?;
    for shown in [format!("{claimed:?}"), format!("{first:?}"), format!("{airlock:?}"), format!("{:?}", first.token)] {
        assert!(texts[..3].iter().all(|text| !shown.contains(&text[4..36])), "{shown} shows a token");
    }
    Ok(texts)
}

#[tokio::test]
async fn observers_hear_of_every_transition_by_name() -> Result<(), Error> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = seen.clone();
    let airlock = Airlock::builder("doors")
        .seal(Seal::lock())
        .observer(move |event: &Event<'_>| {
            assert_eq!((event.airlock, event.resource), ("doors", ROOM));
            notes.lock().unwrap().push((event.kind, event.identity.map(str::to_owned), event.fence.is_some()));
        })
        .build()
        .expect("a valid configuration");
    a_day(&airlock).await?;
    let (ada, bob) = (Some(ADA.to_owned()), Some("bob".to_owned()));
    let expected = vec![
        (EventKind::Admitted, ada.clone(), true),
        (EventKind::Refused(Denial::Full), None, false),
        (EventKind::Queued, bob.clone(), false),
        (EventKind::Queued, None, false),
        (EventKind::Ended(Ending::Left), None, false),
        (EventKind::Ended(Ending::Released), ada, true),
        (EventKind::Offered, bob.clone(), true),
        (EventKind::Admitted, bob.clone(), true),
        (EventKind::Resized(Some(2)), None, false),
        (EventKind::Ended(Ending::Evicted), bob, true),
        (EventKind::Resized(None), None, false),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
    Ok(())
}

/// A list of what an observer heard.
fn listener() -> (Arc<Mutex<Vec<EventKind>>>, impl Fn(&Event<'_>)) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = heard.clone();
    (heard, move |event: &Event<'_>| notes.lock().unwrap().push(event.kind))
}

#[tokio::test]
async fn who_subscribes_hears_of_all_from_then_on_until_it_ends() -> Result<(), Error> {
    // Of two airlocks of one name on one store, whichever is asked.
    let store = MemoryStore::new();
    let airlock = || Airlock::builder("doors").seal(Seal::semaphore(9)).store(store.clone()).build().expect("it works");
    let (one, other) = (airlock(), airlock());
    let _before = one.try_enter(ROOM).await?;
    for here in [&one, &other] {
        let (heard, observer) = listener();
        let subscription = here.subscribe(observer);
        drop((one.try_enter(ROOM).await?, other.try_enter(ROOM).await?));
        let (admitted, released) = (EventKind::Admitted, EventKind::Ended(Ending::Released));
        assert_eq!(*heard.lock().unwrap(), [admitted, admitted, released, released]);
        drop(subscription);
        drop(one.try_enter(ROOM).await?);
        assert_eq!(heard.lock().unwrap().len(), 4, "it is over");
    }
    Ok(())
}

#[tokio::test]
async fn events_come_as_a_stream() -> Result<(), Error> {
    let airlock = Airlock::builder("doors").seal(Seal::lock()).build().expect("a valid configuration");
    let mut events = airlock.events();
    let permit = airlock.try_enter(Entrant::new(ROOM).identity(ADA)).await?;
    let Some(Happened::Event(event)) = events.next().await else { panic!("she is inside") };
    assert_eq!((&*event.airlock, &*event.resource, event.identity.as_deref()), ("doors", ROOM, Some(ADA)));
    assert_eq!((event.kind, event.fence), (EventKind::Admitted, Some(permit.fence())));
    // The airlock is gone with its last permit, and what happened to the last is told.
    drop(airlock);
    drop(permit);
    let Some(Happened::Event(event)) = events.next().await else { panic!("she is out") };
    assert_eq!(event.kind, EventKind::Ended(Ending::Released));
    assert_eq!(events.next().await, None);
    Ok(())
}

#[tokio::test]
async fn who_does_not_take_the_events_is_told_how_many_are_lost() -> Result<(), Error> {
    let airlock = Airlock::builder("doors").seal(Seal::lock()).build().expect("a valid configuration");
    let mut events = airlock.events();
    for _ in 0..1000 {
        drop(airlock.try_enter(ROOM).await?);
    }
    assert_eq!(events.next().await, Some(Happened::Missed(2000 - 1024)));
    for _ in 0..1024 {
        assert!(matches!(events.next().await, Some(Happened::Event(_))));
    }
    let last = airlock.try_enter(ROOM).await?;
    assert!(matches!(events.next().await, Some(Happened::Event(event)) if event.fence == Some(last.fence())));
    Ok(())
}

#[tokio::test]
async fn an_observer_that_panics_changes_nothing() -> Result<(), Error> {
    let airlock = Airlock::builder("doors")
        .seal(Seal::lock())
        .observer(|_: &Event<'_>| panic!("an observer"))
        .build()
        .expect("a valid configuration");
    a_day(&airlock).await?;
    assert_eq!(airlock.survey(0, 1).await?.total, 0);
    Ok(())
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "current_thread")]
async fn logs_have_the_documented_fields_and_nobodys_name() -> Result<(), Error> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // For this thread, which is all that a current-thread runtime has.
    let _logging = tracing::subscriber::set_default(subscriber);
    let airlock = Airlock::builder("doors").seal(Seal::lock()).build().expect("a valid configuration");
    let texts = a_day(&airlock).await?;
    let waiting = airlock.acquire(Entrant::new(ROOM).identity("cleo")).await?;
    drop(waiting);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).expect("text");
    for event in ["admitted", "refused", "queued", "left", "released", "offered", "resized", "evicted"] {
        assert!(log.contains(&format!("event=\"{event}\"")), "no {event} in\n{log}");
    }
    for field in ["airlock=\"doors\"", "fence=", "waited_us=", "held_us=", "reason=\"full\"", "resource_hash="] {
        assert!(log.contains(field), "no {field} in\n{log}");
    }
    for name in [ROOM, ADA, "bob", "cleo"].into_iter().chain(texts.iter().map(|text| text.as_str())) {
        assert!(!log.contains(name), "{name} in\n{log}");
    }
    Ok(())
}

/// What is logged on this thread from now on.
fn logged() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_writer(move || writer.clone()).with_ansi(false).finish();
    (log, tracing::subscriber::set_default(subscriber))
}

impl Log {
    /// What this field says, in the order of the lines that have it.
    fn said(&self, field: &str) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).expect("text");
        let field = format!("{field}=");
        let of = |line: &str| Some(line.split_once(&field)?.1.split([' ', '\n']).next()?.trim_matches('"').to_owned());
        log.lines().filter_map(of).collect()
    }
}

#[tokio::test(flavor = "current_thread")]
async fn who_is_who_can_be_told_from_a_log_and_not_who_it_is() -> Result<(), Error> {
    let (log, _logging) = logged();
    let airlock = Airlock::builder("doors").seal(Seal::semaphore(9)).build().expect("a valid configuration");
    for (room, identity) in [(ROOM, ADA), ("press", ADA), (ROOM, "bob")] {
        drop(airlock.try_enter(Entrant::new(room).identity(identity)).await?);
    }
    drop(airlock.try_enter(ROOM).await?);
    let (rooms, identities) = (log.said("resource_hash"), log.said("identity_hash"));
    // In and out.
    assert_eq!((rooms.len(), identities.len()), (8, 6), "{rooms:?} {identities:?}");
    assert_eq!((&rooms[0], &rooms[0], &rooms[0]), (&rooms[1], &rooms[4], &rooms[6]));
    assert_eq!((&identities[0], &identities[0]), (&identities[1], &identities[2]));
    assert!(rooms[0] != rooms[2] && identities[0] != identities[4]);
    for hash in rooms.iter().chain(&identities) {
        assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    }
    Ok(())
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn a_lock_that_is_not_to_be_had_is_logged_by_its_key_and_why() -> Result<(), Error> {
    let (log, _logging) = logged();
    let clock = TestClock::new();
    let locks = Locks::new(MemoryStore::with_clock(&clock)).expect("a valid configuration");
    let ttl = Duration::from_secs(30);
    let report = locks.try_lock("report:daily", ttl).await?;
    assert_eq!(log.said("event=\"lock-failed\""), [""; 0]);
    assert!(locks.try_lock("report:daily", ttl).await.is_err());
    assert!(locks.lock("report:daily").wait(Duration::from_secs(1)).await.is_err());
    assert!(locks.try_lock_all(["savings", "report:daily"], ttl).await.is_err());
    assert!(locks.try_lock("no\nname", ttl).await.is_err());
    assert_eq!(log.said(" resource"), ["report:daily"; 3]);
    let token = report.detach().await?;
    clock.advance(ttl);
    assert!(locks.restore(&token, ttl).await.is_err());
    assert_eq!(log.said(" resource"), ["report:daily"; 4]);
    let reasons = log.said(" reason");
    for (reason, count) in [("full", 2), ("timed-out", 1), ("lost", 1)] {
        let lines = reasons.iter().filter(|said| *said == reason).count();
        assert!(lines >= count, "{reason} is said {lines} times in {reasons:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_shutdown_closes_and_nobody_left_or_released() -> Result<(), Error> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = seen.clone();
    let airlock = Airlock::builder("doors")
        .seal(Seal::lock())
        .observer(move |event: &Event<'_>| notes.lock().unwrap().push((event.kind, event.held.is_some())))
        .build()
        .expect("a valid configuration");
    let permit = airlock.try_enter(ROOM).await?;
    assert_eq!(permit.is_lost(), None);
    let waits = airlock.acquire(ROOM).start();
    assert_eq!(airlock.shutdown(Duration::ZERO).await?, 1);
    assert_eq!(permit.lost().await.ending, Some(Ending::Closed));
    drop((waits, permit));
    let closed = EventKind::Ended(Ending::Closed);
    let expected = vec![(EventKind::Admitted, false), (EventKind::Queued, false), (closed, false), (closed, true)];
    assert_eq!(*seen.lock().unwrap(), expected);
    Ok(())
}
