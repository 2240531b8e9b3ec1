//! Everything goes back to where it came from.

use std::time::Duration;

use airlock_core::gate::{Conditions, Setting, SwitchState};
use airlock_core::store::{Fallback, GrantedBy, MemoryStore};
use airlock_core::{Airlock, Entered, Entrant, Error, OnReentry, Seal, Standing, Switch, Token, Whom};

use crate::scripted::{Fault, Scripted};
use crate::support::{Bench, Outage, RESET, ROOM, away, bench, open, refused};

/// A bench with one inside by each of the two, during the outage.
async fn one_by_each() -> (Bench, airlock_core::Permit, airlock_core::Permit) {
    let bench = bench(Outage::Local(1), 1);
    let primary = bench.airlock.try_enter(ROOM).await.expect("room");
    open(&bench).await;
    let local = bench.airlock.try_enter(ROOM).await.expect("room here");
    assert_eq!((primary.granted_by(), local.granted_by()), (GrantedBy::Primary, GrantedBy::Local));
    assert_eq!((bench.in_primary().await, bench.in_local().await), (1, 1));
    bench.store.asked();
    (bench, primary, local)
}

impl Bench {
    /// How many are inside by the local store, during an outage.
    async fn in_local(&self) -> u64 {
        self.airlock.inspect(ROOM).await.expect("the local gate").in_use
    }
}

/// During the outage, each is released where it was granted, and nowhere else.
#[tokio::test]
async fn no_permit_is_released_into_the_other_store() {
    let (bench, primary, local) = one_by_each().await;
    drop(local);
    assert_eq!(bench.store.asked(), [""; 0]);
    assert_eq!((bench.in_primary().await, bench.in_local().await), (1, 0));
    let local = bench.airlock.try_enter(ROOM).await.expect("room here");
    // A release by hand is tried although it will fail, and goes on in the background.
    away(primary.release().await);
    assert_eq!(bench.store.asked(), ["give up", "give back"]);
    assert_eq!((bench.in_primary().await, bench.in_local().await), (0, 1));
    local.release().await.expect("a lease");
    assert_eq!(bench.store.asked(), [""; 0]);
    assert_eq!(bench.in_local().await, 0);
}

/// And when it is over.
#[tokio::test]
async fn nor_after_the_outage() {
    let (bench, primary, local) = one_by_each().await;
    drop(primary);
    bench.store.set(Fault::None);
    bench.clock.advance(2 * RESET);
    bench.back().await;
    let primary = bench.airlock.try_enter(ROOM).await.expect("room");
    assert_eq!(primary.granted_by(), GrantedBy::Primary);
    bench.store.asked();
    local.renew().await.expect("it is held here");
    drop(local);
    assert_eq!(bench.store.asked(), [""; 0]);
    assert_eq!(bench.in_primary().await, 1);
    drop(primary);
    assert_eq!(bench.store.asked(), ["give back"]);
    assert_eq!(bench.in_primary().await, 0);
}

/// Tokens are asked for at the local store first, which knows its own.
#[tokio::test]
async fn tokens_find_their_way() {
    let (bench, primary, local) = one_by_each().await;
    let theirs = primary.detach().expect("a lease");
    let token = local.detach().expect("a lease");
    bench.airlock.renew(&token).await.expect("it is held here");
    let restored = bench.airlock.restore(&token).await.expect("it is held here");
    assert_eq!(restored.granted_by(), GrantedBy::Local);
    let token = restored.detach().expect("a lease");
    bench.airlock.release(&token).await.expect("it is held here");
    assert_eq!(bench.store.asked(), [""; 0]);
    assert_eq!((bench.in_primary().await, bench.in_local().await), (1, 0));
    away(bench.airlock.renew(&theirs).await);
    away(bench.airlock.restore(&theirs).await);
    assert_eq!(bench.store.asked(), ["renew", "restore"]);
    bench.store.set(Fault::None);
    bench.airlock.release(&theirs).await.expect("it is held there");
    assert_eq!(bench.in_primary().await, 0);
}

