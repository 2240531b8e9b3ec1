//! Whoever is away is told of its turn, once, and nothing that a notifier does matters to anybody else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::notifier::{Notifier, NotifyError, NullNotifier, Turn, Turns};
use airlock_core::store::{BoxFuture, MemoryStore};
use airlock_core::{Airlock, Builder, Entered, Entrant, Error, Permit, Seal, Standing, Ticket};
use tokio::sync::mpsc;

/// For whatever happens on another thread.
const SOON: Duration = Duration::from_secs(30);

fn door() -> Builder {
    Airlock::builder("doors").seal(Seal::lock())
}

/// Sends each turn on.
struct Told(mpsc::UnboundedSender<Turn>);

impl Notifier for Told {
    fn notify<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), NotifyError>> {
        let _ = self.0.send(turn.clone());
        Box::pin(async { Ok(()) })
    }
}

fn told() -> (Told, mpsc::UnboundedReceiver<Turn>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Told(sender), receiver)
}

async fn next(turns: &mut mpsc::UnboundedReceiver<Turn>) -> Turn {
    tokio::time::timeout(SOON, turns.recv()).await.expect("somebody is told").expect("the airlock is there")
}

async fn wait(airlock: &Airlock, identity: &'static str) -> Result<Ticket, Error> {
    match airlock.enter(Entrant::new("room").identity(identity)).await? {
        Entered::Queued(ticket) => Ok(ticket),
        Entered::Admitted(_) => panic!("somebody is inside"),
    }
}

#[tokio::test]
async fn whoever_is_away_is_told_of_its_turn() -> Result<(), Error> {
    let (notifier, mut turns) = told();
    let airlock = door().notifier(notifier).build().expect("valid");
    let inside = airlock.try_enter("room").await?;
    let ada = wait(&airlock, "ada").await?;
    let bob = wait(&airlock, "bob").await?;
    inside.release().await?;
    let turn = next(&mut turns).await;
    assert_eq!((&*turn.airlock, &*turn.resource, &*turn.identity), ("doors", "room", "ada"));
    assert_eq!(*turn.topic, *airlock.topic("ada")?);
    assert!(turn.claim_within() > Duration::from_secs(1) && turn.claim_within() <= Duration::from_secs(20));
    let Standing::Offered(offer) = airlock.poll(&ada.token).await? else { panic!("it is her turn") };
    assert_eq!((offer.nonce, offer.claim_by), (turn.nonce, turn.claim_by));
    assert!(!format!("{turn:?}").contains(&turn.nonce.to_string()), "{turn:?}");

    // The nonce alone opens nothing: a claim needs the token as well.
    let refused = airlock.claim(&bob.token, turn.nonce).await.expect_err("it is not his");
    assert!(refused.refusal().is_some());
    airlock.claim(&ada.token, turn.nonce).await?.release().await?;
    assert_eq!(&*next(&mut turns).await.identity, "bob");
    assert!(turns.try_recv().is_err());
    Ok(())
}

/// Neither who waits beside the gate, nor who has no name, nor who took its place up in that very step, is told.
#[tokio::test]
async fn nobody_is_told_what_it_knows() -> Result<(), Error> {
    let (notifier, mut turns) = told();
    let airlock = door().notifier(notifier).build().expect("valid");
    let inside = airlock.try_enter("room").await?;
    let beside = airlock.clone();
    let beside = tokio::spawn(async move { beside.acquire(Entrant::new("room").identity("beside")).await });
    while airlock.inspect("room").await?.waiting == 0 {
        tokio::task::yield_now().await;
    }
    let Entered::Queued(anonymous) = airlock.enter("room").await? else { panic!("somebody is inside") };
    wait(&airlock, "eve").await?;
    wait(&airlock, "last").await?;
    drop(inside);
    drop(beside.await.expect("no panic")?);
    assert!(airlock.leave(&anonymous.token).await?);
    let eve = next(&mut turns).await;
    assert_eq!(&*eve.identity, "eve");
    // Missed by the time that she comes back, but entering takes up what is offered.
    let Entered::Admitted(permit) = airlock.enter(Entrant::new("room").identity("eve")).await? else {
        panic!("it is her turn")
    };
    drop(permit);
    assert_eq!(&*next(&mut turns).await.identity, "last");
    assert!(turns.try_recv().is_err());
    Ok(())
}

#[tokio::test]
async fn airlocks_that_share_their_gates_tell_once() -> Result<(), Error> {
    let store = MemoryStore::new();
    let (one, mut by_one) = told();
    let (other, mut by_other) = told();
    let plain = door().store(store.clone()).build().expect("valid");
    let first = door().store(store.clone()).notifier(one).build().expect("valid");
    let second = door().store(store).notifier(other).build().expect("valid");
    let inside = plain.try_enter("room").await?;
    wait(&second, "ada").await?;
    drop(inside);
    assert_eq!(&*next(&mut by_one).await.identity, "ada");
    assert!(by_other.try_recv().is_err());
    drop(first);
    Ok(())
}

