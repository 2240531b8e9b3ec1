//! Whether lots are drawn as they should be: draws against exact weights, by Pearson's chi-square.
//!
//! Every draw is one step of a gate on a [`Table`], with entropy that a seed makes. A test fails by chance once in a
//! million runs. `AIRLOCK_SEED=…` runs one seed again, `AIRLOCK_LONG=1` draws ten times as often.

use std::time::Duration;

use airlock_core::Secret;
use airlock_core::admission::{Admission, AgingLottery, Lottery};
use airlock_core::gate::table::Floor;
use airlock_core::gate::{
    self, Answer, Change, Conditions, Effects, Enter, Key, Ledger, LineSpec, Micros, NEVER, OnMissed,
};
use airlock_core::gate::{OnReentry, Outcome, Pick, Record, Spec, State, Stay, Table, Verb};

const DRAWS: u64 = 120_000;
const SECOND: Micros = 1_000_000;
/// A day after the clock began, so that everybody may be as old as that.
const NOON: Micros = 100_000_000 * SECOND;

/// splitmix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn seed() -> u64 {
    let seed = match std::env::var("AIRLOCK_SEED") {
        Ok(text) => text.trim().parse().expect("AIRLOCK_SEED is a number"),
        Err(_) => rand::random::<u64>() >> 32,
    };
    println!("AIRLOCK_SEED={seed}");
    seed
}

fn scaled(count: u64) -> u64 {
    let long = std::env::var("AIRLOCK_LONG").is_ok_and(|value| value == "1");
    if long { 10 * count } else { count }
}

/// One gate with room for one, where everybody who waits weighs two: who is drawn is next, but not in.
struct Pool {
    spec: Spec,
    table: Table,
    random: Random,
    now: Micros,
    tokens: u32,
}

impl Pool {
    fn new(strategy: &dyn Admission) -> Self {
        strategy.check().expect("a valid strategy");
        let line = LineSpec {
            capacity: NEVER,
            group_capacity: NEVER,
            presence: NEVER,
            claim_window: NEVER / 2,
            on_missed: OnMissed::Drop,
        };
        let spec = Spec {
            rate: None,
            leased: true,
            name: "draws".into(),
            limit: 2,
            ttl: NEVER,
            max_hold: NEVER,
            pick: strategy.pick(),
            line,
            on_reentry: OnReentry::Refuse,
            step_bound: 64,
            revision: 0,
            guarded: true,
            shared: None,
        };
        let table = Table::starting_at(Floor::default(), 0);
        let mut pool = Pool { spec, table, random: Random(seed()), now: 0, tokens: 0 };
        pool.enter(1, None);
        pool
    }

    fn step(&mut self, verb: &Verb<'_>) -> (Answer, Effects<u32>) {
        let mut effects = Effects::new(Record::Names);
        let entropy = self.random.bits();
        let answer =
            gate::step(&mut self.table, &self.spec, &Conditions::default(), verb, self.now, entropy, &mut effects);
        assert!(!answer.more);
        (answer, effects)
    }

