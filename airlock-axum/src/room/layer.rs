use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use airlock_core::{Admitted, WeakAdmitted};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{Extensions, HeaderValue};
use tower_layer::Layer;
use tower_service::Service;

use super::Room;
use super::held::Held;
use super::reception::{Inside, Reception};

/// Lets only those through who are inside; made by [`WaitingRoom::layer`](super::WaitingRoom::layer).
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct WaitingRoomLayer(Arc<Room>);

impl WaitingRoomLayer {
    pub(super) fn new(room: Arc<Room>) -> Self {
        WaitingRoomLayer(room)
    }
}

impl<S> Layer<S> for WaitingRoomLayer {
    type Service = WaitingRoomService<S>;

    fn layer(&self, inner: S) -> WaitingRoomService<S> {
        WaitingRoomService { inner, room: self.0.clone() }
    }
}

/// The service that [`WaitingRoomLayer`] makes.
///
/// See [`WaitingRoom`](crate::WaitingRoom) for an example.
#[derive(Clone)]
pub struct WaitingRoomService<S> {
    inner: S,
    room: Arc<Room>,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<S> Service<Request> for WaitingRoomService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<Result<Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        if self.room.lets_past(&parts) {
            return Box::pin(self.inner.call(Request::from_parts(parts, body)));
        }
        if let Some(inside) = self.room.receive_now(&parts) {
            let mut inner = self.inner.clone();
            // The one that was readied is called, and its clone readied anew.
            std::mem::swap(&mut inner, &mut self.inner);
            return Box::pin(run(inner, inside, Request::from_parts(parts, body)));
        }
        // Lets go of a service that is ready and is not called now: it may hold somebody else's permit.
        self.inner = self.inner.clone();
        let (mut inner, room) = (self.inner.clone(), self.room.clone());
        Box::pin(async move {
            match room.receive(&mut parts).await {
                Reception::Answer(response) => Ok(*response),
                Reception::Inside(inside) => {
                    poll_fn(|cx| inner.poll_ready(cx)).await?;
                    run(inner, *inside, Request::from_parts(parts, body)).await
                }
            }
        })
    }
}

async fn run<S>(mut inner: S, inside: Inside, mut request: Request) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response>,
{
    let Inside { admitted, in_flight, cookies } = inside;
    show(&admitted, request.extensions_mut());
    let response = inner.call(request).await?;
    let mut response = response.map(|body| Body::new(Held::new(body, admitted, in_flight)));
    set_cookies(&mut response, cookies);
    Ok(response)
}

/// Sets cookies on a response, which no cache may keep then.
pub(super) fn set_cookies<B>(response: &mut http::Response<B>, cookies: Vec<HeaderValue>) {
    if cookies.is_empty() {
        return;
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
}

/// Shows a request's permit to whoever handles it: a weak handle, and the ones of layers around this one.
fn show(admitted: &Admitted, extensions: &mut Extensions) {
    let handle = admitted.downgrade();
    let handle = match extensions.remove::<WeakAdmitted>() {
        Some(outer) => handle.within(outer),
        None => handle,
    };
    extensions.insert(handle);
}

impl fmt::Debug for WaitingRoomLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingRoomLayer").field("airlock", &self.0.airlock).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for WaitingRoomService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingRoomService")
            .field("inner", &self.inner)
            .field("airlock", &self.room.airlock)
            .finish_non_exhaustive()
    }
}
