use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use airlock_core::clock::TestClock;
use airlock_core::{Airlock, ConfigError};
use airlock_tower::{IntoNumber, Name, NameError};
use http::StatusCode;
use http::request::Parts;

use super::clock::Clock;
use super::key::PassKey;
use super::page::{PageContext, Words};
use super::{Room, WaitingRoom};

type Predicate = dyn Fn(&Parts) -> bool + Send + Sync;
type Priority = dyn Fn(&Parts) -> Result<Option<i32>, NameError> + Send + Sync;
pub(super) type Render = dyn Fn(&PageContext<'_>) -> String + Send + Sync;

/// How long a visitor stays inside.
///
/// See [`WaitingRoom`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub(super) length: Duration,
    pub(super) slides: bool,
}

impl Session {
    /// For so long after its last request: at least a second.
    pub fn sliding(length: Duration) -> Self {
        Session { length, slides: true }
    }

    /// For so long after it was let in, whatever it does: at least a second.
    pub fn fixed(length: Duration) -> Self {
        Session { length, slides: false }
    }
}

/// Configures a [`WaitingRoom`]. Who is next, how many may be inside and how many wait is the airlock's.
///
/// See [`WaitingRoom`] for an example.
#[must_use = "nothing is configured until `build()` is called"]
pub struct WaitingRoomBuilder {
    pub(super) airlock: Airlock,
    pub(super) key: PassKey,
    pub(super) options: Options,
}

/// What differs from the default.
pub(super) struct Options {
    pub(super) session: Session,
    pub(super) longest: Duration,
    pub(super) bypass: Option<Arc<Predicate>>,
    pub(super) priority: Option<Arc<Priority>>,
    pub(super) group: Option<Arc<dyn Name>>,
    pub(super) address: Option<Arc<dyn Name>>,
    pub(super) per_address: u32,
    pub(super) most_in_flight: u32,
    pub(super) poll_budget: Option<u32>,
    pub(super) queued_status: StatusCode,
    pub(super) expose: bool,
    pub(super) insecure: bool,
    pub(super) domain: Option<String>,
    pub(super) words: Words,
    pub(super) page: Option<Arc<Render>>,
    pub(super) clock: Clock,
}

impl WaitingRoomBuilder {
    pub(super) fn new(airlock: Airlock, key: PassKey) -> Self {
        let ttl = airlock.ttl().unwrap_or_default();
        let options = Options {
            session: Session::sliding(Duration::from_secs(600).max(ttl)),
            longest: Duration::from_secs(24 * 60 * 60).max(ttl),
            bypass: None,
            priority: None,
            group: None,
            address: None,
            per_address: 50,
            most_in_flight: 32,
            poll_budget: None,
            queued_status: StatusCode::SERVICE_UNAVAILABLE,
            expose: false,
            insecure: false,
            domain: None,
            words: Words::default(),
            page: None,
            clock: Clock::system(),
        };
        WaitingRoomBuilder { airlock, key, options }
    }

    /// How long a visitor stays inside: for ten minutes after its last request by default, or the seal's ttl if that is
    /// longer.
    ///
    /// The seal's ttl (30 s by default) is how long a new admission is held until its pass comes back once; from then on
    /// this counts.
    pub fn session(mut self, session: Session) -> Self {
        self.options.session = session;
        self
    }

    /// The longest session, however it slides: 24 hours by default.
    pub fn longest_session(mut self, longest: Duration) -> Self {
        self.options.longest = longest;
        self
    }

    /// Which requests pass without waiting and without a place: crawlers, staff, webhooks, the return from a payment by a
    /// cross-site POST (whose cookies a browser keeps back). CORS preflights pass anyway.
    ///
    /// A header says what its sender wrote: whoever finds out what is looked at passes as well.
    pub fn bypass(mut self, bypass: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.options.bypass = Some(Arc::new(bypass));
        self
    }

    /// How urgent a visitor is, where the admission strategy heeds it: members first. 0 without an answer.
    ///
    /// The closure answers an `i32`, or an `Option` or `Result` of one.
    pub fn priority<R: IntoNumber<i32>>(mut self, priority: impl Fn(&Parts) -> R + Send + Sync + 'static) -> Self {
        self.options.priority = Some(Arc::new(move |parts| priority(parts).into_number()));
        self
    }

    /// Which group a visitor belongs to, for fair shares and the group's part of the line.
    pub fn group(mut self, group: impl Name) -> Self {
        self.options.group = Some(Arc::new(group));
        self
    }

    /// How many visitors of one address may be new at a time: 50 by default. New is who has been given a place and has not
    /// come back with its cookie, and who was let in and has not come back with its pass; each is counted by itself, and by
    /// each node. Who comes beyond that is refused as `line-full`.
    pub fn per_address(mut self, visitors: u32) -> Self {
        self.options.per_address = visitors;
        self
    }

