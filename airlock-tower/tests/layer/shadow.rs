//! In shadow mode everybody is let in, and who would not have been is reported.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_core::gate::Whom;
use airlock_core::observer::{Event, EventKind};
use airlock_core::{Airlock, Seal, Switch};
use airlock_tower::{AirlockLayer, OnStoreError, by_header};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::oneshot;
use tower::{Layer as _, ServiceExt as _};

use crate::failing::{Failing, Failure};
use crate::support::{ROOM, Read, admitted, at_once, channel, get, in_line, inside, occupy, once, send, with_header};

/// Who would have been refused, and as what.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<Report>>>);

/// The resource, the identity, and the name of the refusal.
type Report = (String, Option<String>, &'static str);

impl Reports {
    /// An airlock with one place, whose reports are kept.
    fn airlock(&self) -> Airlock {
        let seen = self.0.clone();
        let observer = move |event: &Event<'_>| {
            if let EventKind::WouldRefuse(name) = event.kind {
                assert_eq!(event.kind.name(), "would-refuse");
                seen.lock().unwrap().push((event.resource.to_owned(), event.identity.map(str::to_owned), name));
            }
        };
        Airlock::builder(ROOM).seal(Seal::lock()).observer(observer).build().expect("a plain configuration")
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(|(.., name)| *name).collect()
    }
}

async fn is_let_in(layer: &AirlockLayer, request: Request<()>) {
    let read = Read::all(send(layer, request).await).await;
    assert_eq!((read.status, &*read.body), (StatusCode::OK, &b"hello"[..]));
    assert_eq!(read.header("airlock-status"), None);
}

