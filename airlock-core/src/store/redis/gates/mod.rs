//! The gates of one airlock, as this node sees them.

mod asked;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::Inner;
use super::call;
use super::keys::Keys;
use super::node::{Node, Waiter, lose};
use super::queue::{Entry, Queues};
use super::wire::{self, Answered, TicketId};
use crate::error::StoreError;
use crate::gate::{Answer, Change, Conditions, Ending, Grant, Key, Micros, Outcome, RETRY_HORIZON, Record, Spec, Verb};
use crate::observer::Observers;
use crate::store::{News, Session};
use crate::sync::Mutex;
use crate::token::Token;

pub(super) struct RedisGates {
    pub(super) me: Weak<RedisGates>,
    pub(super) spec: Spec,
    pub(super) store: Arc<Inner>,
    observers: Observers,
    queues: Queues,
    pub(super) node: Mutex<Node>,
    conditions: Mutex<Conditions>,
    /// Resources that were asked for since they were last listed, and when a gate wants to be looked at.
    pub(super) used: Mutex<HashMap<Arc<str>, Option<Instant>>>,
    closing: AtomicBool,
    /// Commands in the background.
    under_way: AtomicUsize,
    /// Somebody let go, or something in the background is done.
    settled: Notify,
    upkeep: OnceLock<()>,
    pub(super) woken: Arc<Notify>,
}

impl RedisGates {
    pub(super) fn new(spec: Spec, store: Arc<Inner>, observers: Observers) -> Arc<Self> {
        Arc::new_cyclic(|me| RedisGates {
            me: me.clone(),
            spec,
            store,
            observers,
            queues: Queues::default(),
            node: Mutex::default(),
            conditions: Mutex::default(),
            used: Mutex::default(),
            closing: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            settled: Notify::new(),
            upkeep: OnceLock::new(),
            woken: Arc::new(Notify::new()),
        })
    }

    fn encode(&self, verb: &Verb<'_>) -> Result<Arc<[u8]>, StoreError> {
        Ok(wire::command(verb, rand::random(), Some(&self.store.node))?.into())
    }

    /// What every call begins with.
    fn header(&self) -> Result<Vec<u8>, StoreError> {
        let record = if self.observers.listening() { Record::Names } else { Record::Nothing };
        wire::header(&self.spec, &self.conditions.lock(), &self.store.prefix, record, self.kept())
    }

    /// For how long a gate is kept when nobody has been there: twice the longest that anything lasts, and a minute.
    pub(super) fn kept(&self) -> Micros {
        let Spec { ttl, line, .. } = &self.spec;
        2 * (*ttl).max(line.presence).max(line.claim_window).max(RETRY_HORIZON) + 60_000_000
    }

    pub(super) fn ttl(&self) -> Duration {
        Duration::from_micros(self.spec.ttl)
    }

    /// Asks one gate, to the end of what one command makes it do.
    pub(super) async fn ask(&self, resource: &Arc<str>, verb: &Verb<'_>) -> Result<Answered, StoreError> {
        let command = self.encode(verb)?;
        self.ask_encoded(resource, command, matches!(verb, Verb::GiveUp { .. })).await
    }

    pub(super) async fn ask_encoded(
        &self,
        resource: &Arc<str>,
        command: Arc<[u8]>,
        makes_room: bool,
    ) -> Result<Answered, StoreError> {
        loop {
            let answered = self.send(resource, command.clone(), makes_room).await?;
            self.note(resource, &answered);
            if !matches!(answered.answer.outcome, Outcome::Again) {
                return self.go_on(resource, answered).await;
            }
        }
    }

    /// Goes on where a step reached its bound.
    async fn go_on(&self, resource: &Arc<str>, mut answered: Answered) -> Result<Answered, StoreError> {
        while answered.answer.more {
            let next = self.send(resource, self.encode(&Verb::Tick)?, false).await?;
            self.note(resource, &next);
            let answer = Answer { outcome: answered.answer.outcome, ..next.answer };
            answered = Answered { answer, ..next };
        }
        Ok(answered)
    }

    async fn send(&self, resource: &Arc<str>, command: Arc<[u8]>, makes_room: bool) -> Result<Answered, StoreError> {
        let (reply, answer) = oneshot::channel();
        if self.queues.add(resource, Entry { command, reply }, makes_room) {
            self.start_upkeep();
            if let Some(me) = self.me.upgrade() {
                let resource = resource.clone();
                self.store.runtime.spawn(async move { me.drain(resource).await });
            }
        }
        answer.await.unwrap_or_else(|_| Err(StoreError::unknown("the runtime that the store was made on is gone")))
    }

