//! The gate: who holds, who waits, in which order, and what is offered to whom.
//!
//! A gate is a deterministic state machine. It has no clock, does no I/O and draws no random numbers: the
//! time and the entropy of a command are its inputs, so the same commands give the same answers on every
//! store. It is the executable specification of Airlock; a store decides only *where* it runs.
//!
//! ```
//! use airlock_core::Secret;
//! use airlock_core::gate::{
//!     Conditions, Effects, Enter, Key, LineSpec, NEVER, OnMissed, OnReentry, Outcome, Pick, Record, Spec, Stay, Table, Verb, step,
//! };
//!
//! // What a builder makes of a lock for 30 s, in microseconds.
//! let line = LineSpec {
//!     capacity: 10,
//!     group_capacity: NEVER,
//!     presence: 60_000_000,
//!     claim_window: 30_000_000,
//!     on_missed: OnMissed::Drop,
//! };
//! let spec = Spec {
//!     name: "jobs".into(),
//!     limit: 1,
//!     rate: None,
//!     leased: true,
//!     ttl: 30_000_000,
//!     max_hold: NEVER,
//!     pick: Pick::Head,
//!     line,
//!     on_reentry: OnReentry::Refuse,
//!     revision: 0,
//!     step_bound: 64,
//!     guarded: false,
//!     shared: None,
//! };
//! let (mut gate, mut happened) = (Table::default(), Effects::new(Record::Changes));
//! let mut ask = |verb: &Verb<'_>, now, entropy| {
//!     step(&mut gate, &spec, &Conditions::default(), verb, now, entropy, &mut happened).outcome
//! };
//! let (first, second) = (Key::Token(Secret::from_bytes([1; 16])), Key::Token(Secret::from_bytes([2; 16])));
//! let enter = |key| {
//!     let (identity, group, stay) = (None, None, Stay::Away);
//!     Verb::Enter(Enter { key: Some(key), identity, group, weight: 1, score: 0.0, per_second: 0.0, share: 1.0, cap: 0, stay })
//! };
//!
//! assert!(matches!(ask(&enter(first), 1_000_000, 17), Outcome::Admitted(_)));
//! assert!(matches!(ask(&enter(second), 1_000_001, 18), Outcome::Queued { .. }));
//! // The lease of the first lapses, and in the same step the place is offered to the second.
//! assert!(matches!(ask(&Verb::Poll { key: second }, 32_000_000, 19), Outcome::Offered { .. }));
//! ```
//!
//! # Implementation details
//!
//! A gate's state lives behind [`Ledger`]: one [`Ticket`] per entrant and a few indexes over it, which map
//! onto hash tables and ordered sets in memory, onto rows and indexes in SQL, and onto a fixed set of keys
//! elsewhere. [`step`] applies one [`Verb`]:
//!
//! 1. *sweep* what is past its deadline: leases, then offers, then presence, then spent tokens;
//! 2. *promote* whoever that made room for;
//! 3. *apply* the command (an operator's command is applied before 2);
//! 4. *promote* again, and answer.
//!
//! Steps 1, 2 and 4 handle a bounded number of tickets; when that was not enough the answer says
//! [`more`](Answer::more), and the driver calls again with [`Verb::Tick`] at once.
//!
//! | file | what it decides |
//! |---|---|
//! | `enter.rs` | who gets in at once, who waits, who is refused (G4, G5, G7, G8) |
//! | `promote.rs` | who is next and what is done with the room (G5, G6, G10) |
//! | `draw.rs` | who is drawn (lotteries) |
//! | `fair.rs` | whose group's turn it is (fair shares) |
//! | `rate.rs` | what a rate lets through (G17) |
//! | `sweep.rs` | what is over (G1, G9, G10) |
//! | `hold.rs` | claim, renew, give up (G3, G11, G13, G14) |
//! | `line.rs` | places, presence, expected waits (G9, G12) |
//! | `operate.rs` | limits, evictions, inspection (G8, G18) |
//! | `agreed.rs` | whose configuration counts, where nodes differ (G18) |
//! | `switch.rs` | whether newcomers and the line are served at all (G19, G20) |

