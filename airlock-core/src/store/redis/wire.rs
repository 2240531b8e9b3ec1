//! What is said to the script, and by it.

use std::sync::Arc;

use super::msgpack::{Reader, Writer, unexpected};
use crate::error::StoreError;
use crate::gate::{
    Answer, Change, Conditions, Denial, Effect, Ending, Enter, Grant, Holder, Inspection, Key, Micros, NEVER, OnMissed,
    OnReentry, Outcome, Pick, Place, Record, Spec, Stay, SwitchState, Verb, Waiter, Whom,
};
pub use crate::store::shared::TicketId;

/// Which form of keys and calls the script is for.
pub const LAYOUT: u8 = 1;

/// A process that attends waiters.
pub type NodeId = [u8; 16];

/// The first argument of a call: the airlock, and what holds for all of its gates at the moment.
///
/// `keep` is for how long a gate is kept after the last command that changed it: twice the longest time anything of it
/// may take, and a minute.
pub fn header(
    spec: &Spec,
    conditions: &Conditions,
    prefix: &str,
    record: Record,
    keep: Micros,
) -> Result<Vec<u8>, StoreError> {
    if spec.guarded {
        return Err(StoreError::not_executed("leases in Redis have deadlines: no guard lives beside its gate"));
    }
    if spec.revision > NEVER {
        return Err(StoreError::not_executed("a revision of 2⁵³ or more is not a number to Redis"));
    }
    let mut header = short_header(spec, conditions, record, keep)?;
    let mut writer = Writer::new();
    writer.bytes(prefix)?.bytes(&*spec.name)?.maybe_number(spec.rate.map(|rate| rate.interval))?;
    writer.number(spec.rate.map_or(0, |rate| rate.burst).into())?.flag(spec.leased)?;
    let line = &spec.line;
    writer.number(line.capacity.min(NEVER))?.number(line.group_capacity.min(NEVER))?;
    writer.number(line.presence.min(NEVER))?.number(line.claim_window.min(NEVER))?;
    writer.flag(line.on_missed == OnMissed::Requeue)?;
    writer.number(line.refresh_after().min(NEVER))?.number(spec.step_bound.into())?;
    let switch = &conditions.switch;
    writer.bytes(switch_name(switch.state))?.number(switch.until.min(NEVER))?.maybe_bytes(switch.because.as_deref())?;
    writer.number(spec.shared.map_or(0, |nodes| nodes.presence).min(NEVER))?;
    writer.number(spec.shared.map_or(0, |nodes| nodes.confirmation).min(NEVER))?;
    header.extend(writer.finish()?);
    Ok(header)
}

/// What most calls need of it and no more, in fixed widths: unpacking an array takes as long as deciding.
fn short_header(spec: &Spec, conditions: &Conditions, record: Record, keep: Micros) -> Result<Vec<u8>, StoreError> {
    // Whether nothing but the limit matters to a newcomer when nobody waits.
    let is_plain = matches!(spec.pick, Pick::Head | Pick::Nobody)
        && !spec.line.counts_groups()
        && spec.rate.is_none()
        && spec.leased
        && conditions.switch.state == SwitchState::Open;
    let record = match record {
        Record::Nothing => 0,
        Record::Changes => 1,
        Record::Names => 2,
    };
    let strategy = strategy(spec.pick)?;
    let mut header = Vec::with_capacity(256);
    header.extend([LAYOUT, u8::from(is_plain), record]);
    header.extend(word(keep));
    header.extend(spec.limit.to_be_bytes());
    header.extend(word(spec.ttl));
    header.extend(word(spec.max_hold));
    header.extend([u8::from(spec.on_reentry == OnReentry::Share), u8::from(spec.shared.is_some())]);
    header.extend(word(spec.revision));
    header.extend(word(conditions.unwell_until));
    // A name and a few numbers: far from 255 bytes.
    header.push(strategy.len() as u8);
    header.extend(strategy);
    Ok(header)
}

/// A number below 2⁵³.
fn word(number: u64) -> [u8; 7] {
    let [_, word @ ..] = number.min(NEVER).to_be_bytes();
    word
}

