//! The waiting room: see [`WaitingRoom`].

mod answer;
mod asks;
mod clock;
mod cookie;
mod events;
mod held;
mod jar;
mod key;
mod layer;
mod options;
mod page;
mod passes;
mod reception;
mod routes;
mod status;
mod unsettled;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use airlock_core::{Airlock, Door, Error, Visitor};
use http::request::Parts;
use parking_lot::Mutex;
use tokio::sync::Notify;

use cookie::{Purpose, VisitorId, Voucher};
use jar::Jar;
use options::Options;
use passes::Passes;
use unsettled::Unsettled;

pub use key::PassKey;
pub use layer::{WaitingRoomLayer, WaitingRoomService};
pub use options::{Session, WaitingRoomBuilder};
pub use page::{PAGE_SCRIPT, PAGE_STYLE, PageContext, Words};

/// A waiting room in front of a router: at most so many visitors inside, and a page for all others that shows them their
/// place in line and lets them in by itself.
///
/// ```no_run
/// use airlock_axum::{PassKey, WaitingRoom, presets};
/// use axum::{Router, routing::get};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let airlock = presets::fair_waiting_room("shop", 200).build()?;
/// let room = WaitingRoom::new(airlock, PassKey::from_env("AIRLOCK_KEY")?);
/// let shop = Router::new().route("/shop", get(|| async { "welcome" }));
/// let app: Router = shop.layer(room.layer()).merge(room.routes());
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// A visitor is a signed cookie: a place in line has an identity, who is inside a pass. A good pass opens the door by
/// itself; the lease behind it decides for how long, and slides with every request. Both cookies hold nothing that could be
/// used elsewhere, and nothing but this room's key can make one.
///
/// Only visits get a place: navigations by GET, and GETs of programs that take HTML or JSON. Without a pass everything else is
/// 503 and costs nothing. What would change something is never kept and never sent again.
///
/// Who takes no cookies is forgotten soon: a new place after ten seconds unless its cookie comes back, a new admission
/// after the seal's ttl (30 s by default) unless a request carries its pass.
///
/// Options are set on a [`builder`](WaitingRoom::builder). The airlock says who is next, how many may be inside
/// (`Seal::semaphore(200).with_rate(Rate::per_minute(50))` for so many new ones a minute besides), and how many wait;
/// what happens when an identity enters again does not matter here.
///
/// # Cancel safety
///
/// A visitor whose request is cut off keeps what it has.
///
/// # Limits
///
/// - Addresses and requests in flight are counted by each node.
/// - Its routes are at one path: merge them into the outermost router, not into a nested one.
/// - A server that shuts down gracefully waits for open streams, for a minute at most: stop waiting sooner.
/// - A node that stops within the ten seconds leaves its new places to the line's presence.
/// - While the operator lets everybody past, passes last for a minute and are no leases.
#[derive(Clone)]
pub struct WaitingRoom(Arc<Room>);

/// What all requests of a room share.
pub(crate) struct Room {
    airlock: Airlock,
    key: PassKey,
    options: Options,
    jar: Jar,
    /// The path under which its routes are.
    base: String,
    passes: Passes,
    unsettled: Unsettled,
    /// How many streams each visitor has open.
    streams: Mutex<HashMap<VisitorId, u32>>,
    /// How the switch stood, when it was last asked.
    door: Mutex<Option<(Duration, Door)>>,
    /// Somebody let go: whoever is next need not wait for its next look.
    moved: Notify,
    /// Whether a task gives up what nobody comes back for.
    sweeping: OnceLock<()>,
    /// Whether it was said that addresses are not known.
    warned: AtomicBool,
}

impl WaitingRoom {
    /// A room for this airlock, as it is by default.
    ///
    /// # Panics
    ///
    /// When the airlock is called `.` or `..`, which no path can name, or has a rate alone: here, not on the first request.
    /// [`builder`](WaitingRoom::builder) answers an error instead.
    #[track_caller]
    pub fn new(airlock: Airlock, key: PassKey) -> Self {
        match WaitingRoom::builder(airlock, key).build() {
            Ok(room) => room,
            Err(error) => panic!("this airlock cannot have a waiting room: {error}"),
        }
    }

