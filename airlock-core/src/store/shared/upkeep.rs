//! What a node does for its waiters and leases without being asked.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::gates::SharedGates;
use super::jittered;
use super::node::lose;
use crate::gate::{Key, Outcome, Verb};
use crate::meter::Totals;
use crate::store::{Lease, Session, SurveyQuery, Usage};

/// How often it looks at what holds for the whole airlock, and lists what it uses: a quarter longer by jitter, and with some
/// time for the answer, that is still within a second (G20).
const LOOK: Duration = Duration::from_millis(700);

pub(super) async fn run(gates: Weak<SharedGates>) {
    let (mut ask_at, mut look_at) = (Instant::now(), Instant::now());
    loop {
        let Some(me) = gates.upgrade() else { return };
        *me.sleeps_until.lock() = None;
        let now = Instant::now();
        if now >= look_at {
            look_at = now + jittered(LOOK.min(me.store.ask_every()));
            let me = me.clone();
            me.store.clone().runtime.spawn(async move { look(&me).await });
        }
        if now >= ask_at {
            ask_at = now + jittered(me.store.ask_every());
            ask_for_everybody(&me, false);
        }
        renew(&me, now);
        let next_due = me.node.lock().next_due();
        let next = [next_due, next_look(&me, now), poll(&me, now), Some(ask_at), Some(look_at)];
        let next = next.into_iter().flatten().min();
        let (woken, next) = (me.woken.clone(), next.unwrap_or(look_at));
        *me.sleeps_until.lock() = Some(next);
        drop(me);
        tokio::select! {
            () = tokio::time::sleep_until(next.into()) => {}
            () = woken.notified() => {}
        }
    }
}

/// What others may have set, and where this node is busy. What fails is tried again the next time.
pub(super) async fn look(me: &Arc<SharedGates>) {
    if let Ok(true) = me.look_at_settings().await {
        me.look_at_all();
    }
    let _ = super::in_use::list(me).await;
    if me.meter.is_on() {
        count_what_is_there(me).await;
    }
}

/// How often the whole store is looked at for those who count, at most.
const COUNT: Duration = Duration::from_secs(5);
/// How many times as long as a look takes it is left alone after it.
const REST: u32 = 200;
/// How many resources are looked at one by one.
const COUNTED: usize = 10_000;

async fn count_what_is_there(me: &Arc<SharedGates>) {
    let started = Instant::now();
    {
        let (_, next) = &mut *me.seen.lock();
        if next.is_some_and(|next| started < next) {
            return;
        }
        // Nobody else meanwhile, and not for ever either if this is dropped.
        *next = Some(started + 60 * COUNT);
    }
    let all = SurveyQuery { text: "", offset: 0, count: COUNTED };
    let surveyed = super::in_use::survey(me, all).await;
    let rest = match me.store.options.clock {
        Some((_, every)) => every,
        None => COUNT.max(REST * started.elapsed()),
    };
    let (totals, next) = &mut *me.seen.lock();
    *next = Some(Instant::now() + rest);
    if let Ok(survey) = surveyed {
        let sum = |of: fn(&Usage) -> u64| survey.resources.iter().map(of).sum();
        *totals = Some(Totals {
            resources: survey.total as u64,
            held: survey.in_use,
            waiting: survey.waiting,
            offered: sum(|usage| usage.offered),
            capacity: sum(|usage| usage.limit.into()),
        });
    }
}

/// Proves that whoever waits here is still there, and finds out what a lost message would have said.
pub(super) fn ask_for_everybody(me: &Arc<SharedGates>, after_outage: bool) {
    let waiting: Vec<_> = me.node.lock().waiters().map(|(id, _)| *id).collect();
    for id in waiting {
        let me = me.clone();
        me.store.clone().runtime.spawn(async move { me.ask_again(id, after_outage).await });
    }
    for (id, token) in me.node.lock().watched() {
        let me = me.clone();
        me.store.clone().runtime.spawn(async move { me.see_whether_lost(id, token).await });
    }
    for session in me.node.lock().begun() {
        let me = me.clone();
        me.store.clone().runtime.spawn(async move {
            if is_over(&me, session.clone()).await {
                me.node.lock().forget_session(&session);
            }
        });
    }
    let sessions = me.node.lock().sessions();
    for (session, watch) in sessions {
        let me = me.clone();
        me.store.clone().runtime.spawn(async move {
            if is_over(&me, session).await {
                watch.lose(None);
            }
        });
    }
}

async fn is_over(me: &SharedGates, session: Session) -> bool {
    let (resource, fence) = (session.resource.clone(), session.fence);
    let lease = Lease::Session(Box::new(session));
    let (_, key) = lease.address();
    match me.ask(&resource, &Verb::Look { key }).await.map(|known| known.answered.answer.outcome) {
        Ok(Outcome::Admitted(grant)) => grant.fence != fence,
        Ok(_) => true,
        Err(_) => false,
    }
}

fn renew(me: &Arc<SharedGates>, now: Instant) {
    let (due, overdue) = {
        let mut node = me.node.lock();
        let overdue = node.overdue(now);
        (node.due(now, me.ttl() / 6), overdue)
    };
    lose(overdue, None);
    for (_, token) in due {
        let me = me.clone();
        me.store.clone().runtime.spawn(async move {
            let verb = Verb::Renew { key: Key::Token(token.secret()), ttl: None };
            let (resource, sent) = (token.resource().into(), Instant::now());
            if let Ok(known) = me.ask(&resource, &verb).await {
                me.settle(&verb, &resource, &known, sent);
            }
        });
    }
}

/// Where nobody says what other processes do, it is looked at. Answers when the next gate is due.
fn poll(me: &Arc<SharedGates>, now: Instant) -> Option<Instant> {
    let polled = me.store.backend.polled()?;
    let due = me.node.lock().take_due_polls(now, &polled);
    for resource in due {
        let stamp = me.store.backend.stamp(&me.spec.name, &resource);
        for id in me.node.lock().seen(&resource, stamp) {
            let me = me.clone();
            me.store.clone().runtime.spawn(async move { me.look_for(id).await });
        }
    }
    me.node.lock().next_poll()
}

/// Gates that said when something happens by itself are looked at then. Answers when the next one is due.
fn next_look(me: &Arc<SharedGates>, now: Instant) -> Option<Instant> {
    let mut used = me.used.lock();
    let due = used.iter_mut().filter(|(_, at)| at.is_some_and(|at| at <= now));
    let due: Vec<Arc<str>> = due
        .map(|(resource, at)| {
            *at = None;
            resource.clone()
        })
        .collect();
    let next = used.values().flatten().min().copied();
    drop(used);
    for resource in due {
        me.in_background(resource, Verb::Tick);
    }
    next
}
