//! What is asked of the script.

use super::super::msgpack::Writer;
use super::{LAYOUT, NodeId, TicketId};
use crate::error::StoreError;
use crate::gate::{
    Conditions, Enter, Key, Micros, NEVER, OnMissed, OnReentry, Pick, Record, Spec, Stay, SwitchState, Verb, Whom,
};
use crate::store::shared::Asked;
use crate::token::Secret;

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
    writer.bytes(switch.state.name())?.number(switch.until.min(NEVER))?.maybe_bytes(switch.because.as_deref())?;
    writer.number(spec.shared.map_or(0, |nodes| nodes.presence).min(NEVER))?;
    writer.number(spec.shared.map_or(0, |nodes| nodes.confirmation).min(NEVER))?.flag(conditions.forced)?;
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
    let mut header = Packed(Vec::with_capacity(256));
    header.byte(LAYOUT).flag(is_plain).byte(record).word(keep).small(spec.limit).word(spec.ttl).word(spec.max_hold);
    header.flag(spec.on_reentry == OnReentry::Share).flag(spec.shared.is_some()).word(spec.revision);
    header.word(conditions.unwell_until).short_bytes(&strategy(spec.pick)?);
    Ok(header.0)
}

/// A strategy: packed by itself, because a gate keeps by which one its line was formed.
pub fn strategy(pick: Pick) -> Result<Vec<u8>, StoreError> {
    let mut writer = Writer::new();
    match pick {
        Pick::Nobody => writer.bytes("nobody")?,
        Pick::Head => writer.bytes("head")?,
        Pick::Fair => writer.bytes("fair")?,
        Pick::Uniform { overdue } => {
            writer.bytes("uniform")?.maybe_number(overdue.map(|overdue| overdue.min(NEVER)))?
        }
        Pick::Aging { base, per_second, max } => {
            writer.bytes("aging")?.flag(false)?.double(base)?.double(per_second)?.double(max)?
        }
    };
    writer.finish()
}

/// A further argument of a call: one command. `node` is whom to tell of a waiter that stays beside the gate.
///
/// # Errors
///
/// For what only a store of this process can do: handles, and entering without a token.
pub fn command(verb: &Verb<'_>, entropy: u64, node: Option<&NodeId>) -> Result<Vec<u8>, StoreError> {
    let mut packed = Packed(Vec::with_capacity(128));
    pack(&mut packed, verb, TicketId::of, entropy, node)?;
    Ok(packed.0)
}

/// The same of a command that knows its ticket's id, in the place of what `into` holds.
pub(in super::super) fn command_into(into: &mut Vec<u8>, asked: &Asked, node: &NodeId) -> Result<(), StoreError> {
    into.clear();
    let mut packed = Packed(std::mem::take(into));
    let known = |id: &Secret| TicketId(id.expose_bytes());
    pack(&mut packed, &asked.verb(), known, asked.entropy(), Some(node))?;
    *into = packed.0;
    Ok(())
}

