//! Commands to a gate behind a ledger.

use super::{Answered, Call, TicketId, Woken};
use crate::gate::{self, Change, Effect, Effects, Key, Ledger, Micros, Outcome, Record, Verb};

/// Carries out the commands of a call on a gate that is at hand: what a [`Backend`](super::Backend) does in
/// [`decide`](super::Backend::decide) once it has the gate to itself.
///
/// `now` is the store's clock, unless the call says what time it is. Who has to be woken is added to `woken`.
pub fn decide_on<L: Ledger>(ledger: &mut L, call: &Call<'_>, now: Micros, woken: &mut Vec<Woken>) -> Vec<Answered> {
    let now = call.now.unwrap_or(now);
    // Tickets are named in what is recorded, and that is how it is known whom to wake.
    let record = if call.record == Record::Names { Record::Names } else { Record::Changes };
    let mut answered = Vec::with_capacity(call.asked.len());
    for asked in call.asked {
        let verb = asked.verb();
        let mut effects = Effects::new(record);
        let mut answer = gate::step(ledger, call.spec, call.conditions, &verb, now, asked.entropy(), &mut effects);
        let asks = matches!(verb, Verb::Enter(_) | Verb::GiveUp { .. }).then(|| asked.id()).flatten();
        match &mut answer.outcome {
            Outcome::Admitted(grant) => grant.local = None,
            Outcome::Queued(place) => place.local = None,
            _ => {}
        }
        let effects: Vec<Effect<TicketId>> = effects.iter().map(known_by_token).collect();
        for Effect { id, change, awaited, .. } in &effects {
            let matters = matches!(change, Change::Granted(_)) || *awaited && matches!(change, Change::Ended(_));
            // Whoever asked has its answer.
            if matters && Some(*id) != asks {
                woken.push(Woken { id: *id, change: *change });
            }
        }
        let own = match (&answer.outcome, verb.key()) {
            (Outcome::Admitted(_), Some(key @ Key::Token(_))) => ledger.find(&key).is_some(),
            _ => true,
        };
        let effects = if call.record == Record::Nothing { Vec::new() } else { effects };
        answered.push(Answered { answer, effects, idle: gate::is_idle(ledger), own });
    }
    answered
}

/// Handles of a ledger mean nothing in the next call, and nobody enters without a token.
fn known_by_token<Id>(effect: &Effect<Id>) -> Effect<TicketId> {
    let id = TicketId(effect.token.map(|token| token.expose_bytes()).unwrap_or_default());
    let Effect { mut change, fence, arrival, since, awaited, token, .. } = *effect;
    if let Change::Granted(grant) = &mut change {
        grant.local = None;
    }
    Effect { id, change, fence, arrival, since, local: None, awaited, token, identity: effect.identity.clone() }
}
