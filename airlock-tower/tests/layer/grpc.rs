//! What a gRPC client is told, to the letter.

use std::borrow::Cow;
use std::time::Duration;

use airlock_core::{Entrant, Permit};
use airlock_tower::{AirlockLayer, Name, NameError, by_header};
use http::request::Parts;
use http::{Request, StatusCode};

use crate::failing::{Failing, Failure};
use crate::support::{ROOM, Read, airlock, get, occupy, send};

fn grpc() -> Request<()> {
    Request::post("/airlock.Echo/Say")
        .header("content-type", "application/grpc+proto")
        .header("accept", "text/html")
        .body(())
        .expect("a request")
}

async fn refused(layer: &AirlockLayer, request: Request<()>) -> Read {
    let read = Read::all(send(layer, request).await).await;
    assert_eq!(read.status, StatusCode::OK);
    assert_eq!(read.header("content-type"), Some("application/grpc"));
    assert_eq!(read.header("cache-control"), Some("private, no-store"));
    assert!(read.body.is_empty());
    read
}

fn full() -> (AirlockLayer, Permit) {
    let airlock = airlock(1);
    let place = occupy(&airlock, ROOM);
    (AirlockLayer::new(airlock), place)
}

#[tokio::test(start_paused = true)]
async fn no_room_is_a_resource_that_is_exhausted() {
    let (layer, _place) = full();
    let read = refused(&layer, grpc()).await;
    assert_eq!((read.header("grpc-status"), read.header("airlock-status")), (Some("8"), Some("full")));
    assert_eq!(read.header("grpc-message"), Some("As many as are allowed are inside. Try again later."));
    assert_eq!(read.header("retry-after"), Some("1"));

    let read = refused(&layer.wait(Duration::from_secs(1)), grpc()).await;
    assert_eq!((read.header("grpc-status"), read.header("airlock-status")), (Some("8"), Some("timed-out")));
}

#[tokio::test(start_paused = true)]
async fn all_else_is_unavailable() {
    let read = refused(&AirlockLayer::new(Failing::new(Failure::NotExecuted).airlock()), grpc()).await;
    assert_eq!((read.header("grpc-status"), read.header("airlock-status")), (Some("14"), Some("unavailable")));

    let read = refused(&AirlockLayer::new(airlock(1)).resource(by_header("x-tenant")), grpc()).await;
    assert_eq!((read.header("grpc-status"), read.header("airlock-status")), (Some("14"), Some("unidentified")));
    assert_eq!(read.header("retry-after"), None);

    let airlock = airlock(2);
    let _inside = occupy(&airlock, Entrant::new(ROOM).identity("ada"));
    let mut request = grpc();
    request.headers_mut().insert("x-user", "ada".parse().unwrap());
    let read = refused(&AirlockLayer::new(airlock).identity(by_header("x-user")), request).await;
    assert_eq!((read.header("grpc-status"), read.header("airlock-status")), (Some("14"), Some("duplicate")));
}

/// Nobody has a name, and the reason is none that a header could carry as it is.
struct Nameless;

impl Name for Nameless {
    fn name<'a>(&self, _: &'a mut Parts) -> Result<Option<Cow<'a, str>>, NameError> {
        Err(NameError::invalid("100 % ungültig\r\n~"))
    }
}

#[tokio::test(start_paused = true)]
async fn the_message_is_percent_encoded() {
    let read = refused(&AirlockLayer::new(airlock(1)).resource(Nameless), grpc()).await;
    assert_eq!(read.header("grpc-message"), Some("100 %25 ung%C3%BCltig%0D%0A~."));
}

#[tokio::test(start_paused = true)]
async fn edited_it_is_still_an_answer() {
    let (layer, _place) = full();
    let layer = layer.on_refused(|problem, response| {
        *response.status_mut() = problem.status();
        *response.body_mut() = "no message".into();
        response.headers_mut().insert("x-more", "more".parse().unwrap());
    });
    let read = refused(&layer, grpc()).await;
    assert_eq!(read.header("x-more"), Some("more"));
    assert_eq!(Read::all(send(&layer, get()).await).await.status, StatusCode::SERVICE_UNAVAILABLE);
}