#[tokio::test]
async fn rx_33_a_subscriber_gets_no_turns_but_its_own() -> Result<(), Error> {
    let turns = Turns::new();
    let airlock = door().notifier(turns.clone()).build().expect("valid");
    let other = Airlock::builder("windows").seal(Seal::lock()).notifier(turns.clone()).build().expect("valid");
    let mut adas = turns.subscribe(&airlock, "ada")?;
    let mut again = turns.subscribe(&airlock, "ada")?;
    let mut bobs = turns.subscribe(&airlock, "bob")?;
    let mut elsewhere = turns.subscribe(&other, "ada")?;
    // A name that looks like another's topic is nobody else's.
    let mut sly = turns.subscribe(&airlock, "ada/../ada")?;
    assert!(turns.subscribe(&airlock, "").is_err());
    let inside = airlock.try_enter("room").await?;
    wait(&airlock, "ada").await?;
    drop(inside);
    for hers in [&mut adas, &mut again] {
        let turn = tokio::time::timeout(SOON, hers.next()).await.expect("she is told").expect("the airlock is there");
        assert_eq!(&*turn.identity, "ada");
    }
    for others in [&mut adas, &mut bobs, &mut elsewhere, &mut sly] {
        assert!(tokio::time::timeout(Duration::ZERO, others.next()).await.is_err());
    }
    drop((again, bobs, elsewhere, sly));
    assert_eq!(format!("{turns:?}"), "Turns { topics: 1 }");
    drop((airlock, other, turns));
    assert!(tokio::time::timeout(SOON, adas.next()).await.expect("it ends").is_none());
    Ok(())
}

/// Fails as it is told.
struct Failing {
    tries: Arc<AtomicUsize>,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    Twice,
    ForGood,
    Panics,
    Hangs,
    Blocks,
}

impl Notifier for Failing {
    fn notify<'a>(&'a self, _: &'a Turn) -> BoxFuture<'a, Result<(), NotifyError>> {
        let tries = self.tries.fetch_add(1, Ordering::SeqCst) + 1;
        match self.how {
            How::Panics => panic!("a notifier"),
            How::Blocks => std::thread::sleep(Duration::from_secs(3600)),
            _ => {}
        }
        Box::pin(async move {
            match self.how {
                How::Twice if tries < 3 => Err(NotifyError::temporary("not now")),
                How::ForGood => Err(NotifyError::permanent("never")),
                How::Hangs => std::future::pending().await,
                _ => Ok(()),
            }
        })
    }
}

/// Waits, is offered a place, and takes it, over and over.
async fn turns_of(airlock: &Airlock, count: usize) -> Result<(), Error> {
    let mut inside: Permit = airlock.try_enter("room").await?;
    for turn in 0..count {
        let next = wait(airlock, ["ada-of-somebody", "bob-of-somebody"][turn % 2]).await?;
        inside.release().await?;
        let Standing::Offered(offer) = airlock.poll(&next.token).await? else { panic!("it is its turn") };
        inside = airlock.claim(&next.token, offer.nonce).await?;
    }
    inside.release().await
}

fn failing(how: How) -> (Airlock, Arc<AtomicUsize>) {
    let tries = Arc::new(AtomicUsize::new(0));
    let airlock = door().notifier(Failing { tries: tries.clone(), how }).build().expect("valid");
    (airlock, tries)
}

async fn until(tries: &AtomicUsize, wanted: usize) {
    let reached = async {
        while tries.load(Ordering::SeqCst) < wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, reached).await.expect("it is tried");
}

#[tokio::test]
async fn what_fails_for_a_moment_is_tried_again() -> Result<(), Error> {
    let (airlock, tries) = failing(How::Twice);
    turns_of(&airlock, 1).await?;
    until(&tries, 3).await;
    Ok(())
}

#[tokio::test]
async fn a_notifier_that_fails_panics_or_hangs_changes_nothing() -> Result<(), Error> {
    for how in [How::ForGood, How::Panics, How::Hangs, How::Blocks] {
        let (airlock, tries) = failing(how);
        // More than the queue holds: nothing waits for it.
        turns_of(&airlock, 1100).await?;
        until(&tries, 1).await;
        assert_eq!(airlock.survey(0, 1).await?.total, 0);
    }
    Ok(())
}

/// The thread goes on after a panic.
#[tokio::test]
async fn a_panic_is_one_turns_end() -> Result<(), Error> {
    let (airlock, tries) = failing(How::Panics);
    turns_of(&airlock, 1).await?;
    until(&tries, 1).await;
    turns_of(&airlock, 1).await?;
    until(&tries, 2).await;
    Ok(())
}

#[tokio::test]
async fn null_tells_nobody_and_prefixes_are_checked() -> Result<(), Error> {
    turns_of(&door().notifier(NullNotifier).build().expect("valid"), 2).await?;
    let turns = door().topic_prefix("https://shop.example/turns/").build().expect("valid");
    assert_eq!(turns.topic("ada lovelace")?, "https://shop.example/turns/doors/ada%20lovelace");
    assert!(turns.topic("").is_err() && turns.topic("a\nb").is_err());
    let error = door().topic_prefix("/{all}").build().expect_err("a pattern");
    assert_eq!(error.field(), "topic_prefix");
    Ok(())
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Drops are said on the thread that has the turn to tell, and once in a while only.
#[tokio::test(flavor = "current_thread")]
async fn what_is_not_told_is_logged_without_names() -> Result<(), Error> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let (airlock, _) = failing(How::Blocks);
    turns_of(&airlock, 1100).await?;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).expect("text");
    assert_eq!(log.matches("event=\"not-told\"").count(), 1, "{log}");
    assert!(log.contains("WARN airlock") && log.contains("dropped=1") && log.contains("airlock=\"doors\""), "{log}");
    assert!(!log.contains("of-somebody") && !log.contains("room"), "{log}");
    Ok(())
}
