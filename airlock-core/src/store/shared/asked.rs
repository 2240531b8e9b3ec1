//! A command that outlives whoever asked it.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::gate::{Enter, Key, Verb};
use crate::token::Secret;

/// How a store that is shared knows a ticket: by a hash of its token, so that reading the store releases nothing.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TicketId(pub [u8; 16]);

impl TicketId {
    /// The ticket with that token: the first half of its SHA-256.
    pub fn of(secret: &Secret) -> Self {
        let digest: [u8; 32] = Sha256::digest(secret.expose_bytes()).into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        TicketId(id)
    }

    /// As a gate is given it in the place of the token.
    pub fn as_secret(&self) -> Secret {
        Secret::from_bytes(self.0)
    }
}

/// A command to a gate, with the entropy that it may use.
///
/// See `examples/custom-store` for where it is used.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is asked, but for the texts in it.
    shape: Verb<'static>,
    identity: Option<Arc<str>>,
    /// The group of who enters, or the reason of a switch.
    text: Option<Arc<str>>,
    id: Option<TicketId>,
    entropy: u64,
}

impl Asked {
    /// What is asked, kept.
    ///
    /// # Errors
    ///
    /// For what only a store of this process can do: handles, and entering without a token.
    pub fn new(verb: &Verb<'_>, entropy: u64) -> Result<Self, StoreError> {
        let (mut identity, mut text) = (None, None);
        let mut key = |key: Key<'_>| match key {
            Key::Token(secret) => Ok(Key::Token(secret)),
            Key::Local(_) => {
                Err(StoreError::not_executed("a handle of a process means nothing to a store that is shared"))
            }
            Key::Identity { identity: name, fence } => {
                identity = Some(Arc::from(name));
                Ok(Key::Identity { identity: "", fence })
            }
        };
        let shape = match *verb {
            Verb::Enter(enter) => {
                let token = enter.key.map(&mut key).transpose()?;
                if token.is_none() {
                    return Err(StoreError::not_executed("who enters by a store that is shared needs a token"));
                }
                identity = enter.identity.map(Arc::from);
                text = enter.group.map(Arc::from);
                Verb::Enter(Enter { key: token, identity: None, group: None, ..enter })
            }
            Verb::Poll { key: of } => Verb::Poll { key: key(of)? },
            Verb::Look { key: of } => Verb::Look { key: key(of)? },
            Verb::Claim { key: of, nonce } => Verb::Claim { key: key(of)?, nonce },
            Verb::Renew { key: of, ttl } => Verb::Renew { key: key(of)?, ttl },
            Verb::Adopt { key: of, secret, detach } => Verb::Adopt { key: key(of)?, secret, detach },
            Verb::Restore { key: of } => Verb::Restore { key: key(of)? },
            Verb::GiveUp { key: of, doubt } => Verb::GiveUp { key: key(of)?, doubt },
            Verb::Resize { limit } => Verb::Resize { limit },
            Verb::Switch { state, reopen_in, because } => {
                text = because.map(Arc::from);
                Verb::Switch { state, reopen_in, because: None }
            }
            Verb::Evict { whom } => {
                identity = whom.identity().map(Arc::from);
                Verb::Evict { whom: whom.renamed("") }
            }
            Verb::Inspect { page } => Verb::Inspect { page },
            Verb::Tick => Verb::Tick,
        };
        let id = match shape.key() {
            Some(Key::Token(secret)) => Some(TicketId::of(&secret)),
            _ => None,
        };
        Ok(Asked { shape, identity, text, id, entropy })
    }

    /// What is asked, as a gate is asked it: every token is a [hash](TicketId) of itself.
    pub fn verb(&self) -> Verb<'_> {
        let mut verb = self.plain();
        if let (Some(key), Some(id)) = (key_of(&mut verb), self.id) {
            *key = Key::Token(id.as_secret());
        }
        if let Verb::Adopt { secret, .. } = &mut verb {
            *secret = TicketId::of(secret).as_secret();
        }
        verb
    }

    /// The same with the tokens themselves.
    pub(crate) fn plain(&self) -> Verb<'_> {
        let mut verb = self.shape;
        match &mut verb {
            Verb::Enter(enter) => {
                enter.identity = self.identity.as_deref();
                enter.group = self.text.as_deref();
            }
            Verb::Switch { because, .. } => *because = self.text.as_deref(),
            Verb::Evict { whom } => *whom = whom.renamed(self.identity.as_deref().unwrap_or_default()),
            _ => {}
        }
        if let Some(Key::Identity { identity, .. }) = key_of(&mut verb) {
            *identity = self.identity.as_deref().unwrap_or_default();
        }
        verb
    }

    /// The ticket that is meant, where it is meant by its token.
    pub fn id(&self) -> Option<TicketId> {
        self.id
    }

    /// 64 random bits: what is asked again has the same.
    pub fn entropy(&self) -> u64 {
        self.entropy
    }

    /// Whether it makes room: then it is not sent behind those who want it.
    pub(super) fn makes_room(&self) -> bool {
        matches!(self.shape, Verb::GiveUp { .. })
    }
}

