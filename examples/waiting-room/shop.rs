//! A shop behind a waiting room.

use std::sync::Arc;
use std::time::Duration;

use airlock_axum::store::Store;
use airlock_axum::{Admitted, Airlock, ConfigError, Line, PassKey, Seal, Session, WaitingRoom};
use axum::extract::Extension;
use axum::middleware::from_fn;
use axum::response::Html;
use axum::routing::get;
use axum::{Router, response::IntoResponse};

use crate::options::Options;
use crate::work::{self, Work};

/// How long somebody who was let in is waited for until its browser asks for more.
const OFFER: Duration = Duration::from_secs(30);

pub(crate) struct Shop {
    pub(crate) airlock: Airlock,
    room: WaitingRoom,
}

impl Shop {
    /// In the store that the other airlocks are in.
    pub(crate) fn new(options: &Options, store: Arc<dyn Store>) -> Result<Self, ConfigError> {
        let seal = Seal::semaphore(options.active_users).ttl(options.session.min(OFFER));
        let line = Line::new().capacity(options.line);
        let airlock = Airlock::builder("shop").seal(seal).line(line);
        let airlock = airlock.store(store).metrics().build()?;
        // A key of its own will do for one process.
        let key = match std::env::var_os("AIRLOCK_KEY") {
            Some(_) => PassKey::from_env("AIRLOCK_KEY")?,
            None => PassKey::generate(),
        };
        let room = WaitingRoom::builder(airlock.clone(), key)
            .session(Session::sliding(options.session))
            .per_address(options.per_address)
            // This server speaks plain HTTP.
            .insecure_for_development()
            .build()?;
        Ok(Shop { airlock, room })
    }

    pub(crate) fn router(&self) -> Router {
        let shop = get(visit).post(buy).route_layer(from_fn(work::check_query));
        Router::new().route("/shop", shop.layer(self.room.layer())).merge(self.room.routes())
    }
}

/// The shop itself.
async fn visit(admitted: Admitted, Extension(work): Extension<Work>) -> impl IntoResponse {
    work.done().await;
    Html(include_str!("shop.html").replace("NUMBER", &admitted.fence().to_string()))
}

/// What only who is inside can do.
async fn buy(admitted: Admitted, Extension(work): Extension<Work>) -> impl IntoResponse {
    work.done().await;
    format!("bought by visitor number {}\n", admitted.fence())
}
