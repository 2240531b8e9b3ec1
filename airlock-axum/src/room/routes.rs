//! What a visitor's page asks for: how things stand, to be told of changes, to take up an offer, to go.

use airlock_core::{Reason, Standing};
use airlock_tower::Problem;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::cookie::Purpose;
use super::layer::set_cookies;
use super::status::Status;
use super::{Room, WaitingRoom};
use crate::origin;

const ROUTES: [&str; 4] = ["/status", "/events", "/claim", "/leave"];

impl WaitingRoom {
    /// The room's own routes, under `/.airlock/` and the airlock's name: `GET status` and `events`, `POST claim` and `leave`.
    /// Merge them beside what is behind the layer; the layer lets them past in any case.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let [status, events, claim, leave] = ROUTES.map(|route| format!("{}{route}", self.0.base));
        let room = || self.0.clone();
        let (asked, told, claimed, left) = (room(), room(), room(), room());
        Router::new()
            .route(&status, get(move |request: Request| async move { asked.get_status(&request.into_parts().0).await }))
            .route(&events, get(move |request: Request| async move { told.get_events(&request.into_parts().0).await }))
            .route(
                &claim,
                post(move |request: Request| async move { claimed.post_claim(&request.into_parts().0).await }),
            )
            .route(&leave, post(move |request: Request| async move { left.post_leave(&request.into_parts().0).await }))
    }
}

impl Room {
    pub(super) fn is_own_route(&self, path: &str) -> bool {
        path.strip_prefix(&self.base).is_some_and(|route| ROUTES.contains(&route))
    }

    async fn get_status(&self, parts: &Parts) -> Response {
        match self.status(&self.asker(parts)).await {
            Ok(status) => json(&status),
            Err(error) => self.problem(parts, &Problem::of(&error)),
        }
    }

    async fn post_claim(&self, parts: &Parts) -> Response {
        if !origin::is_own(parts) {
            return self.foreign();
        }
        self.sweep().await;
        for id in self.asker(parts).visitors() {
            let visitor = self.visitor(id);
            let fence = match visitor.poll().await {
                Ok(Standing::Offered(offer)) => visitor.claim(offer.nonce).await.map(|permit| permit.fence()),
                Ok(Standing::Inside { fence, .. }) => Ok(fence),
                Ok(_) => continue,
                Err(error) => Err(error),
            };
            match fence {
                Ok(fence) => {
                    self.unsettled.settle(id);
                    let mut response = json(&self.plain("admitted"));
                    set_cookies(&mut response, vec![self.pass_cookie(id, fence)]);
                    return response;
                }
                Err(airlock_core::Error::Refused(refusal)) if refusal.reason == Reason::Missed => {}
                Err(error) => return self.problem(parts, &Problem::of(&error)),
            }
        }
        self.problem(parts, &Problem::for_reason(Reason::Missed))
    }

    async fn post_leave(&self, parts: &Parts) -> Response {
        if !origin::is_own(parts) {
            return self.foreign();
        }
        for id in self.asker(parts).visitors() {
            let visitor = self.visitor(id);
            let left = match visitor.look().await {
                Ok(Standing::Waiting(_)) => visitor.leave(0).await,
                Ok(Standing::Offered(offer)) => visitor.leave(offer.fence).await,
                Ok(Standing::Inside { fence, .. }) => {
                    let left = visitor.leave(fence).await;
                    self.passes.forget(id, fence);
                    left
                }
                Ok(_) => Ok(false),
                Err(error) => Err(error),
            };
            if let Err(error) = left {
                // Its cookies stay, so that it can try again.
                return self.problem(parts, &Problem::of(&error));
            }
            self.unsettled.settle(id);
        }
        self.moved.notify_waiters();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        set_cookies(&mut response, vec![self.jar.clear(Purpose::Identity), self.jar.clear(Purpose::Pass)]);
        response
    }
}

pub(super) fn json(status: &Status) -> Response {
    // Strings and numbers only: there is nothing in it that could fail.
    let mut response = Response::new(Body::from(serde_json::to_vec(status).unwrap_or_default()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}