    /// Somebody comes, by a token of its own that is returned.
    fn enter(&mut self, weight: u32, identity: Option<&str>) -> Key<'static> {
        self.tokens += 1;
        let mut bytes = [7; 16];
        bytes[..4].copy_from_slice(&self.tokens.to_le_bytes());
        let key = Key::Token(Secret::from_bytes(bytes));
        let (key_of, stay) = (Some(key), Stay::Away);
        let (group, score, per_second) = (None, 0.0, 0.0);
        let enter = Enter { key: key_of, identity, group, weight, score, per_second, share: 1.0, cap: 0, stay };
        let (answer, _) = self.step(&Verb::Enter(enter));
        assert!(matches!(answer.outcome, Outcome::Admitted(_) | Outcome::Queued(_)), "{answer:?}");
        key
    }

    /// Somebody comes for each of these ages, the oldest first.
    fn fill(&mut self, ages: impl IntoIterator<Item = Micros>) {
        let mut ages: Vec<Micros> = ages.into_iter().collect();
        ages.sort_unstable_by(|a, b| b.cmp(a));
        for age in ages {
            self.now = self.now.max(NOON - age);
            self.enter(2, None);
        }
        self.now = self.now.max(NOON);
    }

    /// Draws, and forgets it.
    fn draw(&mut self) -> u64 {
        self.table.meta_mut().drawn = 0;
        self.step(&Verb::Tick);
        let drawn = self.table.meta().drawn;
        assert_ne!(drawn, 0, "nobody was drawn");
        drawn
    }

    fn room(&mut self, room: bool) {
        self.table.meta_mut().drawn = 0;
        // Under a limit of none everybody may wait.
        self.step(&Verb::Resize { limit: Some(if room { 2 } else { 0 }) });
    }

    /// Everybody who waits, in order, with its exact weight.
    fn weights(&self) -> Vec<(u64, f64)> {
        let waiting = self.table.tickets().filter(|(_, ticket)| ticket.state == State::Waiting);
        let mut all: Vec<(u64, f64)> =
            waiting.map(|(_, ticket)| (ticket.arrival, self.weight(ticket.arrival))).collect();
        all.sort_unstable_by_key(|(arrival, _)| *arrival);
        all
    }

    fn weight(&self, arrival: u64) -> f64 {
        match self.spec.pick {
            Pick::Aging { base, per_second, max } => {
                let waited = Duration::from_micros(self.now.saturating_sub(arrival));
                max.min(base + per_second * waited.as_secs_f64())
            }
            _ => 1.0,
        }
    }

    /// Draws as often as is needed, each against the exact weights.
    fn check(&mut self, what: &str) {
        let weights = self.weights();
        let mut counts = vec![0_u64; weights.len()];
        for _ in 0..scaled(DRAWS) {
            let drawn = self.draw();
            let at = weights.binary_search_by_key(&drawn, |(arrival, _)| *arrival).expect("one of those who wait");
            counts[at] += 1;
        }
        let weights: Vec<f64> = weights.iter().map(|(_, weight)| *weight).collect();
        chi_square(what, &counts, &weights);
    }
}

/// Fails if counts are further from these weights than once in a million times.
fn chi_square(what: &str, counts: &[u64], weights: &[f64]) {
    let draws = counts.iter().sum::<u64>() as f64;
    let total: f64 = weights.iter().sum();
    // The rare ones together, so that each class is expected at least ten times; what is left over goes to the last.
    let mut classes: Vec<(f64, f64)> = Vec::new();
    let mut open = (0.0, 0.0);
    for (count, weight) in counts.iter().zip(weights) {
        open = (open.0 + *count as f64, open.1 + draws * weight / total);
        if open.1 >= 10.0 {
            classes.push(std::mem::take(&mut open));
        }
    }
    match classes.last_mut() {
        // So rare that it should not happen at all, but for one or two.
        Some(_) if open.1 < 1e-3 => assert!(open.0 <= 2.0, "{what}: {} instead of {:e}", open.0, open.1),
        Some(last) => *last = (last.0 + open.0, last.1 + open.1),
        None => panic!("{what}: too few draws"),
    }
    let statistic: f64 = classes.iter().map(|(is, expected)| (is - expected).powi(2) / expected).sum();
    let degrees = classes.len() as f64 - 1.0;
    assert!(degrees >= 1.0, "{what}: one class only");
    let limit = critical(degrees);
    println!("{what}: {draws} draws, χ² = {statistic:.1} with {degrees} degrees of freedom, at most {limit:.1}");
    assert!(statistic <= limit, "{what}: χ² = {statistic} is above {limit}");
}

/// What χ² exceeds once in a million times (Wilson and Hilferty, "The distribution of chi-square", PNAS 17, 1931).
fn critical(degrees: f64) -> f64 {
    let part = 2.0 / (9.0 * degrees);
    // The normal deviate of 1 − 10⁻⁶.
    degrees * (1.0 - part + 4.753_424 * part.sqrt()).powi(3)
}

fn seconds(seconds: f64) -> Micros {
    (seconds * 1e6) as Micros
}

#[test]
fn uniform_draws_are_alike() {
    for (overdue, size) in [(None, 2), (None, 7), (None, 1000), (Some(3600), 100)] {
        let mut lottery = Lottery::new();
        if let Some(overdue) = overdue {
            lottery = lottery.overdue(Duration::from_secs(overdue));
        }
        let mut pool = Pool::new(&lottery);
        pool.fill((0..size).map(|at| at * SECOND));
        pool.check(&format!("{size} alike, overdue after {overdue:?}"));
    }
}

