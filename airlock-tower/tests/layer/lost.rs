//! A lost lease stops the work: the handler where it awaits, or the body where it stands.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::{Airlock, Whom};
use airlock_tower::{AirlockLayer, ResponseBody};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Notify;
use tower::{Layer as _, ServiceExt as _};

use crate::support::{ROOM, Read, Trickle, admitted, airlock, channel, get, inside, occupy, once};

/// Puts the only one inside out.
async fn evict(airlock: &Airlock) {
    let inspection = airlock.inspect(ROOM).await.unwrap();
    let [holder] = &inspection.holders[..] else { panic!("{inspection:?}") };
    assert!(airlock.evict(ROOM, Whom::Fence(holder.fence)).await.unwrap());
}

/// Time stands still while there is anything to do: this ends where nothing will ever happen.
async fn in_time<F: IntoFuture>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(600), future).await.expect("it is stopped")
}

/// Says when it is dropped.
struct Bell(Arc<Notify>);

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn stopped(airlock: &Airlock, wait: Option<Duration>) {
    let layer = AirlockLayer::new(airlock.clone());
    let layer = wait.map_or(layer.clone(), |wait| layer.wait(wait));
    let (working, stopped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let service = {
        let (working, stopped) = (working.clone(), stopped.clone());
        tower::service_fn(move |_: Request<()>| {
            let (working, bell) = (working.clone(), Bell(stopped.clone()));
            async move {
                let _bell = bell;
                working.notify_one();
                std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
            }
        })
    };
    let place = wait.map(|_| occupy(airlock, ROOM));
    let mut response = Box::pin(layer.layer(service).oneshot(get()));
    assert!(once(response.as_mut()).is_pending());
    drop(place);
    let response = tokio::spawn(response);
    working.notified().await;
    evict(airlock).await;

    let response = in_time(response).await.unwrap().unwrap();
    in_time(stopped.notified()).await;
    assert_eq!(inside(airlock), 0);
    let read = Read::all(response).await;
    assert_eq!(read.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(read.header("airlock-status"), Some("lost"));
    assert_eq!(read.header("cache-control"), Some("private, no-store"));
    assert_eq!(read.header("retry-after"), None, "nobody should repeat it blindly");
    assert!(read.problem()["type"].as_str().unwrap().ends_with("#lost"));
    assert_eq!(read.problem()["status"], 500);
}

#[tokio::test(start_paused = true)]
async fn the_handler_is_stopped_and_the_answer_is_500() {
    stopped(&airlock(1), None).await;
}

#[tokio::test(start_paused = true)]
async fn also_of_a_request_that_had_waited() {
    stopped(&airlock(1), Some(Duration::from_secs(60))).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_has_finished_it_does_not_lose() {
    let airlock = airlock(1);
    let service = {
        let airlock = airlock.clone();
        tower::service_fn(move |_: Request<()>| {
            let airlock = airlock.clone();
            async move {
                evict(&airlock).await;
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("done")))
            }
        })
    };
    let response = AirlockLayer::new(airlock.clone()).layer(service).oneshot(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn the_permit_in_the_handler_hears_it_too() {
    let airlock = airlock(1);
    let service = {
        let airlock = airlock.clone();
        tower::service_fn(move |request: Request<()>| {
            let (airlock, permit) = (airlock.clone(), admitted(&request).expect("a permit"));
            async move {
                assert!(permit.is_lost().is_none());
                evict(&airlock).await;
                // At once: a handler that asks is told before it is stopped.
                let lost = permit.lost().now_or_never();
                assert!(permit.is_lost().is_some() && permit.token().is_err());
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(lost.expect("lost").to_string())))
            }
        })
    };
    let response = AirlockLayer::new(airlock).layer(service).oneshot(get()).await.unwrap();
    let text = Read::all(response).await.body;
    assert_eq!(text, "the lease is lost: an operator put its holder out");
}

async fn streaming<B>(airlock: &Airlock, body: B) -> ResponseBody<B>
where
    B: Body<Data = Bytes> + Clone,
    B::Error: Into<airlock_tower::BoxError>,
{
    let service = tower::service_fn(move |_: Request<()>| {
        let body = body.clone();
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    AirlockLayer::new(airlock.clone()).layer(service).oneshot(get()).await.unwrap().into_body()
}

async fn trickling(airlock: &Airlock) -> (tokio::sync::mpsc::UnboundedSender<Bytes>, ResponseBody<Trickle>) {
    let (sender, body) = channel();
    let body = Arc::new(Mutex::new(Some(body)));
    let service = tower::service_fn(move |_: Request<()>| {
        let body = body.lock().unwrap().take().expect("one request");
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let response = AirlockLayer::new(airlock.clone()).layer(service).oneshot(get()).await.unwrap();
    (sender, response.into_body())
}

#[tokio::test(start_paused = true)]
async fn after_the_head_the_body_ends_with_an_error() {
    let airlock = airlock(1);
    let (sender, mut body) = trickling(&airlock).await;
    sender.send("begun".into()).unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "begun");
    // It waits for more when the lease goes.
    let reading = tokio::spawn(async move { (body.frame().await, body) });
    tokio::task::yield_now().await;
    evict(&airlock).await;
    let (frame, mut body) = in_time(reading).await.unwrap();
    assert!(frame.unwrap().unwrap_err().to_string().contains("lost"));
    assert!(sender.is_closed(), "the inner body is stopped");
    assert!(body.frame().await.is_none(), "nothing comes after the error");
    assert!(body.is_end_stream());
}

/// Always has more.
#[derive(Clone, Debug)]
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(b"more")))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_waits_ends_with_the_error_as_well() {
    let airlock = airlock(1);
    let mut body = streaming(&airlock, Endless).await;
    assert!(body.frame().await.unwrap().is_ok());
    evict(&airlock).await;
    assert!(body.frame().await.unwrap().unwrap_err().to_string().contains("lost"));
    assert!(body.frame().await.is_none());
}
