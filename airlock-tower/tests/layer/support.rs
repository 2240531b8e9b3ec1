//! What the tests share: airlocks, requests, services and bodies of every temper.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use airlock_core::{Admitted, Airlock, Entrant, Permit, Seal, WeakAdmitted};
use airlock_tower::{AirlockLayer, BoxError, ResponseBody};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tokio::sync::mpsc;
use tower::{Layer as _, Service, ServiceExt as _};

/// The name of the airlock, and of its only resource unless the layer names another.
pub(crate) const ROOM: &str = "room";

pub(crate) fn airlock(limit: u32) -> Airlock {
    Airlock::builder(ROOM).seal(Seal::semaphore(limit)).build().expect("a plain configuration")
}

pub(crate) fn get() -> Request<()> {
    Request::new(())
}

pub(crate) fn with_header(name: &'static str, value: &str) -> Request<()> {
    Request::builder().header(name, value).body(()).expect("a header that can be")
}

/// Takes a place without a request.
pub(crate) fn occupy<'a>(airlock: &Airlock, entrant: impl Into<Entrant<'a>>) -> Permit {
    at_once(airlock.try_enter(entrant)).expect("room")
}

/// What is decided without waiting.
pub(crate) fn at_once<F: IntoFuture>(future: F) -> F::Output {
    match once(pin!(future.into_future())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it has to wait"),
    }
}

/// Polls once; nobody is woken.
pub(crate) fn once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) fn inside(airlock: &Airlock) -> u64 {
    inside_of(airlock, ROOM)
}

pub(crate) fn inside_of(airlock: &Airlock, resource: &str) -> u64 {
    at_once(Box::pin(airlock.inspect(resource))).expect("memory").in_use
}

pub(crate) fn in_line(airlock: &Airlock) -> u64 {
    at_once(Box::pin(airlock.inspect(ROOM))).expect("memory").waiting
}

/// Answers at once.
#[derive(Clone, Debug)]
pub(crate) struct Hello;

pub(crate) fn hello() -> Hello {
    Hello
}

impl Service<Request<()>> for Hello {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Full::from("hello"))))
    }
}

/// One request through the layer, whose service answers at once.
pub(crate) async fn send(layer: &AirlockLayer, request: Request<()>) -> Response<ResponseBody<Full<Bytes>>> {
    match layer.layer(hello()).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The permit that the layer shows to the handler.
pub(crate) fn admitted(request: &Request<()>) -> Option<Admitted> {
    request.extensions().get::<WeakAdmitted>().and_then(WeakAdmitted::upgrade)
}

/// A body that gives what it is sent, and how to send it.
pub(crate) fn channel() -> (mpsc::UnboundedSender<Bytes>, Trickle) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Trickle(receiver))
}

/// Ends when its sender is gone, and does not know it before.
#[derive(Debug)]
pub(crate) struct Trickle(mpsc::UnboundedReceiver<Bytes>);

impl Body for Trickle {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A response that was read to its end.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Read {
    pub(crate) async fn all<B>(response: Response<B>) -> Self
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Read { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} is repeated");
        Some(value.to_str().expect("text"))
    }

    pub(crate) fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Everything that goes over the wire.
    pub(crate) fn text(&self) -> String {
        format!("{:?}\n{}", self.headers, String::from_utf8_lossy(&self.body))
    }
}
