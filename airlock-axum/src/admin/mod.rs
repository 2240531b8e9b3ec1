//! The operator's side: see [`admin`].
//!
//! # Implementation details
//!
//! | file | what it does |
//! |---|---|
//! | `routes.rs` | which request is for whom; what all have in common |
//! | `query.rs` | what a request asks for, and its bounds |
//! | `looking.rs` | the JSON of airlocks and resources |
//! | `operating.rs` | switches, limits, evictions |
//! | `events.rs` | the stream of events |
//! | `figures.rs`, `series.rs` | what happened lately, in bounded memory |
//! | `page.rs` | the dashboard |
//! | `fault.rs` | what was wrong with a request |

mod events;
mod fault;
mod figures;
mod looking;
mod operating;
mod page;
mod query;
mod routes;
mod series;

use std::borrow::Borrow;
use std::sync::Arc;

use airlock_core::Airlock;
use airlock_core::observer::Subscription;
use axum::Router;
use tokio::sync::Semaphore;

use fault::Fault;
use figures::Figures;

/// A dashboard and a JSON interface for the operator of these airlocks: who is inside, who waits, how it went during the
/// last five minutes; switches, limits, evictions.
///
/// It asks nobody who they are: mount it behind your own authentication. Whoever gets through may do everything, to every
/// tenant. Use [`nest_service`](Router::nest_service), so that the path works with and without its last slash:
///
/// ```
/// use airlock_axum::{Airlock, Seal, admin};
/// use axum::Router;
/// # use axum::{middleware::{Next, from_fn}, extract::Request, response::Response};
/// # async fn only_operators(request: Request, next: Next) -> Response { next.run(request).await }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let imports = Airlock::builder("imports").seal(Seal::semaphore(2)).build()?;
/// let exports = Airlock::builder("exports").seal(Seal::semaphore(5)).build()?;
/// let admin = admin([&imports, &exports]).layer(from_fn(only_operators));
/// let app: Router = Router::new().nest_service("/admin", admin);
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// # Requests
///
/// All paths are below the mount point; names in paths and queries are percent-encoded. Answers are JSON and
/// `Cache-Control: private, no-store`. Times are spans in milliseconds from now.
///
/// | request | answer |
/// |---|---|
/// | `GET /` | the dashboard |
/// | `GET /airlocks` | `airlocks`: all of them, in the order in which they were given |
/// | `GET /airlocks/{name}` | one, and its `resources` in use, busiest first |
/// | `GET /airlocks/{name}/resource?name=` | one resource, with its `holders` by fence and its `waiters` by position |
/// | `PUT /airlocks/{name}/switch` | sets the switch of all resources that have none of their own |
/// | `PUT /airlocks/{name}/switch?resource=` | sets that of one resource; `DELETE` leaves it to the airlock's again |
/// | `PUT /airlocks/{name}/limit?resource=` | overrides its limit; `DELETE` returns to the configured one |
/// | `DELETE /airlocks/{name}/holders?resource=&identity=` | puts out who is inside, or offered a place; or by `&fence=` |
/// | `DELETE /airlocks/{name}/waiters?resource=&identity=` | puts out who waits |
/// | `GET /events` | what happens at all of them, as a stream |
///
/// Lists are paged by `offset` (0 by default) and `count` (50 by default, 500 at most): `resources`, and `holders` and
/// `waiters` alike. `q` shows only resources whose names contain a text, whatever its ASCII case. With `history=true`
/// airlocks and resources have their history.
///
/// A switch is set by `{"state": …, "reason": …, "reopen_in_ms": …}`: `open`, `closed`, `hold`, `drain` or `bypass`, what to
/// tell those who are refused, and when it opens by itself; the last two may be left out. A limit is `{"limit": …}`. What was
/// done is 204.
///
/// # Members
///
/// | of an airlock | |
/// |---|---|
/// | `name` | |
/// | `limit` | how many may be inside at each resource, as configured; not there where a rate alone limits |
/// | `switch` | `state`, and `reason` and `reopen_in_ms` where it has them |
/// | `unwell_for_ms` | while [health](Airlock::report_health) keeps everybody out |
/// | `total` | how many resources are in use, of those that match `q` |
/// | `in_use`, `waiting` | at all of these together |
/// | `error` | why the store cannot be asked, in `GET /airlocks`; then the five above are not there |
///
/// | of a resource | |
/// |---|---|
/// | `resource` | its name |
/// | `in_use` | weight inside, offers included |
/// | `limit`, `configured_limit`, `limit_override` | in force, configured, and the operator's where there is one |
/// | `waiting` | how many |
/// | `switch` | its own, where it has one |
/// | `airlock`, `airlock_switch`, `emergency`, `unwell_for_ms`, `offered` | of one alone: whose it is, what else holds for it and whether that is an emergency's, and how many are offered a place |
///
/// | of both | |
/// |---|---|
/// | `admitted_per_second`, `refused_per_second` | during the last minute |
/// | `wait_ms` | how long those waited who came in during the last five minutes, of the last 256: `p50`, `p95` |
/// | `history` | the last five minutes, oldest first, in steps of `step_ms`: how many were `admitted` and `refused`; and `in_use` and `waiting` when somebody last looked, which is `null` where nobody did |
///
/// A holder has `identity` unless it is anonymous, `fence`, `weight`, `age_ms` and `offered`; a waiter `identity`, `position`,
/// `weight` and `age_ms`. No token is ever shown.
///
/// # Events
///
/// `GET /events` is `text/event-stream`. The names of events are those that are [logged](airlock_core#what-is-logged); their
/// data is `airlock`, `resource`, and as known `identity`, `fence`, `waited_ms`, `held_ms`, `reason` (of `refused`) and `limit`
/// (of `resized`). A stream that does not keep up loses events and is told `lost`, with how `many`; whoever enters or leaves
/// never waits for it. 32 streams may be open at once.
///
/// # What is wrong
///
/// Is a problem (RFC 9457), and then nothing has changed: 400 for what cannot be understood or is out of bounds, 404 for an
/// airlock that is not there or nobody to put out, 405 for another method, 413 for a body of more than 4 KiB, 503 where the
/// store cannot be asked. Unsafe methods are 403 from pages of other hosts, as in the waiting room.
///
/// # Limits
///
/// - What happened lately is known of this process alone; who is inside, who waits and what is set, of all of a fleet.
/// - History is kept for the 1000 resources of each airlock to which something happened last.
/// - It is an [observer](airlock_core::observer::Observer) of its airlocks: in memory, admissions take a little longer.
///
/// # Panics
///
/// When two of the airlocks have one name.
#[track_caller]
pub fn admin<A: Borrow<Airlock>>(airlocks: impl IntoIterator<Item = A>) -> Router {
    let mut guarded: Vec<Guarded> = Vec::new();
    for airlock in airlocks {
        let airlock = airlock.borrow();
        let name = airlock.name();
        assert!(guarded.iter().all(|known| known.airlock.name() != name), "two airlocks are called `{name}`");
        guarded.push(Guarded::new(airlock.clone()));
    }
    routes::router(Arc::new(Panel { guarded, streams: Arc::new(Semaphore::new(events::MOST)) }))
}

/// What all requests share.
struct Panel {
    guarded: Vec<Guarded>,
    /// How many more streams may be open.
    streams: Arc<Semaphore>,
}

/// An airlock, and what happened at it lately.
struct Guarded {
    airlock: Airlock,
    figures: Arc<Figures>,
    _subscription: Subscription,
}

impl Guarded {
    fn new(airlock: Airlock) -> Self {
        let figures = Arc::new(Figures::new());
        let observer = figures.clone();
        let subscription = airlock.subscribe(move |event: &airlock_core::observer::Event<'_>| observer.note(event));
        Guarded { airlock, figures, _subscription: subscription }
    }
}

impl Panel {
    fn find(&self, name: &str) -> Result<&Guarded, Fault> {
        let found = self.guarded.iter().find(|guarded| guarded.airlock.name() == name);
        found.ok_or_else(|| Fault::not_found("There is no airlock of this name here; GET airlocks lists them."))
    }
}