    /// By which address visitors are counted: by default that of the connection, an IPv4 address or an IPv6 client's /64, where
    /// the server tells it (`into_make_service_with_connect_info::<SocketAddr>()`), and not at all where it does not.
    ///
    /// Behind a proxy everybody has the proxy's address: use [`by_forwarded`](crate::by_forwarded) there.
    pub fn address(mut self, address: impl Name) -> Self {
        self.options.address = Some(Arc::new(address));
        self
    }

    /// How many requests of one visitor may be under way at once: 32 by default. Who sends more is refused as `limited`.
    pub fn in_flight(mut self, requests: u32) -> Self {
        self.options.most_in_flight = requests;
        self
    }

    /// How many questions a second the whole line may ask. With a short line people ask every two seconds, or as often as
    /// the presence wants it, and the less often the longer it is.
    pub fn poll_budget(mut self, requests_per_second: u32) -> Self {
        self.options.poll_budget = Some(requests_per_second);
        self
    }

    /// The status of the answer to who is in line: 503 by default, or 200, 202 or 429.
    pub fn queued_status(mut self, status: StatusCode) -> Self {
        self.options.queued_status = status;
        self
    }

    /// Whether everybody may know how many wait, and not only those who do.
    pub fn expose(mut self, expose: bool) -> Self {
        self.options.expose = expose;
        self
    }

    /// Has cookies sent over plain HTTP as well, where anybody on the way can take them: for development.
    pub fn insecure_for_development(mut self) -> Self {
        self.options.insecure = true;
        self
    }

    /// Has cookies count for a whole domain, such as `example.org` for `www` and `shop`: whoever runs one of its hosts can
    /// then set them.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.options.domain = Some(domain.into());
        self
    }

    /// What the page says, in English by default.
    pub fn words(mut self, words: Words) -> Self {
        self.options.words = words;
        self
    }

    /// Another page, whole: see [`PageContext`] for what it is made of.
    pub fn page(mut self, page: impl Fn(&PageContext<'_>) -> String + Send + Sync + 'static) -> Self {
        self.options.page = Some(Arc::new(page));
        self
    }

    /// Takes the time from a clock that a test moves: the one of its store.
    pub fn clock(mut self, clock: &TestClock) -> Self {
        self.options.clock = Clock::Test(clock.clone());
        self
    }

    /// Checks the whole configuration. Does no I/O and starts nothing.
    ///
    /// # Errors
    ///
    /// The first option that cannot work, by name.
    pub fn build(self) -> Result<WaitingRoom, ConfigError> {
        let WaitingRoomBuilder { airlock, options, .. } = &self;
        let refuse = |field, problem: String| Err(ConfigError::new(field, problem));
        if matches!(airlock.name(), "." | "..") {
            return refuse("airlock", format!("its name `{}` cannot stand in a path", airlock.name()));
        }
        let Some(ttl) = airlock.ttl() else {
            return refuse("airlock", "a rate alone leaves nobody inside; add it to a semaphore by `with_rate`".into());
        };
        let Session { length, .. } = options.session;
        if length < Duration::from_secs(1) {
            return refuse("session", format!("{length:?} is less than a second"));
        }
        if length < ttl {
            let problem = format!("{length:?} is less than the seal's ttl, {ttl:?}, which every admission lasts");
            return refuse("session", problem);
        }
        if length > options.longest {
            return refuse("session", format!("{length:?} is more than the longest session, {:?}", options.longest));
        }
        if options.longest > Duration::from_secs(365 * 24 * 60 * 60) {
            return refuse("longest_session", format!("{:?} is more than 365 days", options.longest));
        }
        for (field, count) in [
            ("per_address", options.per_address),
            ("in_flight", options.most_in_flight),
            ("poll_budget", options.poll_budget.unwrap_or(1)),
        ] {
            if count == 0 {
                return refuse(field, "0 would leave nothing to anybody; the least is 1".into());
            }
        }
        if let Some(budget) = options.poll_budget {
            let (places, refresh) = (airlock.line_capacity(), airlock.refresh_after());
            let served = refresh.as_secs_f64() * f64::from(budget);
            if (places as f64) > served {
                let problem = format!(
                    "{budget} a second serve a line of {served:.0}, each asking every {refresh:?}, but {places} may wait; \
                     raise it, or the line's presence and claim window, or lower the line's capacity"
                );
                return refuse("poll_budget", problem);
            }
        }
        if !matches!(options.queued_status.as_u16(), 200 | 202 | 429 | 503) {
            return refuse("queued_status", format!("{} is none of 503, 200, 202 and 429", options.queued_status));
        }
        if let Some(domain) = &options.domain {
            let plain = domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
            if !plain || domain.is_empty() || domain.len() > 253 || domain.starts_with(['.', '-']) {
                return refuse("domain", "it is no domain name, such as `example.org`".into());
            }
        }
        Ok(WaitingRoom(Arc::new(Room::new(self))))
    }
}

impl fmt::Debug for WaitingRoomBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingRoomBuilder")
            .field("airlock", &self.airlock)
            .field("session", &self.options.session)
            .finish_non_exhaustive()
    }
}
