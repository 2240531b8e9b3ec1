//! What is described is what airlocks do.

use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::config::{Airlocks, Format};
use airlock_core::gate::SwitchState;
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, Entrant, Error, Reason};

/// Those of a text, on a store called `clocked` whose clock is moved by hand.
async fn clocked(text: &str) -> (Airlocks, TestClock) {
    let clock = TestClock::new();
    let builder = Airlocks::builder().text(text, Format::Toml).environment([("LIMIT", "1")]);
    let airlocks = builder.store("clocked", MemoryStore::with_clock(&clock)).build().await;
    (airlocks.unwrap_or_else(|problems| panic!("{problems}")), clock)
}

fn reason(result: Result<airlock_core::Permit, Error>) -> Reason {
    result.expect_err("there is no room").refusal().expect("a refusal").reason
}

/// How many of them get in, one after the other, without leaving.
async fn admits(airlock: &Airlock, resource: &str) -> usize {
    let mut inside = Vec::new();
    while let Ok(permit) = airlock.try_enter(resource).await {
        inside.push(permit);
        assert!(inside.len() < 100, "there is no limit");
    }
    inside.len()
}

#[tokio::test]
async fn each_seal_limits_as_it_says() -> Result<(), Error> {
    let (airlocks, clock) = clocked(
        "
        [lock]
        seal = 'lock'
        store = 'clocked'
        [semaphore]
        seal = { kind = 'semaphore', limit = 3, ttl = '1m 30s' }
        store = 'clocked'
        [from-the-environment]
        seal = { kind = 'semaphore', limit = '${LIMIT:-5}' }
        store = 'clocked'
        [rate]
        seal = { kind = 'rate', count = 4, per = '1m' }
        store = 'clocked'
        [burst]
        seal = { kind = 'rate', count = 60, per = '1m', burst = 2 }
        store = 'clocked'
        [cooldown]
        seal = { kind = 'cooldown', every = '30s' }
        store = 'clocked'
        [both]
        seal = { kind = 'semaphore', limit = 5, rate = { count = 2, per = '1m' } }
        store = 'clocked'
        ",
    )
    .await;
    let airlock = |name: &str| airlocks.named(name).unwrap_or_else(|error| panic!("{error}"));
    for (name, limit) in [
        ("lock", 1),
        ("semaphore", 3),
        ("from-the-environment", 1),
        ("rate", 4),
        ("burst", 2),
        ("cooldown", 1),
        ("both", 2),
    ] {
        assert_eq!(admits(&airlock(name), "room").await, limit, "{name}");
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(admits(&airlock("burst"), "room").await, 1);
    assert_eq!(reason(airlock("cooldown").try_enter("room").await), Reason::Limited);
    clock.advance(Duration::from_secs(29));
    assert_eq!(admits(&airlock("cooldown"), "room").await, 1);

    let token = airlock("semaphore").try_enter("kept").await?.detach()?;
    clock.advance(Duration::from_secs(89));
    assert_eq!(airlock("semaphore").remaining(&token).await?, Some(Duration::from_secs(1)));
    clock.advance(Duration::from_secs(1));
    assert!(airlock("semaphore").remaining(&token).await.is_err(), "its ttl is over");
    Ok(())
}

/// Who is let in of those that wait, in their order, when they leave one after the other.
async fn order(airlock: &Airlock, waiting: &[Entrant<'static>]) -> Vec<String> {
    let first = airlock.try_enter("room").await.expect("it is free");
    let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
    for (index, entrant) in waiting.iter().enumerate() {
        let (here, entrant, told) = (airlock.clone(), entrant.clone(), told.clone());
        tokio::spawn(async move {
            let who = entrant.identity.clone().expect("each has one").into_owned();
            let permit = here.acquire(entrant).await.expect("its turn comes");
            told.send(who).expect("somebody listens");
            drop(permit);
        });
        while airlock.inspect("room").await.expect("memory").waiting <= index as u64 {
            tokio::task::yield_now().await;
        }
    }
    drop((first, told));
    let mut seen = Vec::new();
    while let Some(who) = order.recv().await {
        seen.push(who);
    }
    seen
}

#[tokio::test]
async fn each_strategy_serves_as_it_says() {
    let (airlocks, _clock) = clocked(
        "
        [fifo]
        seal = 'lock'
        [priority]
        seal = 'lock'
        admission = { kind = 'priority', aging = 0.5 }
        [fair-share]
        seal = 'lock'
        admission = { kind = 'fair-share', cap_each = 1, shares = { acme = 2, other = 1.5 }, caps = { acme = 3 } }
        [lottery]
        seal = 'lock'
        admission = { kind = 'lottery', overdue = '10m' }
        [aging-lottery]
        seal = 'lock'
        admission = { kind = 'aging-lottery', base = 1, per_second = 0.1, max = 10 }
        [opportunistic]
        seal = 'lock'
        admission = 'opportunistic'
        ",
    )
    .await;
    let named = |name: &str| airlocks.named(name).unwrap_or_else(|error| panic!("{error}"));
    let who = |identity: &'static str, group: &'static str, priority: i32| {
        Entrant::new("room").identity(identity).group(group).priority(priority)
    };
    let waiting = [who("a", "acme", 0), who("b", "acme", 0), who("c", "acme", 600), who("d", "other", 0)];
    assert_eq!(order(&named("fifo"), &waiting).await, ["a", "b", "c", "d"]);
    assert_eq!(order(&named("priority"), &waiting).await, ["c", "a", "b", "d"]);
    let fair = order(&named("fair-share"), &waiting).await;
    assert!(fair.iter().position(|who| who == "d") < Some(3), "it is not behind all of the other group: {fair:?}");
    for name in ["lottery", "aging-lottery"] {
        let mut drawn = order(&named(name), &waiting).await;
        drawn.sort();
        assert_eq!(drawn, ["a", "b", "c", "d"], "{name}");
    }
    let opportunistic = named("opportunistic");
    let _inside = opportunistic.try_enter("room").await.expect("it is free");
    assert_eq!(reason(opportunistic.acquire("room").await), Reason::Full, "nobody waits");
}

#[tokio::test]
async fn lines_reentry_and_switches_are_as_they_are_said_to_be() -> Result<(), Error> {
    let (airlocks, _clock) = clocked(
        "
        [short]
        seal = 'lock'
        line = { capacity = 1, group_capacity = 1, presence = '30s', claim_window = '30s', on_missed = 'requeue' }
        on_reentry = 'share'
        health = { threshold = 0.2 }
        [moving]
        seal = 'lock'
        switch = 'closed: We are moving.'
        ",
    )
    .await;
    let short = airlocks.named("short").expect("there is one");
    let ada = || Entrant::new("room").identity("ada");
    let first = short.try_enter(ada()).await?;
    assert_eq!(short.try_enter(ada()).await?.fence(), first.fence(), "it shares");
    short.enter(Entrant::new("room").identity("bob")).await?;
    let full = short.enter(Entrant::new("room").identity("cleo")).await.expect_err("one may wait");
    assert_eq!(full.refusal().map(|refusal| refusal.reason), Some(Reason::LineFull));
    short.report_health(0.3).await?;
    assert!(short.try_enter("elsewhere").await.is_ok(), "it is well above its threshold");

    let moving = airlocks.named("moving").expect("there is one");
    let closed = moving.try_enter("room").await.expect_err("it is closed");
    let refusal = closed.refusal().expect("a refusal");
    assert_eq!((refusal.reason, refusal.because()), (Reason::Closed, Some("We are moving.")));
    assert_eq!(moving.emergency().map(|setting| setting.state), Some(SwitchState::Closed));
    Ok(())
}

#[tokio::test]
async fn who_names_a_store_shares_it_and_who_does_not_is_alone() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "
        [stores.here]
        kind = 'memory'
        [stores.database]
        kind = 'sqlite'
        path = '{0}/airlock.db'
        table_prefix = 'shop_'
        busy_timeout = '2s'
        re_ask = '50ms'
        power_safe = true
        [stores.folder]
        kind = 'file'
        path = '{0}/gates'
        clean_every = '1h'
        clean_older_than = '1d'
        [stores.nobody]
        kind = 'sqlite'
        path = '/nowhere/at/all.db'
        [a]
        seal = 'lock'
        store = 'here'
        [b]
        seal = 'lock'
        store = 'database'
        outage = {{ kind = 'local', limit = 2, threshold = 3, reset_after = '5s' }}
        [c]
        seal = 'lock'
        store = 'folder'
        outage = 'refuse'
        [d]
        seal = 'lock'
        store = {{ kind = 'sqlite', path = '{0}/own.db' }}
        ",
        folder.path().display()
    );
    let (airlocks, again) = (clocked(&text).await.0, clocked(&text).await.0);
    for name in ["a", "b", "c", "d"] {
        let (here, there) = (airlocks.named(name).expect("named"), again.named(name).expect("named"));
        let permit = here.try_enter("room").await?;
        assert!(here.try_enter("room").await.is_err(), "{name}: it is a lock");
        assert_eq!(there.try_enter("room").await.is_err(), name != "a", "{name}: files are shared, memory is not");
        permit.release().await?;
    }
    assert!(folder.path().join("airlock.db").exists() && folder.path().join("gates").is_dir(), "where it was said");
    assert!(airlocks.fallback("b").is_some() && airlocks.fallback("c").is_some() && airlocks.fallback("a").is_none());
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_is_no_error_and_its_outage_policy_holds() -> Result<(), Error> {
    let text = "
        [stores.fleet]
        kind = 'redis'
        url = 'redis://127.0.0.1:1/0'
        prefix = 'shop'
        connect_timeout = '50ms'
        call_timeout = '50ms'
        re_ask = '1s'
        any_eviction = true
        node_id = 'this one'
        [lets-in]
        seal = 'lock'
        store = 'fleet'
        store_timeout = '200ms'
        outage = { kind = 'admit', threshold = 1 }
        [refuses]
        seal = 'lock'
        store = 'fleet'
        store_timeout = '200ms'
        outage = { kind = 'refuse', threshold = 1 }
    ";
    let (airlocks, _clock) = clocked(text).await;
    let named = |name: &str| airlocks.named(name).expect("there is one");
    let failed = named("lets-in").try_enter("room").await;
    assert!(failed.as_ref().is_ok_and(|permit| !permit.is_leased()) || matches!(failed, Err(Error::Unavailable(_))));
    assert!(!named("lets-in").try_enter("room").await?.is_leased(), "its breaker is open");
    for _ in 0..2 {
        assert!(matches!(named("refuses").try_enter("room").await, Err(Error::Unavailable(_))));
    }
    Ok(())
}

#[tokio::test]
async fn one_airlock_may_stand_alone() -> Result<(), Box<dyn std::error::Error>> {
    let text = "name = 'imports'\nseal = { kind = 'semaphore', limit = 2 }\n[stores.unused]\nkind = 'memory'\n";
    let one =
        |variable: &'static str| Airlocks::builder().text(text, Format::Toml).environment([(variable, "3")]).build();
    // With its name before its keys, or without.
    for variable in ["AIRLOCK__IMPORTS__SEAL__LIMIT", "AIRLOCK__SEAL__LIMIT"] {
        let airlocks = one(variable).await?;
        assert_eq!(admits(&airlocks.only()?, "room").await, 3);
        assert_eq!(airlocks.named("imports")?.name(), "imports");
        assert_eq!(airlocks.iter().len(), 1);
    }
    let two = Airlocks::from_str("[imports]\nseal = 'lock'\n[exports]\nseal = 'lock'", Format::Toml).await?;
    let several = two.only().expect_err("there are two").to_string();
    assert!(several.contains("`exports`") && several.contains("`imports`"), "{several}");
    let none = two.named("import").expect_err("there is none").to_string();
    assert_eq!(none, "no airlock is called \"import\"; did you mean `imports`?");
    Ok(())
}

#[tokio::test]
async fn code_has_the_last_word() -> Result<(), Box<dyn std::error::Error>> {
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = seen.clone();
    let airlocks = Airlocks::builder()
        .text("[a]\nseal = 'lock'\n[b]\nseal = 'lock'", Format::Toml)
        .each(move |name, builder| {
            let count = count.clone();
            let builder = builder.observer(move |_: &airlock_core::observer::Event<'_>| {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            });
            if name == "a" { builder.seal(airlock_core::Seal::semaphore(2)) } else { builder }
        })
        .build()
        .await?;
    assert_eq!((admits(&airlocks.named("a")?, "room").await, admits(&airlocks.named("b")?, "room").await), (2, 1));
    assert!(seen.load(std::sync::atomic::Ordering::Relaxed) > 0);
    Ok(())
}