#[test]
fn who_is_overdue_is_drawn_first_and_the_others_are_alike() {
    let mut pool = Pool::new(&Lottery::new().overdue(Duration::from_secs(60)));
    // Sixty-one to a hundred seconds, one of exactly a minute, and the others below.
    pool.fill((61..=100).chain([60]).map(|age| age * SECOND).chain((0..50).map(|age| 60 * SECOND - 1 - age)));
    let all: Vec<u64> = pool.weights().iter().map(|(arrival, _)| *arrival).collect();
    for arrival in &all[..41] {
        for _ in 0..50 {
            assert_eq!(pool.draw(), *arrival, "the longest wait first");
        }
        assert_eq!(pool.admit(), *arrival);
    }
    let rest = pool.weights();
    assert_eq!(rest.len(), 50);
    pool.check("50 that are not overdue");
}

impl Pool {
    /// Lets in who is drawn, and has it leave.
    fn admit(&mut self) -> u64 {
        let (_, effects) = self.step(&Verb::Resize { limit: Some(3) });
        let chosen =
            effects.iter().find(|effect| matches!(effect.change, Change::Offered { .. })).expect("there is room");
        let (arrival, fence) = (chosen.arrival, chosen.fence);
        self.step(&Verb::Resize { limit: Some(2) });
        self.table.meta_mut().drawn = 0;
        self.step(&Verb::Evict { whom: gate::Whom::Fence(fence) });
        arrival
    }
}

#[test]
fn draws_by_age_are_in_proportion() {
    let by_second = AgingLottery::new(1.0, 1.0, 1e12);
    let linear = |count: u64, step: Micros| (0..count).map(move |at| at * step);
    type Ages = Vec<Micros>;
    let cases: Vec<(&str, AgingLottery, Ages)> = vec![
        ("all equal", by_second, linear(500, 0).collect()),
        ("all equal and old", by_second, linear(500, 0).map(|age| age + 1000 * SECOND).collect()),
        ("linear", by_second, linear(1000, SECOND / 10).collect()),
        ("two", by_second, vec![0, 3 * SECOND]),
        ("geometric", by_second, (0..300).map(|at| seconds(1.07_f64.powi(at) / 10.0)).collect()),
        ("powers of two", AgingLottery::new(1e-6, 1.0, 1e12), (0..20).map(|at| SECOND << at).collect()),
        ("two clusters", by_second, linear(200, 1).chain(linear(200, 1).map(|age| age + 400 * SECOND)).collect()),
        ("a few old among many", by_second, linear(2000, 1).chain(linear(5, 1).map(|age| age + 99 * SECOND)).collect()),
        ("a plateau", AgingLottery::new(1.0, 1.0, 5.0), linear(400, SECOND / 40).collect()),
        (
            "all at the most",
            AgingLottery::new(1.0, 1.0, 5.0),
            linear(100, SECOND).map(|age| age + 5 * SECOND).collect(),
        ),
        ("no growth", AgingLottery::new(2.0, 0.0, 2.0), linear(300, SECOND).collect()),
        ("a base of nearly nothing", AgingLottery::new(1e-300, 1.0, 1e12), linear(400, SECOND / 4).collect()),
        ("nearly no growth", AgingLottery::new(1.0, 1e-9, 1e12), linear(400, 3600 * SECOND).collect()),
        ("fast growth", AgingLottery::new(1e-9, 1e9, 1e18), linear(300, SECOND / 100).collect()),
    ];
    for (what, strategy, ages) in cases {
        let mut pool = Pool::new(&strategy);
        pool.fill(ages);
        pool.check(what);
    }
}

