//! What cannot work is said at once and by name: options when the airlock is built, arguments when the call is made.

use std::time::Duration;

use airlock_core::admission::{Admission, AgingLottery, Fifo, Lottery, Opportunistic, Pick, Priority, Rank};
use airlock_core::clock::TestClock;
use airlock_core::name::What;
use airlock_core::store::MemoryStore;
use airlock_core::{
    Airlock, Builder, ConfigError, Entrant, Error, InvalidToken, Line, OnMissed, OnReentry, Rate, Reason, Seal, Token,
    Whom,
};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const MICROSECOND: Duration = Duration::from_micros(1);
const NANOSECOND: Duration = Duration::from_nanos(1);
/// What no option of time may be.
const IMPOSSIBLE: [Duration; 5] =
    [Duration::ZERO, NANOSECOND, Duration::from_nanos(999), YEAR.saturating_add(NANOSECOND), Duration::MAX];

fn plain() -> Builder {
    Airlock::builder("room").seal(Seal::lock())
}

fn airlock(limit: u32) -> Airlock {
    Airlock::builder("room").seal(Seal::semaphore(limit)).build().unwrap()
}

#[track_caller]
fn wrong(builder: Builder, field: &str) {
    let shown = format!("{builder:?}");
    let error: ConfigError = builder.build().expect_err(&shown);
    assert_eq!(error.field(), field, "{shown}: {error}");
    let text = error.to_string();
    let problem = text.strip_prefix(&format!("{field}: ")).unwrap_or_else(|| panic!("{text}"));
    assert!(problem.len() > 10, "{text} says nothing");
}

/// Names that cannot be, and why not.
fn impossible_names() -> Vec<String> {
    let mut names = vec![String::new(), "x".repeat(513), "ü".repeat(257), "x".repeat(100_000)];
    names.extend(["\0", "\n", "a\tb", "a\r\nb", "\u{7f}", "\u{80}", "ü\u{9f}", "\u{1b}[2J"].map(str::to_owned));
    names
}

fn possible_names() -> Vec<String> {
    let mut names = vec!["x".repeat(512), "ü".repeat(256), "😀".repeat(128)];
    names.extend([" ", "a b", "a:b", "a_b", "{x}", "../..", "%00", "\u{a0}", "\u{200b}", "'\"\\"].map(str::to_owned));
    names
}

#[test]
fn a_builder_names_the_option_that_cannot_work() {
    for name in impossible_names() {
        wrong(Airlock::builder(name).seal(Seal::lock()), "name");
    }
    wrong(Airlock::builder("room"), "seal");
    wrong(Airlock::builder("room").line(Line::new()).admission(Fifo::new()), "seal");
    for span in IMPOSSIBLE {
        wrong(plain().seal(Seal::lock().ttl(span)), "seal.ttl");
        wrong(plain().seal(Seal::lock().max_hold(span)), "seal.max_hold");
        wrong(plain().line(Line::new().presence(span)), "line.presence");
        wrong(plain().line(Line::new().claim_window(span)), "line.claim_window");
    }
    // Less than two intervals of asking again.
    let presence = Line::new().presence(Duration::from_secs(30));
    for window in [MICROSECOND, Duration::from_secs(10), Duration::from_micros(19_999_999)] {
        wrong(plain().line(presence.clone().claim_window(window)), "line.claim_window");
    }
    wrong(plain().line(Line::new().presence(YEAR)), "line.claim_window");
    for aging in [-1.0, -f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        wrong(plain().admission(Priority::new().aging(aging)), "admission.aging");
    }
    for span in IMPOSSIBLE {
        wrong(plain().admission(Lottery::new().overdue(span)), "admission.overdue");
    }
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -f64::MIN_POSITIVE] {
        for lottery in
            [AgingLottery::new(bad, 1.0, 10.0), AgingLottery::new(1.0, bad, 10.0), AgingLottery::new(1.0, 1.0, bad)]
        {
            wrong(plain().admission(lottery), "admission");
        }
    }
    for (base, max) in [(1.0, 1.1e100), (1.0, f64::MAX), (0.0, 10.0), (-0.0, 10.0), (10.0, 9.999), (1.0, 0.0)] {
        wrong(plain().admission(AgingLottery::new(base, 1.0, max)), "admission");
    }
    wrong(plain().admission(Checked), "admission.colour");
    wrong(plain().admission(Nonsense), "admission");
    wrong(plain().store_timeout(Duration::ZERO), "store_timeout");
}

