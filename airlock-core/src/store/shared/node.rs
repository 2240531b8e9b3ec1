//! What this node looks after: who waits in it, and which leases are guarded in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Asked, Polled, TicketId, jittered};
use crate::gate::Ending;
use crate::store::{Session, Turn, Watch};
use crate::token::Token;

/// A node's waiters and leases at the gates of one airlock, by ticket.
#[derive(Default)]
pub(super) struct Node {
    waiters: HashMap<TicketId, Waiter>,
    /// For whom it is being asked again, and whether they have given up meanwhile.
    asking: HashMap<TicketId, bool>,
    /// At which gates.
    gates: HashMap<Arc<str>, Line>,
    leases: HashMap<TicketId, Guarded>,
    sessions: Vec<(Session, Arc<Watch>)>,
    /// Sessions that began here, with their tokens: the latest of each identity.
    began: HashMap<(Arc<str>, Arc<str>), (u64, Token)>,
}

/// A future that waits in this process.
#[derive(Clone)]
pub(super) struct Waiter {
    pub(super) token: Token,
    /// What it asked with: asked again it means the same, and proves that it is still there.
    pub(super) enter: Asked,
    pub(super) turn: Arc<Turn>,
    /// Whether it is known to be in line.
    pub(super) answered: bool,
    /// When that was heard of last, or it was asked for.
    pub(super) seen: Instant,
}

/// Those who wait at one gate.
#[derive(Default)]
struct Line {
    waiters: HashSet<TicketId>,
    /// When to see what other processes did to it, and how long after that again.
    poll_at: Option<Instant>,
    pause: Duration,
    stamp: Option<u64>,
}

/// A lease that a permit in this process guards.
struct Guarded {
    token: Token,
    watches: Vec<Arc<Watch>>,
    /// When it is over unless the store says otherwise, counted from when the last renewal was sent.
    over_at: Instant,
    renew_at: Instant,
}

impl Node {
    /// Somebody is about to ask for a place: the answer may come after its turn.
    pub(super) fn awaits(&mut self, id: TicketId, resource: &Arc<str>, waiter: Waiter) {
        self.waiters.insert(id, waiter);
        let line = self.gates.entry(resource.clone()).or_default();
        line.waiters.insert(id);
        // Whoever has just come shall not wait for as long as nothing has happened.
        line.poll_at = None;
    }

    pub(super) fn waiter(&self, id: &TicketId) -> Option<&Waiter> {
        self.waiters.get(id)
    }

    pub(super) fn waiters(&self) -> impl Iterator<Item = (&TicketId, &Waiter)> {
        self.waiters.iter()
    }

    /// Nobody waits with it any more.
    pub(super) fn forget_waiter(&mut self, id: &TicketId) -> Option<Waiter> {
        let waiter = self.waiters.remove(id)?;
        if let Some(line) = self.gates.get_mut(waiter.token.resource()) {
            line.waiters.remove(id);
            if line.waiters.is_empty() {
                self.gates.remove(waiter.token.resource());
            }
        }
        Some(waiter)
    }

    /// Whether anybody waits at that gate.
    pub(super) fn waits_at(&self, resource: &str) -> bool {
        self.gates.contains_key(resource)
    }

    /// The gates at which somebody waits.
    pub(super) fn gates(&self) -> Vec<Arc<str>> {
        self.gates.keys().cloned().collect()
    }

    /// The gates that are to be polled now.
    pub(super) fn take_due_polls(&mut self, now: Instant, polled: &Polled) -> Vec<Arc<str>> {
        let mut due = Vec::new();
        for (resource, line) in &mut self.gates {
            match line.poll_at {
                None => {
                    line.pause = polled.first;
                    line.poll_at = Some(now + jittered(line.pause));
                }
                Some(at) if at <= now => {
                    line.pause = line.pause.mul_f64(1.5).min(polled.longest);
                    line.poll_at = Some(now + jittered(line.pause));
                    due.push(resource.clone());
                }
                Some(_) => {}
            }
        }
        due
    }

    /// A gate looks like this now. Answers who wants to know more of it: nobody where nothing has changed.
    pub(super) fn seen(&mut self, resource: &str, stamp: Option<u64>) -> Vec<TicketId> {
        let Some(line) = self.gates.get_mut(resource) else { return Vec::new() };
        if stamp.is_some() && line.stamp == stamp {
            return Vec::new();
        }
        line.stamp = stamp;
        line.waiters.iter().copied().collect()
    }

    /// When the next gate is to be polled.
    pub(super) fn next_poll(&self) -> Option<Instant> {
        self.gates.values().filter_map(|line| line.poll_at).min()
    }

    /// A lease was granted or renewed, by a command that was sent at `sent`. Answers when something is due for it.
    pub(super) fn guard(&mut self, id: TicketId, token: &Token, sent: Instant, lasts: Duration) -> Instant {
        let (over_at, renew_at) = (sent + lasts, sent + (lasts / 3).max(Duration::from_millis(10)));
        let new = || Guarded { token: token.clone(), watches: Vec::new(), over_at, renew_at };
        let lease = self.leases.entry(id).or_insert_with(new);
        (lease.over_at, lease.renew_at) = (lease.over_at.max(over_at), renew_at);
        lease.over_at.min(renew_at)
    }

    /// As far as this node is concerned it is over. Whoever watches it is to be told.
    pub(super) fn let_go(&mut self, id: &TicketId) -> Vec<Arc<Watch>> {
        self.leases.remove(id).map(|lease| lease.watches).unwrap_or_default()
    }

