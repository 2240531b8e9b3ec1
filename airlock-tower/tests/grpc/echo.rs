//! A service written by hand: no compiler for protocol buffers is needed to build the tests.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use airlock_tower::BoxError;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::uri::PathAndQuery;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::server::NamedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::Service;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Words {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

pub(crate) fn words(text: &str) -> Words {
    Words { text: text.to_owned() }
}

/// Says what it is told, each word only when it is allowed one, and counts how many are at it.
#[derive(Clone)]
pub(crate) struct Echo {
    pub(crate) allowed: Arc<Semaphore>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Echo {
    pub(crate) fn new() -> Self {
        Echo { allowed: Arc::new(Semaphore::new(0)), now: Arc::default(), most: Arc::default() }
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    async fn say(self, request: Request<Words>) -> Result<Response<Words>, Status> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.allowed.acquire().await.expect("never closed").forget();
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(Response::new(request.into_inner()))
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "airlock.Echo";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Words, Words>::default());
            Ok(match request.uri().path() {
                "/airlock.Echo/Say" => grpc.unary(tower::service_fn(|words| echo.clone().say(words)), request).await,
                "/airlock.Echo/Spell" => {
                    grpc.server_streaming(tower::service_fn(|words| spell(echo.clone(), words)), request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

type Letters = Pin<Box<dyn futures_util::Stream<Item = Result<Words, Status>> + Send>>;

/// One letter at a time.
async fn spell(echo: Echo, request: Request<Words>) -> Result<Response<Letters>, Status> {
    let letters: Vec<_> = request.into_inner().text.chars().map(String::from).collect();
    let allowed = move |letter: String| {
        let allowed = echo.allowed.clone();
        async move {
            allowed.acquire().await.expect("never closed").forget();
            Ok(words(&letter))
        }
    };
    Ok(Response::new(Box::pin(stream::iter(letters).then(allowed))))
}

pub(crate) async fn say<T>(service: T, text: &str) -> Result<String, Status>
where
    T: GrpcService<Body>,
    T::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error: Into<BoxError>,
{
    let mut client = tonic::client::Grpc::new(service);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static("/airlock.Echo/Say");
    let said = client.unary(Request::new(words(text)), path, ProstCodec::<Words, Words>::default()).await?;
    Ok(said.into_inner().text)
}

pub(crate) async fn spell_out(channel: Channel, text: &str) -> Result<Streaming<Words>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static("/airlock.Echo/Spell");
    Ok(client
        .server_streaming(Request::new(words(text)), path, ProstCodec::<Words, Words>::default())
        .await?
        .into_inner())
}

pub(crate) async fn connect(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).expect("an address").connect().await.expect("a server")
}
