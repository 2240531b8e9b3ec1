//! The gates of one airlock, as this process sees them.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, Notify, OnceCell, oneshot};

use super::node::{Node, Waiter, lose};
use super::queue::{Entry, Queues, Reply, Taken};
use super::sending::Sending;
use super::{Answered, Asked, Call, Inner, TicketId, Woken, jittered};
use crate::error::StoreError;
use crate::gate::{Answer, Change, Conditions, Ending, Grant, Key, Micros, Outcome, RETRY_HORIZON, Spec, Verb};
use crate::meter::{By, Figures, Meter, Totals};
use crate::observer::Observers;
use crate::store::settings::Settings;
use crate::store::{News, Session};
use crate::sync::Mutex;
use crate::token::Token;

pub(super) struct SharedGates {
    pub(super) me: Weak<SharedGates>,
    pub(super) spec: Spec,
    pub(super) store: Arc<Inner>,
    pub(super) observers: Observers,
    pub(super) meter: Meter,
    /// What the store was last seen to hold, for those who count, and when it is to be looked at again.
    pub(super) seen: Mutex<(Option<Totals>, Option<Instant>)>,
    queues: Queues,
    pub(super) node: Mutex<Node>,
    pub(super) settings: Mutex<Settings>,
    /// Who sets something for the whole airlock.
    setting: AsyncMutex<()>,
    /// Set once it is known what holds for the whole airlock, which is before anything is decided.
    informed: OnceCell<()>,
    /// Resources that were asked for since they were last listed, and when a gate wants to be looked at.
    pub(super) used: Mutex<HashMap<Arc<str>, Option<Instant>>>,
    pub(super) closing: AtomicBool,
    /// Commands in the background.
    under_way: AtomicUsize,
    /// Somebody let go, or something in the background is done.
    pub(super) settled: Notify,
    /// Why the last call came to nothing, if it did.
    failed: Mutex<Option<Arc<StoreError>>>,
    upkeep: OnceLock<()>,
    /// Until when upkeep sleeps, unless it is woken; none while it looks around.
    pub(super) sleeps_until: Mutex<Option<Instant>>,
    pub(super) woken: Arc<Notify>,
}

/// A command's answer, with when it was decided.
pub(super) struct Known {
    pub(super) answered: Answered,
    now: Micros,
}

impl Known {
    /// Whether nothing of it is left to do.
    fn is_done(&self) -> bool {
        !self.answered.answer.more && !matches!(self.outcome(), Outcome::Again)
    }

    pub(super) fn outcome(&self) -> &Outcome {
        &self.answered.answer.outcome
    }

    /// How long it was from then on until that time, counted from when the command was sent at the earliest.
    fn left_until(&self, until: Micros) -> Duration {
        Duration::from_micros(until.saturating_sub(self.now))
    }
}

impl SharedGates {
    pub(super) fn new(spec: Spec, store: Arc<Inner>, observers: Observers) -> Arc<Self> {
        let meter = Meter::default();
        let is_new = meter.join(observers.meter(), &label_of(store.options.name));
        let gates = Arc::new_cyclic(|me| SharedGates {
            me: me.clone(),
            spec,
            store,
            observers,
            meter,
            seen: Mutex::default(),
            queues: Queues::default(),
            node: Mutex::default(),
            settings: Mutex::default(),
            setting: AsyncMutex::default(),
            informed: OnceCell::new(),
            used: Mutex::default(),
            closing: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            settled: Notify::new(),
            failed: Mutex::default(),
            upkeep: OnceLock::new(),
            sleeps_until: Mutex::default(),
            woken: Arc::new(Notify::new()),
        });
        if is_new {
            let me = gates.me.clone();
            gates.meter.shows(move || me.upgrade().map(|gates| gates.figures()));
        }
        gates
    }

    fn figures(&self) -> Figures {
        let conditions = self.settings.lock().in_force();
        Figures {
            limit: self.spec.leased.then_some(self.spec.limit),
            switch: conditions.switch.shown(self.store.latest_time().unwrap_or_default()).state,
            usage: self.seen.lock().0,
        }
    }

    pub(super) fn ttl(&self) -> Duration {
        Duration::from_micros(self.spec.ttl)
    }

    /// Asks one gate, to the end of what one command makes it do.
    pub(super) async fn ask(&self, resource: &Arc<str>, verb: &Verb<'_>) -> Result<Known, StoreError> {
        self.ask_for(resource, &asked(verb)?).await
    }