/// A strategy of somebody's own that finds itself wrong.
#[derive(Debug)]
struct Checked;

impl Admission for Checked {
    fn rank(&self, _: &Entrant<'_>) -> Rank {
        Rank::arrival()
    }

    fn pick(&self) -> Pick {
        Pick::Head
    }

    fn check(&self) -> Result<(), ConfigError> {
        Err(ConfigError::new("admission.colour", "it is no colour at all"))
    }
}

/// A strategy of somebody's own that checks nothing.
#[derive(Debug)]
struct Nonsense;

impl Admission for Nonsense {
    fn rank(&self, _: &Entrant<'_>) -> Rank {
        Rank::arrival()
    }

    fn pick(&self) -> Pick {
        Pick::Aging { base: 1.0, per_second: f64::NAN, max: 2.0 }
    }
}

#[test]
fn rates_that_cannot_be_are_refused() {
    let second = Duration::from_secs(1);
    let mut bad = vec![
        Rate::new(0, second),
        Rate::per_second(0),
        Rate::per_minute(0).burst(1),
        Rate::per_hour(1).burst(0),
        Rate::new(2, MICROSECOND),
        Rate::per_second(1_000_001),
        Rate::new(u32::MAX, second),
        Rate::new(1, MICROSECOND + NANOSECOND).burst(u32::MAX).burst(0),
        // More than a year until it is replenished.
        Rate::new(1, YEAR).burst(2),
        Rate::per_hour(1).burst(u32::MAX),
    ];
    bad.extend(IMPOSSIBLE.map(|per| Rate::new(1, per)));
    bad.extend(IMPOSSIBLE.map(|per| Rate::new(2, per).burst(1)));
    for rate in bad {
        for seal in [Seal::rate(rate), Seal::lock().with_rate(rate), Seal::semaphore(0).with_rate(rate)] {
            wrong(plain().seal(seal), "seal.rate");
        }
    }
    for every in IMPOSSIBLE {
        wrong(plain().seal(Seal::cooldown(every)), "seal.rate");
    }
}

#[test]
fn rates_up_to_the_edge_can_be() {
    for rate in [
        Rate::new(1, MICROSECOND),
        Rate::per_second(1_000_000),
        Rate::new(1, YEAR),
        Rate::new(u32::MAX, Duration::from_secs(5000)),
        Rate::new(1, MICROSECOND).burst(u32::MAX),
        Rate::per_minute(50).burst(1),
    ] {
        for seal in [Seal::rate(rate), Seal::semaphore(3).with_rate(rate)] {
            plain().seal(seal).build().unwrap();
        }
    }
    for every in [MICROSECOND, YEAR] {
        plain().seal(Seal::cooldown(every)).build().unwrap();
    }
    let plain_lottery = [AgingLottery::new(1.0, 0.0, 1.0), AgingLottery::new(f64::MIN_POSITIVE, f64::MAX, 1e100)];
    for lottery in plain_lottery {
        plain().admission(lottery).build().unwrap();
    }
    for overdue in [MICROSECOND, YEAR] {
        plain().admission(Lottery::new().overdue(overdue)).build().unwrap();
    }
}

/// A rate rounds to whole microseconds, and never to more than was allowed.
#[tokio::test]
async fn a_rate_rounds_in_favour_of_what_it_guards() {
    for (rate, interval) in [
        (Rate::per_second(600_000).burst(1), 2),
        (Rate::per_second(300).burst(1), 3334),
        (Rate::new(1, Duration::from_nanos(1001)), 2),
        (Rate::new(1, Duration::from_nanos(2000)), 2),
        (Rate::per_minute(7).burst(1), 8_571_429),
    ] {
        assert_eq!(interval_of(rate).await, Duration::from_micros(interval), "{rate:?}");
    }
}

