//! Names that only a router or a server knows: a parameter of the path, the address of the connection.

use std::net::SocketAddr;

use airlock_axum::{AirlockLayer, IpNet, Name, Prefix, by_forwarded, by_path, by_peer};
use axum::Router;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::StatusCode;
use axum::routing::get as on_get;
use tokio::net::TcpListener;
use tower::Layer as _;
use tower::ServiceExt as _;

use crate::support::{answer, get, oneshot, send, watched};

fn hello() -> axum::routing::MethodRouter {
    on_get(|| async { "hello" })
}

#[tokio::test]
async fn a_parameter_of_the_path_names_the_resource() {
    let room = watched(1);
    let layer = || AirlockLayer::new(room.airlock.clone()).resource(by_path("tenant"));
    let _acme = room.airlock.try_enter("a/c").await.unwrap();
    let nested = Router::new().nest("/tenants/{tenant}", Router::new().route("/work", hello()).layer(layer()));
    for router in [
        Router::new().route("/tenants/{tenant}/work", hello()).layer(layer()),
        Router::new().route("/tenants/{tenant}/work", hello()).route_layer(layer()),
        Router::new().route("/tenants/{tenant}/work", hello().layer(layer())),
        nested,
    ] {
        // Decoded, as the handler would see it.
        let full = oneshot(&router, get("/tenants/a%2Fc/work")).await;
        assert_eq!(full.headers()["airlock-status"], "full");
        assert_eq!(oneshot(&router, get("/tenants/globex/work")).await.status(), StatusCode::OK);
        let invalid = oneshot(&router, get("/tenants/%ff/work")).await;
        assert_eq!(
            (invalid.status(), &invalid.headers()["airlock-status"]),
            (StatusCode::BAD_REQUEST, &"invalid".parse().unwrap())
        );
        assert_eq!(oneshot(&router, get("/nothing")).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_route_without_the_parameter_says_nothing() {
    let layer = AirlockLayer::new(watched(1).airlock).resource(by_path("tenant"));
    let router = Router::new().route("/{other}", hello()).route("/", hello()).layer(layer.clone());
    for path in ["/acme", "/"] {
        let response = oneshot(&router, get(path)).await;
        assert_eq!(response.headers()["airlock-status"], "unidentified", "{path}");
    }
    // In front of the router nobody has looked at the path.
    let outside = layer.layer(Router::<()>::new().route("/{tenant}", hello()));
    assert_eq!(outside.oneshot(get("/acme")).await.unwrap().status(), StatusCode::BAD_REQUEST);
}

/// Serves with the addresses of the connections.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(
        async move { axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await },
    );
    address
}

#[tokio::test]
async fn the_address_of_the_connection_names_the_resource() {
    let room = watched(1);
    let router = |prefix| {
        let layer = AirlockLayer::new(room.airlock.clone()).resource(by_peer(prefix));
        Router::new().route("/", hello()).layer(layer)
    };
    let (whole, network) = (serve(router(Prefix::default())).await, serve(router(Prefix::new(8, 64))).await);
    let place = room.airlock.try_enter("127.0.0.1/32").await.unwrap();
    assert!(answer(send(whole, "GET / HTTP/1.1").await).await.starts_with("HTTP/1.1 503 "));
    assert!(answer(send(network, "GET / HTTP/1.1").await).await.starts_with("HTTP/1.1 200 "));
    drop(place);
    let _place = room.airlock.try_enter("127.0.0.0/8").await.unwrap();
    assert!(answer(send(whole, "GET / HTTP/1.1").await).await.starts_with("HTTP/1.1 200 "));
    assert!(answer(send(network, "GET / HTTP/1.1").await).await.starts_with("HTTP/1.1 503 "));

    // A server that does not tell makes nobody anonymous.
    let unknown = oneshot(&router(Prefix::default()), get("/")).await;
    assert_eq!(unknown.headers()["airlock-status"], "unidentified");
}

#[tokio::test]
async fn of_a_connection_that_is_no_trusted_proxy_no_header_is_heeded() {
    let trusted: IpNet = "10.0.0.0/8".parse().unwrap();
    for (peer, name) in [
        ("10.1.2.3:4", "203.0.113.7/32"),
        ("[::ffff:10.1.2.3]:4", "203.0.113.7/32"),
        ("198.51.100.9:4", "198.51.100.9/32"),
        ("[2001:db8::9]:4", "2001:db8::/64"),
    ] {
        let room = watched(1);
        let router = Router::new()
            .route("/", hello())
            .layer(AirlockLayer::new(room.airlock.clone()).resource(by_forwarded([trusted], Prefix::default())))
            .layer(MockConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        let _place = room.airlock.try_enter(name).await.unwrap();
        let mut request = get("/");
        request.headers_mut().insert("x-forwarded-for", "203.0.113.7".parse().unwrap());
        assert_eq!(oneshot(&router, request).await.headers()["airlock-status"], "full", "{peer}");
    }
}

#[test]
fn they_are_names() {
    fn is_name<T: Name + Clone + std::fmt::Debug>(_: T) {}
    is_name(by_path("tenant"));
    is_name(by_peer(Prefix::default()));
    is_name(by_forwarded([IpNet::default()], Prefix::default()));
}
