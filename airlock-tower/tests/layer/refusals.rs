//! Every row of the table of refusals, as far as it exists: status, headers, and a problem that gives nothing away.

use std::time::Duration;

use airlock_core::{Airlock, Entrant, Line, Permit, Seal, Switch, Whom};
use airlock_tower::{AirlockLayer, NameError, OnStoreError, ResponseBody, by_header, integer_header};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tokio::task::JoinHandle;
use tower::{Layer as _, ServiceExt as _};

use crate::failing::{Failing, Failure};
use crate::support::{ROOM, Read, airlock, at_once, get, hello, in_line, inside_of, occupy, once, send, with_header};

type Answer = Response<ResponseBody<Full<Bytes>>>;

const MINUTE: Duration = Duration::from_secs(60);

/// In every name that a request or the store's own errors carry, and so in no response.
const SECRET: &str = "s3cret";

/// What the table says of one row.
pub(crate) async fn check(response: Answer, status: u16, name: &str, retry: bool) {
    let read = Read::all(response).await;
    assert_eq!(read.status, status, "{read:?}");
    assert_eq!(read.header("airlock-status"), Some(name));
    assert_eq!(read.header("cache-control"), Some("private, no-store"));
    match read.header("retry-after") {
        Some(seconds) => {
            assert!(retry, "{name} carries no Retry-After, but it says {seconds}");
            assert!(seconds.parse::<u64>().unwrap() >= 1);
        }
        None => assert!(!retry, "{name} carries Retry-After"),
    }
    assert_eq!(read.headers.len(), if retry { 4 } else { 3 }, "{read:?}");

    let problem = read.problem();
    let members = problem.as_object().unwrap();
    let text = |member: &str| members[member].as_str().unwrap();
    assert!(text("type").ends_with(&format!("#{name}")), "{problem}");
    assert_eq!(members["status"], status);
    assert!(!text("title").is_empty());
    assert!(text("detail").ends_with('.'), "{problem}");
    assert_eq!(text("airlock"), ROOM);
    let known = ["type", "title", "status", "detail", "airlock", "retry_after_ms", "reason", "reopens_in_ms"];
    assert!(members.keys().all(|member| known.contains(&member.as_str())), "{problem}");

    let all = read.text();
    assert!(!all.contains(SECRET) && !all.contains("al1."), "{all}");
}

/// For each resource in `x-for`, by each identity in `x-who`, of the group in `x-group`.
fn named(airlock: &Airlock) -> AirlockLayer {
    AirlockLayer::new(airlock.clone())
        .resource(by_header("x-for"))
        .identity(by_header("x-who"))
        .group(by_header("x-group"))
        .weight(integer_header("x-weight"))
        .priority(integer_header("x-priority"))
}

fn request(who: &str) -> Request<()> {
    let request = Request::builder()
        .header("x-for", format!("{SECRET}-tenant"))
        .header("x-who", format!("{SECRET}-{who}"))
        .header("x-group", format!("{SECRET}-group"));
    request.body(()).unwrap()
}

fn take(airlock: &Airlock) -> Permit {
    occupy(airlock, format!("{SECRET}-tenant"))
}

/// One request that waits, in line already.
fn waiting(layer: &AirlockLayer, request: Request<()>) -> JoinHandle<Answer> {
    let mut response = Box::pin(layer.layer(hello()).oneshot(request));
    assert!(once(response.as_mut()).is_pending());
    tokio::spawn(async move { response.await.unwrap() })
}

#[tokio::test(start_paused = true)]
async fn full() {
    let airlock = airlock(1);
    let layer = named(&airlock);
    let _place = take(&airlock);
    check(send(&layer, request("ada")).await, 503, "full", true).await;
    // With no wait an entrant only tries, however that is written.
    check(send(&layer.wait(Duration::ZERO), request("ada")).await, 503, "full", true).await;
}

#[tokio::test(start_paused = true)]
async fn full_where_nobody_waits() {
    let opportunistic = airlock_core::admission::Opportunistic::new();
    let airlock = Airlock::builder(ROOM).seal(Seal::lock()).admission(opportunistic).build().unwrap();
    let _place = take(&airlock);
    check(send(&named(&airlock).wait(MINUTE), request("ada")).await, 503, "full", true).await;
}

#[tokio::test(start_paused = true)]
async fn full_while_the_limit_is_0() {
    check(send(&named(&airlock(0)), request("ada")).await, 503, "full", true).await;
}

