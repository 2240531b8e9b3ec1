//! A tonic channel that is limited by its caller.

use std::error::Error as _;

use airlock_core::{Airlock, Seal};
use airlock_tower::{AirlockLayer, CallError, CallLayer};
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::Error as TransportError;
use tower::ServiceBuilder;

use crate::PATIENCE;
use crate::echo::{Echo, connect, say};
use crate::served::serve;

fn airlock(name: &str, limit: u32) -> Airlock {
    Airlock::builder(name).seal(Seal::semaphore(limit)).build().expect("a plain configuration")
}

#[tokio::test]
async fn a_channel_is_limited_and_tells_a_refusal_from_an_answer() {
    let echo = Echo::new();
    // The server's own gate lets all of them in.
    let address = serve(AirlockLayer::new(airlock("server", 100)), echo.clone()).await;
    let layer = CallLayer::new(airlock("upstream", 3));
    let channel = connect(address).await;
    let waiting = ServiceBuilder::new().layer(layer.clone().wait(PATIENCE)).service(channel.clone());
    let crowd: Vec<_> = (0..20).map(|_| tokio::spawn(say(waiting.clone(), "all"))).collect();
    let begun = async {
        while echo.most() < 3 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, begun).await.expect("three are let in");

    let trying = ServiceBuilder::new().layer(layer).service(channel);
    let status = say(trying, "one more").await.unwrap_err();
    // No answer of the upstream's, and the error says so to whoever asks it.
    assert_eq!(status.code(), Code::Unknown);
    assert!(status.metadata().get("airlock-status").is_none());
    let error = status.source().unwrap().downcast_ref::<CallError<TransportError>>().unwrap();
    assert!(error.is_busy());

    echo.allowed.add_permits(20);
    for call in crowd {
        assert_eq!(call.await.unwrap().unwrap(), "all");
    }
    assert_eq!(echo.most(), 3);
}
