//! What a call that has no response is told.

use std::error::Error as _;

use airlock_core::{Error, Reason};
use airlock_tower::{CallError, CallLayer, OnStoreError};
use tower::{ServiceBuilder, ServiceExt as _};

use super::{Broken, done, job, worker};
use crate::failing::{Failing, Failure};
use crate::support::{ROOM, airlock, at_once, occupy};

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_error_with_its_source() {
    let airlock = airlock(1);
    let _place = occupy(&airlock, ROOM);
    let service = ServiceBuilder::new().layer(CallLayer::new(airlock)).service(worker());
    let error = at_once(service.oneshot(done())).unwrap_err();
    assert!(error.is_busy() && !error.is_lost());
    let source = error.source().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(source.refusal().unwrap().reason, Reason::Full);
    assert_eq!(error.to_string(), "the call was not let in by the airlock");
    assert_eq!(error.into_inner(), None);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_inner_service_stays_what_it_is() {
    let service = ServiceBuilder::new().layer(CallLayer::new(airlock(1))).service(worker());
    let (failing, result) = job("");
    drop(result);
    let error = at_once(service.oneshot(failing)).unwrap_err();
    assert!(!error.is_busy() && !error.is_lost());
    assert!(error.source().unwrap().is::<Broken>());
    assert_eq!(error.into_inner(), Some(Broken));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_refuses_or_admits_as_it_is_told() {
    for failure in [Failure::NotExecuted, Failure::Unknown, Failure::Silent] {
        let layer = CallLayer::new(Failing::new(failure).airlock());
        let refusing = ServiceBuilder::new().layer(layer.clone()).service(worker());
        let error = refusing.oneshot(done()).await.unwrap_err();
        assert!(matches!(error, CallError::Refused(Error::Unavailable(_))), "{failure:?}");
        assert!(!error.is_busy());

        let admitting = layer.on_store_error(OnStoreError::Admit);
        let admitting = ServiceBuilder::new().layer(admitting).service(worker());
        let (work, result) = job("");
        result.send(3).unwrap();
        assert_eq!(admitting.oneshot(work).await.unwrap(), 3, "{failure:?}");
    }
}
