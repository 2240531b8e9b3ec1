//! All that a store which keeps one blob for each gate has to ask.

use super::{
    Answer, BlobError, Conditions, Effects, Enter, Key, Ledger as _, Micros, Outcome, Record, Snapshot, Spec, Table,
    Verb, blob, is_idle, step,
};

/// What came of one command.
///
/// See [`decide`] for an example.
#[derive(Debug)]
pub struct Decided {
    /// The answer to whoever asked.
    pub answer: Answer,
    /// What it did to whom, in that order; tickets are known by their tokens.
    pub effects: Effects<u32>,
    /// Whether there is nothing in the gate from then on that has to be kept.
    pub idle: bool,
    /// Whether who was admitted goes by the token that it asked with: to a session others may have come before.
    pub own: bool,
}

/// What came of some commands to one gate.
///
/// See [`decide`] for an example.
#[derive(Debug)]
#[must_use = "nothing is decided until the blob is kept"]
pub struct Decision {
    /// One for each command, in their order. Nobody may hear of them before the blob is kept.
    pub decided: Vec<Decided>,
    /// The blob to keep instead; none where it stays as it was.
    pub blob: Option<Vec<u8>>,
    /// From when on the blob may be dropped, if nobody asks before: see [`Snapshot::forget_at`].
    pub forget_at: Option<Micros>,
}

/// Decides some commands to one gate that is kept as a blob, one after the other.
///
/// For a store on anything that keeps bytes under a name and replaces them only if they are still what they were: a
/// key-value store with compare-and-swap, a row with a version, a file under a lock. `blob` is what is kept under the
/// names of the airlock and the resource; none if nothing is. `asked` are the commands, each with 64 random bits of its
/// own; `now` is the time of the store, the same for all nodes.
///
/// Each command is one [`step`](super::step): where its answer says [`more`](Answer::more), ask again at once with
/// [`Verb::Tick`], or with the same command if the outcome is [`Outcome::Again`].
///
/// It takes as long as there are entrants in the gate, whoever asks: read, changed and written as a whole.
///
/// ```
/// use std::collections::HashMap;
/// use airlock_core::gate::{BlobError, Conditions, Decided, Micros, Record, Spec, Verb, decide};
///
/// /// Somewhere else, with a version for each key.
/// #[derive(Default)]
/// struct KeyValue(HashMap<String, (u64, Vec<u8>)>);
///
/// impl KeyValue {
///     fn swap(&mut self, key: &str, version: u64, blob: Vec<u8>) -> bool {
///         let kept = self.0.entry(key.to_owned()).or_default();
///         let same = kept.0 == version;
///         if same {
///             *kept = (version + 1, blob);
///         }
///         same
///     }
/// }
///
/// fn ask(
///     store: &mut KeyValue,
///     spec: &Spec,
///     resource: &str,
///     asked: &[(Verb<'_>, u64)],
///     now: Micros,
/// ) -> Result<Vec<Decided>, BlobError> {
///     let key = format!("{}/{}:{resource}", spec.name.len(), spec.name);
///     loop {
///         let (version, kept) = store.0.get(&key).map_or((0, None), |(version, kept)| (*version, Some(&kept[..])));
///         let decision = decide(kept, spec, &Conditions::default(), resource, asked, now, Record::Changes)?;
///         // If somebody was faster, all is decided again.
///         if decision.blob.is_none_or(|blob| store.swap(&key, version, blob)) {
///             return Ok(decision.decided);
///         }
///     }
/// }
/// # use airlock_core::gate::{Enter, Key, LineSpec, OnMissed, OnReentry, Outcome, Pick, Stay};
/// # use airlock_core::Secret;
/// # let line = LineSpec { capacity: 9, group_capacity: 9, presence: 9, claim_window: 9, on_missed: OnMissed::Drop };
/// # let spec = Spec { name: "a".into(), limit: 1, rate: None, leased: true, ttl: 9, max_hold: 9, pick: Pick::Head, line,
/// #     on_reentry: OnReentry::Refuse, revision: 0, step_bound: 9, guarded: false, shared: None };
/// # let (mut store, key) = (KeyValue::default(), Some(Key::Token(Secret::from_bytes([7; 16]))));
/// # let enter = Verb::Enter(Enter { key, identity: None, group: None, weight: 1, score: 0.0, per_second: 0.0,
/// #     share: 1.0, cap: 0, stay: Stay::No });
/// # let decided = ask(&mut store, &spec, "b", &[(enter, 1)], 5)?;
/// # assert!(matches!(decided[0].answer.outcome, Outcome::Admitted(_)) && !decided[0].idle);
/// # assert!(ask(&mut store, &spec, "b", &[(Verb::Tick, 1)], 99)?[0].idle);
/// # Ok::<(), BlobError>(())
/// ```
///
/// # Errors
///
/// When the blob is corrupt, foreign or newer, see [`BlobError`]; when the gate has become too large to be kept; and
/// for what only a store in this process can do: guards beside the gate, handles, and entering without a token.
pub fn decide(
    blob: Option<&[u8]>,
    spec: &Spec,
    conditions: &Conditions,
    resource: &str,
    asked: &[(Verb<'_>, u64)],
    now: Micros,
    record: Record,
) -> Result<Decision, BlobError> {
    let mut table = match blob {
        Some(blob) => {
            let (airlock, of, gate) = blob::gate(blob)?;
            if (airlock.as_str(), of.as_str()) != (&*spec.name, resource) {
                return Err(BlobError::foreign("it is that of another resource"));
            }
            gate.into_table(spec)?
        }
        None => Table::default(),
    };
    let decided = asked.iter().map(|(verb, entropy)| {
        can_be_kept(spec, verb)?;
        let mut effects = Effects::new(record);
        let answer = step(&mut table, spec, conditions, verb, now, *entropy, &mut effects);
        let own =
            matches!(answer.outcome, Outcome::Admitted(_)) && verb.key().is_some_and(|key| table.find(&key).is_some());
        let idle = is_idle(&table);
        if idle {
            vanish(&mut table);
        }
        let answer = Answer { outcome: answer.outcome.without_handle(), ..answer };
        Ok(Decided { answer, effects: effects.without_handles(), idle, own })
    });
    let decided = decided.collect::<Result<Vec<_>, BlobError>>()?;
    let gate = Snapshot::of(&table).map_err(|invalid| BlobError::unfit(invalid.to_string()))?;
    let forget_at = gate.forget_at();
    let made = asked.iter().any(|(verb, _)| verb.creates()) && forget_at.is_none_or(|at| at > now);
    let keep = match blob {
        None if !made => None,
        _ => Some(blob::of_gate(&spec.name, resource, &gate)?).filter(|kept| blob != Some(kept)),
    };
    Ok(Decision { decided, blob: keep, forget_at })
}

/// A gate with nothing in it is gone with the step; only its numbers and what nodes are agreed on are kept.
fn vanish(table: &mut Table) {
    let (floor, agreed) = (table.floor(), table.agreed());
    table.restart(floor);
    if let Some(agreed) = agreed {
        table.set_agreed(agreed);
    }
}

fn can_be_kept(spec: &Spec, verb: &Verb<'_>) -> Result<(), BlobError> {
    if spec.guarded {
        return Err(BlobError::unfit("a lease needs a deadline, for no guard lives beside its gate"));
    }
    match verb {
        Verb::Enter(Enter { key: None, .. }) => Err(BlobError::unfit("whoever enters needs a token")),
        _ if matches!(verb.key(), Some(Key::Local(_))) => Err(BlobError::unfit("a handle means nothing to it")),
        _ => Ok(()),
    }
}
