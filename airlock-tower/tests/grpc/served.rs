//! A tonic server that is gated: clients get gRPC answers, and streams keep their place.

use std::net::SocketAddr;

use airlock_core::{Airlock, Seal, Whom};
use airlock_tower::AirlockLayer;
use tokio::time::timeout;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};

use crate::PATIENCE;
use crate::echo::{Echo, connect, say, spell_out};

const ROOM: &str = "room";

fn room() -> Airlock {
    Airlock::builder(ROOM).seal(Seal::semaphore(1)).build().expect("a plain configuration")
}

pub(crate) async fn serve(layer: AirlockLayer, echo: Echo) -> SocketAddr {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let address = incoming.local_addr().expect("bound");
    tokio::spawn(Server::builder().layer(layer).add_service(echo).serve_with_incoming(incoming));
    address
}

fn airlock_status(status: &Status) -> &str {
    status.metadata().get("airlock-status").expect("it says so").to_str().expect("text")
}

/// Comes back when somebody is inside, or nobody.
async fn until_inside(airlock: &Airlock, count: u64) {
    let settled = async {
        while airlock.inspect(ROOM).await.expect("memory").in_use != count {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, settled).await.expect("it happens");
}

#[tokio::test]
async fn who_finds_no_room_is_told_in_grpc() {
    let (airlock, echo) = (room(), Echo::new());
    let address = serve(AirlockLayer::new(airlock.clone()), echo.clone()).await;
    let channel = connect(address).await;
    let first = tokio::spawn(say(channel.clone(), "first"));
    until_inside(&airlock, 1).await;

    let status = say(channel.clone(), "second").await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "As many as are allowed are inside. Try again later.");
    assert_eq!(airlock_status(&status), "full");

    echo.allowed.add_permits(2);
    assert_eq!(first.await.unwrap().unwrap(), "first");
    until_inside(&airlock, 0).await;
    assert_eq!(say(channel, "third").await.unwrap(), "third");
}

#[tokio::test]
async fn a_stream_keeps_its_place_to_its_end() {
    let (airlock, echo) = (room(), Echo::new());
    let address = serve(AirlockLayer::new(airlock.clone()), echo.clone()).await;
    let channel = connect(address).await;
    let mut letters = spell_out(channel.clone(), "abc").await.unwrap();
    for letter in ["a", "b", "c"] {
        assert_eq!(say(channel.clone(), "meanwhile").await.unwrap_err().code(), Code::ResourceExhausted);
        echo.allowed.add_permits(1);
        assert_eq!(letters.message().await.unwrap().unwrap().text, letter);
    }
    assert_eq!(letters.message().await.unwrap(), None);
    until_inside(&airlock, 0).await;
}

#[tokio::test]
async fn who_waits_in_line_is_let_in() {
    let (airlock, echo) = (room(), Echo::new());
    let address = serve(AirlockLayer::new(airlock.clone()).wait(PATIENCE), echo.clone()).await;
    let channel = connect(address).await;
    let crowd: Vec<_> = (0..10).map(|_| tokio::spawn(say(channel.clone(), "all"))).collect();
    echo.allowed.add_permits(10);
    for one in crowd {
        assert_eq!(one.await.unwrap().unwrap(), "all");
    }
    assert_eq!(echo.most(), 1);
}

#[tokio::test]
async fn a_lost_lease_is_unavailable() {
    let (airlock, echo) = (room(), Echo::new());
    let address = serve(AirlockLayer::new(airlock.clone()), echo).await;
    let running = tokio::spawn(say(connect(address).await, "first"));
    until_inside(&airlock, 1).await;
    let fence = airlock.inspect(ROOM).await.unwrap().holders[0].fence;
    assert!(airlock.evict(ROOM, Whom::Fence(fence)).await.unwrap());
    let status = timeout(PATIENCE, running).await.expect("it is stopped").unwrap().unwrap_err();
    assert_eq!((status.code(), airlock_status(&status)), (Code::Unavailable, "lost"));
}