mod agreed;
mod answer;
#[cfg(feature = "serde")]
mod blob;
mod command;
#[cfg(feature = "serde")]
mod decide;
mod draw;
mod enter;
mod entropy;
mod fair;
mod hold;
mod ledger;
mod line;
mod meta;
mod operate;
mod order;
mod promote;
mod rate;
#[cfg(feature = "serde")]
mod snapshot;
mod spec;
mod sweep;
mod switch;
pub mod table;
mod ticket;

pub use agreed::{Agreed, Asked};
pub use answer::{Answer, Change, Denial, Effect, Effects, Ending, Grant, Outcome, Place, Record};
#[cfg(feature = "serde")]
pub use blob::BlobError;
#[cfg(all(feature = "file", unix))]
pub(crate) use blob::{MAX_BLOB_BYTES, gate, open, seal};
pub use command::{Enter, Key, Stay, Verb, Whom};
#[cfg(feature = "serde")]
pub use decide::{Decided, Decision, decide};
pub use ledger::{Ledger, LineOrder};
pub use meta::{Group, GroupId, Meta};
pub use operate::{Holder, Inspection, Page, Waiter};
pub use order::sortable;
#[cfg(feature = "serde")]
pub use snapshot::{InvalidSnapshot, Snapshot};
pub use spec::{LineSpec, OnMissed, OnReentry, Pick, RateSpec, SharedSpec, Spec};
pub use switch::{Conditions, Setting, SwitchState, Switched};
pub use table::Table;
pub use ticket::{Attend, State, Ticket};

pub use entropy::Entropy;

/// A time on the store's clock, or a span of it, in microseconds. Times count from the Unix epoch.
///
/// See the [module](self) for an example.
pub type Micros = u64;

/// Later than every deadline. Small enough to be exact as a double and as a signed 64-bit integer.
pub const NEVER: Micros = (1 << 53) - 1;

/// How long a token given up in doubt is remembered as spent, in microseconds (G3).
pub const RETRY_HORIZON: Micros = 60_000_000;

/// One step of one gate: sweep, promote, apply, promote, answer.
///
/// See the [module](self) for an example.
///
/// `conditions` hold for all gates of the airlock, `now` is the store's clock, `entropy` 64 random bits. What happened to
/// whom is appended to `effects`.
pub fn step<L: Ledger>(
    ledger: &mut L,
    spec: &Spec,
    conditions: &Conditions,
    verb: &Verb<'_>,
    now: Micros,
    entropy: u64,
    effects: &mut Effects<L::Id>,
) -> Answer {
    let entropy = Entropy::new(entropy);
    let (configured, pick) = (spec.limit, spec.pick);
    let budget = spec.step_bound;
    let mut step = Step { ledger, spec, conditions, configured, pick, now, entropy, effects, budget, more: false };
    step.agree();
    step.replenish();
    step.expire_switch();
    if step.ledger.meta().soonest <= now {
        step.sweep();
    }
    if !verb.is_operators() {
        step.promote();
    }
    let outcome = step.apply(verb);
    step.promote();
    let outcome = step.reconsider(verb, outcome);
    step.forget_rested();
    Answer { outcome, more: step.more, next_at: step.next_at(), now }
}

/// Whether nothing of this gate needs to be kept.
///
/// See the [module](self) for an example.
///
/// The last fence and arrival still do (G2): a driver that drops the gate keeps them, or a number at least
/// as high, as the start of the next gate of that name. So does, for a ttl, what nodes that share it are agreed on (G18).
pub fn is_idle<L: Ledger>(ledger: &L) -> bool {
    let meta = ledger.meta();
    ledger.is_empty() && meta.override_limit.is_none() && meta.switch.is_none() && meta.replenished_at == 0
}

/// What one step works on.
struct Step<'a, L: Ledger> {
    ledger: &'a mut L,
    spec: &'a Spec,
    conditions: &'a Conditions,
    /// The configured limit that all nodes go by.
    configured: u32,
    /// The strategy that all nodes go by.
    pick: Pick,
    now: Micros,
    entropy: Entropy,
    effects: &'a mut Effects<L::Id>,
    /// Tickets that may still be reclaimed or promoted in this step.
    budget: u32,
    more: bool,
}

