//! Commands as data: to be sent twice, to two ledgers, and to be printed.

use airlock_core::gate::{Enter, Key, Micros, Page, Stay, SwitchState, Verb, Whom};
use airlock_core::{Local, Secret};

pub const IDENTITIES: [&str; 12] =
    ["ada", "bob", "cleo", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "lou"];
pub const GROUPS: [&str; 3] = ["red", "green", "blue"];
/// Under fair shares, those without a group are one.
pub const NO_GROUP: usize = GROUPS.len();

/// Tokens are numbered from 1.
pub type TokenNumber = u32;

pub fn secret(token: TokenNumber) -> Secret {
    let mut bytes = [0xa5; 16];
    bytes[..4].copy_from_slice(&token.to_le_bytes());
    Secret::from_bytes(bytes)
}

/// How somebody is named in a command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Name {
    Token(TokenNumber),
    Local(Local),
    Identity { who: usize, fence: u64 },
}

impl Name {
    pub fn key(&self) -> Key<'static> {
        match *self {
            Name::Token(token) => Key::Token(secret(token)),
            Name::Local(local) => Key::Local(local),
            Name::Identity { who, fence } => Key::Identity { identity: IDENTITIES[who], fence },
        }
    }
}

/// A newcomer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newcomer {
    pub token: Option<TokenNumber>,
    pub who: Option<usize>,
    pub group: Option<usize>,
    pub weight: u32,
    pub score: f64,
    pub per_second: f64,
    pub share: f64,
    pub cap: u32,
    pub stay: Stay,
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    Enter(Newcomer),
    Poll(Name),
    Look(Name),
    Claim(Name, u64),
    Renew(Name, Option<Micros>),
    Adopt { name: Name, token: TokenNumber, detach: bool },
    Restore(Name),
    GiveUp { name: Name, doubt: bool },
    Resize(Option<u32>),
    Switch(Option<(SwitchState, Option<Micros>)>),
    EvictIdentity(usize),
    EvictInside(usize),
    EvictInLine(usize),
    EvictFence(u64),
    Inspect(Page),
    Tick,
}

impl Ask {
    pub fn verb(&self) -> Verb<'static> {
        match *self {
            Ask::Enter(new) => Verb::Enter(Enter {
                key: new.token.map(|token| Key::Token(secret(token))),
                identity: new.who.map(|who| IDENTITIES[who]),
                group: new.group.map(|group| GROUPS[group]),
                weight: new.weight,
                score: new.score,
                per_second: new.per_second,
                share: new.share,
                cap: new.cap,
                stay: new.stay,
            }),
            Ask::Poll(name) => Verb::Poll { key: name.key() },
            Ask::Look(name) => Verb::Look { key: name.key() },
            Ask::Claim(name, nonce) => Verb::Claim { key: name.key(), nonce },
            Ask::Renew(name, ttl) => Verb::Renew { key: name.key(), ttl },
            Ask::Adopt { name, token, detach } => Verb::Adopt { key: name.key(), secret: secret(token), detach },
            Ask::Restore(name) => Verb::Restore { key: name.key() },
            Ask::GiveUp { name, doubt } => Verb::GiveUp { key: name.key(), doubt },
            Ask::Resize(limit) => Verb::Resize { limit },
            Ask::Switch(None) => Verb::Switch { state: None, reopen_in: None, because: None },
            Ask::Switch(Some((state, reopen_in))) => {
                Verb::Switch { state: Some(state), reopen_in, because: because(state) }
            }
            Ask::EvictIdentity(who) => Verb::Evict { whom: Whom::Identity(IDENTITIES[who]) },
            Ask::EvictInside(who) => Verb::Evict { whom: Whom::Inside(IDENTITIES[who]) },
            Ask::EvictInLine(who) => Verb::Evict { whom: Whom::InLine(IDENTITIES[who]) },
            Ask::EvictFence(fence) => Verb::Evict { whom: Whom::Fence(fence) },
            Ask::Inspect(page) => Verb::Inspect { page },
            Ask::Tick => Verb::Tick,
        }
    }

    pub fn evicts(&self) -> bool {
        matches!(self, Ask::EvictIdentity(_) | Ask::EvictInside(_) | Ask::EvictInLine(_) | Ask::EvictFence(_))
    }

    /// Whom it names.
    pub fn name(&self) -> Option<Name> {
        match *self {
            Ask::Enter(new) => new.token.map(Name::Token),
            Ask::Poll(name)
            | Ask::Look(name)
            | Ask::Claim(name, _)
            | Ask::Renew(name, _)
            | Ask::Adopt { name, .. }
            | Ask::Restore(name)
            | Ask::GiveUp { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// What the operator has to say about it.
pub fn because(state: SwitchState) -> Option<&'static str> {
    (state == SwitchState::Closed).then_some("this one")
}
