//! A gate as a value, to be kept as a whole: in a file, or under a key.

mod check;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::table::Floor;
use super::{
    Agreed, Attend, Ending, Group, GroupId, Ledger as _, Meta, Micros, NEVER, Pick, Spec, State, Table, Ticket,
};
use crate::token::Secret;

/// All there is to one gate, for a store that keeps it as a whole.
///
/// Made [of a table](Snapshot::of), serialised with whatever serde serialises to, and made
/// [into a table](Snapshot::into_table) again, on which every command has the answer that it would have had on the
/// first. What comes from outside is checked as a whole before it is believed: whoever can write where it is kept can
/// let in whom they like, but cannot crash the process that reads it, nor have it loop.
///
/// It is as large as the gate is full: some two hundred bytes of JSON for each who is inside or waits. It shows
/// identities, and tokens as they were asked with: a store asks with hashes of them, so that what it keeps releases
/// nothing.
///
/// [`decide`](super::decide) does all of it at once. For a form of one's own:
///
/// ```
/// use airlock_core::gate::{Snapshot, Spec, Table};
///
/// fn keep(table: &Table) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
///     Ok(serde_json::to_vec(&Snapshot::of(table)?)?)
/// }
///
/// fn bring_back(kept: &[u8], spec: &Spec) -> Result<Table, Box<dyn std::error::Error>> {
///     Ok(serde_json::from_slice::<Snapshot>(kept)?.into_table(spec)?)
/// }
/// # assert!(serde_json::from_slice::<Snapshot>(&keep(&Table::default()).unwrap()).is_ok());
/// # let _ = bring_back;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    meta: Meta,
    #[serde(default, skip_serializing_if = "is_default")]
    agreed: Option<Agreed>,
    /// A ticket names its group by where it is in here.
    #[serde(default, skip_serializing_if = "is_default")]
    groups: Vec<Named>,
    /// By arrival.
    #[serde(default, skip_serializing_if = "is_default")]
    tickets: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: Box<str>,
    group: Group,
}