#[tokio::test(start_paused = true)]
async fn who_would_have_been_refused_is_let_in_and_reported() {
    let reports = Reports::default();
    let airlock = reports.airlock();
    let layer = AirlockLayer::new(airlock.clone()).shadow();
    is_let_in(&layer, get()).await;
    assert_eq!(reports.names(), [""; 0]);

    let place = occupy(&airlock, ROOM);
    is_let_in(&layer, get()).await;
    at_once(Box::pin(airlock.switch(Switch::closed()))).unwrap();
    is_let_in(&layer, get()).await;
    assert_eq!(reports.names(), ["full", "closed"]);
    drop(place);
    assert_eq!((inside(&airlock), in_line(&airlock)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_report_says_what_for_and_who() {
    let reports = Reports::default();
    let layer = AirlockLayer::new(reports.airlock()).resource(by_header("x-tenant")).identity(by_header("x-user"));
    let layer = layer.shadow();
    let request = || Request::builder().header("x-tenant", "acme").header("x-user", "ada").body(()).unwrap();
    let (sender, body) = channel();
    let body = Mutex::new(Some(body));
    let service = tower::service_fn(|_: Request<()>| {
        let body = body.lock().unwrap().take().expect("one request");
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let open = layer.layer(service).oneshot(request()).await.unwrap();
    is_let_in(&layer, request()).await;
    // A request without a name is let in as well.
    is_let_in(&layer, get()).await;
    is_let_in(&layer, with_header("x-tenant", &"a".repeat(513))).await;
    drop((sender, open));
    let expected = [("acme", Some("ada"), "duplicate"), (ROOM, None, "unidentified"), (ROOM, None, "invalid")];
    let expected = expected.map(|(resource, identity, name)| (resource.to_owned(), identity.map(str::to_owned), name));
    let mut seen = reports.0.lock().unwrap().clone();
    assert_eq!(std::mem::replace(&mut seen[2].0, ROOM.to_owned()).len(), 513);
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_request_takes_its_place_until_its_body_has_ended() {
    let reports = Reports::default();
    let airlock = reports.airlock();
    let layer = AirlockLayer::new(airlock.clone()).shadow();
    let (sender, body) = channel();
    let body = Mutex::new(Some(body));
    let service = tower::service_fn(|request: Request<()>| {
        // Nobody is promised anything.
        let permit = admitted(&request).expect("a permit");
        assert_eq!((permit.fence(), permit.token().is_err()), (0, true));
        let body = body.lock().unwrap().take().expect("one request");
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let response = layer.layer(service).oneshot(get()).await.unwrap();
    assert_eq!(inside(&airlock), 1);
    is_let_in(&layer, get()).await;
    assert_eq!(reports.names(), ["full"]);
    sender.send(Bytes::from_static(b"all")).unwrap();
    drop(sender);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "all");
    assert_eq!(inside(&airlock), 0);
}

/// Runs one request whose work ends when it is told to, and whose airlock has a line.
fn working(layer: &AirlockLayer) -> (oneshot::Sender<()>, tokio::task::JoinHandle<StatusCode>) {
    let (end, ended) = oneshot::channel();
    let ended = Arc::new(Mutex::new(Some(ended)));
    let service = tower::service_fn(move |_: Request<()>| {
        let ended = ended.lock().unwrap().take().expect("one request");
        async move {
            let _ = ended.await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("done")))
        }
    });
    let mut response = Box::pin(layer.layer(service).oneshot(get()));
    assert!(once(response.as_mut()).is_pending(), "it works already");
    (end, tokio::spawn(async move { response.await.unwrap().status() }))
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_works_at_once_and_is_in_line_meanwhile() {
    let reports = Reports::default();
    let airlock = reports.airlock();
    let layer = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(5)).shadow();
    let place = occupy(&airlock, ROOM);
    let (end, response) = working(&layer);
    assert_eq!((inside(&airlock), in_line(&airlock)), (1, 1));
    // Its turn comes in time: it would have been let in.
    drop(place);
    tokio::task::yield_now().await;
    assert_eq!((inside(&airlock), in_line(&airlock)), (1, 0));
    end.send(()).unwrap();
    assert_eq!(response.await.unwrap(), StatusCode::OK);
    assert_eq!((inside(&airlock), reports.names()), (0, vec![]));

    // Its turn does not come in time.
    let _place = occupy(&airlock, ROOM);
    let (end, response) = working(&layer);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((in_line(&airlock), reports.names()), (0, vec!["timed-out"]));
    end.send(()).unwrap();
    assert_eq!(response.await.unwrap(), StatusCode::OK);

    // It is done before: that is no refusal.
    let (end, response) = working(&layer);
    assert_eq!(in_line(&airlock), 1);
    end.send(()).unwrap();
    assert_eq!(response.await.unwrap(), StatusCode::OK);
    assert_eq!((in_line(&airlock), reports.names()), (0, vec!["timed-out"]));
}

#[tokio::test(start_paused = true)]
async fn a_lost_place_stops_nothing() {
    let reports = Reports::default();
    let airlock = reports.airlock();
    let layer = AirlockLayer::new(airlock.clone()).shadow();
    let (end, response) = working(&layer);
    let seen = at_once(Box::pin(airlock.inspect(ROOM))).unwrap();
    let fence = seen.holders[0].fence;
    assert!(at_once(Box::pin(airlock.evict(ROOM, Whom::Fence(fence)))).unwrap());
    tokio::task::yield_now().await;
    assert!(!response.is_finished());
    end.send(()).unwrap();
    assert_eq!(response.await.unwrap(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn neither_a_broken_store_nor_too_much_to_do_keeps_anybody_out() {
    for failure in [Failure::NotExecuted, Failure::Unknown, Failure::Silent] {
        for on_store_error in [OnStoreError::Refuse, OnStoreError::Admit] {
            let layer = AirlockLayer::new(Failing::new(failure).airlock()).on_store_error(on_store_error).shadow();
            is_let_in(&layer, get()).await;
        }
    }
    let reports = Reports::default();
    let layer = AirlockLayer::new(reports.airlock()).shed_when(|_| true).shadow();
    is_let_in(&layer, get()).await;
    assert_eq!(reports.names(), ["shed"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_nothing() {
    let reports = Reports::default();
    let airlock = reports.airlock();
    let layer = AirlockLayer::new(airlock.clone()).wait(Duration::from_secs(5)).shadow();
    let first = working(&layer);
    let second = working(&layer);
    assert_eq!((inside(&airlock), in_line(&airlock)), (1, 1));
    for (_end, response) in [second, first] {
        response.abort();
        assert!(response.await.unwrap_err().is_cancelled());
    }
    assert_eq!((inside(&airlock), in_line(&airlock), reports.names()), (0, 0, vec![]));
}
