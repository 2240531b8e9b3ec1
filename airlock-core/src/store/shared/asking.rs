//! What an airlock asks of its gates.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::gates::{SharedGates, asked};
use super::node::{Waiter, lose};
use super::{TicketId, in_use};
use crate::error::StoreError;
use crate::gate::{Answer, Conditions, Ending, Key, Micros, Outcome, Setting, Stay, SwitchState, Verb};
use crate::store::{BoxFuture, Command, Gates, Lease, News, Survey, SurveyQuery, Watch};
use crate::token::Token;

impl Gates for SharedGates {
    fn apply<'a>(&'a self, command: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
        Box::pin(async move {
            let Command { resource, verb, turn, .. } = command;
            let admits = matches!(verb, Verb::Enter(_) | Verb::Claim { .. } | Verb::Restore { .. });
            if admits && self.closing.load(Ordering::SeqCst) {
                return Ok(Answer { outcome: Outcome::Over(Ending::Closed), more: false, next_at: None, now: 0 });
            }
            let resource: Arc<str> = resource.into();
            let asked = asked(&verb)?;
            if let (Verb::Enter(enter), Some(turn)) = (&verb, turn)
                && let (Stay::Here, Some(Key::Token(secret))) = (enter.stay, enter.key)
            {
                let token = Token::new(resource.clone(), secret);
                let (enter, turn, seen) = (asked.clone(), turn.get().clone(), Instant::now());
                let waiter = Waiter { token, enter, turn, answered: false, seen };
                self.node.lock().awaits(TicketId::of(&secret), &resource, waiter);
                self.woken.notify_one();
            }
            let sent = Instant::now();
            let known = match self.ask_for(&resource, &asked).await {
                Ok(known) => known,
                Err(error) => {
                    // It does not wait. Where it may have been carried out, whoever asked gives the token up with doubt.
                    if let (Verb::Enter(_), Some(Key::Token(secret))) = (&verb, verb.key()) {
                        self.node.lock().forget_waiter(&TicketId::of(&secret));
                    }
                    return Err(error);
                }
            };
            self.settle(&verb, &resource, &known, sent);
            if let (Verb::Enter(_), Outcome::Refused { reason, .. }) = (&verb, known.outcome()) {
                self.meter.refused(*reason);
            }
            if self.observers.listening() {
                match (&verb, known.outcome()) {
                    (Verb::Enter(enter), Outcome::Refused { reason, .. }) => {
                        self.observers.refused(&resource, enter.identity, *reason);
                    }
                    (Verb::Resize { limit }, Outcome::Done) => self.observers.resized(&resource, *limit),
                    _ => {}
                }
            }
            Ok(Answer { more: false, ..known.answered.answer })
        })
    }

    fn give_back(&self, lease: &Lease, doubt: bool) {
        let (resource, key) = lease.address();
        if let Key::Token(secret) = key {
            self.node.lock().give_up(&TicketId::of(&secret));
        }
        self.in_background(resource.into(), Verb::GiveUp { key, doubt });
    }

    fn token(&self, lease: &Lease, detach: bool) -> Option<Token> {
        let token = match lease {
            Lease::Token(token) => token,
            // That of whoever began it, if that was here: the store knows no tokens.
            Lease::Session(session) => return self.node.lock().token_of(session),
            Lease::Local(_) => return None,
        };
        let id = TicketId::of(&token.secret());
        if !self.node.lock().guards(&id) {
            return None;
        }
        if detach {
            self.node.lock().let_go(&id);
            // From now on nobody renews it; it lasts its whole time from here.
            let renew = Verb::Renew { key: Key::Token(token.secret()), ttl: None };
            self.in_background(token.resource().into(), renew);
        }
        Some(token.clone())
    }

    fn watch(&self, lease: &Lease, watch: &Arc<Watch>) {
        match lease {
            Lease::Token(token) => {
                if !self.node.lock().watch(&TicketId::of(&token.secret()), watch) {
                    watch.lose(None);
                }
            }
            Lease::Session(session) => self.node.lock().watch_session((**session).clone(), watch),
            Lease::Local(_) => watch.lose(None),
        }
    }

    fn trouble(&self) -> Option<StoreError> {
        self.store.backend.trouble().or_else(|| self.last_failure())
    }

    fn conditions(&self) -> Option<Conditions> {
        Some(SharedGates::conditions(self))
    }

    fn survey<'a>(&'a self, query: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
        Box::pin(in_use::survey(self, query))
    }

    fn switch<'a>(
        &'a self,
        state: SwitchState,
        reopen_in: Option<Micros>,
        because: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.set_shared(move |conditions, now| {
            conditions.switch = Setting::new(state, reopen_in, because, now);
        }))
    }

    fn force(&self, switch: Option<Setting>) {
        self.settings.lock().forced = switch;
        self.look_at_all();
    }

    fn report_unwell(&self, unwell_for: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.set_shared(move |conditions, now| {
            conditions.unwell_until = unwell_for.map_or(0, |unwell_for| now.saturating_add(unwell_for));
        }))
    }

    fn close(&self, grace: Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            self.closing.store(true, Ordering::SeqCst);
            let waiting: Vec<(TicketId, Waiter)> =
                self.node.lock().waiters().map(|(id, waiter)| (*id, waiter.clone())).collect();
            for (id, Waiter { token, answered, .. }) in waiting {
                self.tell(&id, News::Over(Ending::Closed));
                let key = Key::Token(token.secret());
                self.in_background(token.resource().into(), Verb::GiveUp { key, doubt: !answered });
            }
            let nobody_is_in = self.everything_settled(|| self.node.lock().is_empty());
            let in_time = tokio::time::timeout(grace, nobody_is_in).await.is_ok();
            let guarded: Vec<(TicketId, Token)> =
                self.node.lock().leases().map(|(id, token)| (*id, token.clone())).collect();
            for (id, token) in &guarded {
                let watches = self.node.lock().let_go(id);
                lose(watches, Some(Ending::Closed));
                let key = Key::Token(token.secret());
                self.in_background(token.resource().into(), Verb::GiveUp { key, doubt: false });
            }
            // A store that is away is not waited for: deadlines do the rest.
            let _ = tokio::time::timeout(self.store.options.patience, self.settled()).await;
            Ok(if in_time { 0 } else { guarded.len() })
        })
    }
}
