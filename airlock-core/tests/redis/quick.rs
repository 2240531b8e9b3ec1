//! What the script's short cuts tell, which the gate itself does not know: a node is the store's business.

use airlock_core::gate::{Change, Ending, Key, Outcome, Stay, Verb};

use crate::ask::secret;
use crate::short::{Short, newcomer, spec};

const NODE: [u8; 16] = [7; 16];

/// Whoever waited, was let in and leaves an empty gate is told of with the node that attended it.
#[test]
fn a_quick_release_names_the_node() {
    let (mut short, spec) = (Short::start(), spec());
    short.ask("one", &spec, &newcomer(1, None, Stay::No));
    let waits = short.ask_as(Some(NODE), "one", &spec, &newcomer(3, None, Stay::Here)).expect("a server");
    assert!(matches!(waits.answer.outcome, Outcome::Queued(_)), "{waits:?}");
    let release = |token| Verb::GiveUp { key: Key::Token(secret(token)), doubt: false };
    let told = short.ask_as(None, "one", &spec, &release(1)).expect("a server").effects;
    let granted = told.iter().find(|told| matches!(told.effect.change, Change::Granted(_))).expect("it is let in");
    assert_eq!(granted.node, Some(NODE));
    // Alone inside, and nobody waits: that is what the short cut is for.
    let left = short.ask_as(None, "one", &spec, &release(3)).expect("a server");
    assert!(matches!(left.answer.outcome, Outcome::Released), "{left:?}");
    let [told] = &*left.effects else { panic!("{left:?}") };
    assert_eq!((told.effect.change, told.node), (Change::Ended(Ending::Released), Some(NODE)));
}