/// A place in the local line is kept, offered and claimed there, also when the primary is back.
#[tokio::test]
async fn a_ticket_is_good_where_it_was_drawn() {
    let (bench, _primary, local) = one_by_each().await;
    let Ok(Entered::Queued(ticket)) = bench.airlock.enter(Entrant::new(ROOM).identity("ada")).await else {
        panic!("in line")
    };
    bench.store.set(Fault::None);
    assert!(bench.fallback.reset(ROOM));
    assert_eq!(bench.airlock.position(&ticket.token).await.expect("an answer").map(|place| place.position), Some(1));
    drop(local);
    let Ok(Standing::Offered(offer)) = bench.airlock.poll(&ticket.token).await else { panic!("its turn") };
    let permit = bench.airlock.claim(&ticket.token, offer.nonce).await.expect("an offer");
    assert_eq!(permit.granted_by(), GrantedBy::Local);
    assert!(bench.airlock.is_held_by(ROOM, "ada").await.expect("an answer"));
    drop(permit);
    assert!(!bench.airlock.is_held_by(ROOM, "ada").await.expect("an answer"));
    // Only the last question was the primary's: nobody here knows of her any more.
    assert_eq!(bench.store.asked(), ["look"]);
}

/// A claimed place whose holder is put out is not looked for elsewhere when its permit goes.
#[tokio::test]
async fn what_is_lost_here_is_not_released_there() {
    let (bench, primary, local) = one_by_each().await;
    assert!(bench.airlock.evict(ROOM, Whom::Fence(local.fence())).await.expect("one of the two"));
    local.lost().await;
    bench.store.asked();
    drop(local);
    assert_eq!(bench.store.asked(), [""; 0]);
    drop(primary);
}

/// An unanswered entry that is decided on elsewhere in the end, when it is asked again, is given up where it began.
#[tokio::test(start_paused = true)]
async fn an_entry_asked_again_leaves_no_second_place() {
    for fault in [Fault::LosesTheAnswer, Fault::Hangs] {
        let bench = bench(Outage::Local(1), 1);
        bench.store.set(fault);
        let permit = bench.airlock.acquire(ROOM).timeout(Duration::from_secs(60)).await.expect("room here");
        assert_eq!(permit.granted_by(), GrantedBy::Local);
        let asked = bench.store.asked();
        assert_eq!(asked.last(), Some(&"give back with doubt"), "{asked:?}");
        assert_eq!(bench.in_primary().await, 0, "{fault:?}");
        drop(permit);
        assert_eq!(bench.store.asked(), [""; 0]);
    }
}

/// A session of the primary and one of the local store are two.
#[tokio::test]
async fn sessions_too() {
    let store = Scripted::on(MemoryStore::new());
    let fallback = Fallback::new(store.clone()).threshold(1).local(1);
    let airlock = Airlock::builder("sessions").seal(Seal::lock()).on_reentry(OnReentry::Share).store(fallback.clone());
    let airlock = airlock.build().expect("a valid configuration");
    let ada = || Entrant::new(ROOM).identity("ada");
    let primary = airlock.try_enter(ada()).await.expect("room");
    store.set(Fault::Fails);
    let local = airlock.try_enter(ada()).await.expect("room here");
    let again = airlock.try_enter(ada()).await.expect("the same session");
    assert_eq!((local.granted_by(), again.fence()), (GrantedBy::Local, local.fence()));
    store.set(Fault::None);
    store.asked();
    again.release().await.expect("a session here");
    assert_eq!(store.asked(), [""; 0]);
    assert!(primary.renew().await.is_ok());
    primary.release().await.expect("a session there");
}

