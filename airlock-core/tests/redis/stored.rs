//! What is stored on the server, read back.

use std::collections::BTreeMap;

use airlock_core::gate::{Asked, Attend, Ending, Group, Meta, Micros, Setting, State, SwitchState, Ticket, sortable};
use airlock_core::gate::{GroupId, NEVER};
use airlock_core::store::redis::wire;

use crate::ensure;
use crate::server::Value;

/// A gate as the hash has it.
#[derive(Debug, Default)]
pub struct Stored {
    pub meta: Meta,
    pub agreed: Option<(u64, Asked, Option<Asked>, Vec<u8>)>,
    pub own: Own,
    /// By ticket id.
    pub tickets: BTreeMap<Vec<u8>, Entry>,
    pub identities: BTreeMap<String, Vec<u8>>,
    /// How many of those share a field with others, and how many in line have one of their own, because all were full.
    pub sharing: u64,
    pub crowded_out: u64,
    pub groups: BTreeMap<u64, (String, Group)>,
    pub group_names: BTreeMap<String, u64>,
    /// The sorted set, in its order.
    pub members: Vec<Vec<u8>>,
}

/// What the script notes for itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Own {
    pub groups: u64,
    pub listed: u64,
    pub resting: u64,
    pub holders: u64,
    pub offers: u64,
    pub waiters: u64,
    pub spent: u64,
    /// 0 where it is not known.
    pub floor: u64,
}

#[derive(Debug)]
pub struct Entry {
    pub ticket: Ticket,
    pub node: Vec<u8>,
    pub identity: String,
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("a record is too short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn word(&mut self) -> Result<u64, String> {
        self.number(7)
    }

    fn small(&mut self) -> Result<u32, String> {
        u32::try_from(self.number(4)?).map_err(|problem| problem.to_string())
    }

    fn double(&mut self) -> Result<f64, String> {
        Ok(f64::from_bits(self.number(8)?))
    }

    fn sized(&mut self, bytes: usize) -> Result<&'a [u8], String> {
        let len = self.number(bytes)? as usize;
        self.take(len)
    }

    fn text(&mut self, bytes: usize) -> Result<String, String> {
        Ok(String::from_utf8_lossy(self.sized(bytes)?).into_owned())
    }

    fn end(&self) -> Result<(), String> {
        ensure!(self.0.is_empty(), "a record is {} bytes too long", self.0.len());
        Ok(())
    }
}

impl Stored {
    /// From HGETALL and ZRANGE.
    pub fn read(records: &Value, members: &Value) -> Result<Self, String> {
        let records = records.list().ok_or("the hash is no list")?;
        let members = members.list().ok_or("the sorted set is no list")?;
        let text = |value: &Value| value.text().map(<[u8]>::to_vec).ok_or("no text".to_owned());
        let mut stored = Stored { members: members.iter().map(text).collect::<Result<_, _>>()?, ..Stored::default() };
        let mut shared = Vec::new();
        for pair in records.chunks_exact(2) {
            let (field, value) = (text(&pair[0])?, text(&pair[1])?);
            let (kind, name) = field.split_first().ok_or("a field without a name")?;
            let mut bytes = Bytes(&value);
            match kind {
                b'm' => stored.meta(&mut bytes)?,
                b't' => drop(stored.tickets.insert(name.to_vec(), entry(&mut bytes)?)),
                b'i' => {
                    stored.identities.insert(String::from_utf8_lossy(name).into_owned(), value);
                    continue;
                }
                b'b' => {
                    ensure!(!value.is_empty() && value.len() % 18 == 0, "a bucket of {} bytes", value.len());
                    shared.extend(value.chunks(18).map(|entry| entry[2..].to_vec()));
                    continue;
                }
                b'n' => drop(stored.group_names.insert(String::from_utf8_lossy(name).into_owned(), bytes.word()?)),
                b'r' => drop(stored.groups.insert(Bytes(name).word()?, group(&mut bytes)?)),
                _ => return Err(format!("a field called {field:?}")),
            }
            bytes.end()?;
        }
        let in_line = |entry: &Entry| matches!(entry.ticket.state, State::Waiting | State::Offered);
        stored.crowded_out =
            stored.identities.values().filter(|id| stored.tickets.get(*id).is_some_and(in_line)).count() as u64;
        for id in shared {
            let entry = stored.tickets.get(&id).filter(|entry| in_line(entry));
            let identity = entry.map_or("", |entry| &entry.identity);
            ensure!(!identity.is_empty(), "nobody in line has that identity: {entry:?}");
            ensure!(stored.identities.insert(identity.to_owned(), id).is_none(), "{identity} is named twice");
            stored.sharing += 1;
        }
        Ok(stored)
    }

