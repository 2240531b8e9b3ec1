//! A switch that is said to one process, whatever its store says, and whether it says anything.

mod failing;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use airlock_core::gate::SwitchState;
use airlock_core::store::{GrantedBy, MemoryStore, Store};
use airlock_core::{Airlock, Door, Entered, Entrant, Error, Permit, Reason, Seal, Switch};
use failing::FailingStore;
use tempfile::TempDir;

const ROOM: &str = "room";
/// Long enough to be over only when something is broken: what is promised is about a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file in which something can be said.
struct Said(TempDir);

impl Said {
    fn new() -> Self {
        Said(tempfile::tempdir().expect("a place for it"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("switches")
    }

    /// All of it at once, as the documentation advises.
    fn say(&self, text: &str) {
        let new = self.0.path().join("new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, self.path())).expect("it can be written");
    }

    fn airlock(&self, store: impl Store) -> Airlock {
        let builder = Airlock::builder("imports").seal(Seal::lock()).store(store).emergency_file(self.path());
        builder.build().expect("a valid configuration")
    }
}

/// Waits until the process goes by that, and no longer than it has to.
async fn goes_by(airlock: &Airlock, state: Option<SwitchState>) {
    let since = Instant::now();
    while airlock.emergency().map(|setting| setting.state) != state {
        assert!(since.elapsed() < PATIENCE, "it goes by {:?}", airlock.emergency());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn refused<T>(entered: Result<T, Error>) -> (Reason, Option<String>) {
    match entered {
        Err(Error::Refused(refusal)) => (refusal.reason, refusal.because().map(str::to_owned)),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was let in"),
    }
}

/// What is logged in this process: by the thread that looks at files, too.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::set_global_default(subscriber).expect("nobody else logs here");
        log
    })
}

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().expect("no panic under it")).lines().map(str::to_owned).collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic under it").extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn closed_refuses_newcomers_and_freezes_the_line() {
    let said = Said::new();
    let airlock = said.airlock(MemoryStore::new());
    let inside = airlock.try_enter(ROOM).await.expect("room");
    let waiting = tokio::spawn({
        let airlock = airlock.clone();
        async move { airlock.acquire(ROOM).await }
    });
    while airlock.inspect(ROOM).await.expect("memory answers").waiting == 0 {
        tokio::task::yield_now().await;
    }
    said.say("imports = closed: The upstream is down.\n");
    goes_by(&airlock, Some(SwitchState::Closed)).await;
    assert_eq!(refused(airlock.try_enter(ROOM).await), (Reason::Closed, Some("The upstream is down.".to_owned())));
    assert_eq!(refused(airlock.acquire(Entrant::new(ROOM).identity("ada")).await).0, Reason::Closed);
    assert!(matches!(airlock.door(ROOM).await, Ok(Door::Closed { because: Some(_), .. })));
    inside.renew().await.expect("who is inside stays");
    inside.release().await.expect("and leaves");
    let seen = airlock.inspect(ROOM).await.expect("memory answers");
    assert_eq!((seen.in_use, seen.waiting), (0, 1), "nobody is let in");

    fs::remove_file(said.path()).expect("it is there");
    let permit = waiting.await.expect("no panic").expect("the line goes on");
    assert_eq!(permit.granted_by(), GrantedBy::Primary);
    assert_eq!(airlock.emergency(), None);
}

#[tokio::test]
async fn drain_serves_the_line_and_hold_fills_it() {
    let said = Said::new();
    said.say("drain");
    let airlock = said.airlock(MemoryStore::new());
    assert_eq!(refused(airlock.try_enter(ROOM).await), (Reason::Closed, None));

    said.say("hold");
    goes_by(&airlock, Some(SwitchState::Hold)).await;
    // A resource's own switch counts for nothing meanwhile.
    airlock.switch_resource(ROOM, Some(Switch::open())).await.expect("memory answers");
    let Entered::Queued(ticket) = airlock.enter(ROOM).await.expect("a place in line") else { panic!("let in") };
    assert_eq!(refused(airlock.try_enter(ROOM).await).0, Reason::Full);

    said.say("drain");
    goes_by(&airlock, Some(SwitchState::Drain)).await;
    let airlock_core::Standing::Offered(offer) = airlock.poll(&ticket.token).await.expect("memory answers") else {
        panic!("it is not served")
    };
    drop(airlock.claim(&ticket.token, offer.nonce).await.expect("an offer stays"));
}

#[tokio::test]
async fn open_counts_for_more_than_what_is_set() {
    let said = Said::new();
    let airlock = said.airlock(MemoryStore::new());
    airlock.switch(Switch::closed()).await.expect("memory answers");
    airlock.switch_resource(ROOM, Some(Switch::closed())).await.expect("memory answers");
    assert_eq!(refused(airlock.try_enter(ROOM).await).0, Reason::Closed);
    said.say("other = hold\nimports = open");
    goes_by(&airlock, Some(SwitchState::Open)).await;
    let _inside = airlock.try_enter(ROOM).await.expect("it is open");
    assert_eq!(refused(airlock.try_enter(ROOM).await).0, Reason::Full, "as configured");
    said.say("other = hold");
    goes_by(&airlock, None).await;
    assert_eq!(refused(airlock.try_enter(ROOM).await).0, Reason::Closed, "what is set counts again");
}