/// A strategy: packed by itself, because a gate keeps by which one its line was formed.
pub fn strategy(pick: Pick) -> Result<Vec<u8>, StoreError> {
    let (name, overdue, [base, per_second, max]) = match pick {
        Pick::Nobody => ("nobody", None, [0.0; 3]),
        Pick::Head => ("head", None, [0.0; 3]),
        Pick::Fair => ("fair", None, [0.0; 3]),
        Pick::Uniform { overdue } => ("uniform", overdue, [0.0; 3]),
        Pick::Aging { base, per_second, max } => ("aging", None, [base, per_second, max]),
    };
    let mut writer = Writer::new();
    writer.bytes(name)?.maybe_number(overdue.map(|overdue| overdue.min(NEVER)))?;
    writer.double(base)?.double(per_second)?.double(max)?;
    writer.finish()
}

/// A further argument of a call: one command. `node` is whom to tell of a waiter that stays beside the gate.
///
/// # Errors
///
/// For what only a store of this process can do: handles, and entering without a token.
pub fn command(verb: &Verb<'_>, entropy: u64, node: Option<&NodeId>) -> Result<Vec<u8>, StoreError> {
    let mut writer = Writer::new();
    let name = match verb {
        Verb::Enter(_) => "enter",
        Verb::Poll { .. } => "poll",
        Verb::Look { .. } => "look",
        Verb::Claim { .. } => "claim",
        Verb::Renew { .. } => "renew",
        Verb::Adopt { .. } => "adopt",
        Verb::Restore { .. } => "restore",
        Verb::GiveUp { .. } => "give-up",
        Verb::Resize { .. } => "resize",
        Verb::Switch { .. } => "switch",
        Verb::Evict { .. } => "evict",
        Verb::Inspect { .. } => "inspect",
        Verb::Tick => "tick",
    };
    writer.bytes(name)?.number(entropy >> 32)?.number(entropy & 0xffff_ffff)?;
    let (id, identity, fence) = match *verb {
        Verb::Enter(Enter { key: Some(Key::Token(secret)), identity, .. }) => {
            (Some(TicketId::of(&secret)), identity, 0)
        }
        Verb::Enter(_) => return Err(StoreError::not_executed("who enters by Redis needs a token")),
        Verb::Evict { whom: Whom::Identity(identity) } => (None, Some(identity), 0),
        Verb::Evict { whom: Whom::Fence(fence) } => (None, None, fence),
        _ => match verb.key() {
            Some(Key::Token(secret)) => (Some(TicketId::of(&secret)), None, 0),
            Some(Key::Identity { identity, fence }) => (None, Some(identity), fence),
            Some(Key::Local(_)) => return Err(StoreError::not_executed("a handle means nothing to Redis")),
            None => (None, None, 0),
        },
    };
    writer.maybe_bytes(id.map(|id| id.0))?.maybe_bytes(identity)?.number(fence.min(NEVER))?;
    match *verb {
        Verb::Enter(enter) => {
            let stay = match enter.stay {
                Stay::No => "no",
                Stay::Here => "here",
                Stay::Away => "away",
            };
            writer.maybe_bytes(node)?.maybe_bytes(enter.group)?.number(enter.weight.into())?;
            writer.double(enter.score)?.double(enter.per_second)?.double(enter.share)?;
            writer.number(enter.cap.into())?.bytes(stay)?;
        }
        // A nonce has 53 bits: what is above names none, and shall not become one.
        Verb::Claim { nonce, .. } => drop(writer.number(nonce.min(NEVER + 1))?),
        Verb::Renew { ttl, .. } => drop(writer.maybe_number(ttl.map(|ttl| ttl.min(NEVER)))?),
        Verb::Adopt { detach, .. } => drop(writer.flag(detach)?),
        Verb::GiveUp { doubt, .. } => drop(writer.flag(doubt)?),
        Verb::Resize { limit } => drop(writer.maybe_number(limit.map(u64::from))?),
        Verb::Switch { state, reopen_in, because } => {
            writer.maybe_bytes(state.map(switch_name))?.maybe_number(reopen_in.map(|after| after.min(NEVER)))?;
            writer.maybe_bytes(because)?;
        }
        Verb::Inspect { page } => drop(writer.number(page.offset.min(NEVER))?.number(page.count.min(NEVER))?),
        Verb::Poll { .. } | Verb::Look { .. } | Verb::Restore { .. } | Verb::Evict { .. } | Verb::Tick => {}
    }
    writer.finish()
}

