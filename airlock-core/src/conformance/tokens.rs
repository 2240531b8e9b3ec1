//! Commands that are sent twice, come late, or are in doubt (G3).

use super::Subject;
use super::bench::{Bench, LONG, MICRO, admitted, enter, give_up, in_line, lock, secs, semaphore};
use crate::gate::{Key, Outcome, Stay, Verb};
use crate::token::Secret;
use crate::{Ending, Token};

/// G3: an enter that is sent twice is one entry, and has one answer.
pub async fn g03_entering_twice_with_a_token_is_one_entry(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2)).await;
    for identity in [None, Some("ada")] {
        let secret = Secret::random();
        let first = admitted(&bench.apply(enter(secret, identity, Stay::No)).await);
        let again = admitted(&bench.apply(enter(secret, identity, Stay::No)).await);
        assert_eq!(first.fence, again.fence);
    }
    assert_eq!(bench.inspect().await.in_use, 2);
}

/// G3: a waiter that enters twice has one place, the same.
pub async fn g03_queueing_twice_with_a_token_is_one_place(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let _inside = bench.inside(super::bench::ROOM).await;
    let (first, second) = (Secret::random(), Secret::random());
    assert_eq!(in_line(&bench.apply(enter(first, None, Stay::Away)).await).position, 1);
    assert_eq!(in_line(&bench.apply(enter(second, None, Stay::Away)).await).position, 2);
    let again = in_line(&bench.apply(enter(first, None, Stay::Away)).await);
    assert_eq!((again.position, again.waiting), (1, 2));
}

/// G3, G10: a waiter that was offered a place and sends its enter again takes it up.
pub async fn g03_entering_again_with_a_token_takes_the_offer(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let (holder, waiter) = (Secret::random(), Secret::random());
    admitted(&bench.apply(enter(holder, None, Stay::Away)).await);
    in_line(&bench.apply(enter(waiter, None, Stay::Away)).await);
    assert!(matches!(bench.apply(give_up(holder, false)).await.outcome, Outcome::Released));
    let answer = bench.apply(Verb::Look { key: Key::Token(waiter) }).await;
    let Outcome::Offered { fence, .. } = answer.outcome else { panic!("should be offered, not {answer:?}") };
    let grant = admitted(&bench.apply(enter(waiter, None, Stay::Away)).await);
    assert_eq!(grant.fence, fence);
    assert_eq!(bench.inspect().await.offered, 0);
}

/// G3: an enter that arrives after its token was given up in doubt is over, for as long as it could be under way.
pub async fn g03_an_enter_that_comes_late_is_over(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let late = Secret::random();
    assert!(matches!(bench.apply(give_up(late, true)).await.outcome, Outcome::Unknown));
    for wait in [secs(0), secs(60) - MICRO] {
        subject.advance(wait).await;
        for stay in [Stay::No, Stay::Away] {
            let answer = bench.apply(enter(late, Some("ada"), stay)).await;
            assert!(matches!(answer.outcome, Outcome::Over(Ending::Spent)), "{answer:?}");
        }
    }
    // It took nothing, and its identity is as good as before.
    assert_eq!((bench.inspect().await.in_use, bench.inspect().await.waiting), (0, 0));
    admitted(&bench.apply(enter(Secret::random(), Some("ada"), Stay::No)).await);
}

/// G3: what was admitted, or queued, and is given up in doubt is over, and so is its token.
pub async fn g03_giving_up_in_doubt_undoes_what_was_done(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let (holder, waiter) = (Secret::random(), Secret::random());
    admitted(&bench.apply(enter(holder, Some("ada"), Stay::Away)).await);
    in_line(&bench.apply(enter(waiter, Some("bob"), Stay::Away)).await);
    assert!(matches!(bench.apply(give_up(waiter, true)).await.outcome, Outcome::Left));
    assert!(matches!(bench.apply(give_up(holder, true)).await.outcome, Outcome::Released));
    assert_eq!((bench.inspect().await.in_use, bench.inspect().await.waiting), (0, 0));
    let answer = bench.apply(enter(holder, Some("ada"), Stay::Away)).await;
    assert!(matches!(answer.outcome, Outcome::Over(Ending::Released)), "{answer:?}");
    let answer = bench.apply(enter(waiter, Some("bob"), Stay::Away)).await;
    assert!(matches!(answer.outcome, Outcome::Over(Ending::Left)), "{answer:?}");
    // The identities are free: the tokens are spent, not they.
    admitted(&bench.apply(enter(Secret::random(), Some("ada"), Stay::Away)).await);
}

