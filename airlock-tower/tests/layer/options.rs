//! Who passes ungated, what may be edited, and that layers share what they share.

use airlock_tower::{AirlockLayer, by_header};
use http::{Method, Request, StatusCode};
use tower::Layer as _;
use tower::ServiceExt as _;

use crate::support::{ROOM, Read, admitted, airlock, get, hello, inside, occupy, send, with_header};

#[tokio::test]
async fn preflights_pass() {
    let layer = AirlockLayer::new(airlock(0));
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .header("origin", "https://example.org")
        .header("access-control-request-method", "POST");
    assert_eq!(send(&layer, preflight.body(()).unwrap()).await.status(), StatusCode::OK);
    // Neither half of one does.
    let options = Request::builder().method(Method::OPTIONS).body(()).unwrap();
    assert_eq!(send(&layer, options).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let post = Request::builder().method(Method::POST).header("access-control-request-method", "POST");
    assert_eq!(send(&layer, post.body(()).unwrap()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn skipped_requests_take_no_place_and_need_no_name() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone())
        .resource(airlock_tower::by_header("x-tenant"))
        .skip(|parts| parts.uri.path() == "/healthz");
    let health = || Request::get("/healthz").body(()).unwrap();
    let _place = occupy(&airlock, ROOM);
    assert_eq!(send(&layer, health()).await.status(), StatusCode::OK);
    assert_eq!(inside(&airlock), 1);
    assert_eq!(send(&layer, get()).await.status(), StatusCode::BAD_REQUEST);
    // Nor has it a permit.
    let service = tower::service_fn(|request: Request<()>| async move {
        assert!(admitted(&request).is_none());
        Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::default()))
    });
    assert_eq!(layer.layer(service).oneshot(health()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn refusals_may_be_edited() {
    let layer = AirlockLayer::new(airlock(0)).on_refused(|problem, response| {
        assert_eq!((problem.status(), problem.name()), (StatusCode::SERVICE_UNAVAILABLE, "full"));
        assert_eq!(problem.retry_after(), None);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert("retry-after", "7".parse().unwrap());
        response.headers_mut().insert("x-more", "1".parse().unwrap());
        *response.body_mut() = "come back later".into();
    });
    let read = Read::all(send(&layer, get()).await).await;
    assert_eq!(read.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(read.header("retry-after"), Some("7"));
    assert_eq!(read.header("x-more"), Some("1"));
    assert_eq!(read.header("airlock-status"), Some("full"));
    assert_eq!(read.body, "come back later");
}

#[tokio::test]
async fn what_is_said_of_the_status_follows_one_that_was_chosen() {
    let layer = |status: StatusCode| {
        AirlockLayer::new(airlock(0)).on_refused(move |_, response| *response.status_mut() = status)
    };
    let read = Read::all(send(&layer(StatusCode::TOO_MANY_REQUESTS), get()).await).await;
    assert_eq!((read.status, &read.problem()["status"]), (StatusCode::TOO_MANY_REQUESTS, &429.into()));
    assert_eq!(read.header("retry-after"), Some("1"));

    let read = Read::all(send(&layer(StatusCode::ACCEPTED), with_header("accept", "text/html")).await).await;
    assert!(read.text().contains("<small>202 "), "{}", read.text());

    // A refusal that nobody should repeat blindly, until somebody says that it may be.
    let unidentified = layer(StatusCode::TOO_MANY_REQUESTS).resource(by_header("x-for"));
    let read = Read::all(send(&unidentified, get()).await).await;
    assert_eq!((read.header("airlock-status"), read.header("retry-after")), (Some("unidentified"), Some("1")));
}

#[tokio::test]
async fn what_is_let_in_is_not_edited() {
    let layer = AirlockLayer::new(airlock(1)).on_refused(|_, _| panic!("nobody was refused"));
    assert_eq!(send(&layer, get()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn however_often_it_is_applied_there_is_one_limit() {
    let airlock = airlock(2);
    let layer = AirlockLayer::new(airlock.clone());
    let bodies = [send(&layer, get()).await, send(&layer.clone(), get()).await];
    assert!(bodies.iter().all(|response| response.status() == StatusCode::OK));
    assert_eq!(inside(&airlock), 2);
    // Another layer of the same airlock counts with it.
    assert_eq!(send(&AirlockLayer::new(airlock.clone()), get()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(bodies);
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test]
async fn changing_a_clone_changes_only_the_clone() {
    let layer = AirlockLayer::new(airlock(0));
    let open = layer.clone().skip(|_| true);
    assert_eq!(send(&open, get()).await.status(), StatusCode::OK);
    assert_eq!(send(&layer, get()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn of_two_layers_the_handler_sees_the_inner_permit_and_both_count() {
    let (outer, inner) = (airlock(1), airlock(1));
    let service = tower::service_fn(move |request: Request<()>| async move {
        let fence = admitted(&request).expect("a permit").fence();
        Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::from(
            fence.to_string(),
        )))
    });
    let both = AirlockLayer::new(outer.clone()).layer(AirlockLayer::new(inner.clone()).layer(service));
    let response = both.clone().oneshot(get()).await.unwrap();
    assert_eq!((inside(&outer), inside(&inner)), (1, 1));
    let fence = inner.inspect(ROOM).await.unwrap().holders[0].fence.to_string();
    let read = Read::all(response).await;
    assert_eq!(read.body, fence);
    assert_eq!((inside(&outer), inside(&inner)), (0, 0));

    // Refused by the inner one, nothing of the outer one is kept.
    let _place = occupy(&inner, ROOM);
    let refused = Read::all(both.oneshot(get()).await.unwrap()).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(inside(&outer), 0);
}

#[tokio::test]
async fn an_ungated_service_is_untouched() {
    let layer = AirlockLayer::new(airlock(0)).skip(|_| true);
    let read = Read::all(layer.layer(hello()).oneshot(get()).await.unwrap()).await;
    assert_eq!((read.body.as_ref(), read.headers.len()), (&b"hello"[..], 0));
}