    fn meta(&mut self, b: &mut Bytes<'_>) -> Result<(), String> {
        ensure!(b.number(1)? == 1, "another layout");
        let is_calm = b.number(1)? == 1;
        let (meta, own) = (&mut self.meta, &mut self.own);
        (meta.arrival, meta.fence, meta.held) = (b.word()?, b.word()?, b.word()?);
        (own.holders, own.spent, meta.soonest) = (b.word()?, b.word()?, b.word()?);
        let _furthest = b.word()?;
        own.floor = b.word()?;
        let _expires_at = b.word()?;
        meta.override_limit = b.number(5)?.checked_sub(1).map(|limit| limit as u32);
        let (is_agreed, revision) = (b.number(1)? == 1, b.word()?);
        let low = Asked { limit: b.small()?, until: b.word()? };
        let pick = b.sized(1)?.to_vec();
        let high = if b.end().is_ok() { None } else { self.rest(b)? };
        self.agreed = is_agreed.then_some((revision, low, high, pick));
        let (meta, own) = (&self.meta, &self.own);
        let calm = meta.waiting + meta.offered + own.groups + meta.replenished_at == 0 && meta.switch.is_none();
        ensure!(is_calm == (calm && high.is_none()), "whether it is calm is said wrongly");
        Ok(())
    }

    /// What is there of a gate that is not at rest; answers the higher limit.
    fn rest(&mut self, b: &mut Bytes<'_>) -> Result<Option<Asked>, String> {
        let (meta, own) = (&mut self.meta, &mut self.own);
        (meta.waiting, meta.offered) = (b.word()?, b.word()?);
        (meta.replenished_at, meta.drawn) = (b.word()?, b.word()?);
        (meta.pace, meta.pace_samples, meta.moved_at) = (b.double()?, b.number(2)? as u32, b.word()?);
        (meta.virtual_time, meta.period, meta.lanes) = (b.double()?, b.small()?, b.word()?);
        let _last_group = b.word()?;
        (own.groups, own.listed, own.resting) = (b.word()?, b.word()?, b.word()?);
        (own.offers, own.waiters) = (b.word()?, b.word()?);
        let has_high = b.number(1)? == 1;
        let high = Asked { limit: b.small()?, until: b.word()? };
        let high = has_high.then_some(high);
        let (state, until) = (b.text(1)?, b.word()?);
        let has_reason = b.number(1)? == 1;
        let because = b.text(4)?;
        let state = match &*state {
            "" => return Ok(high),
            "open" => SwitchState::Open,
            "closed" => SwitchState::Closed,
            "hold" => SwitchState::Hold,
            "drain" => SwitchState::Drain,
            "bypass" => SwitchState::Bypass,
            other => return Err(format!("a switch set to {other}")),
        };
        meta.switch = Some(Box::new(Setting { state, until, because: has_reason.then(|| because.into()) }));
        Ok(high)
    }

    /// Every index entry that these records ought to have.
    pub fn indexes(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for (id, Entry { ticket, .. }) in &self.tickets {
            if ticket.state == State::Waiting {
                all.push([line_key(ticket.lane, ticket.order()), word(ticket.arrival).to_vec(), id.clone()].concat());
            }
            if ticket.state.takes_room() {
                all.push(member(b'i', &[&word(ticket.fence), id]));
            }
            if ticket.deadline < NEVER {
                let base = match ticket.state {
                    State::Holding => 120,
                    State::Offered => 152,
                    State::Spent => 184,
                    State::Waiting => 216,
                };
                let [upper, lower @ ..] = word(ticket.deadline);
                all.push(member(base + upper, &[&lower, &word(ticket.arrival), id]));
            }
        }
        for (number, (_, group)) in &self.groups {
            if group.listed {
                all.push(member(b'l', &[&order(group.tag), &word(group.head), &word(*number)]));
            }
            if group.is_resting() {
                all.push(member(b'r', &[&group.period.to_be_bytes(), &order(group.finish), &word(*number)]));
            }
        }
        all.sort_unstable();
        all
    }

