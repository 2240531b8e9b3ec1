//! A store that fails or hangs, in front of the one under test (G23).

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use super::Subject;
use super::bench::{ROOM, builder, invalid, lock, lost, person, refused, secs, soon, unavailable};
use crate::gate::{Answer, Micros, Spec, SwitchState, Whom};
use crate::observer::Observers;
use crate::store::{BoxFuture, Command, Gates, Lease, Store, Survey, SurveyQuery, Watch};
use crate::{Airlock, ConfigError, Entered, Entrant, Reason, StoreError, Token};

/// Long enough for any store that works, short enough to wait for in a test.
const BRIEF: Duration = Duration::from_millis(20);

/// RX-20, G23: a store that says it failed is unavailable, whatever was asked, and never busy.
pub async fn rx_20_a_failure_is_not_contention(subject: &impl Subject) {
    let (airlock, fault) = faulty(subject, secs(30)).await;
    let permit = airlock.try_enter(person("ada")).await.expect("room");
    let token = permit.token().expect("a lease");
    let Ok(Entered::Queued(ticket)) = airlock.enter(ROOM).await else { panic!("should be in line") };
    for failure in [Failure::Fails, Failure::LosesTheAnswer] {
        fault.set(failure);
        unavailable(airlock.try_enter(ROOM).await);
        unavailable(airlock.acquire(ROOM).await);
        unavailable(airlock.enter(ROOM).await);
        unavailable(airlock.with_admitted(ROOM, |_| async {}).await);
        unavailable(airlock.try_with_admitted(ROOM, |_| async {}).await);
        unavailable(airlock.poll(&ticket.token).await);
        unavailable(airlock.position(&ticket.token).await);
        unavailable(airlock.claim(&ticket.token, 1).await);
        unavailable(airlock.renew(&token).await);
        unavailable(airlock.remaining(&token).await);
        unavailable(airlock.is_held_by(ROOM, "ada").await);
        unavailable(permit.renew().await);
        unavailable(airlock.inspect(ROOM).await);
        unavailable(airlock.survey(0, 1).await);
        unavailable(airlock.evict(ROOM, Whom::Identity("nobody")).await);
    }
    fault.set(Failure::None);
    // It was unavailable, and nothing else: the holder holds, the waiter waits, and nobody else is there.
    let seen = airlock.inspect(ROOM).await.expect("a store that works again");
    assert_eq!((seen.in_use, seen.waiting), (1, 1));
    assert_eq!(refused(airlock.try_enter(ROOM).await), Reason::Full);
    permit.release().await.expect("a lease");
}

/// RX-20, G23: a store that hangs is unavailable after its deadline, and no endless wait.
pub async fn rx_20_a_hang_is_unavailable(subject: &impl Subject) {
    let (airlock, fault) = faulty(subject, BRIEF).await;
    fault.set(Failure::Hangs);
    unavailable(soon("the deadline", airlock.try_enter(ROOM).into_future()).await);
    unavailable(soon("the deadline", airlock.acquire(ROOM).into_future()).await);
    unavailable(soon("the deadline", airlock.enter(ROOM)).await);
    unavailable(soon("the deadline", airlock.inspect(ROOM)).await);
    unavailable(soon("the deadline", airlock.survey(0, 1)).await);
    unavailable(soon("the deadline", airlock.release(&Token::random(ROOM).expect("a name"))).await);
}

/// RX-20, G23: a wait that ends while the store does not answer is unavailable, and not timed out.
pub async fn rx_20_a_wait_ends_as_what_it_was(subject: &impl Subject) {
    let (airlock, fault) = faulty(subject, secs(30)).await;
    let permit = airlock.try_enter(ROOM).await.expect("room");
    let waits = airlock.acquire(ROOM).timeout(BRIEF).into_future();
    let busy = soon("the end of the wait", waits).await;
    assert!(busy.as_ref().is_err_and(crate::Error::is_busy), "{busy:?}");
    assert_eq!(refused(busy), Reason::TimedOut);
    fault.set(Failure::Hangs);
    let waits = airlock.acquire(ROOM).timeout(BRIEF).into_future();
    unavailable(soon("the end of the wait", waits).await);
    fault.set(Failure::None);
    permit.release().await.expect("a lease");
}

/// RX-20, G23: who is in line when the store goes away, and gives up before it is back, is told so: nobody knows whether
/// there would have been room.
pub async fn rx_20_a_wait_in_line_ends_as_what_it_was(subject: &impl Subject) {
    let (airlock, fault) = faulty(subject, secs(30)).await;
    let permit = airlock.try_enter(ROOM).await.expect("room");
    // Not so long that a fast store has to wait for it, nor so short that a slow one never gets there.
    for patience in [5, 50, 500, 5000] {
        let mut waits = Box::pin(airlock.acquire(ROOM).timeout(patience * BRIEF).into_future());
        let in_line = async {
            while airlock.inspect(ROOM).await.expect("a store that works").waiting == 0 {
                tokio::task::yield_now().await;
            }
            fault.set(Failure::Hangs);
        };
        let ended = tokio::select! {
            biased;
            ended = &mut waits => Some(ended),
            () = in_line => None,
        };
        match ended {
            Some(ended) => assert_eq!(refused(ended), Reason::TimedOut),
            None => {
                unavailable(soon("the end of the wait", waits).await);
                break;
            }
        }
    }
    assert_eq!(fault.0.failure.swap(0, Ordering::SeqCst), Failure::Hangs as u8, "it never was in line");
    permit.release().await.expect("a lease");
    nobody_is_there(&airlock).await;
}