/// After how long a second one is let in.
async fn interval_of(rate: Rate) -> Duration {
    let clock = TestClock::new();
    let store = MemoryStore::with_clock(&clock);
    let airlock = plain().seal(Seal::rate(rate)).store(store).build().unwrap();
    drop(airlock.try_enter("desk").await.unwrap());
    let refused = airlock.try_enter("desk").await.unwrap_err();
    // Rounded up to a millisecond.
    let about = refused.refusal().and_then(|refusal| refusal.retry_after()).expect("a time");
    let mut waited = about.saturating_sub(Duration::from_millis(1));
    clock.advance(waited);
    while airlock.try_enter("desk").await.is_err() {
        clock.advance(MICROSECOND);
        waited += MICROSECOND;
    }
    waited
}

/// A quota says the same as the rate that it stands for.
#[cfg(feature = "governor")]
#[tokio::test]
async fn a_rate_comes_from_a_quota() {
    use governor::Quota;
    let number = |number: u32| std::num::NonZeroU32::new(number).unwrap();
    for (quota, rate) in [
        (Quota::per_second(number(5)), Rate::per_second(5)),
        (Quota::per_minute(number(50)), Rate::per_minute(50)),
        (Quota::per_hour(number(9)).allow_burst(number(2)), Rate::per_hour(9).burst(2)),
        (Quota::with_period(Duration::from_millis(250)).unwrap(), Rate::per_second(4).burst(1)),
    ] {
        let burst = |rate: Rate| async move {
            let airlock = plain().seal(Seal::rate(rate)).build().unwrap();
            let mut count = 0;
            while airlock.try_enter("desk").await.is_ok() {
                count += 1;
            }
            count
        };
        let quota = Rate::from(quota);
        assert_eq!(burst(quota).await, burst(rate).await, "{rate:?}");
        assert_eq!(interval_of(quota.burst(1)).await, interval_of(rate.burst(1)).await, "{rate:?}");
    }
    // Faster than a microsecond each.
    wrong(plain().seal(Seal::rate(Quota::per_second(number(3_000_000)).into())), "seal.rate");
}

#[test]
fn a_builder_takes_everything_up_to_the_edge() {
    for name in possible_names() {
        assert_eq!(Airlock::builder(&name).seal(Seal::lock()).build().unwrap().name(), name);
    }
    for seal in [
        Seal::semaphore(0),
        Seal::semaphore(u32::MAX),
        Seal::lock().ttl(MICROSECOND).max_hold(MICROSECOND),
        Seal::lock().ttl(YEAR).max_hold(YEAR),
        Seal::lock().ttl(YEAR).max_hold(MICROSECOND),
    ] {
        Airlock::builder("room").seal(seal).build().unwrap();
    }
    let two_thirds = YEAR.mul_f64(2.0 / 3.0) + MICROSECOND;
    for line in [
        Line::new().capacity(0).group_capacity(0),
        Line::new().capacity(u64::MAX).group_capacity(u64::MAX),
        Line::new().presence(MICROSECOND).claim_window(MICROSECOND),
        Line::new().presence(YEAR).claim_window(YEAR),
        Line::new().presence(YEAR).claim_window(two_thirds),
        Line::new().presence(Duration::from_secs(30)).claim_window(Duration::from_secs(20)),
        Line::new().on_missed(OnMissed::Requeue),
    ] {
        plain().line(line).build().unwrap();
    }
    for aging in [0.0, -0.0, f64::MIN_POSITIVE, f64::MAX] {
        plain().admission(Priority::new().aging(aging)).build().unwrap();
    }
    plain().admission(Opportunistic::new()).on_reentry(OnReentry::Share).build().unwrap();
    plain().store_timeout(NANOSECOND).build().unwrap();
    plain().store_timeout(Duration::MAX).build().unwrap();
}

#[test]
fn two_of_one_name_on_one_store_must_be_alike() {
    let store = MemoryStore::new();
    let first = plain().store(store.clone()).build().unwrap();
    plain().store(store.clone()).build().unwrap();
    Airlock::builder("another").seal(Seal::semaphore(9)).store(store.clone()).build().unwrap();
    wrong(Airlock::builder("room").seal(Seal::semaphore(2)).store(store.clone()), "store");
    wrong(plain().line(Line::new().capacity(1)).store(store.clone()), "store");
    wrong(plain().admission(Opportunistic::new()).store(store.clone()), "store");
    // Once nobody has it any more, it may be another.
    drop(first);
    Airlock::builder("room").seal(Seal::semaphore(2)).store(store).build().unwrap();
}

