//! What somebody gets who is not let in.

use std::time::Duration;

use airlock_core::{Door, Place};
use airlock_tower::{Format, Problem};
use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::Room;
use super::asks::Asks;
use super::cookie::{Purpose, VisitorId, Voucher};
use super::layer::set_cookies;
use super::page::{PageContext, Says};
use super::reception::Reception;
use crate::nonce::Nonce;

const REFRESH: HeaderName = HeaderName::from_static("refresh");
/// How soon a page without JavaScript looks again, where nothing better is known.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Why it is not let in.
pub(super) enum Cause {
    /// It would have changed something, and was not sent on.
    NotSent(Problem),
    Refused(Problem),
}

impl Room {
    /// The page or the problem of somebody in line, with its identity.
    pub(super) async fn queue(
        &self,
        parts: &Parts,
        place: Place,
        id: VisitorId,
        identity: Option<&Voucher>,
        had_pass: bool,
    ) -> Reception {
        let mut problem = Problem::queued(place).with_status(self.options.queued_status);
        let mut says = Says::Problem;
        // Where that cannot be found out, the place is what there is to tell.
        if let Ok(Door::Closed { because, reopens_in, .. }) = self.door().await {
            problem = problem.while_closed(because.as_deref(), reopens_in);
            says = Says::Closed;
        }
        let mut response = self.respond(parts, &problem, place.refresh_after, says);
        let mut cookies = vec![self.identity_cookie(id, identity)];
        if had_pass {
            // It opens nothing any more.
            cookies.push(self.jar.clear(Purpose::Pass));
        }
        set_cookies(&mut response, cookies);
        Reception::Answer(Box::new(response))
    }

    pub(super) fn refuse(&self, parts: &Parts, cause: Cause) -> Reception {
        let response = match cause {
            Cause::Refused(problem) => {
                let again = problem.retry_after().map_or(LOOK_AGAIN, |after| after.min(LOOK_AGAIN));
                self.respond(parts, &problem, again, Says::Problem)
            }
            Cause::NotSent(problem) => {
                let problem = problem.with_detail(&*self.options.words.not_sent);
                self.respond(parts, &problem, LOOK_AGAIN, Says::NotSent)
            }
        };
        Reception::Answer(Box::new(response))
    }

    /// The room's page to visitors who want one, to all others the problem.
    fn respond(&self, parts: &Parts, problem: &Problem, again: Duration, says: Says) -> Response {
        let format = Format::of(parts);
        let response = problem.response(self.airlock.name(), format);
        if !format.is_page() || says != Says::NotSent && Asks::of(parts) != Asks::ToVisit {
            return response.map(Body::from);
        }
        let nonce = Nonce::random();
        let words = &self.options.words;
        let context = PageContext::new(self.airlock.name(), &self.base, problem, words, &nonce, parts, says);
        let page = match &self.options.page {
            Some(page) => page(&context),
            None => context.render(),
        };
        let mut response = response.map(|_| Body::from(page));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, nonce.policy());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        if says != Says::NotSent {
            // Rounded down: coming back too late costs the place.
            headers.insert(REFRESH, HeaderValue::from(again.as_secs().max(1)));
        }
        response
    }

    /// A plain answer to a program, which says what happened.
    pub(super) fn problem(&self, parts: &Parts, problem: &Problem) -> Response {
        problem.response(self.airlock.name(), Format::of(parts)).map(Body::from)
    }

    /// What a page of another site gets that wants something changed.
    pub(super) fn foreign(&self) -> Response {
        let document = serde_json::json!({
            "type": "about:blank",
            "title": "Forbidden",
            "status": 403,
            "detail": "This is only done for pages of this site.",
        });
        let mut response = Response::new(Body::from(document.to_string()));
        *response.status_mut() = StatusCode::FORBIDDEN;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        response
    }
}