    /// It is asked for again, if somebody waits with it and nobody is asking. Whose first question has no answer is still
    /// asking: a second one that comes to the store before that finds nobody, as if the place were gone.
    pub(super) fn ask(&mut self, id: &TicketId) -> Option<Waiter> {
        let waiter = self.waiters.get(id).filter(|waiter| waiter.answered)?.clone();
        let first = !self.asking.contains_key(id);
        self.asking.insert(*id, false);
        first.then_some(waiter)
    }

    /// There was an answer, or there will be none. True if whoever it was asked for has given up meanwhile.
    pub(super) fn asked(&mut self, id: &TicketId) -> bool {
        self.asking.remove(id).unwrap_or(false)
    }

    /// Whoever waits with it, or holds it, gives it up.
    pub(super) fn give_up(&mut self, id: &TicketId) {
        self.forget_waiter(id);
        self.let_go(id);
        if let Some(given_up) = self.asking.get_mut(id) {
            *given_up = true;
        }
    }

    /// Its place in line is certain.
    pub(super) fn answered(&mut self, id: &TicketId) {
        if let Some(waiter) = self.waiters.get_mut(id) {
            waiter.answered = true;
            waiter.seen = Instant::now();
        }
    }

    pub(super) fn began(&mut self, session: Session, token: Token) {
        self.began.insert((session.resource, session.identity), (session.fence, token));
    }

    pub(super) fn token_of(&self, session: &Session) -> Option<Token> {
        let (fence, token) = self.began.get(&(session.resource.clone(), session.identity.clone()))?;
        (*fence == session.fence).then(|| token.clone())
    }

    /// Sessions that began here, to see which are over.
    pub(super) fn begun(&self) -> Vec<Session> {
        let session = |resource: &Arc<str>, identity: &Arc<str>, fence| Session {
            resource: resource.clone(),
            identity: identity.clone(),
            fence,
        };
        self.began.iter().map(|((resource, identity), (fence, _))| session(resource, identity, *fence)).collect()
    }

    pub(super) fn forget_session(&mut self, session: &Session) {
        let key = (session.resource.clone(), session.identity.clone());
        if self.began.get(&key).is_some_and(|(fence, _)| *fence == session.fence) {
            self.began.remove(&key);
        }
    }

    /// Leases whose loss somebody wants to hear of.
    pub(super) fn watched(&self) -> Vec<(TicketId, Token)> {
        let watched = self.leases.iter().filter(|(_, lease)| !lease.watches.is_empty());
        watched.map(|(id, lease)| (*id, lease.token.clone())).collect()
    }

    pub(super) fn guards(&self, id: &TicketId) -> bool {
        self.leases.contains_key(id)
    }

    pub(super) fn leases(&self) -> impl Iterator<Item = (&TicketId, &Token)> {
        self.leases.iter().map(|(id, lease)| (id, &lease.token))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// Has `watch` told when the lease is lost; false when it is not known any more.
    pub(super) fn watch(&mut self, id: &TicketId, watch: &Arc<Watch>) -> bool {
        let Some(lease) = self.leases.get_mut(id) else { return false };
        lease.watches.push(watch.clone());
        true
    }

    /// Watches the session of an identity, which nobody guards, for as long as somebody else has `watch`.
    pub(super) fn watch_session(&mut self, session: Session, watch: &Arc<Watch>) {
        self.sessions.push((session, watch.clone()));
    }

    pub(super) fn sessions(&mut self) -> Vec<(Session, Arc<Watch>)> {
        self.sessions.retain(|(_, watch)| Arc::strong_count(watch) > 1 && watch.is_lost().is_none());
        self.sessions.clone()
    }

    /// What has to be renewed, and is not asked for again until an answer is overdue.
    pub(super) fn due(&mut self, now: Instant, retry: Duration) -> Vec<(TicketId, Token)> {
        let due = self.leases.iter_mut().filter(|(_, lease)| lease.renew_at <= now);
        due.map(|(id, lease)| {
            lease.renew_at = now + retry;
            (*id, lease.token.clone())
        })
        .collect()
    }

    /// Takes out what can no longer be known to be held.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Arc<Watch>> {
        let over: Vec<TicketId> =
            self.leases.iter().filter(|(_, lease)| lease.over_at <= now).map(|(id, _)| *id).collect();
        over.iter().flat_map(|id| self.let_go(id)).collect()
    }

    /// When something here is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.leases.values().map(|lease| lease.renew_at.min(lease.over_at)).min()
    }
}

pub(super) fn lose(watches: Vec<Arc<Watch>>, ending: Option<Ending>) {
    for watch in watches {
        watch.lose(ending);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Key, Verb};
    use crate::token::Secret;

    #[test]
    fn nobody_is_asked_for_again_before_the_first_answer() {
        let secret = Secret::from_bytes(*b"sixteen secrets!");
        let (id, resource): (_, Arc<str>) = (TicketId::of(&secret), "printer".into());
        let poll = Asked::new(&Verb::Poll { key: Key::Token(secret) }, 1).expect("it can be said");
        let token = Token::new(resource.clone(), secret);
        let turn = Turn::new();
        let waiter = Waiter { token, enter: poll, turn, answered: false, seen: Instant::now() };
        let mut node = Node::default();
        node.awaits(id, &resource, waiter);
        assert!(node.ask(&id).is_none());
        assert!(!node.asked(&id));
        node.answered(&id);
        assert!(node.ask(&id).is_some());
    }
}
