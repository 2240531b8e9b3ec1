//! What the tests share: an airlock that says what happens at it, a server, and a client that writes what it likes.

use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::observer::{Event, EventKind};
use airlock_axum::{Airlock, Seal};
use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::ServiceExt as _;

pub(crate) const ROOM: &str = "room";

/// Long enough to be over only when something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An airlock, and everything that happens at it.
pub(crate) struct Watched {
    pub(crate) airlock: Airlock,
    events: mpsc::UnboundedReceiver<EventKind>,
}

pub(crate) fn watched(limit: u32) -> Watched {
    let (sender, events) = mpsc::unbounded_channel();
    let observer = move |event: &Event<'_>| {
        // Nobody listens to what happens after the test.
        let _ = sender.send(event.kind);
    };
    let airlock = Airlock::builder(ROOM).seal(Seal::semaphore(limit)).observer(observer).build();
    Watched { airlock: airlock.expect("a plain configuration"), events }
}

impl Watched {
    /// Comes back when that has happened.
    pub(crate) async fn until(&mut self, kind: EventKind) {
        let happened = async {
            while let Some(event) = self.events.recv().await {
                if event == kind {
                    return;
                }
            }
            panic!("the airlock is gone");
        };
        tokio::time::timeout(PATIENCE, happened).await.unwrap_or_else(|_| panic!("{kind:?} does not happen"));
    }

    pub(crate) async fn inside(&self) -> u64 {
        self.airlock.inspect(ROOM).await.expect("memory").in_use
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

/// One request to a router that nobody serves.
pub(crate) async fn oneshot(router: &Router, request: Request<Body>) -> Response<Body> {
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("a whole body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Serves on a port of its own, for as long as the runtime of the test.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Sends a request on a connection of its own, which the server closes after its answer.
pub(crate) async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a server");
    let request = format!("{request}\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a server");
    stream
}

/// The whole answer, head and body, or what there is of it.
pub(crate) async fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // An aborted answer may end in a reset.
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("an answer");
    String::from_utf8(answer).expect("text")
}

/// Reads until that has come.
pub(crate) async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        let mut buffer = [0; 1024];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("an answer");
        let count = read.expect("a server");
        assert!(count > 0, "the answer ends before {text}: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(seen).expect("text")
}