#[tokio::test(start_paused = true)]
async fn timed_out() {
    let airlock = airlock(1);
    let layer = named(&airlock).wait(Duration::from_secs(5));
    let _place = take(&airlock);
    let start = tokio::time::Instant::now();
    check(send(&layer, request("ada")).await, 503, "timed-out", true).await;
    let waited = start.elapsed();
    assert!(waited > Duration::from_secs(4) && waited <= Duration::from_millis(5001), "{waited:?}");
    assert_eq!(in_line(&airlock), 0);
}

#[tokio::test(start_paused = true)]
async fn line_full() {
    let line = Line::new().capacity(1);
    let airlock = Airlock::builder(ROOM).seal(Seal::lock()).line(line).build().unwrap();
    let layer = named(&airlock).wait(MINUTE);
    let place = take(&airlock);
    let first = waiting(&layer, request("ada"));
    check(send(&layer, request("bob")).await, 503, "line-full", true).await;
    drop(place);
    assert_eq!(first.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_line_without_places() {
    let airlock = Airlock::builder(ROOM).seal(Seal::lock()).line(Line::new().capacity(0)).build().unwrap();
    let _place = take(&airlock);
    check(send(&named(&airlock).wait(MINUTE), request("ada")).await, 503, "line-full", true).await;
}

#[tokio::test(start_paused = true)]
async fn line_full_for_the_group() {
    let line = Line::new().group_capacity(1);
    let airlock = Airlock::builder(ROOM).seal(Seal::lock()).line(line).build().unwrap();
    let layer = named(&airlock).wait(MINUTE);
    let place = take(&airlock);
    let first = waiting(&layer, request("ada"));
    check(send(&layer, request("bob")).await, 503, "line-full", true).await;
    // Others are not in the way.
    let mut other = request("eve");
    other.headers_mut().insert("x-group", "another".parse().unwrap());
    let other = waiting(&layer, other);
    drop(place);
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!(other.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn duplicate() {
    for wait in [Duration::ZERO, MINUTE] {
        let airlock = airlock(2);
        let resource = format!("{SECRET}-tenant");
        let _inside = occupy(&airlock, Entrant::new(&resource).identity(format!("{SECRET}-ada")));
        check(send(&named(&airlock).wait(wait), request("ada")).await, 409, "duplicate", false).await;
        assert_eq!(send(&named(&airlock), request("bob")).await.status(), 200);
        assert_eq!(inside_of(&airlock, &resource), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn superseded() {
    let airlock = airlock(1);
    let layer = named(&airlock).wait(MINUTE);
    let place = take(&airlock);
    let first = waiting(&layer, request("ada"));
    let second = waiting(&layer, request("ada"));
    check(first.await.unwrap(), 409, "superseded", false).await;
    drop(place);
    assert_eq!(second.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn unavailable() {
    for failure in [Failure::NotExecuted, Failure::Unknown] {
        let store = Failing::new(failure);
        let airlock = store.airlock();
        check(send(&named(&airlock), request("ada")).await, 503, "unavailable", true).await;
        check(send(&named(&airlock).wait(MINUTE), request("ada")).await, 503, "unavailable", true).await;
        let refuse = named(&airlock).on_store_error(OnStoreError::Refuse);
        check(send(&refuse, request("ada")).await, 503, "unavailable", true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn unavailable_when_the_store_does_not_answer() {
    let store = Failing::new(Failure::Silent);
    let airlock = store.airlock();
    let start = tokio::time::Instant::now();
    check(send(&named(&airlock), request("ada")).await, 503, "unavailable", true).await;
    assert!(start.elapsed() <= Duration::from_millis(1001), "the store's own deadline");
    // The caller's patience may be shorter than the store's; that it ran out says nothing of the room.
    let impatient = named(&airlock).wait(Duration::from_millis(100));
    let start = tokio::time::Instant::now();
    check(send(&impatient, request("ada")).await, 503, "unavailable", true).await;
    assert!(start.elapsed() <= Duration::from_millis(101));
}

/// What the operator says reaches a client in every form, and nothing of it can be taken for markup or a header.
#[tokio::test(start_paused = true)]
async fn closed_says_why_and_when_it_reopens() {
    const WHY: &str = "Sold out; the 2nd round is <on> Monday, größer & schöner.";
    let airlock = airlock(1);
    let layer = named(&airlock);
    airlock.switch(Switch::closed()).await.unwrap();
    let problem = Read::all(send(&layer, request("ada")).await).await.problem();
    assert!(problem.get("reason").is_none() && problem.get("reopens_in_ms").is_none(), "{problem}");

    airlock.switch(Switch::drain().because(WHY).reopen_in(100 * MINUTE)).await.unwrap();
    check(send(&layer, request("ada")).await, 503, "closed", true).await;
    let read = Read::all(send(&layer, request("ada")).await).await;
    let problem = read.problem();
    assert_eq!(problem["reason"], WHY);
    let reopens_in = problem["reopens_in_ms"].as_u64().unwrap();
    assert!((1..=6_000_000).contains(&reopens_in), "{problem}");
    assert_eq!(problem["retry_after_ms"], problem["reopens_in_ms"]);
    let seconds: u64 = read.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(seconds, reopens_in.div_ceil(1000));

    let asking_for = |name, value| {
        let mut request = request("ada");
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        request
    };
    let page = Read::all(send(&layer, asking_for(ACCEPT, "text/html")).await).await.text();
    assert!(page.contains("<p>Sold out; the 2nd round is &lt;on&gt; Monday, größer &amp; schöner.</p>"), "{page}");

    let grpc = Read::all(send(&layer, asking_for(CONTENT_TYPE, "application/grpc")).await).await;
    let message = "It is closed at the moment. Try again later. Sold out; the 2nd round is <on> Monday, \
                   gr%C3%B6%C3%9Fer & sch%C3%B6ner.";
    assert_eq!(grpc.header("grpc-message"), Some(message));

    // One resource's own switch says something else.
    let tenant = format!("{SECRET}-tenant");
    airlock.switch_resource(&tenant, Some(Switch::closed().because("Unpaid."))).await.unwrap();
    let problem = Read::all(send(&layer, request("ada")).await).await.problem();
    assert_eq!(problem["reason"], "Unpaid.");
    assert!(problem.get("reopens_in_ms").is_none(), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn closed_on_shutdown() {
    let airlock = airlock(1);
    let layer = named(&airlock).wait(MINUTE);
    let place = take(&airlock);
    let first = waiting(&layer, request("ada"));
    let shutdown = tokio::spawn({
        let airlock = airlock.clone();
        async move { airlock.shutdown(MINUTE).await.unwrap() }
    });
    check(first.await.unwrap(), 503, "closed", true).await;
    check(send(&layer, request("bob")).await, 503, "closed", true).await;
    check(send(&named(&airlock), request("bob")).await, 503, "closed", true).await;
    drop(place);
    assert_eq!(shutdown.await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn closed_when_put_out_of_the_line() {
    let airlock = airlock(1);
    let layer = named(&airlock).wait(MINUTE);
    let _place = take(&airlock);
    let first = waiting(&layer, request("ada"));
    let ada = format!("{SECRET}-ada");
    assert!(airlock.evict(&format!("{SECRET}-tenant"), Whom::Identity(&ada)).await.unwrap());
    check(first.await.unwrap(), 503, "closed", true).await;
}

#[tokio::test(start_paused = true)]
async fn lost_when_shutting_down_takes_longer_than_the_grace() {
    let airlock = airlock(1);
    let service = tower::service_fn(|_: Request<()>| {
        std::future::pending::<Result<Response<Full<Bytes>>, std::convert::Infallible>>()
    });
    let mut working = Box::pin(named(&airlock).layer(service).oneshot(request("ada")));
    assert!(once(working.as_mut()).is_pending());
    let working = tokio::spawn(async move { working.await.unwrap() });
    assert_eq!(airlock.shutdown(Duration::from_secs(1)).await.unwrap(), 1);
    check(working.await.unwrap(), 500, "lost", false).await;
}

#[tokio::test(start_paused = true)]
async fn unidentified() {
    let layer = named(&airlock(1));
    let without = |name: &str| {
        let mut request = request("ada");
        request.headers_mut().remove(name);
        request
    };
    // No resource; the others may be missing.
    check(send(&layer, without("x-for")).await, 400, "unidentified", false).await;
    for optional in ["x-who", "x-group", "x-weight", "x-priority"] {
        assert_eq!(send(&layer, without(optional)).await.status(), 200, "{optional}");
    }
    for name in ["x-for", "x-who", "x-group"] {
        for empty in ["", " ", "   "] {
            let mut request = request("ada");
            request.headers_mut().insert(name, empty.parse().unwrap());
            check(send(&layer, request).await, 400, "unidentified", false).await;
        }
        // Also when both say the same.
        let mut request = request("ada");
        let value = request.headers()[name].clone();
        request.headers_mut().append(name, value);
        check(send(&layer, request).await, 400, "unidentified", false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_names() {
    let layer = named(&airlock(1));
    let long = SECRET.repeat(86);
    assert_eq!(long.len(), 516);
    for name in ["x-for", "x-who", "x-group"] {
        let wrong: [&[u8]; 6] =
            [long.as_bytes(), b"s3cret\ttab", b"s3cret\xff", b"s3cret\xc3", b"s3cret\xc2\x85", b"s3cret\xc2\x80more"];
        for value in wrong {
            let mut request = request("ada");
            request.headers_mut().insert(name, value.try_into().unwrap());
            check(send(&layer, request).await, 400, "invalid", false).await;
        }
        for right in ["x".repeat(512), "ü".repeat(256), "a b".to_owned(), "{x}:y/../z%00".to_owned()] {
            let mut request = request("ada");
            request.headers_mut().insert(name, right.as_bytes().try_into().unwrap());
            assert_eq!(send(&layer, request).await.status(), 200, "{right}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_numbers() {
    let layer = named(&airlock(2));
    let wrong = ["s3cret", "1.5", "1e3", "0x1", "--1", "99999999999999999999", "NaN", "1 2", "", " ", "\u{661}"];
    let weights = ["-1", "4294967296", "3", "0", "00"];
    let priorities = ["2147483648", "-2147483649"];
    let cases = wrong.iter().flat_map(|value| [("x-weight", value), ("x-priority", value)]);
    let cases = cases.chain(weights.iter().map(|value| ("x-weight", value)));
    for (name, value) in cases.chain(priorities.iter().map(|value| ("x-priority", value))) {
        let mut request = request("ada");
        request.headers_mut().insert(name, value.as_bytes().try_into().unwrap());
        check(send(&layer, request).await, 400, "invalid", false).await;
    }
    for name in ["x-weight", "x-priority"] {
        let mut request = request("ada");
        request.headers_mut().append(name, "1".parse().unwrap());
        request.headers_mut().append(name, "1".parse().unwrap());
        check(send(&layer, request).await, 400, "invalid", false).await;
    }
    for (name, value) in [("x-weight", "2"), ("x-weight", " +1 "), ("x-priority", "-2147483648"), ("x-priority", "01")]
    {
        let mut request = request("ada");
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(send(&layer, request).await.status(), 200, "{name}: {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_when_the_limit_is_lowered_below_the_weight_of_who_waits() {
    let airlock = airlock(2);
    let layer = AirlockLayer::new(airlock.clone()).weight(integer_header("x-weight")).wait(MINUTE);
    let place = occupy(&airlock, ROOM);
    let heavy = waiting(&layer, with_header("x-weight", "2"));
    airlock.resize(ROOM, Some(1)).await.unwrap();
    drop(place);
    check(heavy.await.unwrap(), 400, "invalid", false).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_closure_calls_wrong_is_wrong() {
    let unidentified = AirlockLayer::new(airlock(1))
        .priority(|_| Err::<i32, _>(NameError::unidentified("the request carries no s*cret sign")));
    check(send(&unidentified, get()).await, 400, "unidentified", false).await;
    let invalid = AirlockLayer::new(airlock(1)).weight(|_| Err::<u32, _>(NameError::invalid("the sign is faded")));
    let response = Read::all(send(&invalid, get()).await).await;
    assert_eq!(response.problem()["detail"], "The sign is faded.");
    assert_eq!(response.header("airlock-status"), Some("invalid"));
}

#[tokio::test(start_paused = true)]
async fn nothing_refused_is_worked_on_or_leaves_a_trace() {
    let airlock = airlock(1);
    let layer = named(&airlock);
    let service = tower::service_fn(|_: Request<()>| -> std::future::Ready<Result<Answer, std::convert::Infallible>> {
        panic!("worked on")
    });
    let mut wrong = request("ada");
    wrong.headers_mut().insert("x-weight", "9".parse().unwrap());
    let _place = take(&airlock);
    for request in [request("ada"), get(), wrong] {
        let response = layer.layer(service).oneshot(request).await.unwrap();
        assert!(response.status().is_client_error() || response.status().is_server_error());
    }
    let survey = at_once(Box::pin(airlock.survey(0, 10))).unwrap();
    assert_eq!(survey.total, 1);
    assert_eq!((survey.resources[0].in_use, survey.resources[0].waiting), (1, 0));
}
