//! What is said to the script, and by it.

mod request;
mod seen;

use std::sync::Arc;

pub(super) use request::command_into;
pub use request::{command, header, strategy};
use seen::inspection;

use super::msgpack::{Reader, unexpected};
use crate::error::StoreError;
use crate::gate::{Answer, Change, Denial, Effect, Ending, Grant, Micros, Outcome, Place};
pub use crate::store::shared::TicketId;

/// Which form of keys and calls the script is for.
pub const LAYOUT: u8 = 1;

/// A process that attends waiters.
pub type NodeId = [u8; 16];

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
        "seen" => (13, Outcome::Seen(Box::new(inspection(reader)?))),
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
        "offered" => {
            reader.array_of(2)?;
            return Ok(Change::Offered { nonce: reader.number()?, claim_by: reader.number()? });
        }
        "admitted" => Change::Admitted,
        "queued" => Change::Queued,
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
    use crate::gate::{Enter, Key, Stay, Verb};
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
        let local = crate::token::Local { home: 0, slot: 0, serial: 1, side: 0 };
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