#[track_caller]
fn invalid<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Invalid(invalid)) => invalid.to_string(),
        other => panic!("not invalid: {other:?}"),
    }
}

/// An entrant in every way in which one can be let in.
async fn every_way(airlock: &Airlock, entrant: &Entrant<'_>) -> Vec<String> {
    vec![
        invalid(airlock.try_enter(entrant.clone()).await),
        invalid(airlock.acquire(entrant.clone()).await),
        invalid(airlock.acquire(entrant.clone()).timeout(Duration::ZERO).await),
        invalid(airlock.enter(entrant.clone()).await),
        invalid(airlock.with_admitted(entrant.clone(), |_| async { panic!("let in") }).await),
        invalid(airlock.try_with_admitted(entrant.clone(), |_| async { panic!("let in") }).await),
    ]
}

#[tokio::test]
async fn names_that_cannot_be_are_invalid_in_every_call() {
    let airlock = airlock(1);
    for name in impossible_names() {
        for (what, entrant) in [
            (What::Resource, Entrant::new(&name)),
            (What::Identity, Entrant::new("desk").identity(&name)),
            (What::Group, Entrant::new("desk").group(&name)),
        ] {
            for text in every_way(&airlock, &entrant).await {
                assert!(text.contains(&what.to_string()), "{text} does not say that it is the {what}");
                assert!(name.is_empty() || !text.contains(&name), "{text} repeats what was wrong");
                assert!(!text.contains(char::is_control));
            }
        }
        assert!(invalid(airlock.inspect(&name).await).contains("resource"));
        assert!(invalid(airlock.resize(&name, Some(1)).await).contains("resource"));
        assert!(invalid(airlock.evict(&name, Whom::Fence(1)).await).contains("resource"));
        assert_eq!(Token::random(&name).unwrap_err().what(), What::Resource);
    }
    assert_eq!(airlock.survey(0, 10).await.unwrap().total, 0, "nothing was touched");
}

#[tokio::test]
async fn names_that_can_be_are_all_different() {
    let airlock = airlock(1);
    let mut inside = Vec::new();
    for name in possible_names() {
        let entrant = Entrant::new(&name).identity(&name).group(&name);
        inside.push(airlock.try_enter(entrant).await.unwrap());
        let token = Token::random(&name).unwrap();
        assert_eq!(token.expose().parse::<Token>().unwrap(), token);
    }
    assert_eq!(airlock.survey(0, 100).await.unwrap().total, inside.len());
}

#[tokio::test]
async fn weights_that_can_never_enter_are_invalid() {
    for (limit, weights) in [(1, &[0, 2, u32::MAX][..]), (10, &[0, 11, u32::MAX]), (0, &[0])] {
        let airlock = airlock(limit);
        for weight in weights {
            for text in every_way(&airlock, &Entrant::new("desk").weight(*weight)).await {
                assert!(text.contains(&weight.to_string()), "{text}");
            }
        }
        assert_eq!(airlock.survey(0, 10).await.unwrap().total, 0);
    }
    // A limit of 0 is a hold, and whoever comes may wait for its end.
    let refused = airlock(0).try_enter(Entrant::new("desk").weight(7)).await.unwrap_err();
    assert_eq!(refused.refusal().map(|refusal| refusal.reason), Some(Reason::Full));
    for (limit, weight) in [(1, 1), (10, 10), (u32::MAX, u32::MAX)] {
        drop(airlock(limit).try_enter(Entrant::new("desk").weight(weight)).await.unwrap());
    }
}

#[tokio::test]
async fn weights_above_the_burst_are_invalid() {
    let rate = Rate::per_minute(50).burst(3);
    for (seal, weights) in [
        (Seal::rate(rate), &[0, 4, 50, u32::MAX][..]),
        (Seal::semaphore(5).with_rate(rate), &[0, 4, 5, 6]),
        (Seal::semaphore(2).with_rate(rate), &[0, 3, 4]),
        (Seal::cooldown(YEAR), &[0, 2]),
    ] {
        let airlock = plain().seal(seal.clone()).build().unwrap();
        for weight in weights {
            for text in every_way(&airlock, &Entrant::new("desk").weight(*weight)).await {
                assert!(text.contains(&weight.to_string()), "{text}");
            }
        }
        assert_eq!(airlock.survey(0, 10).await.unwrap().total, 0, "{seal:?}");
    }
    let airlock = plain().seal(Seal::rate(rate)).build().unwrap();
    drop(airlock.try_enter(Entrant::new("desk").weight(3)).await.unwrap());
}