/// G3, G23: who waits with a timeout rides a failure out, and asking again is not asking twice: it is one entry, with one
/// place in line, whether or not the commands that failed were carried out.
pub async fn g23_a_wait_rides_a_failure_out(subject: &impl Subject) {
    let (airlock, fault) = faulty(subject, secs(30)).await;
    for failure in [Failure::Fails, Failure::LosesTheAnswer] {
        fault.set_for(failure, 3);
        let permit = airlock.acquire(person("ada")).timeout(secs(30)).await.expect("room, in the end");
        assert_eq!(fault.0.left.load(Ordering::SeqCst), 0, "it was asked until it worked");
        assert_eq!(airlock.inspect(ROOM).await.expect("a store that works").in_use, 1);

        fault.set_for(failure, 3);
        let waits = tokio::spawn(airlock.acquire(person("bob")).timeout(secs(30)).into_future());
        let in_line = async {
            while fault.0.left.load(Ordering::SeqCst) > 0
                || airlock.inspect(ROOM).await.is_ok_and(|seen| seen.waiting == 0)
            {
                tokio::task::yield_now().await;
            }
        };
        soon("a place in line", in_line).await;
        assert_eq!(airlock.inspect(ROOM).await.expect("a store that works").waiting, 1);
        permit.release().await.expect("a lease");
        let permit = soon("its turn", waits).await.expect("no panic").expect("its turn");
        permit.release().await.expect("a lease");
        nobody_is_there(&airlock).await;
    }
}

/// G23: who does not wait, or set no end to its wait, asks once.
pub async fn g23_nobody_asks_again_without_an_end(subject: &impl Subject) {
    let (airlock, fault) = faulty(subject, secs(30)).await;
    fault.set(Failure::Fails);
    let asked = || fault.0.commands.swap(0, Ordering::SeqCst);
    unavailable(airlock.try_enter(ROOM).await);
    assert_eq!(asked(), 1);
    unavailable(airlock.acquire(ROOM).await);
    assert_eq!(asked(), 1);
    unavailable(airlock.acquire(ROOM).timeout(secs(30)).retry(false).await);
    assert_eq!(asked(), 1);
}

/// G3, G15, G23: an entry whose answer was lost is undone: it holds nothing, waits nowhere, and costs no permit.
pub async fn g23_a_lost_answer_costs_no_permit(subject: &impl Subject) {
    let (airlock, fault) = faulty(subject, secs(30)).await;
    for _ in 0..3 {
        fault.set(Failure::LosesTheAnswer);
        unavailable(airlock.try_enter(person("ada")).await);
        unavailable(airlock.acquire(person("ada")).await);
        unavailable(airlock.enter(person("ada")).await);
        fault.set(Failure::None);
        nobody_is_there(&airlock).await;
    }
    let permit = airlock.try_enter(person("ada")).await.expect("room");
    fault.set(Failure::LosesTheAnswer);
    unavailable(airlock.acquire(person("bob")).await);
    unavailable(airlock.enter(person("bob")).await);
    fault.set(Failure::None);
    permit.release().await.expect("a lease");
    nobody_is_there(&airlock).await;
}

/// G14, G23: a release whose answer was lost is unavailable, not "you had lost it", and the place is free.
pub async fn g23_a_release_without_an_answer_still_releases(subject: &impl Subject) {
    let (airlock, fault) = faulty(subject, secs(30)).await;
    for failure in [Failure::LosesTheAnswer, Failure::Fails] {
        let permit = airlock.try_enter(ROOM).await.expect("room");
        fault.set(failure);
        unavailable(permit.release().await);
        fault.set(Failure::None);
        nobody_is_there(&airlock).await;
    }
    lost(airlock.release(&Token::random(ROOM).expect("a name")).await);
}

