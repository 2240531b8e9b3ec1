//! Whose turn it is, told to who is away (G10).

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::bench::{Bench, ROOM, lock, person};
use super::{Subject, WATCHDOG};
use crate::notifier::{Notifier, NotifyError, Turn};
use crate::store::BoxFuture;
use crate::{Entered, Offer, Standing, Ticket};

/// Writes down who is told by which node.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(usize, Turn)>>>);

struct Node(Told, usize);

impl Notifier for Node {
    fn notify<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), NotifyError>> {
        self.0.0.lock().expect("no panic").push((self.1, turn.clone()));
        Box::pin(async { Ok(()) })
    }
}

impl Told {
    /// All that was told, once it is so much.
    async fn turns(&self, count: usize) -> Vec<(usize, Turn)> {
        let since = Instant::now();
        loop {
            let told = self.0.lock().expect("no panic").clone();
            if told.len() >= count {
                return told;
            }
            assert!(since.elapsed() < WATCHDOG, "nobody was told: {told:?}");
            tokio::task::yield_now().await;
        }
    }
}

async fn in_line(bench: &Bench, identity: &str) -> Ticket {
    match bench.airlock.enter(person(identity)).await {
        Ok(Entered::Queued(ticket)) => ticket,
        other => panic!("should be in line: {other:?}"),
    }
}

async fn offered(bench: &Bench, ticket: &Ticket) -> Offer {
    match bench.airlock.poll(&ticket.token).await {
        Ok(Standing::Offered(offer)) => offer,
        other => panic!("should be offered a place: {other:?}"),
    }
}

/// G10: whoever is away is told of its turn once, by one of the nodes, with what a claim needs; whoever is told by the answer
/// to its own command is not told besides.
pub async fn g10_who_is_away_is_told_of_its_turn_once(subject: &impl Subject) {
    let told = Told::default();
    let node = |index| Node(told.clone(), index);
    let one = Bench::with(subject, |builder| builder.seal(lock()).notifier(node(1))).await;
    let two = Bench::with(subject, |builder| builder.seal(lock()).notifier(node(2))).await;
    let inside = one.inside(ROOM).await;
    let ada = in_line(&two, "ada").await;
    let bob = in_line(&one, "bob").await;
    inside.release().await.expect("a store that works");
    let turns = told.turns(1).await;
    let (by, turn) = &turns[0];
    // It is the node that released which made room.
    assert_eq!((*by, &*turn.resource, &*turn.identity), (1, ROOM, "ada"));
    assert_eq!(two.airlock.topic("ada").expect("a name"), *turn.topic);
    let offer = offered(&two, &ada).await;
    assert_eq!((turn.nonce, turn.claim_by), (offer.nonce, offer.claim_by));
    let permit = two.airlock.claim(&ada.token, turn.nonce).await.expect("her offer");
    permit.release().await.expect("a store that works");
    assert_eq!(told.turns(2).await.len(), 2);
    // Entering takes his offer up.
    let Ok(Entered::Admitted(permit)) = one.airlock.enter(person("bob")).await else { panic!("it is his turn") };
    permit.release().await.expect("a store that works");
    one.until_empty().await;
    let identities: Vec<_> = told.turns(2).await.into_iter().map(|(_, turn)| turn.identity).collect();
    assert_eq!(identities, ["ada".into(), "bob".into()] as [Arc<str>; 2]);
    drop(bob);
}