    /// Sends what there is for this gate, call by call, until nothing is left.
    async fn drain(&self, resource: Arc<str>) {
        while let Some(batch) = self.queues.take(&resource) {
            let (commands, replies): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|entry| (entry.command, entry.reply)).unzip();
            let header = self.header();
            let keys = Keys::new(&self.store.prefix, &self.spec.name, &resource);
            let sent = Instant::now();
            let answers = match header {
                Ok(header) => {
                    let call = self.store.script.call(&keys, &header, &resource, &commands, self.store.now());
                    self.store.link.call(&call).await
                }
                Err(error) => Err(error),
            };
            let answers = match answers {
                Ok(value) => call::answers(&value, replies.len()),
                Err(error) => Err(error),
            };
            match answers {
                Ok(answers) => {
                    if let Some(answered) = answers.first() {
                        self.store.heard_time(answered.now, sent);
                    }
                    for (reply, answered) in replies.into_iter().zip(answers) {
                        // Whoever asked may have given up since; its token says so in a command of its own.
                        let _ = reply.send(Ok(answered));
                    }
                }
                Err(error) => {
                    let error = Arc::new(error);
                    for reply in replies {
                        let copy = if error.is_unknown() { StoreError::unknown } else { StoreError::not_executed };
                        let _ = reply.send(Err(copy(error.to_string()).caused_by(Shared(error.clone()))));
                    }
                }
            }
        }
    }

    /// Remembers when this gate wants to be looked at, and tells observers.
    fn note(&self, resource: &Arc<str>, answered: &Answered) {
        let look_at =
            answered.answer.next_at.map(|at| Instant::now() + Duration::from_micros(at.saturating_sub(answered.now)));
        let waits = self.node.lock().waits_at(resource);
        self.used.lock().insert(resource.clone(), look_at.filter(|_| waits));
        if look_at.is_some() && waits {
            self.woken.notify_one();
        }
        if self.observers.listening() {
            for effect in &answered.effects {
                self.observers.changed(resource, &effect.effect, answered.now);
            }
        }
    }

    /// Does it as soon as the server lets it, without anybody waiting for it.
    pub(super) fn in_background(&self, resource: Arc<str>, verb: Verb<'_>) {
        let Ok(command) = self.encode(&verb) else { return };
        let makes_room = matches!(verb, Verb::GiveUp { .. });
        let Some(me) = self.me.upgrade() else { return };
        self.under_way.fetch_add(1, Ordering::SeqCst);
        self.store.runtime.spawn(async move {
            let until = Instant::now() + Duration::from_micros(RETRY_HORIZON);
            let mut pause = Duration::from_millis(20);
            while let Err(error) = me.ask_encoded(&resource, command.clone(), makes_room).await {
                if Instant::now() >= until {
                    tracing::warn!(target: "airlock", %error, "gave up telling Redis; a deadline does it");
                    break;
                }
                tokio::time::sleep(super::link::jittered(pause)).await;
                pause = (2 * pause).min(Duration::from_secs(1));
            }
            me.under_way.fetch_sub(1, Ordering::SeqCst);
            me.settled.notify_waiters();
        });
    }

    fn start_upkeep(&self) {
        if self.upkeep.set(()).is_ok() {
            self.store.runtime.spawn(super::upkeep::run(self.me.clone()));
        }
    }

    /// What an answer means for what this node looks after.
    pub(super) fn settle(&self, verb: &Verb<'_>, resource: &Arc<str>, answered: &Answered, sent: Instant) {
        let Some(Key::Token(secret)) = verb.key() else { return };
        let id = TicketId::of(&secret);
        let token = Token::new(resource.clone(), secret);
        match (verb, &answered.answer.outcome) {
            (Verb::Enter(_) | Verb::Claim { .. } | Verb::Restore { .. }, Outcome::Admitted(grant)) => {
                self.node.lock().forget_waiter(&id);
                self.admitted(id, &token, grant, (sent, answered.left_until(grant.until)));
                self.began(verb, &token, grant, answered);
            }
            (Verb::Enter(_), Outcome::Queued(_)) => self.node.lock().answered(&id),
            (Verb::Enter(_), _) => {
                self.node.lock().forget_waiter(&id);
            }
            (Verb::Renew { .. }, Outcome::Renewed(until)) => {
                let mut node = self.node.lock();
                if node.guards(&id) {
                    node.guard(id, &token, sent, answered.left_until(*until));
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
            self.node.lock().guard(id, token, sent, lasts);
            self.woken.notify_one();
        }
    }

    /// Remembers the token of a session that began with this entry.
    fn began(&self, verb: &Verb<'_>, token: &Token, grant: &Grant, answered: &Answered) {
        if let (Verb::Enter(enter), true, true) = (verb, grant.leased && grant.shared, answered.own)
            && let Some(identity) = enter.identity
        {
            let session = Session { resource: token.resource().into(), identity: identity.into(), fence: grant.fence };
            self.node.lock().began(session, token.clone());
        }
    }

    /// Asks again for whoever waits with that ticket: that is its presence, and finds out what a lost message said.
    pub(super) async fn ask_again(&self, id: TicketId) {
        let Some(waiter) = self.node.lock().ask(&id) else { return };
        let resource: Arc<str> = waiter.token.resource().into();
        let answered = self.ask_encoded(&resource, waiter.enter.clone(), false).await;
        let given_up = self.node.lock().asked(&id);
        let Ok(answered) = answered else { return };
        if given_up {
            // The question may have come after that, and brought it back.
            let key = Key::Token(waiter.token.secret());
            return self.in_background(resource, Verb::GiveUp { key, doubt: false });
        }
        match answered.answer.outcome {
            Outcome::Queued(_) | Outcome::Again => {}
            Outcome::Admitted(grant) => self.confirm(id, waiter, grant).await,
            Outcome::Over(ending) => self.tell(&id, News::Over(ending)),
            // Its place is gone, and there is no other.
            _ => self.tell(&id, News::Over(Ending::Absent)),
        }
    }

    /// Looks at a lease whose loss somebody wants to hear of: it may have been evicted.
    pub(super) async fn see_whether_lost(&self, id: TicketId, token: Token) {
        let look = Verb::Look { key: Key::Token(token.secret()) };
        let ending = match self.ask(&token.resource().into(), &look).await.map(|answered| answered.answer.outcome) {
            Ok(Outcome::Admitted(_)) | Err(_) => return,
            Ok(Outcome::Over(ending)) => Some(ending),
            Ok(_) => None,
        };
        let watches = self.node.lock().let_go(&id);
        lose(watches, ending);
    }

    /// It was let in, and is held its place until this node has said that it is there.
    pub(super) async fn confirm(&self, id: TicketId, waiter: Waiter, grant: Grant) {
        if !grant.leased {
            return self.tell(&id, News::Granted(grant));
        }
        let resource: Arc<str> = waiter.token.resource().into();
        let sent = Instant::now();
        let renew = Verb::Renew { key: Key::Token(waiter.token.secret()), ttl: None };
        let Ok(answered) = self.ask(&resource, &renew).await else { return };
        // Unless it gave up meanwhile, which is on its way. Too late, it asks again when its time comes.
        if let Outcome::Renewed(until) = answered.answer.outcome
            && self.node.lock().waiter(&id).is_some()
        {
            self.admitted(id, &waiter.token, &grant, (sent, answered.left_until(until)));
            self.tell(&id, News::Granted(Grant { until, ..grant }));
        }
    }

    /// Its turn has come. It is inside at once if that is certain, and asks first if the message took its time.
    fn let_in(self: &Arc<Self>, id: TicketId, waiter: Waiter, grant: Grant) {
        let (me, token) = (self.clone(), waiter.token.clone());
        let left = self.store.latest_time().and_then(|latest| grant.until.checked_sub(latest)).filter(|left| *left > 0);
        let Some(left) = left.filter(|_| grant.leased) else {
            self.store.runtime.spawn(async move { me.confirm(id, waiter, grant).await });
            return;
        };
        if !grant.shared {
            self.node.lock().guard(id, &token, Instant::now(), Duration::from_micros(left));
        }
        self.tell(&id, News::Granted(grant));
        self.store.runtime.spawn(async move {
            let (verb, sent) = (Verb::Renew { key: Key::Token(token.secret()), ttl: None }, Instant::now());
            let resource = token.resource().into();
            if let Ok(answered) = me.ask(&resource, &verb).await {
                me.settle(&verb, &resource, &answered, sent);
            }
        });
    }

    pub(super) fn tell(&self, id: &TicketId, news: News) {
        let waiter = self.node.lock().forget_waiter(id);
        if let Some(waiter) = waiter {
            waiter.turn.tell(news);
        }
    }

    /// A message for this node: a hint, no more.
    pub(super) fn heard(self: &Arc<Self>, message: &wire::Message) -> bool {
        let Some(waiter) = self.node.lock().waiter(&message.id).cloned() else { return false };
        match message.change {
            Change::Granted(grant) => self.let_in(message.id, waiter, grant),
            Change::Ended(ending) => self.tell(&message.id, News::Over(ending)),
            _ => {}
        }
        true
    }

    pub(super) fn set_conditions(&self, conditions: Conditions) -> bool {
        let mut known = self.conditions.lock();
        let changed = *known != conditions;
        *known = conditions;
        changed
    }

    /// Looks at every gate at which somebody of this node waits, because something changed for all.
    pub(super) fn look_at_all(&self) {
        let resources = self.node.lock().gates();
        for resource in resources {
            self.in_background(resource, Verb::Tick);
        }
    }

    async fn set_shared(&self, change: impl Fn(&mut Conditions, Micros)) -> Result<(), StoreError> {
        let conditions = super::conditions::change(self, change).await?;
        self.set_conditions(conditions);
        self.look_at_all();
        Ok(())
    }

    /// Resolves when nothing is under way in the background.
    pub(super) async fn settled(&self) {
        self.everything_settled(|| self.under_way.load(Ordering::SeqCst) == 0).await;
    }

    async fn everything_settled(&self, is_so: impl Fn() -> bool) {
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
