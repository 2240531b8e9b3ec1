//! Commands to a gate behind a ledger.

use super::{Answered, Asked, Call, Decided, TicketId, Woken};
use crate::error::StoreError;
use crate::gate::{self, Change, Effect, Effects, Key, Ledger, Micros, Outcome, Record, Verb};

/// Carries out the commands of a call on a gate that is at hand: what a [`Backend`](super::Backend) does in
/// [`decide`](super::Backend::decide) once it has the gate to itself.
///
/// `decide_blob`, which `examples/custom-store` uses, is the same for gates that are kept as one value.
///
/// `now` is the store's clock, unless the call says what time it is. `after` is called after each step, with whether nothing
/// of the gate has to be kept.
///
/// # Errors
///
/// What `after` says; and when leases without deadlines are asked for, which no store that is shared has.
pub fn decide_on<L: Ledger>(
    ledger: &mut L,
    call: &Call<'_>,
    now: Micros,
    mut after: impl FnMut(&mut L, bool) -> Result<(), StoreError>,
) -> Result<Decided, StoreError> {
    if call.spec.guarded {
        return Err(StoreError::not_executed(
            "leases of a store that is shared have deadlines: no guard lives beside its gate",
        ));
    }
    let now = call.now.unwrap_or(now);
    // Tickets are named in what is recorded, and that is how it is known whom to wake.
    let record = if call.record == Record::Names { Record::Names } else { Record::Changes };
    let (mut answered, mut woken) = (Vec::with_capacity(call.asked.len()), Vec::new());
    for asked in call.asked {
        let verb = asked.verb();
        let mut effects = Effects::new(record);
        let mut answer = gate::step(ledger, call.spec, call.conditions, &verb, now, asked.entropy(), &mut effects);
        match &mut answer.outcome {
            Outcome::Admitted(grant) => grant.local = None,
            Outcome::Queued(place) => place.local = None,
            _ => {}
        }
        let asks = who_is_told(asked);
        let effects = told(asks, &effects, &mut woken);
        let own = match (&answer.outcome, verb.key()) {
            (Outcome::Admitted(grant), Some(key @ Key::Token(_))) if grant.shared => ledger.find(&key).is_some(),
            _ => true,
        };
        let effects = if call.record == Record::Nothing { Vec::new() } else { effects };
        let idle = gate::is_idle(ledger);
        after(ledger, idle)?;
        answered.push(Answered { answer, effects, idle, own });
    }
    Ok(Decided { now, answered, woken })
}

/// Whose answer says what became of it.
fn who_is_told(asked: &Asked) -> Option<TicketId> {
    matches!(asked.verb(), Verb::Enter(_) | Verb::GiveUp { .. }).then(|| asked.id()).flatten()
}

/// What a step did, by token, and whom to wake.
fn told<Id>(asks: Option<TicketId>, effects: &Effects<Id>, woken: &mut Vec<Woken>) -> Vec<Effect<TicketId>> {
    let effects: Vec<Effect<TicketId>> = effects.iter().map(known_by_token).collect();
    for Effect { id, change, awaited, .. } in &effects {
        let matters = matches!(change, Change::Granted(_)) || *awaited && matches!(change, Change::Ended(_));
        // Whoever asked has its answer.
        if matters && Some(*id) != asks {
            woken.push(Woken { id: *id, change: *change });
        }
    }
    effects
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

/// The same for a gate that is kept as one value: see [`gate::decide`]. `blob` is what is kept of it, if anything is. Answers
/// what is to be kept instead, if that is something else; nobody may hear of the rest before it is.
///
/// # Errors
///
/// When the value is corrupt, foreign or newer, and when the gate has become too large to be kept.
#[cfg(feature = "serde")]
pub fn decide_blob(
    blob: Option<&[u8]>,
    call: &Call<'_>,
    now: Micros,
) -> Result<(Decided, Option<Vec<u8>>), gate::BlobError> {
    let now = call.now.unwrap_or(now);
    let record = if call.record == Record::Names { Record::Names } else { Record::Changes };
    let asked: Vec<_> = call.asked.iter().map(|asked| (asked.verb(), asked.entropy())).collect();
    let decision = gate::decide(blob, call.spec, call.conditions, call.resource, &asked, now, record)?;
    let mut woken = Vec::new();
    let answered = call.asked.iter().zip(decision.decided).map(|(asked, decided)| {
        let gate::Decided { answer, effects, idle, own } = decided;
        let effects = told(who_is_told(asked), &effects, &mut woken);
        let effects = if call.record == Record::Nothing { Vec::new() } else { effects };
        Answered { answer, effects, idle, own }
    });
    let answered = answered.collect();
    Ok((Decided { now, answered, woken }, decision.blob))
}
