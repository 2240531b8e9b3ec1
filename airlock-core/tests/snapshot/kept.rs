//! The twin of a gate: a blob.

use std::cell::RefCell;
use std::rc::Rc;

use airlock_core::gate::{self, Ledger as _, Micros, NEVER, Outcome, Record, Snapshot, Spec, Table, decide};
use sha2::{Digest as _, Sha256};

use crate::compare;
use crate::ensure;
use crate::twin::{Taken, Twin};

pub const RESOURCE: &str = "{the}/re:source\\\"";

/// All that is left of the gate between two commands.
#[derive(Default)]
pub struct Kept {
    blob: Option<Vec<u8>>,
    /// Where some of what was kept goes as well.
    samples: Option<Samples>,
}

pub type Samples = Rc<RefCell<Vec<Sample>>>;

/// What was kept after some command.
#[derive(Clone)]
pub struct Sample {
    pub spec: Spec,
    pub now: Micros,
    pub blob: Vec<u8>,
}

impl Kept {
    pub fn sampled(samples: Samples) -> Self {
        Kept { blob: None, samples: Some(samples) }
    }
}

impl Twin for Kept {
    fn step(&mut self, step: &Taken<'_>) -> Result<(), String> {
        let asked = [(step.ask.verb(), step.entropy)];
        let kept = self.blob.as_deref();
        let decision = decide(kept, step.spec, step.conditions, RESOURCE, &asked, step.now, Record::Names)
            .map_err(|problem| problem.to_string())?;
        let [decided] = &decision.decided[..] else { return Err("one command, and not one answer".into()) };
        compare::answers(step.answer, &decided.answer, step.fair)?;
        let here = step.effects.iter().map(|effect| (compare::plain(effect), effect.token, effect.awaited));
        let there = decided.effects.iter().map(|effect| (compare::plain(effect), effect.token, effect.awaited));
        ensure!(here.eq(there), "a table tells {:?}\na blob {:?}", step.effects, decided.effects);
        ensure!(decided.effects.iter().all(|effect| effect.local.is_none()), "a handle on a blob: {decided:?}");
        let local = match &decided.answer.outcome {
            Outcome::Admitted(grant) => grant.local,
            Outcome::Queued(place) => place.local,
            _ => None,
        };
        ensure!(local.is_none(), "a handle on a blob: {decided:?}");
        if kept.is_none() && decision.blob.is_none() {
            // Nothing is kept of a question about nothing, but who has asked was heard here.
            ensure!(decided.idle && step.table.is_empty(), "nothing is kept of {:?}", step.table);
            let heard = Snapshot::of(step.table).map_err(|problem| problem.to_string())?;
            self.blob = Some(sealed(&serde_json::json!({
                "airlock": &*step.spec.name,
                "resource": RESOURCE,
                "gate": heard,
            })));
            return Ok(());
        }
        if let Some(blob) = decision.blob {
            ensure!(self.blob.as_ref() != Some(&blob), "kept again what was kept");
            if let Some(samples) = &self.samples {
                samples.borrow_mut().push(Sample { spec: step.spec.clone(), now: step.now, blob: blob.clone() });
            }
            self.blob = Some(blob);
        }
        let Some(blob) = &self.blob else { return Ok(()) };
        let gate = read(blob)?;
        ensure!(gate.forget_at() == decision.forget_at, "forgotten at another time");
        forget_at(&gate, step)?;
        let table = gate.into_table(step.spec).map_err(|problem| problem.to_string())?;
        ensure!(table.agreed() == step.table.agreed(), "{:?} became {:?}", step.table.agreed(), table.agreed());
        if decided.idle {
            let numbers = |table: &Table| (table.meta().arrival, table.meta().fence);
            ensure!(numbers(&table) == numbers(step.table), "numbers are lost: {:?}", table.meta());
            ensure!(gate::is_idle(&table), "something is in an idle gate: {table:?}");
            return Ok(());
        }
        compare::states(&table, step.rows)
    }

    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// A blob with that in it, whatever it is.
pub fn sealed(json: &serde_json::Value) -> Vec<u8> {
    sealed_text(&json.to_string())
}

pub fn sealed_text(json: &str) -> Vec<u8> {
    let digest: [u8; 32] = Sha256::digest(json.as_bytes()).into();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("airlock-gate 1 {digest}\n{json}\n").into_bytes()
}

/// The gate in the JSON of a blob, read without the help of what wrote it.
pub fn read(blob: &[u8]) -> Result<Snapshot, String> {
    let json = blob.split(|byte| *byte == b'\n').nth(1).ok_or("a blob is two lines")?;
    let mut json: serde_json::Value = serde_json::from_slice(json).map_err(|problem| problem.to_string())?;
    serde_json::from_value(json["gate"].take()).map_err(|problem| problem.to_string())
}

/// Nothing that can still matter is later than that.
fn forget_at(gate: &Snapshot, step: &Taken<'_>) -> Result<(), String> {
    let meta = step.table.meta();
    let endless = meta.override_limit.is_some()
        || meta.switch.as_ref().is_some_and(|switch| switch.until == NEVER)
        || step.known.iter().any(|known| known.ticket.deadline == NEVER);
    let Some(at) = gate.forget_at() else {
        ensure!(endless, "never forgotten: {meta:?}");
        return Ok(());
    };
    ensure!(!endless, "forgotten at {at}: {meta:?}");
    let live = step.known.iter().find(|known| known.ticket.deadline > at);
    ensure!(live.is_none(), "forgotten at {at}: {live:?}");
    ensure!(at > meta.fence && at > meta.arrival && at >= meta.replenished_at, "forgotten at {at}: {meta:?}");
    Ok(())
}