    /// Configures a room for this airlock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use airlock_axum::{PassKey, Session, WaitingRoom, presets};
    ///
    /// # fn main() -> Result<(), airlock_axum::ConfigError> {
    /// let airlock = presets::fair_waiting_room("shop", 200).build()?;
    /// let room = WaitingRoom::builder(airlock, PassKey::generate())
    ///     .session(Session::sliding(Duration::from_secs(900)))
    ///     .bypass(|parts| parts.uri.path() == "/payment/returned")
    ///     .build()?;
    /// # let _ = room;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(airlock: Airlock, key: PassKey) -> WaitingRoomBuilder {
        WaitingRoomBuilder::new(airlock, key)
    }

    /// The layer for what is behind the room. Cheap: all layers of a room are one room.
    pub fn layer(&self) -> WaitingRoomLayer {
        WaitingRoomLayer::new(self.0.clone())
    }

    /// The airlock.
    pub fn airlock(&self) -> &Airlock {
        &self.0.airlock
    }
}

impl Room {
    fn new(builder: WaitingRoomBuilder) -> Self {
        let WaitingRoomBuilder { airlock, key, options } = builder;
        let name = airlock.name();
        Room {
            jar: Jar::new(name, !options.insecure, options.domain.clone()),
            base: format!("/.airlock/{}", jar::encoded(name)),
            passes: Passes::new(options.session.length, options.most_in_flight),
            unsettled: Unsettled::new(options.per_address),
            streams: Mutex::default(),
            door: Mutex::default(),
            moved: Notify::new(),
            sweeping: OnceLock::new(),
            warned: AtomicBool::new(false),
            airlock,
            key,
            options,
        }
    }

    /// What the request's cookies say, as far as it is true.
    fn voucher(&self, parts: &Parts, purpose: Purpose) -> Option<Voucher> {
        let now = self.options.clock.unix();
        let mut values = self.jar.values(&parts.headers, purpose);
        values.find_map(|value| Voucher::verify(&self.key, purpose, self.airlock.name(), value, now))
    }

    fn visitor(&self, id: VisitorId) -> Visitor<'_> {
        self.airlock.visitor(self.airlock.name(), id.identity())
    }

    /// How the switch stands, as of a second ago or so.
    async fn door(&self) -> Result<Door, Error> {
        let now = self.options.clock.steady();
        if let Some((then, door)) = &mut *self.door.lock() {
            if now.saturating_sub(*then) < Duration::from_secs(1) {
                return Ok(door.clone());
            }
            // Others that come meanwhile need not ask as well.
            *then = now;
        }
        let door = self.airlock.door(self.airlock.name()).await?;
        *self.door.lock() = Some((now, door.clone()));
        Ok(door)
    }

    /// How many wait, where everybody may know.
    async fn exposed(&self) -> Option<u64> {
        if !self.options.expose {
            return None;
        }
        let page = airlock_core::gate::Page { offset: 0, count: 0 };
        let seen = self.airlock.inspect_page(self.airlock.name(), page).await;
        seen.ok().map(|inspection| inspection.waiting)
    }

    /// How soon somebody in a line of that length asks again.
    fn refresh_after(&self, waiting: u64) -> Duration {
        let often_enough = self.airlock.refresh_after();
        match self.options.poll_budget {
            None => often_enough,
            Some(budget) => {
                let wanted = Duration::from_secs_f64(waiting as f64 / f64::from(budget));
                wanted.max(Duration::from_secs(2)).min(often_enough)
            }
        }
    }
}

impl fmt::Debug for WaitingRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingRoom").field("airlock", &self.0.airlock).finish_non_exhaustive()
    }
}
