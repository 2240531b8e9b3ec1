//! A caller's own time-out shortens its wait, and nothing is begun for a caller that has gone.

use std::sync::Arc;
use std::time::Duration;

use airlock_core::Seal;
use airlock_core::observer::Event;
use airlock_tower::{AirlockLayer, NameError, grpc_timeout, seconds_header};
use http::{Request, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::limit::ConcurrencyLimit;
use tower::{Layer as _, ServiceExt as _};

use crate::readiness::Strict;
use crate::support::{ROOM, Read, airlock, get, in_line, inside, occupy, once, send, with_header};

const TIMEOUT: &str = "x-request-timeout";

#[tokio::test(start_paused = true)]
async fn the_shorter_of_both_counts() {
    let airlock = airlock(1);
    let _place = occupy(&airlock, ROOM);
    let layer = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(5)).caller_timeout(seconds_header(TIMEOUT));
    for (timeout, waits) in [(Some("2.5"), 2500), (Some("60"), 5000), (None, 5000), (Some("0.001"), 1)] {
        let began = Instant::now();
        let request = timeout.map_or_else(get, |timeout| with_header(TIMEOUT, timeout));
        let read = Read::all(send(&layer, request).await).await;
        assert_eq!((read.status, read.header("airlock-status")), (StatusCode::SERVICE_UNAVAILABLE, Some("timed-out")));
        let waited = began.elapsed().as_millis();
        // Timers go by milliseconds.
        assert!((waits..=waits + 2).contains(&waited), "{timeout:?}: {waited} ms");
        assert_eq!(in_line(&airlock), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn it_makes_nobody_wait() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).caller_timeout(seconds_header(TIMEOUT));
    assert_eq!(send(&layer, with_header(TIMEOUT, "60")).await.status(), StatusCode::OK);
    let _place = occupy(&airlock, ROOM);
    let read = Read::all(send(&layer, with_header(TIMEOUT, "60")).await).await;
    assert_eq!(read.header("airlock-status"), Some("full"));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_gone_already_is_not_asked_for() {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = asked.clone();
    let observer = move |_: &Event<'_>| {
        seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let airlock = airlock_core::Airlock::builder(ROOM).seal(Seal::lock()).observer(observer).build().unwrap();
    let strict = Strict::default();
    let layer = AirlockLayer::new(airlock).wait(Duration::from_secs(5)).caller_timeout(seconds_header(TIMEOUT));
    let response = layer.layer(strict.clone()).oneshot(with_header(TIMEOUT, "0")).await.unwrap();
    assert_eq!(response.headers()["airlock-status"], "timed-out");
    assert_eq!((strict.calls(), asked.load(std::sync::atomic::Ordering::Relaxed)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn work_is_not_begun_after_the_time_is_over() {
    let airlock = airlock(1);
    let place = occupy(&airlock, ROOM);
    let busy = Arc::new(Semaphore::new(0));
    let strict = Strict::default();
    let layer =
        AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(60)).caller_timeout(seconds_header(TIMEOUT));
    let service = layer.layer(ConcurrencyLimit::with_semaphore(strict.clone(), busy.clone()));
    let mut late = Box::pin({
        let mut service = service;
        async move {
            use tower::Service as _;
            service.call(with_header(TIMEOUT, "10")).await
        }
    });
    assert!(once(late.as_mut()).is_pending());
    drop(place);
    // Inside, but what it waits for is not ready.
    assert!(once(late.as_mut()).is_pending());
    assert_eq!(inside(&airlock), 1);
    tokio::time::advance(Duration::from_secs(11)).await;
    busy.add_permits(1);
    let response = late.await.unwrap();
    assert_eq!(response.headers()["airlock-status"], "timed-out");
    assert_eq!((strict.calls(), inside(&airlock)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_time_is_refused() {
    let layer = AirlockLayer::new(airlock(1)).caller_timeout(seconds_header(TIMEOUT));
    for wrong in ["", " ", "-1", "1e3", "inf", "NaN", "1s", "1,5", "0x1", "1.2.3", ".", "99999999999999999999999"] {
        let read = Read::all(send(&layer, with_header(TIMEOUT, wrong)).await).await;
        assert_eq!((read.status, read.header("airlock-status")), (StatusCode::BAD_REQUEST, Some("invalid")), "{wrong}");
    }
    let twice = Request::builder().header(TIMEOUT, "1").header(TIMEOUT, "1").body(()).unwrap();
    assert_eq!(Read::all(send(&layer, twice).await).await.header("airlock-status"), Some("invalid"));
    // So long that no clock gets there.
    for fine in ["1", " 1 ", "0.5", "18446744073709549568"] {
        assert_eq!(send(&layer, with_header(TIMEOUT, fine)).await.status(), StatusCode::OK, "{fine}");
    }
}

#[test]
fn a_grpc_client_says_it_in_its_own_way() {
    let of = |text: &str| grpc_timeout()(&with_header("grpc-timeout", text).into_parts().0);
    let hours = |hours: u64| Ok(Some(Duration::from_secs(3600 * hours)));
    assert_eq!(of("2H"), hours(2));
    assert_eq!(of("99999999H"), hours(99_999_999));
    assert_eq!(of("3M"), Ok(Some(Duration::from_secs(180))));
    assert_eq!(of("4S"), Ok(Some(Duration::from_secs(4))));
    assert_eq!(of("250m"), Ok(Some(Duration::from_millis(250))));
    assert_eq!(of("7u"), Ok(Some(Duration::from_micros(7))));
    assert_eq!(of("9n"), Ok(Some(Duration::from_nanos(9))));
    assert_eq!(grpc_timeout()(&get().into_parts().0), Ok(None));
    for wrong in ["", "S", "1", "1s", "123456789S", "-1S", "+1S", "1.5S", "1 S", "1é"] {
        assert!(matches!(of(wrong), Err(NameError { .. })), "{wrong}");
    }
}