/// What became of one command.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer to whoever asked.
    pub answer: Answer,
    /// What it did to whom, in that order.
    pub effects: Vec<Told>,
    /// Whether there is nothing in the gate from then on that has to be kept.
    pub idle: bool,
    /// Whether who was admitted goes by the token that it asked with: to a session others may have come before.
    pub own: bool,
    /// When that was, by the server's clock.
    pub now: Micros,
}

/// One change of one ticket.
#[derive(Clone, Debug)]
pub struct Told {
    /// The change.
    pub effect: Effect<TicketId>,
    /// The node that attends it while it waits beside the gate.
    pub node: Option<NodeId>,
}

/// The answer of a call, one for each of its commands.
pub fn answers(bytes: &[u8]) -> Result<Vec<Answered>, StoreError> {
    let mut reader = Reader::new(bytes);
    reader.array_of(2)?;
    let now = reader.number()?;
    let count = reader.array()?;
    let decided = (0..count).map(|_| decided(&mut reader, now)).collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(decided)
}

fn decided(reader: &mut Reader<'_>, now: Micros) -> Result<Answered, StoreError> {
    reader.array_of(6)?;
    let outcome = outcome(reader)?;
    let more = reader.flag()?;
    let next_at = reader.maybe(Reader::number)?;
    let count = reader.array()?;
    let effects = (0..count).map(|_| told(reader)).collect::<Result<_, _>>()?;
    let (idle, own) = (reader.flag()?, reader.flag()?);
    Ok(Answered { answer: Answer { outcome, more, next_at, now }, effects, idle, own, now })
}

fn outcome(reader: &mut Reader<'_>) -> Result<Outcome, StoreError> {
    let len = reader.array()?;
    let name = reader.text()?;
    let (expected, outcome) = match name {
        "admitted" => (2, Outcome::Admitted(grant(reader)?)),
        "queued" => (7, Outcome::Queued(place(reader)?)),
        "offered" => {
            let (nonce, fence, claim_by) = (reader.number()?, reader.number()?, reader.number()?);
            (4, Outcome::Offered { nonce, fence, claim_by })
        }
        "refused" => {
            let (reason, retry_after) = (denial(reader.text()?)?, reader.maybe(Reader::number)?);
            (4, Outcome::Refused { reason, retry_after, because: reader.maybe(Reader::text)?.map(Arc::from) })
        }
        "over" => (2, Outcome::Over(ending(reader.text()?)?)),
        "renewed" => (2, Outcome::Renewed(reader.number()?)),
        "lost" => (1, Outcome::Lost),
        "released" => (1, Outcome::Released),
        "left" => (1, Outcome::Left),
        "not-held" => (1, Outcome::NotHeld),
        "unknown" => (1, Outcome::Unknown),
        "missed" => (1, Outcome::Missed),
        "done" => (1, Outcome::Done),
        "seen" => (8, Outcome::Seen(Box::new(inspection(reader)?))),
        "again" => (1, Outcome::Again),
        other => return Err(unexpected(format_args!("an outcome called {other:?}"))),
    };
    if len != expected {
        return Err(unexpected(format_args!("{name} with {len} elements instead of {expected}")));
    }
    Ok(outcome)
}

fn grant(reader: &mut Reader<'_>) -> Result<Grant, StoreError> {
    reader.array_of(6)?;
    Ok(Grant {
        local: None,
        fence: reader.number()?,
        floor: reader.number()?,
        until: reader.number()?,
        shared: reader.flag()?,
        waited: reader.number()?,
        leased: reader.flag()?,
    })
}

fn place(reader: &mut Reader<'_>) -> Result<Place, StoreError> {
    Ok(Place {
        local: None,
        position: reader.number()?,
        exact: reader.flag()?,
        waiting: reader.number()?,
        chance: reader.maybe(Reader::double)?,
        estimated_wait: reader.maybe(Reader::number)?,
        refresh_after: reader.number()?,
    })
}