fn pack(
    packed: &mut Packed,
    verb: &Verb<'_>,
    id_of: impl Fn(&Secret) -> TicketId,
    entropy: u64,
    node: Option<&NodeId>,
) -> Result<(), StoreError> {
    let (id, identity, fence) = match *verb {
        Verb::Enter(Enter { key: Some(Key::Token(secret)), identity, .. }) => (Some(id_of(&secret)), identity, 0),
        Verb::Enter(_) => return Err(StoreError::not_executed("who enters by Redis needs a token")),
        // With an identity, the number says where it has to be: anywhere, inside, in line.
        Verb::Evict { whom: Whom::Identity(identity) } => (None, Some(identity), 0),
        Verb::Evict { whom: Whom::Inside(identity) } => (None, Some(identity), 1),
        Verb::Evict { whom: Whom::InLine(identity) } => (None, Some(identity), 2),
        Verb::Evict { whom: Whom::Fence(fence) } => (None, None, fence),
        _ => match verb.key() {
            Some(Key::Token(secret)) => (Some(id_of(&secret)), None, 0),
            Some(Key::Identity { identity, fence }) => (None, Some(identity), fence),
            Some(Key::Local(_)) => return Err(StoreError::not_executed("a handle means nothing to Redis")),
            None => (None, None, 0),
        },
    };
    packed.byte(letter(verb)).short_bytes(id.as_ref().map_or(&[], |id| &id.0));
    packed.bytes(identity.unwrap_or_default().as_bytes())?;
    packed.word(fence).small((entropy >> 32) as u32).small(entropy as u32);
    match *verb {
        Verb::Enter(enter) => {
            packed.byte(match enter.stay {
                Stay::No => b'n',
                Stay::Here => b'h',
                Stay::Away => b'a',
            });
            packed.small(enter.weight).double(enter.score).double(enter.per_second).double(enter.share);
            packed.small(enter.cap).short_bytes(node.map_or(&[], |node| node));
            packed.bytes(enter.group.unwrap_or_default().as_bytes())?;
        }
        // A nonce has 53 bits: what is above names none, and shall not become one.
        Verb::Claim { nonce, .. } => drop(packed.word(if nonce > NEVER { 0 } else { nonce })),
        Verb::Renew { ttl, .. } => drop(packed.flag(ttl.is_some()).word(ttl.unwrap_or(0))),
        Verb::Adopt { detach, .. } => drop(packed.flag(detach)),
        Verb::GiveUp { doubt, .. } => drop(packed.flag(doubt)),
        // What is rare is as it comes.
        Verb::Resize { limit } => {
            let mut writer = Writer::new();
            writer.maybe_number(limit.map(u64::from))?;
            packed.0.extend(writer.finish()?);
        }
        Verb::Switch { state, reopen_in, because } => {
            let mut writer = Writer::new();
            writer.maybe_bytes(state.map(SwitchState::name))?.maybe_number(reopen_in.map(|after| after.min(NEVER)))?;
            writer.maybe_bytes(because)?;
            packed.0.extend(writer.finish()?);
        }
        Verb::Inspect { page } => drop(packed.word(page.offset).word(page.count)),
        Verb::Poll { .. } | Verb::Look { .. } | Verb::Restore { .. } | Verb::Evict { .. } | Verb::Tick => {}
    }
    Ok(())
}

fn letter(verb: &Verb<'_>) -> u8 {
    match verb {
        Verb::Enter(_) => b'e',
        Verb::Poll { .. } => b'p',
        Verb::Look { .. } => b'l',
        Verb::Claim { .. } => b'c',
        Verb::Renew { .. } => b'r',
        Verb::Adopt { .. } => b'a',
        Verb::Restore { .. } => b't',
        Verb::GiveUp { .. } => b'g',
        Verb::Resize { .. } => b'z',
        Verb::Switch { .. } => b's',
        Verb::Evict { .. } => b'v',
        Verb::Inspect { .. } => b'i',
        Verb::Tick => b'-',
    }
}

/// Fixed widths, most significant byte first, and bytes with their length in front: what the script unpacks at once.
struct Packed(Vec<u8>);

impl Packed {
    fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    fn flag(&mut self, value: bool) -> &mut Self {
        self.byte(u8::from(value))
    }

    /// Of 32 bits.
    fn small(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Below 2⁵³, as what is above is no other number to Lua.
    fn word(&mut self, value: u64) -> &mut Self {
        let [_, word @ ..] = value.min(NEVER).to_be_bytes();
        self.0.extend(word);
        self
    }

    fn double(&mut self, value: f64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Up to 255 bytes: an id, or the name of a strategy with its numbers.
    fn short_bytes(&mut self, value: &[u8]) -> &mut Self {
        self.byte(value.len() as u8);
        self.0.extend(value);
        self
    }

    /// A name. It has at most 512 bytes, which is not for this file to know.
    fn bytes(&mut self, value: &[u8]) -> Result<&mut Self, StoreError> {
        let len =
            u16::try_from(value.len()).map_err(|_| StoreError::not_executed("a name of more than 65535 bytes"))?;
        self.0.extend(len.to_be_bytes());
        self.0.extend(value);
        Ok(self)
    }
}