    pub(super) async fn ask_for(&self, resource: &Arc<str>, asked: &Asked) -> Result<Known, StoreError> {
        loop {
            let known = self.send(resource, asked.clone()).await?;
            if !matches!(known.outcome(), Outcome::Again) {
                return self.go_on(resource, known).await;
            }
        }
    }

    /// Goes on where a step reached its bound.
    async fn go_on(&self, resource: &Arc<str>, mut known: Known) -> Result<Known, StoreError> {
        while known.answered.answer.more {
            let next = self.send(resource, asked(&Verb::Tick)?).await?;
            let answer = Answer { outcome: known.answered.answer.outcome, ..next.answered.answer };
            known = Known { answered: Answered { answer, ..next.answered }, now: next.now };
        }
        Ok(known)
    }

    async fn send(&self, resource: &Arc<str>, asked: Asked) -> Result<Known, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(resource, Entry { asked, reply: Reply::To(reply) });
        answer.await.unwrap_or_else(|_| Err(StoreError::unknown("the runtime that the store was made on is gone")))
    }

    fn enqueue(&self, resource: &Arc<str>, entry: Entry) {
        if self.queues.add(resource, entry) {
            self.start_upkeep();
            if let Some(me) = self.me.upgrade() {
                self.store.runtime.spawn(Sending::new(me, resource.clone()));
            }
        }
    }

    pub(super) fn take(&self, resource: &Arc<str>, under_way: usize, patient: bool, sender: &Waker) -> Taken {
        self.queues.take(resource, under_way, patient, sender)
    }

    pub(super) fn forget_queue(&self, resource: &Arc<str>) {
        self.queues.forget(resource);
    }

    /// Sends a part of what there was for this gate, and passes the answers on.
    pub(super) async fn carry_out(&self, resource: Arc<str>, batch: Vec<Entry>) {
        let (asked, replies): (Vec<Asked>, Vec<Reply>) =
            batch.into_iter().map(|entry| (entry.asked, entry.reply)).unzip();
        match self.decide(&resource, &asked).await {
            Ok(known) => {
                *self.failed.lock() = None;
                self.note(&resource, &known);
                for ((asked, reply), known) in asked.into_iter().zip(replies).zip(known) {
                    match reply {
                        // Whoever asked may have given up since; its token says so in a command of its own.
                        Reply::To(reply) => drop(reply.send(Ok(known))),
                        Reply::Nobody if known.is_done() => self.done_in_background(),
                        Reply::Nobody => self.insist(resource.clone(), asked, Some(known)),
                    }
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                *self.failed.lock() = Some(error.clone());
                for (asked, reply) in asked.into_iter().zip(replies) {
                    match reply {
                        Reply::To(reply) => drop(reply.send(Err(copy(&error)))),
                        Reply::Nobody => self.insist(resource.clone(), asked, None),
                    }
                }
            }
        }
    }

    pub(super) fn last_failure(&self) -> Option<StoreError> {
        self.failed.lock().as_ref().map(copy)
    }

    /// One call.
    async fn decide(&self, resource: &str, asked: &[Asked]) -> Result<Vec<Known>, StoreError> {
        // A process may be over within the second that others are given to hear of a switch.
        self.informed.get_or_try_init(|| self.learn_conditions()).await?;
        let conditions = self.settings.lock().in_force();
        let call = Call {
            spec: &self.spec,
            conditions: &conditions,
            resource,
            asked,
            record: self.observers.record(&self.meter),
            now: self.store.now(),
        };
        let sent = Instant::now();
        let decided = self.store.backend.decide(call).await;
        self.meter.called(sent.elapsed(), decided.is_err());
        let decided = decided?;
        let (got, wanted) = (decided.answered.len(), asked.len());
        if got != wanted {
            let name = self.store.options.name;
            return Err(StoreError::unknown(format!("{name} answered {got} of {wanted} commands")));
        }
        self.store.heard_time(decided.now, sent);
        for woken in &decided.woken {
            self.store.heard(woken);
        }
        Ok(decided.answered.into_iter().map(|answered| Known { answered, now: decided.now }).collect())
    }

    /// Remembers when this gate wants to be looked at, and tells observers.
    fn note(&self, resource: &Arc<str>, known: &[Known]) {
        let Some(last) = known.last() else { return };
        let waits = self.node.lock().waits_at(resource);
        let next_at = last.answered.answer.next_at.filter(|_| waits);
        let look_at = next_at.map(|at| Instant::now() + last.left_until(at));
        match self.used.lock().entry(resource.clone()) {
            MapEntry::Occupied(mut used) => *used.get_mut() = look_at,
            // What is not there need not be listed: who only looks would otherwise have it listed for ever.
            MapEntry::Vacant(_) if last.answered.idle => {}
            MapEntry::Vacant(unused) => drop(unused.insert(look_at)),
        }
        if let Some(look_at) = look_at {
            self.wake_by(look_at);
        }
        if self.meter.is_on() {
            for known in known {
                known.answered.effects.iter().for_each(|effect| self.meter.changed(effect, known.now));
            }
        }
        if self.observers.listening() {
            for known in known {
                for effect in &known.answered.effects {
                    self.observers.changed(resource, effect, known.now);
                }
                self.observers.stepped(resource, &known.answered.effects, known.now);
            }
        }
    }

    /// Something is due then: upkeep shall not sleep for longer.
    pub(super) fn wake_by(&self, at: Instant) {
        if self.sleeps_until.lock().is_none_or(|until| at < until) {
            self.woken.notify_one();
        }
    }

    /// Does it as soon as the store lets it, without anybody waiting for it.
    pub(super) fn in_background(&self, resource: Arc<str>, verb: Verb<'_>) {
        let Ok(asked) = asked(&verb) else { return };
        self.under_way.fetch_add(1, Ordering::SeqCst);
        self.enqueue(&resource, Entry { asked, reply: Reply::Nobody });
    }

    fn done_in_background(&self) {
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        self.settled.notify_waiters();
    }

    /// The first try of something in the background came to nothing, or not to its end.
    fn insist(&self, resource: Arc<str>, asked: Asked, begun: Option<Known>) {
        let Some(me) = self.me.upgrade() else { return self.done_in_background() };
        self.store.runtime.spawn(async move {
            let until = Instant::now() + Duration::from_micros(RETRY_HORIZON);
            let mut pause = Duration::from_millis(20);
            let mut tried = match begun {
                Some(known) if !matches!(known.outcome(), Outcome::Again) => me.go_on(&resource, known).await,
                Some(_) => me.ask_for(&resource, &asked).await,
                None => {
                    tokio::time::sleep(jittered(pause)).await;
                    me.ask_for(&resource, &asked).await
                }
            };
            while let Err(error) = tried {
                if Instant::now() >= until {
                    let store = me.store.options.name;
                    tracing::warn!(target: "airlock", %error, store, "gave up telling it; a deadline does it");
                    break;
                }
                pause = (2 * pause).min(Duration::from_secs(1));
                tokio::time::sleep(jittered(pause)).await;
                tried = me.ask_for(&resource, &asked).await;
            }
            me.done_in_background();
        });
    }

    fn start_upkeep(&self) {
        if self.upkeep.set(()).is_ok() {
            self.store.runtime.spawn(super::upkeep::run(self.me.clone()));
        }
    }

    /// What an answer means for what this node looks after.
    pub(super) fn settle(&self, verb: &Verb<'_>, resource: &Arc<str>, known: &Known, sent: Instant) {
        let Some(Key::Token(secret)) = verb.key() else { return };
        let id = TicketId::of(&secret);
        let token = Token::new(resource.clone(), secret);
        match (verb, known.outcome()) {
            (Verb::Enter(_) | Verb::Claim { .. } | Verb::Restore { .. }, Outcome::Admitted(grant)) => {
                self.node.lock().forget_waiter(&id);
                self.admitted(id, &token, grant, (sent, known.left_until(grant.until)));
                self.began(verb, &token, grant, known);
            }
            (Verb::Enter(_), Outcome::Queued(_)) => self.node.lock().answered(&id),
            (Verb::Enter(_), _) => {
                self.node.lock().forget_waiter(&id);
            }
            (Verb::Renew { .. }, Outcome::Renewed(until)) => {
                let mut node = self.node.lock();
                if node.guards(&id) {
                    node.guard(id, &token, sent, known.left_until(*until));
                }
            }
            (Verb::Renew { .. }, Outcome::Lost) => {
                let watches = self.node.lock().let_go(&id);
                lose(watches, None);
            }
            (Verb::GiveUp { .. }, _) => {
                self.node.lock().let_go(&id);
                self.settled.notify_waiters();
            }
            _ => {}
        }
    }

    fn admitted(&self, id: TicketId, token: &Token, grant: &Grant, (sent, lasts): (Instant, Duration)) {
        if grant.leased && !grant.shared {
            let due = self.node.lock().guard(id, token, sent, lasts);
            self.wake_by(due);
        }
    }

    /// Remembers the token of a session that began with this entry.
    fn began(&self, verb: &Verb<'_>, token: &Token, grant: &Grant, known: &Known) {
        if let (Verb::Enter(enter), true, true) = (verb, grant.leased && grant.shared, known.answered.own)
            && let Some(identity) = enter.identity
        {
            let session = Session { resource: token.resource().into(), identity: identity.into(), fence: grant.fence };
            self.node.lock().began(session, token.clone());
        }
    }

    /// Asks again for whoever waits with that ticket: that is its presence, and finds out what a lost message said.
    ///
    /// It is a poll, so that whoever was put out of the line, and is about to hear of it, is not put in again. Only where the
    /// place may be gone for another cause it is asked for anew: after an outage, or when this node has not asked for so long
    /// that it counted as gone.
    pub(super) async fn ask_again(&self, id: TicketId, after_outage: bool) {
        let Some(waiter) = self.node.lock().ask(&id) else { return };
        let resource: Arc<str> = waiter.token.resource().into();
        let presence = Duration::from_micros(self.spec.shared.map_or(0, |nodes| nodes.presence));
        let may_be_gone = after_outage || waiter.seen.elapsed() >= presence;
        let poll = Verb::Poll { key: Key::Token(waiter.token.secret()) };
        let known =
            if may_be_gone { self.ask_for(&resource, &waiter.enter).await } else { self.ask(&resource, &poll).await };
        let given_up = self.node.lock().asked(&id);
        let Ok(known) = known else { return };
        if given_up {
            // The question may have come after that, and brought it back.
            let key = Key::Token(waiter.token.secret());
            return self.in_background(resource, Verb::GiveUp { key, doubt: false });
        }
        match known.answered.answer.outcome {
            Outcome::Queued(_) => self.node.lock().answered(&id),
            Outcome::Again => {}
            Outcome::Admitted(grant) => self.confirm(id, waiter, grant, By::Asking).await,
            Outcome::Over(ending) => self.tell(&id, News::Over(ending)),
            // Its place is gone, and there is no other.
            _ => self.tell(&id, News::Over(Ending::Absent)),
        }
    }

    /// Looks whether the turn has come of whoever waits with that ticket: that is no presence, and changes nothing.
    pub(super) async fn look_for(&self, id: TicketId) {
        let Some(waiter) = self.node.lock().waiter(&id).cloned() else { return };
        let look = Verb::Look { key: Key::Token(waiter.token.secret()) };
        let resource = waiter.token.resource().into();
        match self.ask(&resource, &look).await.map(|known| known.answered.answer.outcome) {
            Ok(Outcome::Admitted(grant)) => self.confirm(id, waiter, grant, By::Asking).await,
            Ok(Outcome::Over(ending)) => self.tell(&id, News::Over(ending)),
            // Where it is not in line it asks again when its time comes.
            _ => {}
        }
    }

    /// Looks at a lease whose loss somebody wants to hear of: it may have been evicted.
    pub(super) async fn see_whether_lost(&self, id: TicketId, token: Token) {
        let look = Verb::Look { key: Key::Token(token.secret()) };
        let ending = match self.ask(&token.resource().into(), &look).await.map(|known| known.answered.answer.outcome) {
            Ok(Outcome::Admitted(_)) | Err(_) => return,
            Ok(Outcome::Over(ending)) => Some(ending),
            Ok(_) => None,
        };
        let watches = self.node.lock().let_go(&id);
        lose(watches, ending);
    }

    /// It was let in, and is held its place until this node has said that it is there.
    pub(super) async fn confirm(&self, id: TicketId, waiter: Waiter, grant: Grant, by: By) {
        if !grant.leased {
            return self.wake(&id, grant, by);
        }
        let resource: Arc<str> = waiter.token.resource().into();
        let sent = Instant::now();
        let renew = Verb::Renew { key: Key::Token(waiter.token.secret()), ttl: None };
        let Ok(known) = self.ask(&resource, &renew).await else { return };
        // Unless it gave up meanwhile, which is on its way. Too late, it asks again when its time comes.
        if let Outcome::Renewed(until) = *known.outcome()
            && self.node.lock().waiter(&id).is_some()
        {
            self.admitted(id, &waiter.token, &grant, (sent, known.left_until(until)));
            self.wake(&id, Grant { until, ..grant }, by);
        }
    }

    /// Its turn has come. It is inside at once if that is certain, and asks first if the message took its time.
    fn let_in(self: &Arc<Self>, id: TicketId, waiter: Waiter, grant: Grant) {
        let (me, token) = (self.clone(), waiter.token.clone());
        let left = self.store.latest_time().and_then(|latest| grant.until.checked_sub(latest)).filter(|left| *left > 0);
        let Some(left) = left.filter(|_| grant.leased) else {
            self.store.runtime.spawn(async move { me.confirm(id, waiter, grant, By::Push).await });
            return;
        };
        if !grant.shared {
            self.node.lock().guard(id, &token, Instant::now(), Duration::from_micros(left));
        }
        self.wake(&id, grant, By::Push);
        self.store.runtime.spawn(async move {
            let (verb, sent) = (Verb::Renew { key: Key::Token(token.secret()), ttl: None }, Instant::now());
            let resource = token.resource().into();
            if let Ok(known) = me.ask(&resource, &verb).await {
                me.settle(&verb, &resource, &known, sent);
            }
        });
    }

    pub(super) fn tell(&self, id: &TicketId, news: News) {
        let waiter = self.node.lock().forget_waiter(id);
        if let Some(waiter) = waiter {
            waiter.turn.tell(news);
        }
    }

    fn wake(&self, id: &TicketId, grant: Grant, by: By) {
        let waiter = self.node.lock().forget_waiter(id);
        if let Some(waiter) = waiter {
            self.meter.woken(by);
            waiter.turn.tell(News::Granted(grant));
        }
    }

    /// News for a waiter of this process: a hint, no more.
    pub(super) fn heard(self: &Arc<Self>, woken: &Woken) -> bool {
        let Some(waiter) = self.node.lock().waiter(&woken.id).cloned() else { return false };
        match woken.change {
            Change::Granted(grant) => self.let_in(woken.id, waiter, grant),
            Change::Ended(ending) => self.tell(&woken.id, News::Over(ending)),
            _ => {}
        }
        true
    }

    /// What is set, as far as this node knows.
    pub(super) fn conditions(&self) -> Conditions {
        self.settings.lock().set.clone()
    }

    async fn learn_conditions(&self) -> Result<(), StoreError> {
        let learned = self.look_at_settings().await.map_err(|error| {
            // It was only looked at: nothing of what was to be asked was carried out.
            StoreError::not_executed(error.to_string()).caused_by(error)
        });
        learned.map(drop)
    }

    /// Reads what is set. Answers whether it is news.
    pub(super) async fn look_at_settings(&self) -> Result<bool, StoreError> {
        let before = self.settings.lock().changes;
        let (set, _) = super::conditions::read(self).await?;
        let mut settings = self.settings.lock();
        // Somebody else has read or set something meanwhile: what was read here may be older.
        Ok(settings.changes == before && settings.hear(set))
    }

    /// Looks at every gate at which somebody of this node waits, because something changed for all.
    pub(super) fn look_at_all(&self) {
        let resources = self.node.lock().gates();
        for resource in resources {
            self.in_background(resource, Verb::Tick);
        }
    }

    pub(super) async fn set_shared(&self, change: impl Fn(&mut Conditions, Micros)) -> Result<(), StoreError> {
        {
            // One after the other, so that what is known here in the end is what was set last.
            let _turn = self.setting.lock().await;
            let conditions = super::conditions::change(self, change).await?;
            self.settings.lock().hear(conditions);
        }
        self.look_at_all();
        Ok(())
    }

    /// Resolves when nothing is under way in the background.
    pub(super) async fn settled(&self) {
        self.everything_settled(|| self.under_way.load(Ordering::SeqCst) == 0).await;
    }

    pub(super) async fn everything_settled(&self, is_so: impl Fn() -> bool) {
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            settled.as_mut().enable();
            if is_so() {
                return;
            }
            settled.await;
        }
    }
}

/// With entropy of its own.
pub(super) fn asked(verb: &Verb<'_>) -> Result<Asked, StoreError> {
    Asked::new(verb, rand::random())
}

/// What a store that is called so in sentences is called in labels: `Redis` is `redis`, and `the folder` is `folder`.
fn label_of(name: &str) -> String {
    let name = name.strip_prefix("the ").or(name.strip_prefix("a ")).unwrap_or(name);
    name.to_lowercase().replace(' ', "-")
}

fn copy(error: &Arc<StoreError>) -> StoreError {
    let new = if error.is_unknown() { StoreError::unknown } else { StoreError::not_executed };
    new(error.to_string()).caused_by(Shared(error.clone()))
}

/// An error that several hear of.
#[derive(Debug)]
struct Shared(Arc<StoreError>);

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}