fn inspection(reader: &mut Reader<'_>) -> Result<Inspection, StoreError> {
    let limit = reader.small_number()?;
    let limit_override = reader.maybe(Reader::small_number)?;
    let (in_use, offered, waiting) = (reader.number()?, reader.number()?, reader.number()?);
    let count = reader.array()?;
    let holders = (0..count).map(|_| holder(reader)).collect::<Result<_, _>>()?;
    let count = reader.array()?;
    let waiters = (0..count).map(|_| waiter(reader)).collect::<Result<_, _>>()?;
    Ok(Inspection { limit, limit_override, in_use, offered, waiting, holders, waiters })
}

fn holder(reader: &mut Reader<'_>) -> Result<Holder, StoreError> {
    reader.array_of(5)?;
    Ok(Holder {
        identity: reader.maybe(Reader::text)?.map(Arc::from),
        fence: reader.number()?,
        weight: reader.small_number()?,
        age: reader.number()?,
        offered: reader.flag()?,
    })
}

fn waiter(reader: &mut Reader<'_>) -> Result<Waiter, StoreError> {
    reader.array_of(4)?;
    Ok(Waiter {
        identity: reader.maybe(Reader::text)?.map(Arc::from),
        position: reader.number()?,
        weight: reader.small_number()?,
        age: reader.number()?,
    })
}

fn told(reader: &mut Reader<'_>) -> Result<Told, StoreError> {
    reader.array_of(9)?;
    let name = reader.text()?;
    let id = TicketId(reader.id()?);
    let node = reader.maybe(Reader::id)?;
    let identity = reader.maybe(Reader::text)?.map(Arc::from);
    let (fence, arrival, since) = (reader.number()?, reader.number()?, reader.number()?);
    let awaited = reader.flag()?;
    let change = change(name, reader)?;
    Ok(Told { effect: Effect { id, change, fence, arrival, since, token: None, local: None, awaited, identity }, node })
}

fn change(name: &str, reader: &mut Reader<'_>) -> Result<Change, StoreError> {
    let plain = match name {
        "granted" => return Ok(Change::Granted(grant(reader)?)),
        "ended" => return Ok(Change::Ended(ending(reader.text()?)?)),
        "admitted" => Change::Admitted,
        "queued" => Change::Queued,
        "offered" => Change::Offered,
        "requeued" => Change::Requeued,
        other => return Err(unexpected(format_args!("a change called {other:?}"))),
    };
    match reader.flag()? {
        false => Ok(plain),
        true => Err(unexpected(format_args!("{name} with something to it"))),
    }
}

/// What a node hears of somebody who waits there.
#[derive(Clone, Debug)]
pub struct Message {
    /// The airlock.
    pub name: Arc<str>,
    /// Its resource.
    pub resource: Arc<str>,
    /// Who.
    pub id: TicketId,
    /// What happened: it was granted its place, or its waiting ended.
    pub change: Change,
}

/// A message of the script to a node.
pub fn message(bytes: &[u8]) -> Result<Message, StoreError> {
    let mut reader = Reader::new(bytes);
    reader.array_of(5)?;
    let (name, resource) = (Arc::from(reader.text()?), Arc::from(reader.text()?));
    let id = TicketId(reader.id()?);
    let what = reader.text()?;
    let change = change(what, &mut reader)?;
    reader.finish()?;
    Ok(Message { name, resource, id, change })
}

fn switch_name(state: SwitchState) -> &'static str {
    match state {
        SwitchState::Open => "open",
        SwitchState::Closed => "closed",
        SwitchState::Hold => "hold",
        SwitchState::Drain => "drain",
        SwitchState::Bypass => "bypass",
    }
}

fn denial(name: &str) -> Result<Denial, StoreError> {
    Ok(match name {
        "full" => Denial::Full,
        "limited" => Denial::Limited,
        "closed" => Denial::Closed,
        "line-full" => Denial::LineFull,
        "group-line-full" => Denial::GroupLineFull,
        "duplicate" => Denial::Duplicate,
        "too-heavy" => Denial::TooHeavy,
        other => return Err(unexpected(format_args!("a reason called {other:?}"))),
    })
}