/// Its weight is that of all the others together: it should be drawn half of the time.
#[test]
fn one_very_old_waiter_among_ten_thousand_new_ones() {
    let mut pool = Pool::new(&AgingLottery::new(1.0, 0.01, 1e12));
    pool.fill((0..10_000).map(|_| 0).chain([1_000_000 * SECOND]));
    let weights = pool.weights();
    let (old, heaviest) = weights[0];
    assert!((heaviest / weights[1..].iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 0.01);
    // Against all the others, and all the others against each other.
    let mut counts = [0, 0];
    for _ in 0..scaled(DRAWS) {
        counts[usize::from(pool.draw() != old)] += 1;
    }
    let rest: f64 = weights[1..].iter().map(|(_, weight)| weight).sum();
    chi_square("one very old", &counts, &[heaviest, rest]);
    pool.check("one very old, and each of the others");
}

/// More ranges than a draw makes: what is left is one range, and drawn by refusing more often.
#[test]
fn more_halvings_than_ranges() {
    // From 10⁻⁶ to 2⁴⁵ × 10⁻⁶ seconds.
    let mut pool = Pool::new(&AgingLottery::new(1e-12, 1.0, 1e12));
    pool.fill((0..46).map(|at| 1 << at));
    let weights = pool.weights();
    assert!((weights[0].1 / weights.last().expect("46").1).log2() > 44.0);
    pool.check("46 halvings");
    // Where the weight halves, the crowd grows: every range matters.
    let mut pool = Pool::new(&AgingLottery::new(1e-3, 1.0, 1e12));
    let halvings = (0..16).flat_map(|at| std::iter::repeat_n(1_u64 << (26 - at), 1 << (at / 2)));
    pool.fill(halvings);
    pool.check("more waiters the newer");
}

/// Each draw is among those who wait then: how often somebody came before does not matter.
#[test]
fn leaving_and_coming_back_is_no_new_chance() {
    for aging in [false, true] {
        let strategy: &dyn Admission = if aging { &AgingLottery::new(1.0, 1.0, 1e6) } else { &Lottery::new() };
        let mut pool = Pool::new(strategy);
        pool.fill((0..9).map(|at| at * SECOND));
        let others: Vec<(u64, f64)> = pool.weights();
        let mut restless = pool.enter(2, None);
        let mut counts = [0_u64; 10];
        let mut expected = [0.0; 10];
        for _ in 0..scaled(DRAWS) {
            // Three times out and in while there is no room, which was the only one to ask for three new lots.
            pool.room(false);
            for _ in 0..3 {
                let (answer, _) = pool.step(&Verb::GiveUp { key: restless, doubt: false });
                assert!(matches!(answer.outcome, Outcome::Left));
                restless = pool.enter(2, None);
            }
            pool.room(true);
            let drawn = pool.table.meta().drawn;
            let at = others.iter().position(|(arrival, _)| *arrival == drawn).unwrap_or(9);
            counts[at] += 1;
            for (sum, (_, weight)) in expected.iter_mut().zip(pool.weights()) {
                *sum += weight;
            }
        }
        println!("restless: {} of {}", counts[9], counts.iter().sum::<u64>());
        // It comes back as young as it is: its weight is that of a newcomer, never more.
        chi_square(&format!("restless, aging: {aging}"), &counts, &expected);
    }
}

/// Who comes again under its identity keeps the lot it had, and its age.
#[test]
fn an_identity_that_comes_again_keeps_its_lot() {
    let mut pool = Pool::new(&AgingLottery::new(1.0, 1.0, 1e6));
    pool.now = NOON - 20 * SECOND;
    pool.enter(2, Some("ada"));
    pool.fill((0..9).map(|at| at * SECOND));
    let before = pool.weights();
    let mut counts = vec![0_u64; before.len()];
    for _ in 0..scaled(DRAWS) {
        pool.enter(2, Some("ada"));
        let drawn = pool.draw();
        counts[before.iter().position(|(arrival, _)| *arrival == drawn).expect("nobody new")] += 1;
    }
    assert_eq!(pool.weights(), before);
    let weights: Vec<f64> = before.iter().map(|(_, weight)| *weight).collect();
    chi_square("an identity that comes again", &counts, &weights);
}

/// Let in one after the other, everybody is as likely to be the first as the last.
#[test]
fn every_place_in_the_order_is_as_likely() {
    let mut counts = [0_u64; 6 * 6];
    let mut pool = Pool::new(&Lottery::new());
    for _ in 0..scaled(DRAWS) / 6 {
        pool.room(false);
        pool.fill([0; 6]);
        let all: Vec<u64> = pool.weights().iter().map(|(arrival, _)| *arrival).collect();
        pool.room(true);
        for place in 0..6 {
            let arrival = pool.admit();
            counts[6 * place + all.iter().position(|other| *other == arrival).expect("one of them")] += 1;
        }
    }
    chi_square("places in the order", &counts, &[1.0; 36]);
}