    /// The line: lanes and arrivals.
    pub fn line(&self) -> Vec<(u64, u64)> {
        let in_line = self.members.iter().filter(|member| matches!(member[0], b'K' | b'L'));
        let number = |bytes: &[u8]| Bytes(bytes).word().unwrap_or(0);
        let lane = |member: &[u8]| if member[0] == b'L' { number(&member[1..8]) } else { 0 };
        in_line.map(|member| (lane(member), number(&member[member.len() - 23..member.len() - 16]))).collect()
    }
}

/// A lane and an order in it, which are short where they are 0.
fn line_key(lane: u32, key: f64) -> Vec<u8> {
    let mut bytes = if lane == 0 { vec![b'K'] } else { member(b'L', &[&word(lane.into())]) };
    if key == 0.0 {
        bytes.push(1);
    } else {
        bytes.push(if key < 0.0 { 0 } else { 2 });
        bytes.extend(order(key));
    }
    bytes
}

fn word(number: u64) -> [u8; 7] {
    let [_, rest @ ..] = number.to_be_bytes();
    rest
}

fn order(value: f64) -> [u8; 8] {
    sortable(value).to_be_bytes()
}

fn member(letter: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut member = vec![letter];
    parts.iter().for_each(|part| member.extend_from_slice(part));
    member
}

fn entry(b: &mut Bytes<'_>) -> Result<Entry, String> {
    let letter = b.take(1)?[0];
    let attend = if letter.is_ascii_uppercase() { Attend::Here } else { Attend::Away };
    let state = match letter.to_ascii_lowercase() {
        b'h' => State::Holding,
        b'o' => State::Offered,
        b'w' => State::Waiting,
        b's' => State::Spent,
        other => return Err(format!("a ticket that is {other}")),
    };
    let flags = b.number(1)?;
    let has = |flag: u64| flags & flag != 0;
    let (arrival, lasts): (u64, u64) = (b.word()?, b.number(5)?);
    let (fence, since): (u64, Micros) = if has(128) { (b.word()?, b.word()?) } else { (0, 0) };
    let weight = if has(1) { b.small()? } else { 1 };
    let (score, per_second) = if has(2) { (b.double()?, b.double()?) } else { (0.0, 0.0) };
    let (present_until, nonce) = if has(4) { (b.word()?, b.word()?) } else { (0, 0) };
    let (group, lane) = if has(8) { (b.word()?, b.word()? as u32) } else { (0, 0) };
    let group = Some(group).filter(|number| *number > 0).map(|number| GroupId(number as u32));
    let ending = if has(16) { b.text(1)? } else { "released".to_owned() };
    let ending: Ending = wire::ending(&ending).map_err(|problem| problem.to_string())?;
    let node = if has(32) { b.take(16)?.to_vec() } else { Vec::new() };
    let deadline: Micros = if has(64) { b.word()? } else { arrival + lasts };
    let present_until = if state == State::Waiting { deadline } else { present_until };
    let identity = String::from_utf8_lossy(b.take(b.0.len())?).into_owned();
    let ticket = Ticket {
        state,
        attend,
        weight,
        group,
        lane,
        score,
        per_second,
        arrival,
        fence,
        deadline,
        present_until,
        since,
        nonce,
        ending,
    };
    Ok(Entry { ticket, node, identity })
}

fn group(b: &mut Bytes<'_>) -> Result<(String, Group), String> {
    let (in_line, in_use) = (b.word()?, b.word()?);
    let (share, cap, period) = (b.double()?, b.small()?, b.small()?);
    let (start, finish, tag) = (b.double()?, b.double()?, b.double()?);
    let (head, listed) = (b.word()?, b.number(1)? == 1);
    let name = b.text(2)?;
    Ok((name, Group { in_line, in_use, share, cap, period, start, finish, tag, head, listed }))
}