/// A ticket and its names. What most have not is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    state: State,
    attend: Attend,
    #[serde(default, skip_serializing_if = "is_default", with = "hex")]
    token: Option<Secret>,
    #[serde(default, skip_serializing_if = "is_default")]
    identity: Option<Arc<str>>,
    weight: u32,
    arrival: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    fence: u64,
    deadline: Micros,
    #[serde(default, skip_serializing_if = "is_default")]
    since: Micros,
    #[serde(default, skip_serializing_if = "is_default")]
    present_until: Micros,
    #[serde(default, skip_serializing_if = "is_default")]
    nonce: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    group: Option<GroupId>,
    #[serde(default, skip_serializing_if = "is_default")]
    lane: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    score: f64,
    #[serde(default, skip_serializing_if = "is_default")]
    per_second: f64,
    #[serde(default, skip_serializing_if = "is_default")]
    ending: Ending,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Snapshot {
    /// All there is to this gate.
    ///
    /// # Errors
    ///
    /// When something in it is no finite number, or near to none. Only shares below 10⁻¹⁰⁰ and scores at the end of what a
    /// double can hold come to that.
    pub fn of(table: &Table) -> Result<Self, InvalidSnapshot> {
        let numbers: Vec<(GroupId, Named)> =
            table.groups().map(|(id, name, group)| (id, Named { name: name.into(), group })).collect();
        let number = |id: GroupId| numbers.binary_search_by_key(&id, |(known, _)| *known).ok().map(|at| at as u32);
        let entry = |(id, ticket): (u32, &Ticket)| {
            let group = ticket.group.and_then(number);
            Entry {
                state: ticket.state,
                attend: ticket.attend,
                token: table.secret(id),
                identity: table.identity(id),
                weight: ticket.weight,
                arrival: ticket.arrival,
                fence: ticket.fence,
                deadline: ticket.deadline,
                since: ticket.since,
                present_until: ticket.present_until,
                nonce: ticket.nonce,
                group: group.map(GroupId),
                // Whoever waits in no line any more has none.
                lane: group.filter(|_| ticket.lane != 0).map_or(0, |group| group + 1),
                score: ticket.score,
                per_second: ticket.per_second,
                ending: ticket.ending,
            }
        };
        let mut tickets: Vec<Entry> = table.tickets().map(entry).collect();
        // The order of slots depends on how the table came about.
        tickets.sort_unstable_by_key(|entry| entry.arrival);
        let meta = table.meta().clone();
        let groups = numbers.into_iter().map(|(_, named)| named).collect();
        let snapshot = Snapshot { meta, agreed: table.agreed(), groups, tickets };
        check::finite(&snapshot).map_err(InvalidSnapshot)?;
        Ok(snapshot)
    }

    /// The gate of which this was made, for a step with that configuration.
    ///
    /// # Errors
    ///
    /// When this is of no gate that could be: a token or an identity is there twice, a count does not fit who is
    /// counted, a number is not finite or beyond all times, or whoever waits was put in line by another strategy than
    /// the one that is in force.
    pub fn into_table(self, spec: &Spec) -> Result<Table, InvalidSnapshot> {
        let agreed = self.agreed.filter(|_| spec.shared.is_some());
        let pick = agreed.map_or(spec.pick, |agreed| agreed.pick);
        check::possible(&self, pick == Pick::Fair).map_err(InvalidSnapshot)?;
        let mut table = Table::starting_at(Floor::default(), 0);
        for (at, Named { name, group }) in (0..).zip(self.groups) {
            let id = table.group(&name);
            debug_assert_eq!(id, GroupId(at), "names are unique");
            table.write_group(id, group);
        }
        // Whoever is inside goes in by fence, in which order the table keeps them.
        let (mut inside, outside): (Vec<Entry>, Vec<Entry>) =
            self.tickets.into_iter().partition(|entry| entry.state.takes_room());
        inside.sort_unstable_by_key(|entry| entry.fence);
        for entry in outside.into_iter().chain(inside) {
            table.insert(entry.ticket(), entry.token, entry.identity.as_deref());
        }
        if let Some(agreed) = self.agreed {
            table.set_agreed(agreed);
        }
        *table.meta_mut() = self.meta;
        Ok(table)
    }

    /// Whether nobody is inside or waits, and nothing has to be kept but numbers.
    pub fn is_idle(&self) -> bool {
        let meta = &self.meta;
        let set = meta.override_limit.is_some() || meta.switch.is_some();
        self.tickets.is_empty() && !set && meta.replenished_at == 0
    }

    /// From when on all of it is over and past, if nobody asks before; never where an operator has set something
    /// without an end, or a lease has none.
    ///
    /// Until then something may need to be known: who is inside, a spent token, a rate that has not recovered, what
    /// nodes are agreed on, and the last numbers given out, which have to grow (G2). From then on a gate that is made
    /// anew decides the same.
    pub fn forget_at(&self) -> Option<Micros> {
        let Meta { arrival, fence, switch, replenished_at, override_limit, .. } = &self.meta;
        if override_limit.is_some() {
            return None;
        }
        let asked = self.agreed.iter().flat_map(|agreed| [Some(agreed.low), agreed.high]).flatten();
        let past = [arrival.saturating_add(1), fence.saturating_add(1), *replenished_at];
        let reopens = switch.as_ref().map(|switch| switch.until);
        let over = past.into_iter().chain(reopens);
        let last =
            self.tickets.iter().map(|entry| entry.deadline).chain(asked.map(|asked| asked.until)).chain(over).max();
        last.filter(|last| *last < NEVER)
    }
}

impl Entry {
    fn ticket(&self) -> Ticket {
        Ticket {
            state: self.state,
            attend: self.attend,
            weight: self.weight,
            group: self.group,
            lane: self.lane,
            score: self.score,
            per_second: self.per_second,
            arrival: self.arrival,
            fence: self.fence,
            deadline: self.deadline,
            present_until: self.present_until,
            since: self.since,
            nonce: self.nonce,
            ending: self.ending,
        }
    }
}

/// A [`Snapshot`] of no gate that could be. It says what is wrong, and repeats no names.
///
/// See [`Snapshot`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSnapshot(String);

impl fmt::Display for InvalidSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no gate is like that: {}", self.0)
    }
}

impl std::error::Error for InvalidSnapshot {}

/// A token as 32 hexadecimal digits.
mod hex {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::token::Secret;

    pub(super) fn serialize<S: Serializer>(token: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        match token {
            Some(token) => serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(token.expose_bytes()))),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
        let Some(digits) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let plain = digits.len() == 32 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(&digits, 16) {
            Ok(bits) if plain => Ok(Some(Secret::from_bytes(bits.to_be_bytes()))),
            _ => Err(D::Error::custom("a token is 32 hexadecimal digits")),
        }
    }
}
