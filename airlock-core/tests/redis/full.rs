//! A server whose memory is full, and which throws nothing away.

use airlock_core::gate::{Change, Key, Outcome, Spec, Stay, Verb};

use crate::ask::secret;
use crate::short::{Short, newcomer, spec};

impl Short {
    fn set_maxmemory(&mut self, bytes: &[u8]) {
        let set = self.connection.call(&[b"CONFIG", b"SET", b"maxmemory", bytes]).expect("it answers");
        assert_eq!(set.text(), Some(&b"OK"[..]), "{set:?}");
    }

    /// All that it has stored.
    fn stored(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let mut keys = self.keys();
        keys.sort();
        let mut dump =
            |key: &[u8]| self.connection.call(&[b"DUMP", key]).expect("it answers").text().map(<[u8]>::to_vec);
        keys.into_iter().map(|key| (key.clone(), dump(&key))).collect()
    }
}

const RELEASE: fn(u32) -> Verb<'static> = |token| Verb::GiveUp { key: Key::Token(secret(token)), doubt: false };

/// By the short cut, and by the way of all others, which an airlock with a rate takes.
#[test]
fn it_takes_what_is_given_back() {
    let mut short = Short::start();
    let long = Spec { ttl: 60_000_000, ..spec() };
    let mut careful = long.clone();
    careful.line.group_capacity = 5;
    for (resource, spec) in [("quick", &long), ("careful", &careful)] {
        short.ask(resource, spec, &newcomer(1, None, Stay::No));
        short.set_maxmemory(b"1");
        let refused = short.ask_as(None, resource, spec, &newcomer(3, None, Stay::Away)).expect_err("it is full");
        assert!(refused.starts_with("OOM"), "{refused}");
        let released = short.ask(resource, spec, &RELEASE(1));
        assert!(matches!(released, Outcome::Released), "{resource}: {released:?}");
        short.set_maxmemory(b"0");
        assert!(matches!(short.ask(resource, spec, &newcomer(5, None, Stay::No)), Outcome::Admitted(_)), "{resource}");
    }
}

/// To let somebody in something has to be written. It is refused as a whole, and works when there is memory again.
#[test]
fn it_lets_nobody_in_by_halves() {
    let (mut short, spec) = (Short::start(), Spec { ttl: 60_000_000, ..spec() });
    short.ask("one", &spec, &newcomer(1, None, Stay::No));
    short.ask_as(Some([7; 16]), "one", &spec, &newcomer(3, None, Stay::Here)).expect("a server");
    let before = short.stored();
    short.set_maxmemory(b"1");
    let refused = short.ask_as(None, "one", &spec, &RELEASE(1)).expect_err("it is full");
    assert!(refused.starts_with("OOM"), "{refused}");
    assert_eq!(short.stored(), before);
    short.set_maxmemory(b"0");
    let released = short.ask_as(None, "one", &spec, &RELEASE(1)).expect("a server");
    assert!(matches!(released.answer.outcome, Outcome::Released), "{released:?}");
    assert!(released.effects.iter().any(|told| matches!(told.effect.change, Change::Granted(_))), "{released:?}");
}