/// A strategy of somebody's own that answers what it is told to.
#[derive(Clone, Copy, Debug)]
struct Own(Rank);

impl Admission for Own {
    fn rank(&self, _: &Entrant<'_>) -> Rank {
        self.0
    }

    fn pick(&self) -> Pick {
        Pick::Head
    }
}

#[tokio::test]
async fn scores_that_cannot_be_ordered_are_invalid() {
    for bad in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for rank in [Rank::score(bad), Rank::arrival().per_second(bad), Rank::score(bad).per_second(bad)] {
            let airlock = plain().admission(Own(rank)).build().unwrap();
            for text in every_way(&airlock, &Entrant::new("desk")).await {
                assert!(text.contains("score"), "{text}");
            }
            assert_eq!(airlock.survey(0, 10).await.unwrap().total, 0);
        }
    }
}

#[tokio::test]
async fn scores_at_the_edge_keep_an_order() {
    let edge = [0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, f64::MIN, 1e300];
    for score in edge {
        for per_second in edge {
            let airlock = plain().admission(Own(Rank::score(score).per_second(per_second))).build().unwrap();
            let place = airlock.try_enter("desk").await.unwrap();
            let (first, second) = (airlock.acquire("desk"), airlock.acquire("desk"));
            let waiting = tokio::spawn(async move {
                let (first, second) = (first.into_future(), second.into_future());
                let order = |permit: airlock_core::Permit| permit.fence();
                tokio::join!(async { order(first.await.unwrap()) }, async { order(second.await.unwrap()) })
            });
            tokio::task::yield_now().await;
            drop(place);
            let (first, second) = waiting.await.unwrap();
            assert_ne!(first, second, "{score} and {per_second}");
            if per_second >= 0.0 {
                assert!(first < second, "{score} and {per_second}: by arrival");
            }
        }
    }
}