/// G3, G14: a release whose first answer was lost says unknown, not that the lease had been lost.
pub async fn g03_a_release_in_doubt_is_unknown(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let secret = Secret::random();
    admitted(&bench.apply(enter(secret, None, Stay::No)).await);
    // Carried out, but suppose the answer never came.
    assert!(matches!(bench.apply(give_up(secret, false)).await.outcome, Outcome::Released));
    assert!(matches!(bench.apply(give_up(secret, true)).await.outcome, Outcome::Unknown));
    // Without doubt it is known.
    let other = Secret::random();
    admitted(&bench.apply(enter(other, None, Stay::No)).await);
    assert!(matches!(bench.apply(give_up(other, false)).await.outcome, Outcome::Released));
    assert!(matches!(bench.apply(give_up(other, false)).await.outcome, Outcome::NotHeld));
}

/// G3: a release in doubt that is sent again has the same answer.
pub async fn g03_a_doubtful_release_is_the_same_twice(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let secret = Secret::random();
    admitted(&bench.apply(enter(secret, None, Stay::No)).await);
    for _ in 0..3 {
        assert!(matches!(bench.apply(give_up(secret, true)).await.outcome, Outcome::Released));
    }
}

/// G2, G3: spent tokens are forgotten after the retry horizon, and nothing is left of them.
pub async fn g03_spent_tokens_are_forgotten_in_the_end(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    for _ in 0..10 {
        bench.apply(give_up(Secret::random(), true)).await;
        let used = Secret::random();
        admitted(&bench.apply(enter(used, None, Stay::No)).await);
        bench.apply(give_up(used, true)).await;
    }
    assert_eq!(bench.inspect().await.in_use, 0, "a spent token takes no room");
    subject.advance(secs(60)).await;
    bench.until_nothing_is_left().await;
}

/// G3: a command with a token that was never used changes nothing and makes nothing.
pub async fn g03_an_unknown_token_does_nothing(subject: &impl Subject) {
    let bench = Bench::new(subject, lock()).await;
    let key = Key::Token(Secret::random());
    assert!(matches!(bench.apply(Verb::Poll { key }).await.outcome, Outcome::NotHeld));
    assert!(matches!(bench.apply(Verb::Look { key }).await.outcome, Outcome::NotHeld));
    assert!(matches!(bench.apply(Verb::Claim { key, nonce: 1 }).await.outcome, Outcome::Missed));
    assert!(matches!(bench.apply(Verb::Renew { key, ttl: None }).await.outcome, Outcome::Lost));
    assert!(matches!(bench.apply(Verb::Restore { key }).await.outcome, Outcome::Lost));
    assert!(matches!(bench.apply(Verb::GiveUp { key, doubt: false }).await.outcome, Outcome::NotHeld));
    bench.until_nothing_is_left().await;
}

/// G3: a permit has one token, however often it is asked for, and it is the one that works.
pub async fn g03_a_permit_has_one_token(subject: &impl Subject) {
    let bench = Bench::new(subject, semaphore(2).max_hold(LONG)).await;
    let tried = bench.inside(super::bench::ROOM).await;
    let crate::Entered::Admitted(entered) = bench.airlock.enter(super::bench::ROOM).await.expect("room") else {
        panic!("should be inside")
    };
    for permit in [tried, entered] {
        let first = permit.token().expect("a lease");
        assert_eq!(permit.token().expect("a lease"), first, "asked for again");
        let parsed: Token = first.expose().parse().expect("a token");
        bench.airlock.renew(&parsed).await.expect("a lease");
        let detached = permit.detach().expect("a lease");
        assert_eq!(detached, first, "detached");
        bench.airlock.release(&first).await.expect("a lease");
    }
    bench.until_empty().await;
}
