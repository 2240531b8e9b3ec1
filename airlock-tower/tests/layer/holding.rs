//! How long a request keeps its place: to the end of its body, and as long as somebody keeps its permit.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use airlock_core::{Admitted, WeakAdmitted};
use airlock_tower::{AirlockLayer, Hold};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty, Full};
use tower::{Layer as _, ServiceExt as _};

use crate::support::{Trickle, admitted, airlock, channel, get, inside, send};

/// One request through the layer, answered with this body.
async fn answer_with<B>(layer: &AirlockLayer, body: B) -> Response<airlock_tower::ResponseBody<B>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<airlock_tower::BoxError>,
{
    let body = Arc::new(Mutex::new(Some(body)));
    let service = tower::service_fn(move |_: Request<()>| {
        let body = body.lock().unwrap().take().expect("one request");
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    layer.layer(service).oneshot(get()).await.expect("infallible")
}

#[tokio::test]
async fn a_streaming_body_holds_the_place_until_its_end() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone());
    let (sender, body) = channel();
    let mut body = answer_with(&layer, body).await.into_body();
    for part in ["one", "two"] {
        sender.send(part.into()).unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), part);
        assert_eq!(inside(&airlock), 1);
        assert_eq!(send(&layer, get()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    drop(sender);
    assert!(body.frame().await.is_none());
    // The object is still there.
    assert_eq!(inside(&airlock), 0);
    assert_eq!(send(&layer, get()).await.status(), StatusCode::OK);
    drop(body);
}

#[tokio::test]
async fn a_dropped_body_lets_go() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone());
    let (_sender, body) = channel();
    let response = answer_with(&layer, body).await;
    assert_eq!(inside(&airlock), 1);
    drop(response);
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test]
async fn a_body_that_said_its_end_lets_go_with_its_last_frame() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone());
    // Servers know by its length that nothing follows, and never ask again.
    let mut body = answer_with(&layer, Full::from("hello")).await.into_body();
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(inside(&airlock), 1);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    assert!(body.is_end_stream());
    assert_eq!(inside(&airlock), 0);
    drop(body);
}

#[tokio::test]
async fn an_empty_body_lets_go_at_once() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone());
    let response = answer_with(&layer, Empty::<Bytes>::new()).await;
    assert!(response.body().is_end_stream());
    assert_eq!(inside(&airlock), 0);
    let response = answer_with(&layer, Full::new(Bytes::new())).await;
    assert_eq!(inside(&airlock), 0);
    drop(response);
}

/// Fails after its first frame.
#[derive(Debug, Default)]
struct Failing(bool);

impl Body for Failing {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match std::mem::replace(&mut self.0, true) {
            false => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x"))))),
            true => Poll::Ready(Some(Err("torn"))),
        }
    }
}

#[tokio::test]
async fn a_body_that_fails_lets_go() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone());
    let mut body = answer_with(&layer, Failing::default()).await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(inside(&airlock), 1);
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "torn");
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test]
async fn trailers_pass_and_are_the_end() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone());
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", "7".parse().unwrap());
    let whole = Full::<Bytes>::from("data").with_trailers(std::future::ready(Some(Ok(trailers.clone()))));
    let mut body = answer_with(&layer, whole).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data");
    assert_eq!(inside(&airlock), 1);
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
    assert!(body.frame().await.is_none());
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test]
async fn held_to_the_head_it_lets_go_while_the_body_runs() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone()).hold(Hold::Head);
    let (sender, body) = channel();
    let response = answer_with(&layer, body).await;
    assert_eq!(inside(&airlock), 0);
    sender.send("more".into()).unwrap();
    drop(sender);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "more");
}

#[tokio::test]
async fn an_error_of_the_service_lets_go_and_stays_what_it_is() {
    let airlock = airlock(1);
    let service = tower::service_fn(|_: Request<()>| async { Err::<Response<Trickle>, _>("no") });
    let result = AirlockLayer::new(airlock.clone()).layer(service).oneshot(get()).await;
    assert_eq!(result.err(), Some("no"));
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test]
async fn the_response_is_the_services_own_untouched() {
    let service = tower::service_fn(|_: Request<()>| async {
        let response = Response::builder().status(418).header("x-own", "1").body(Full::from("tea"));
        Ok::<_, Infallible>(response.unwrap())
    });
    let response = AirlockLayer::new(airlock(1)).layer(service).oneshot(get()).await.unwrap();
    assert_eq!(response.status(), 418);
    assert_eq!(response.headers().len(), 1);
    assert_eq!(response.headers()["x-own"], "1");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "tea");
}

/// One request; answers what its handler kept of it.
async fn keep<T: Send + 'static>(layer: &AirlockLayer, what: fn(&Request<()>) -> T) -> T {
    let kept = Arc::new(Mutex::new(None));
    let store = kept.clone();
    let service = tower::service_fn(move |request: Request<()>| {
        *store.lock().unwrap() = Some(what(&request));
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello"))) }
    });
    let response = layer.layer(service).oneshot(get()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    kept.lock().unwrap().take().expect("the handler ran")
}

#[tokio::test]
async fn whoever_keeps_the_permit_keeps_the_place() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone());
    let first: Admitted = keep(&layer, |request| admitted(request).expect("a permit")).await;
    let second = first.clone();
    drop(first);
    assert_eq!(inside(&airlock), 1);
    assert_eq!(send(&layer, get()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(second.is_lost().is_none());
    drop(second);
    assert_eq!(inside(&airlock), 0);
}

#[tokio::test]
async fn the_extension_alone_keeps_nothing() {
    let airlock = airlock(1);
    let layer = AirlockLayer::new(airlock.clone());
    // All of them, as a task does that keeps the request.
    let extensions = keep(&layer, |request| request.extensions().clone()).await;
    assert_eq!(inside(&airlock), 0);
    assert!(extensions.get::<WeakAdmitted>().expect("a handle").upgrade().is_none());
}

#[tokio::test]
async fn the_permit_says_which_admission_it_is() {
    let layer = AirlockLayer::new(airlock(3));
    let fences =
        |request: &Request<()>| admitted(request).map(|permit| (permit.fence(), permit.airlock().name().to_owned()));
    let mut last = 0;
    for _ in 0..5 {
        let (fence, name) = keep(&layer, fences).await.expect("a permit");
        assert!(fence > last, "{fence} after {last}");
        assert_eq!(name, "room");
        last = fence;
    }
}