impl<L: Ledger> Step<'_, L> {
    fn apply(&mut self, verb: &Verb<'_>) -> Outcome {
        match verb {
            Verb::Enter(enter) => self.enter(enter),
            Verb::Poll { key } => self.poll(key, true),
            Verb::Look { key } => self.poll(key, false),
            Verb::Claim { key, nonce } => self.claim(key, *nonce),
            Verb::Renew { key, ttl } => self.renew(key, *ttl),
            Verb::Adopt { key, secret, detach } => self.adopt(key, *secret, *detach),
            Verb::Restore { key } => self.restore(key),
            Verb::GiveUp { key, doubt } => self.give_up(key, *doubt),
            Verb::Resize { limit } => self.resize(*limit),
            Verb::Switch { state, reopen_in, because } => {
                self.set_switch(state.map(|state| Setting::new(state, *reopen_in, *because, self.now)))
            }
            Verb::Evict { whom } => self.evict(whom),
            Verb::Inspect { page } => self.inspect(page),
            Verb::Tick => Outcome::Done,
        }
    }

    /// A waiter that asked in this very command and was chosen in its last promotion is told so at once (G10).
    fn reconsider(&mut self, verb: &Verb<'_>, outcome: Outcome) -> Outcome {
        let (Verb::Enter(Enter { key, .. }), Outcome::Queued(_)) = (verb, &outcome) else { return outcome };
        let Some((id, ticket)) = self.find(key.as_ref()) else { return outcome };
        match ticket.state {
            State::Offered => self.take_offer(id, ticket),
            State::Holding => Outcome::Admitted(self.grant_of(id, &ticket)),
            State::Waiting | State::Spent => outcome,
        }
    }

    /// The limit in force (G18).
    fn limit(&self) -> u32 {
        self.ledger.meta().override_limit.unwrap_or(self.configured)
    }

    fn fits(&self, weight: u32) -> bool {
        self.is_bypassed() || self.serves() && self.has_room(weight) && self.conforms_at(weight) <= self.now
    }

    fn has_room(&self, weight: u32) -> bool {
        self.ledger.meta().held + u64::from(weight) <= u64::from(self.limit())
    }

    fn next_arrival(&mut self) -> u64 {
        let now = self.now;
        self.ledger.meta_mut().next_arrival(now)
    }

    fn next_fence(&mut self) -> u64 {
        let now = self.now;
        self.ledger.meta_mut().next_fence(now)
    }

    /// 53 bits that nobody can guess, never zero.
    fn next_nonce(&mut self) -> u64 {
        self.entropy.bits().max(1)
    }

    /// Remembers that something happens at `deadline`.
    fn expect_at(&mut self, deadline: Micros) {
        let meta = self.ledger.meta_mut();
        meta.soonest = meta.soonest.min(deadline);
    }

    fn next_at(&self) -> Option<Micros> {
        if self.more {
            return Some(self.now);
        }
        let mut next = self.ledger.meta().soonest;
        for at in [self.rate_lets_go_at(), self.serves_at(), self.rises_at()].into_iter().flatten() {
            next = next.min(at);
        }
        Some(next).filter(|at| *at < NEVER)
    }

    fn note(&mut self, id: L::Id, ticket: &Ticket, change: Change) {
        let identity = match self.effects.record() {
            Record::Nothing => return,
            Record::Changes => None,
            Record::Names => self.ledger.identity(id),
        };
        let Ticket { fence, arrival, since, .. } = *ticket;
        let awaited = ticket.attend == Attend::Here && ticket.state == State::Waiting;
        let local = self.ledger.local(id);
        // Elsewhere it is known by its handle.
        let token = if self.spec.shared.is_some() { self.ledger.secret(id) } else { None };
        self.effects.push(Effect { id, change, fence, arrival, since, token, local, awaited, identity });
    }
}