#[tokio::test]
async fn it_works_while_the_store_does_not() {
    let said = Said::new();
    let store = FailingStore::default();
    let airlock = said.airlock(store.clone());
    store.plan.fail_after(0, usize::MAX);
    assert!(matches!(airlock.try_enter(ROOM).await, Err(Error::Unavailable(_))));

    said.say("closed: Wait.");
    goes_by(&airlock, Some(SwitchState::Closed)).await;
    store.plan.asked();
    let closed = (Reason::Closed, Some("Wait.".to_owned()));
    assert_eq!(refused(airlock.try_enter(ROOM).await), closed);
    assert_eq!(refused(airlock.acquire(ROOM).await), closed);
    assert_eq!(refused(airlock.acquire(ROOM).timeout(PATIENCE).await), closed);
    assert_eq!(refused(airlock.enter(ROOM).await), closed);
    assert_eq!(store.plan.asked(), 0, "it is not asked");
    // Who may be inside already is asked for, and refused like the others where that cannot be known.
    assert_eq!(refused(airlock.acquire(Entrant::new(ROOM).identity("ada")).await), closed);
    assert_eq!(store.plan.asked(), 1);

    said.say("bypass");
    goes_by(&airlock, Some(SwitchState::Bypass)).await;
    let permits: Vec<Permit> = vec![
        airlock.try_enter(ROOM).await.expect("everybody"),
        airlock.acquire(Entrant::new(ROOM).identity("ada").weight(1)).await.expect("everybody"),
    ];
    for permit in permits {
        assert!(!permit.is_leased() && permit.granted_by() == GrantedBy::Nobody && permit.fence() == 0);
        permit.release().await.expect("there is nothing to release");
    }
    assert!(matches!(airlock.door(ROOM).await, Ok(Door::Bypassed)));
    assert_eq!(store.plan.asked(), 0);

    said.say("hold");
    goes_by(&airlock, Some(SwitchState::Hold)).await;
    assert!(matches!(airlock.acquire(ROOM).await, Err(Error::Unavailable(_))), "there is no line without a store");
}

#[tokio::test]
async fn who_asks_again_while_the_store_is_away_hears_of_it() {
    let said = Said::new();
    let store = FailingStore::default();
    let airlock = said.airlock(store.clone());
    store.plan.fail_after(0, usize::MAX);
    let asking = tokio::spawn({
        let airlock = airlock.clone();
        async move { airlock.acquire(ROOM).timeout(PATIENCE).await }
    });
    said.say("closed");
    assert_eq!(refused(asking.await.expect("no panic")).0, Reason::Closed);
}

#[tokio::test]
async fn what_cannot_be_understood_changes_nothing() {
    let said = Said::new();
    let log = log();
    let airlock = said.airlock(MemoryStore::new());
    let other = said.airlock(MemoryStore::new());
    said.say("imports = closed");
    goes_by(&airlock, Some(SwitchState::Closed)).await;
    goes_by(&other, Some(SwitchState::Closed)).await;
    for (wrong, problem) in [
        ("imports = shut", "line 1: "),
        ("\u{0}", "is no switch"),
        ("imports = open\nimports = open", "line 2: there is a line before it"),
        (&"#".repeat(70_000), "more than 65536 bytes"),
    ] {
        said.say(wrong);
        let (path, since) = (said.path().display().to_string(), Instant::now());
        while !log.lines().iter().any(|line| line.contains("ERROR") && line.contains(&path) && line.contains(problem)) {
            assert!(since.elapsed() < PATIENCE, "{problem} is not said");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(refused(airlock.try_enter(ROOM).await).0, Reason::Closed, "{wrong:?}");

        let builder = Airlock::builder("new").seal(Seal::lock()).emergency_file(said.path());
        let error = builder.build();
        // The file is known already, and what it last said counts for the new one as well.
        assert!(error.is_ok_and(|airlock| airlock.emergency().is_none()));
    }
    said.say("");
    goes_by(&airlock, None).await;
}

#[test]
fn what_cannot_be_understood_from_the_start_is_an_error() {
    let said = Said::new();
    let build = || Airlock::builder("imports").seal(Seal::lock()).emergency_file(said.path()).build();
    for (wrong, part) in [("\nshut", "line 2: \"shut\" is no switch"), ("imports = ", "line 1: there is nothing")] {
        said.say(wrong);
        let error = build().expect_err("it cannot be understood").to_string();
        let path = said.path().display().to_string();
        assert!(error.starts_with("emergency: ") && error.contains(&path) && error.contains(part), "{error}");
    }
    fs::remove_file(said.path()).expect("it is there");
    fs::create_dir(said.path()).expect("it can be made");
    assert!(build().expect_err("it is a folder").to_string().contains("no plain file"));
}
