//! Work that outlives the response: whoever keeps the permit keeps the place, and nobody else does.

use airlock_axum::gate::Ending;
use airlock_axum::observer::EventKind;
use airlock_axum::{Admitted, AirlockLayer, WeakAdmitted, Whom};
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::http::StatusCode;
use axum::routing::get as on_get;
use axum::{Extension, Router};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot as channel};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite};

use crate::support::{ROOM, Watched, answer, get, oneshot, send, serve, text, watched};

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Two sockets: one keeps the permit in its task, the other only has the extension.
async fn sockets(room: &Watched) -> std::net::SocketAddr {
    let keeps = |admitted: Admitted, upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |socket| async move {
            tokio::select! {
                () = echo(socket) => {}
                _ = admitted.lost() => {}
            }
        })
    };
    let forgets = |Extension(weak): Extension<WeakAdmitted>, upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |socket| async move {
            assert!(weak.upgrade().is_none());
            echo(socket).await;
        })
    };
    let router = Router::new()
        .route("/keeps", on_get(keeps))
        .route("/forgets", on_get(forgets))
        .route("/", on_get(|| async { "" }))
        .layer(AirlockLayer::new(room.airlock.clone()));
    serve(router).await
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn say(client: &mut Client, words: &str) {
    client.send(tungstenite::Message::text(words)).await.unwrap();
    let echo = client.next().await.unwrap().unwrap();
    assert_eq!(echo, tungstenite::Message::text(words));
}

#[tokio::test]
async fn a_websocket_that_keeps_the_permit_keeps_the_place() {
    let mut room = watched(1);
    let address = sockets(&room).await;
    let (mut client, _) = connect_async(format!("ws://{address}/keeps")).await.unwrap();
    for words in ["one", "two"] {
        say(&mut client, words).await;
        assert_eq!(room.inside().await, 1);
        assert!(answer(send(address, "GET / HTTP/1.1").await).await.starts_with("HTTP/1.1 503 "));
    }
    // Another socket is refused as any request is.
    let refused = connect_async(format!("ws://{address}/keeps")).await.unwrap_err();
    let tungstenite::Error::Http(response) = refused else { panic!("{refused}") };
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["airlock-status"], "full");

    client.close(None).await.unwrap();
    room.until(EventKind::Ended(Ending::Released)).await;
    assert!(answer(send(address, "GET / HTTP/1.1").await).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_websocket_that_is_torn_off_lets_go() {
    let mut room = watched(1);
    let address = sockets(&room).await;
    let (mut client, _) = connect_async(format!("ws://{address}/keeps")).await.unwrap();
    say(&mut client, "one").await;
    drop(client);
    room.until(EventKind::Ended(Ending::Released)).await;
    assert_eq!(room.inside().await, 0);
}

#[tokio::test]
async fn a_websocket_hears_that_its_lease_is_lost() {
    let room = watched(1);
    let address = sockets(&room).await;
    let (mut client, _) = connect_async(format!("ws://{address}/keeps")).await.unwrap();
    say(&mut client, "one").await;
    let fence = room.airlock.inspect(ROOM).await.unwrap().holders[0].fence;
    assert!(room.airlock.evict(ROOM, Whom::Fence(fence)).await.unwrap());
    // The task ends, and the socket with it.
    while let Some(Ok(_)) = client.next().await {}
    assert_eq!(room.inside().await, 0);
}

#[tokio::test]
async fn the_extension_alone_does_not_keep_the_place() {
    let room = watched(1);
    let address = sockets(&room).await;
    let (mut client, _) = connect_async(format!("ws://{address}/forgets")).await.unwrap();
    say(&mut client, "one").await;
    assert_eq!(room.inside().await, 0);
    assert!(answer(send(address, "GET / HTTP/1.1").await).await.starts_with("HTTP/1.1 200 "));
    say(&mut client, "two").await;
}

#[tokio::test]
async fn a_task_that_keeps_the_permit_keeps_the_place() {
    let mut room = watched(1);
    let (tasks, mut begun) = mpsc::unbounded_channel::<channel::Sender<()>>();
    let handler = move |admitted: Admitted| async move {
        let (stop, stopped) = channel::channel();
        tokio::spawn(async move {
            let _place = admitted;
            let _ = stopped.await;
        });
        tasks.send(stop).unwrap();
        "on its way"
    };
    let router = Router::new().route("/", on_get(handler)).layer(AirlockLayer::new(room.airlock.clone()));
    assert_eq!(text(oneshot(&router, get("/")).await).await, "on its way");
    let stop = begun.recv().await.unwrap();
    assert_eq!(room.inside().await, 1);
    assert_eq!(oneshot(&router, get("/")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    stop.send(()).unwrap();
    room.until(EventKind::Ended(Ending::Released)).await;
    assert_eq!(oneshot(&router, get("/")).await.status(), StatusCode::OK);
}