#[tokio::test]
async fn spans_that_no_lease_can_last_are_invalid() {
    let airlock = airlock(1);
    let permit = airlock.try_enter("desk").await.unwrap();
    for span in IMPOSSIBLE {
        assert!(invalid(permit.renew_for(span).await).contains("365 days"), "{span:?}");
    }
    // It is held as before.
    for span in [MICROSECOND, YEAR] {
        permit.renew_for(span).await.unwrap();
    }
    assert!(permit.is_lost().is_none());
    permit.release().await.unwrap();
    assert_eq!(airlock.survey(0, 10).await.unwrap().total, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_no_time_or_of_all_time() {
    let airlock = airlock(1);
    let place = airlock.try_enter("desk").await.unwrap();
    for wait in [Duration::ZERO, NANOSECOND, MICROSECOND] {
        let refused = airlock.acquire("desk").timeout(wait).await.unwrap_err();
        assert_eq!(refused.refusal().map(|refusal| refusal.reason), Some(Reason::TimedOut));
    }
    for wait in [YEAR, Duration::MAX] {
        let waiting = tokio::spawn(airlock.acquire("desk").timeout(wait).into_future());
        tokio::task::yield_now().await;
        assert_eq!(airlock.inspect("desk").await.unwrap().waiting, 1);
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!(airlock.inspect("desk").await.unwrap().waiting, 0);
    }
    drop(place);
    drop(airlock.acquire("desk").timeout(Duration::ZERO).await.unwrap());
}

#[test]
fn texts_that_are_no_tokens() {
    let good = Token::random("tenant:acme").unwrap().expose();
    let secret = &good["al1.".len().."al1.".len() + 32];
    assert_eq!(good.parse::<Token>().unwrap().resource(), "tenant:acme");
    let with = |prefix: &str, secret: &str, resource: &str| format!("{prefix}.{secret}.{resource}");
    let bad = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "al1".to_owned(),
        "al1.".to_owned(),
        format!("al1.{secret}"),
        good.replacen("al1", "al2", 1),
        good.replacen("al1", "AL1", 1),
        good.replacen("al1", "al10", 1),
        format!(" {good}"),
        format!("{good}\n"),
        with("al1", secret, ""),
        with("al1", "", "desk"),
        with("al1", &secret[1..], "desk"),
        with("al1", &format!("{secret}0"), "desk"),
        with("al1", &format!("{secret}{secret}"), "desk"),
        with("al1", &"g".repeat(32), "desk"),
        with("al1", &"+1".repeat(16), "desk"),
        with("al1", &"-0".repeat(16), "desk"),
        with("al1", &"0x".repeat(16), "desk"),
        with("al1", &" 0".repeat(16), "desk"),
        with("al1", &"é".repeat(16), "desk"),
        with("al1", &"٣".repeat(16), "desk"),
        with("al1", secret, "a\nb"),
        with("al1", secret, &"x".repeat(513)),
        good.replace('.', ":"),
        "\0".repeat(48),
        "x".repeat(1_000_000),
    ];
    for text in bad {
        let error: InvalidToken = text.parse::<Token>().expect_err(&text);
        let said = error.to_string();
        assert!(said.starts_with("not an airlock token: ") && !said.contains(secret), "{said}");
    }
    // Dots belong to the resource, and digits may be written in capitals.
    assert_eq!(with("al1", secret, "a.b..c").parse::<Token>().unwrap().resource(), "a.b..c");
    let capitals = with("al1", &secret.to_uppercase(), "tenant:acme");
    assert_eq!(capitals.parse::<Token>().unwrap(), good.parse().unwrap());
}

#[tokio::test]
async fn tokens_that_were_never_given_out_open_nothing() {
    let airlock = airlock(1);
    let permit = airlock.try_enter("desk").await.unwrap();
    let own = permit.token().unwrap();
    for resource in ["desk", "another"] {
        let forged = Token::random(resource).unwrap();
        assert!(matches!(airlock.release(&forged).await, Err(Error::Lost(_))));
        assert!(matches!(airlock.renew(&forged).await, Err(Error::Lost(_))));
        assert!(matches!(airlock.restore(&forged).await, Err(Error::Lost(_))));
        assert!(!airlock.leave(&forged).await.unwrap());
        assert_eq!(airlock.poll(&forged).await.unwrap(), airlock_core::Standing::Unknown);
        assert_eq!(airlock.position(&forged).await.unwrap(), None);
        let missed = airlock.claim(&forged, 0).await.unwrap_err();
        assert_eq!(missed.refusal().map(|refusal| refusal.reason), Some(Reason::Missed));
    }
    // Nor does the right secret for another resource.
    let moved = own.expose().replace(".desk", ".another").parse::<Token>().unwrap();
    assert!(matches!(airlock.release(&moved).await, Err(Error::Lost(_))));
    assert_eq!(airlock.inspect("desk").await.unwrap().in_use, 1);
    airlock.release(&own).await.unwrap();
    assert_eq!(airlock.survey(0, 10).await.unwrap().total, 0);
}

#[tokio::test]
async fn operators_who_mean_nobody_change_nothing() {
    let airlock = airlock(1);
    let _permit = airlock.try_enter(Entrant::new("desk").identity("ada")).await.unwrap();
    for whom in [Whom::Identity(""), Whom::Identity("bob"), Whom::Fence(0), Whom::Fence(u64::MAX)] {
        assert!(!airlock.evict("desk", whom).await.unwrap(), "{whom:?}");
        assert!(!airlock.evict("another", whom).await.unwrap(), "{whom:?}");
    }
    airlock.resize("another", None).await.unwrap();
    assert_eq!(airlock.survey(0, 10).await.unwrap().total, 1);
    assert_eq!(airlock.survey(usize::MAX, usize::MAX).await.unwrap().resources, []);
}

#[test]
fn health_that_cannot_be_is_refused() {
    let long = Duration::from_secs(10);
    for (threshold, counts_for) in
        [(f64::NAN, long), (1.5, long), (-0.1, long), (0.5, Duration::ZERO), (0.5, Duration::MAX)]
    {
        wrong(plain().health(threshold, counts_for), "health");
    }
    for threshold in [0.0, 1.0] {
        plain().health(threshold, MICROSECOND).build().expect("a valid configuration");
    }
}