/// The key of a command, to change.
fn key_of<'v, 'a>(verb: &'v mut Verb<'a>) -> Option<&'v mut Key<'a>> {
    match verb {
        Verb::Enter(enter) => enter.key.as_mut(),
        Verb::Poll { key }
        | Verb::Look { key }
        | Verb::Claim { key, .. }
        | Verb::Renew { key, .. }
        | Verb::Adopt { key, .. }
        | Verb::Restore { key }
        | Verb::GiveUp { key, .. } => Some(key),
        Verb::Resize { .. } | Verb::Switch { .. } | Verb::Evict { .. } | Verb::Inspect { .. } | Verb::Tick => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Stay, SwitchState, Whom};
    use crate::token::Local;

    const SECRET: [u8; 16] = *b"sixteen secrets!";

    fn enter(key: Option<Key<'_>>) -> Verb<'_> {
        let (identity, group) = (Some("ada"), Some("acme"));
        let (score, per_second, share) = (1.0, 2.0, 3.0);
        Verb::Enter(Enter { key, identity, group, weight: 4, score, per_second, share, cap: 5, stay: Stay::Here })
    }

    #[test]
    fn says_the_same_later() {
        let token = Key::Token(Secret::from_bytes(SECRET));
        let verbs = [
            enter(Some(token)),
            Verb::Poll { key: Key::Identity { identity: "ada", fence: 7 } },
            Verb::Claim { key: token, nonce: 9 },
            Verb::Switch { state: Some(SwitchState::Closed), reopen_in: None, because: Some("a sale") },
            Verb::Evict { whom: Whom::Identity("ada") },
            Verb::Evict { whom: Whom::Inside("ada") },
            Verb::Evict { whom: Whom::InLine("ada") },
            Verb::Evict { whom: Whom::Fence(3) },
            Verb::Tick,
        ];
        for verb in verbs {
            let asked = Asked::new(&verb, 1).expect("it can be said");
            assert_eq!(format!("{:?}", asked.plain()), format!("{verb:?}"));
        }
    }

    #[test]
    fn a_gate_hears_a_hash() {
        let secret = Secret::from_bytes(SECRET);
        let asked = Asked::new(&enter(Some(Key::Token(secret))), 1).expect("it can be said");
        let Verb::Enter(Enter { key: Some(Key::Token(heard)), .. }) = asked.verb() else { panic!("{asked:?}") };
        assert_eq!(heard.expose_bytes(), TicketId::of(&secret).0);
        assert_ne!(heard, secret);
    }

    #[test]
    fn a_handle_and_no_token_are_errors() {
        let local = Local { home: 0, slot: 0, serial: 1, side: 0 };
        assert!(Asked::new(&Verb::Poll { key: Key::Local(local) }, 0).is_err());
        assert!(Asked::new(&enter(None), 0).is_err());
    }
}