/// What an operator sets for everybody holds in both; evictions look in both.
#[tokio::test]
async fn operators_reach_both() {
    let (bench, primary, local) = one_by_each().await;
    drop((primary, local));
    // It says that only one of the two knows.
    away(bench.airlock.switch(Switch::closed()).await);
    assert_eq!(refused(bench.airlock.try_enter(ROOM).await), airlock_core::Reason::Closed);
    bench.store.set(Fault::None);
    bench.airlock.switch(Switch::open()).await.expect("both");
    let inside = bench.airlock.try_enter(Entrant::new(ROOM).identity("ada")).await.expect("room here");
    bench.airlock.switch_resource(ROOM, Some(Switch::closed())).await.expect("both");
    assert_eq!(refused(bench.airlock.try_enter(ROOM).await), airlock_core::Reason::Closed);
    assert!(bench.fallback.reset(ROOM));
    assert_eq!(refused(bench.airlock.try_enter(ROOM).await), airlock_core::Reason::Closed);
    assert!(bench.airlock.evict(ROOM, Whom::Identity("ada")).await.expect("both"));
    assert!(!bench.airlock.evict(ROOM, Whom::Identity("ada")).await.expect("both"));
    inside.lost().await;
    bench.airlock.report_health(0.0).await.expect("both");
    bench.airlock.switch_resource(ROOM, None).await.expect("both");
    assert_eq!(refused(bench.airlock.try_enter(ROOM).await), airlock_core::Reason::Full);
}

/// What another process has set for everybody does not end with the outage's beginning.
#[tokio::test]
async fn what_was_closed_stays_closed() {
    let bench = bench(Outage::Local(1), 1);
    let closed = Setting { state: SwitchState::Closed, because: Some("inventory".into()), ..Setting::OPEN };
    bench.store.hear(Conditions { switch: closed, unwell_until: 0, forced: false });
    open(&bench).await;
    let Err(Error::Refused(refusal)) = bench.airlock.try_enter(ROOM).await else { panic!("it is closed") };
    assert_eq!(refusal.because(), Some("inventory"));
    bench.store.hear(Conditions::default());
    drop(bench.airlock.try_enter(ROOM).await.expect("it is open"));
    let minute = Duration::from_secs(60).as_micros() as u64;
    let now = bench.clock.now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_micros() as u64;
    bench.store.hear(Conditions { unwell_until: now + minute, ..Conditions::default() });
    assert_eq!(refused(bench.airlock.try_enter(ROOM).await), airlock_core::Reason::Full);
    bench.clock.advance(Duration::from_secs(29));
    assert_eq!(refused(bench.airlock.try_enter(ROOM).await), airlock_core::Reason::Full);
}

/// A fallback may be the primary of another: each handle goes all the way back.
#[tokio::test]
async fn fallbacks_can_be_nested() {
    let store = Scripted::on(MemoryStore::new());
    let inner = Fallback::new(store.clone()).threshold(1).local(1);
    let airlock = Airlock::builder("nested").seal(Seal::lock()).store(Fallback::new(inner.clone()).local(1));
    let airlock = airlock.build().expect("a valid configuration");
    let primary = airlock.try_enter(ROOM).await.expect("room");
    store.set(Fault::Fails);
    let local = airlock.try_enter(ROOM).await.expect("room here");
    assert_eq!((primary.granted_by(), local.granted_by()), (GrantedBy::Primary, GrantedBy::Local));
    store.asked();
    local.renew().await.expect("it is held here");
    drop(local);
    assert_eq!(store.asked(), [""; 0]);
    drop(airlock.try_enter(ROOM).await.expect("it is free again"));
    store.set(Fault::None);
    primary.release().await.expect("a lease");
}

/// In another process a local token is nobody's.
#[tokio::test]
async fn a_token_nobody_knows_is_the_primarys() {
    let (bench, primary, local) = one_by_each().await;
    bench.store.set(Fault::None);
    let stranger = Token::random(ROOM).expect("a name");
    assert!(matches!(bench.airlock.release(&stranger).await, Err(Error::Lost(_))));
    assert_eq!(bench.store.asked(), ["give up"]);
    drop((primary, local));
}