/// G8, G22: what is wrong in itself never gets as far as the store.
pub async fn g22_nonsense_never_reaches_the_store(subject: &impl Subject) {
    let (airlock, fault) = faulty(subject, secs(30)).await;
    fault.set(Failure::Fails);
    for nonsense in [person(""), person("\n"), person("ada").weight(0), person("ada").weight(2)] {
        invalid(airlock.try_enter(nonsense.clone()).await);
        invalid(airlock.acquire(nonsense.clone()).await);
        invalid(airlock.enter(nonsense).await);
    }
    // Nor does a list of which a part is wrong, or the whole: empty, too long, or with a member twice.
    let long = vec![ROOM; 65].into_iter().enumerate().map(|(number, room)| format!("{room} {number}"));
    let lists: [(Vec<Entrant<'_>>, Option<usize>); 5] = [
        (Vec::new(), None),
        (long.map(Entrant::from).collect(), None),
        (vec![ROOM.into(), "attic".into(), person("ada")], Some(2)),
        (vec![ROOM.into(), "".into()], Some(1)),
        (vec![Entrant::new("attic").weight(2), ROOM.into()], Some(0)),
    ];
    for (list, wrong) in lists {
        for result in [airlock.enter_all(list.clone()).await, airlock.acquire_all(list.clone()).await] {
            let error = result.expect_err("it is nonsense");
            assert_eq!(error.index(), wrong, "{error}");
            invalid(Err::<(), _>(error.into()));
        }
    }
    assert_eq!(fault.0.commands.load(Ordering::SeqCst), 0);
}

/// The store gets rid of whatever was given up, in the background if need be.
async fn nobody_is_there(airlock: &Airlock) {
    let gone = async {
        loop {
            let seen = airlock.inspect(ROOM).await.expect("a store that works");
            if seen.in_use == 0 && seen.waiting == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    soon("everybody to be gone", gone).await;
}

/// An airlock on the store under test, and what goes wrong in between.
async fn faulty(subject: &impl Subject, store_timeout: Duration) -> (Airlock, Fault) {
    let fault = Fault(Arc::<Shared>::default());
    let store = FaultyStore { store: subject.store().await, fault: fault.clone() };
    let airlock = builder("conformance").seal(lock()).store(store).store_timeout(store_timeout).build();
    (airlock.expect("a valid configuration"), fault)
}

/// How the store in between misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Failure {
    None,
    /// Nothing is carried out.
    Fails,
    /// Nothing is carried out, and there is no answer, ever.
    Hangs,
    /// Everything is carried out, and nobody hears of it.
    LosesTheAnswer,
}

#[derive(Clone)]
struct Fault(Arc<Shared>);

#[derive(Default)]
struct Shared {
    failure: AtomicU8,
    /// How often yet, where that is bounded.
    left: AtomicUsize,
    commands: AtomicUsize,
}

impl Fault {
    fn set(&self, failure: Failure) {
        self.set_for(failure, usize::MAX);
    }

    /// The next so many commands.
    fn set_for(&self, failure: Failure, commands: usize) {
        self.0.left.store(commands, Ordering::SeqCst);
        self.0.failure.store(failure as u8, Ordering::SeqCst);
    }

    fn now(&self) -> u8 {
        let one_less = |left: usize| left.checked_sub(1);
        match self.0.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => self.0.failure.load(Ordering::SeqCst),
            Err(_) => Failure::None as u8,
        }
    }

    async fn pass<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.0.commands.fetch_add(1, Ordering::SeqCst);
        let failure = self.now();
        if failure == Failure::Fails as u8 {
            return Err(StoreError::not_executed("it fails, as it was told to"));
        }
        if failure == Failure::Hangs as u8 {
            return std::future::pending().await;
        }
        let answer = answer.await;
        if failure == Failure::LosesTheAnswer as u8 {
            return Err(StoreError::unknown("the answer was lost, as it should be"));
        }
        answer
    }
}

struct FaultyStore<S> {
    store: S,
    fault: Fault,
}

impl<S: Store> Store for FaultyStore<S> {
    fn open(&self, spec: &Spec, observers: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
        let gates = self.store.open(spec, observers)?;
        Ok(Arc::new(FaultyGates { gates, fault: self.fault.clone() }))
    }
}

/// Answers through `apply` alone, since nothing can fail on the way to `try_apply`.
struct FaultyGates {
    gates: Arc<dyn Gates>,
    fault: Fault,
}

impl Gates for FaultyGates {
    fn apply<'a>(&'a self, command: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        Box::pin(self.fault.pass(self.gates.apply(command)))
    }

    fn give_back(&self, lease: &Lease, doubt: bool) {
        self.gates.give_back(lease, doubt);
    }

    fn token(&self, lease: &Lease, detach: bool) -> Option<Token> {
        self.gates.token(lease, detach)
    }

    fn watch(&self, lease: &Lease, watch: &Arc<Watch>) {
        self.gates.watch(lease, watch);
    }

    fn trouble(&self) -> Option<StoreError> {
        let fails = self.fault.0.failure.load(Ordering::SeqCst) != Failure::None as u8;
        fails.then(|| StoreError::not_executed("it fails, as it was told to"))
    }

    fn survey<'a>(&'a self, query: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
        Box::pin(self.fault.pass(self.gates.survey(query)))
    }

    fn switch<'a>(
        &'a self,
        _: SwitchState,
        _: Option<Micros>,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::not_executed("it is down")) })
    }

    fn report_unwell(&self, _: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::not_executed("it is down")) })
    }

    fn close(&self, grace: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.gates.close(grace)
    }
}