/// How a ticket ended, as it is written there.
pub fn ending(name: &str) -> Result<Ending, StoreError> {
    Ok(match name {
        "released" => Ending::Released,
        "admitted" => Ending::Admitted,
        "left" => Ending::Left,
        "lapsed" => Ending::Lapsed,
        "missed" => Ending::Missed,
        "absent" => Ending::Absent,
        "evicted" => Ending::Evicted,
        "superseded" => Ending::Superseded,
        "too-heavy" => Ending::TooHeavy,
        "spent" => Ending::Spent,
        "closed" => Ending::Closed,
        other => return Err(unexpected(format_args!("an ending called {other:?}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Secret;

    /// An answer: who asked waits, and another is told.
    fn good() -> Vec<u8> {
        let nested = |parts: Vec<Vec<u8>>| {
            let mut whole = vec![0x90 | parts.len() as u8];
            parts.iter().for_each(|part| whole.extend_from_slice(part));
            whole
        };
        let text = |text: &[u8]| [&[0xa0 | text.len() as u8], text].concat();
        let chance = [&[0xca][..], &0.25f32.to_be_bytes()].concat();
        let place = vec![text(b"queued"), vec![2], vec![0xc3], vec![4], chance, vec![0xc2], vec![9]];
        let grant = nested(vec![vec![7], vec![3], vec![8], vec![0xc2], vec![1], vec![0xc3]]);
        let ids = [text(&[1; 16]), text(&[2; 16])];
        let mut effect = vec![text(b"granted")];
        effect.extend(ids);
        effect.extend([text("äda".as_bytes()), vec![7], vec![5], vec![6], vec![0xc2], grant]);
        let effects = nested(vec![nested(effect)]);
        let answer = nested(vec![nested(place), vec![0xc2], vec![0xcc, 200], effects, vec![0xc2], vec![0xc3]]);
        nested(vec![vec![6], nested(vec![answer])])
    }

    #[test]
    fn reads_an_answer() {
        let decided = answers(&good()).expect("it is one");
        let [Answered { answer, effects, idle: false, own: true, now: 6 }] = &*decided else { panic!("{decided:?}") };
        let Outcome::Queued(place) = &answer.outcome else { panic!("{answer:?}") };
        assert_eq!((place.position, place.chance, place.estimated_wait), (2, Some(0.25), None));
        assert_eq!((answer.more, answer.next_at), (false, Some(200)));
        assert_eq!((effects[0].effect.id, effects[0].node), (TicketId([1; 16]), Some([2; 16])));
        assert_eq!(effects[0].effect.identity.as_deref(), Some("äda"));
        let Change::Granted(grant) = effects[0].effect.change else { panic!("{effects:?}") };
        assert_eq!((grant.fence, grant.floor, grant.until, grant.leased), (7, 3, 8, true));
    }

    #[test]
    fn whatever_the_server_says_is_an_error_at_worst() {
        let good = good();
        for end in 0..good.len() {
            assert!(answers(&good[..end]).is_err(), "{end} bytes are no answer");
        }
        assert!(answers(&[&*good, &[0]].concat()).is_err(), "something follows");
        let mut bits = 0x9e37_79b9_u32;
        for at in 0..good.len() {
            for _ in 0..64 {
                bits ^= bits << 13;
                bits ^= bits >> 17;
                bits ^= bits << 5;
                let mut bad = good.clone();
                bad[at] = bits as u8;
                // Whatever it comes to, it comes to something.
                let _ = (answers(&bad), message(&bad));
            }
        }
        // A length that nothing stands behind.
        let problem = answers(&[0x92, 6, 0xdd, 0xff, 0xff, 0xff, 0xff]).expect_err("four billion answers are none");
        assert!(problem.is_unknown());
    }

    #[test]
    fn a_handle_and_no_token_are_errors() {
        let local = crate::token::Local { home: 0, slot: 0, serial: 1 };
        assert!(command(&Verb::Poll { key: Key::Local(local) }, 0, None).is_err());
        let enter = Enter {
            key: None,
            identity: None,
            group: None,
            weight: 1,
            score: 0.0,
            per_second: 0.0,
            share: 1.0,
            cap: 0,
            stay: Stay::No,
        };
        assert!(command(&Verb::Enter(enter), 0, None).is_err());
    }

    #[test]
    fn the_secret_does_not_travel() {
        let secret = Secret::from_bytes(*b"sixteen secrets!");
        let bytes = command(&Verb::Restore { key: Key::Token(secret) }, 0, None).expect("it can be said");
        assert!(!bytes.windows(7).any(|window| window == b"secrets"));
        assert!(bytes.windows(16).any(|window| window == TicketId::of(&secret).0));
    }
}
