//! What can be sent, shared and cloned, checked when this is compiled.

use airlock_core::{Admitted, Airlock, WeakAdmitted};
use airlock_tower::{
    AirlockLayer, AirlockService, By, ByCookie, ByExtension, ByHeader, Hold, NameError, OnStoreError, Problem,
    ResponseBody, ResponseFuture,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::util::BoxCloneSyncService;

const fn send<T: Send + 'static>() {}
const fn sync<T: Send + Sync + 'static>() {}
const fn cloned<T: Send + Sync + Clone + 'static>() {}
const fn copied<T: Send + Sync + Copy + 'static>() {}
const fn unpin<T: Unpin>() {}

type Inner = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, std::convert::Infallible>;

const _: () = {
    cloned::<AirlockLayer>();
    cloned::<AirlockService<Inner>>();
    cloned::<Airlock>();
    cloned::<Admitted>();
    cloned::<WeakAdmitted>();
    send::<ResponseFuture<Inner, Full<Bytes>>>();
    sync::<ResponseBody<Full<Bytes>>>();
    unpin::<ResponseBody<Full<Bytes>>>();
    cloned::<Problem>();
    copied::<NameError>();
    copied::<Hold>();
    copied::<OnStoreError>();
    cloned::<ByHeader>();
    cloned::<ByCookie>();
    sync::<ByExtension<String, fn(&String) -> &str>>();
    cloned::<By<fn(&http::request::Parts) -> Option<String>>>();
};

#[test]
fn debug_shows_nobodys_name() {
    let airlock = crate::support::airlock(1);
    let layer = AirlockLayer::new(airlock).resource(airlock_tower::by_header("x-secret-name"));
    let service = tower::Layer::layer(&layer, ());
    for text in [format!("{layer:?}"), format!("{service:?}")] {
        assert!(text.contains("room") && !text.contains("secret"), "{text}");
    }
    assert_eq!(format!("{:?}", ResponseBody::<Full<Bytes>>::default()), r#"ResponseBody("refusal")"#);
}
