//! Who is let in, who gets a place, and who gets neither.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use airlock_core::{Admitted, Door, Entered, Error, Permit, Place, Reason, Standing, Visitor};
use airlock_tower::{Name as _, NameError, Prefix, Problem, by_peer};
use axum::response::Response;
use http::HeaderValue;
use http::request::Parts;

use super::Room;
use super::answer::Cause;
use super::asks::{Asks, is_preflight};
use super::cookie::{Purpose, VisitorId, Voucher};
use super::passes::{InFlight, Step};
use super::unsettled::{Newcomer, PLACE};

/// How many places that nobody came back for are given up with one request.
const SWEPT: usize = 64;
/// How long a pass lasts that is no lease: while the operator lets everybody past.
const UNLEASED: u64 = 60;
/// By how much two nodes' clocks may differ without harm.
const SKEW: Duration = Duration::from_secs(20);

/// What becomes of a request.
pub(super) enum Reception {
    Inside(Box<Inside>),
    Answer(Box<Response>),
}

/// A request that is let in.
pub(super) struct Inside {
    pub(super) admitted: Admitted,
    /// None for the request that was let in just now.
    pub(super) in_flight: Option<InFlight>,
    /// What to set on the response.
    pub(super) cookies: Vec<HeaderValue>,
}

/// Whether a pass opens the door.
enum Checked {
    Good(InFlight),
    TooMany,
    Gone,
    Unavailable(Error),
}

impl Room {
    /// Whether the request is none of the room's business.
    pub(super) fn lets_past(&self, parts: &Parts) -> bool {
        is_preflight(parts) || self.is_own_route(parts.uri.path())
    }

    /// Decides at once, if that can be done without asking the store.
    pub(super) fn receive_now(&self, parts: &Parts) -> Option<Inside> {
        if self.options.bypass.as_ref().is_some_and(|bypass| bypass(parts)) {
            return Some(self.past());
        }
        let pass = self.voucher(parts, Purpose::Pass)?;
        if pass.fence == 0 || self.is_over(&pass) {
            return None;
        }
        let now = self.options.clock.steady();
        let in_flight = self.passes.go(pass.visitor, pass.fence, now, self.airlock.evictions())?;
        Some(self.inside(&pass, Some(in_flight)))
    }

    /// Somebody who goes past the gate. Handlers that want a permit have one.
    fn past(&self) -> Inside {
        let admitted = Admitted::new(Permit::unleased(self.airlock.clone()));
        Inside { admitted, in_flight: None, cookies: Vec::new() }
    }

    /// Decides.
    pub(super) async fn receive(self: &Arc<Self>, parts: &mut Parts) -> Reception {
        let pass = self.voucher(parts, Purpose::Pass);
        if let Some(pass) = &pass {
            match self.check(pass).await {
                Checked::Good(in_flight) => return Reception::Inside(Box::new(self.inside(pass, Some(in_flight)))),
                Checked::TooMany => {
                    let detail = "Too many requests of this visitor are under way.";
                    let problem = Problem::for_reason(Reason::Limited).with_detail(detail);
                    return self.refuse(parts, Cause::Refused(problem));
                }
                Checked::Unavailable(error) => return self.refuse(parts, Cause::Refused(Problem::of(&error))),
                Checked::Gone => {}
            }
        }
        match Asks::of(parts) {
            Asks::ToVisit => self.visit(parts, pass).await,
            Asks::ForLess => {
                let detail = "Only who is inside gets this. Open a page of this site to get in, or into the line.";
                self.turn_away(parts, |problem| Cause::Refused(problem.with_detail(detail))).await
            }
            Asks::ToChange => self.turn_away(parts, Cause::NotSent).await,
        }
    }

    /// Somebody who has no pass, and does not ask for what gives a place. Nobody is asked for it, so that how the switch stands
    /// has to be looked at here.
    async fn turn_away(&self, parts: &Parts, cause: impl FnOnce(Problem) -> Cause) -> Reception {
        let problem = match self.door().await {
            Ok(Door::Bypassed) => return Reception::Inside(Box::new(self.past())),
            Ok(Door::Closed { because, reopens_in, .. }) => {
                let problem = Problem::for_reason(Reason::Closed).while_closed(because.as_deref(), reopens_in);
                match reopens_in {
                    Some(after) => problem.with_retry_after(after),
                    None => problem,
                }
            }
            // Where that cannot be found out, there is no place either.
            Ok(_) | Err(_) => Problem::for_reason(Reason::Full),
        };
        self.refuse(parts, cause(problem))
    }

    /// Somebody who wants to see a page, and has no good pass.
    async fn visit(self: &Arc<Self>, parts: &mut Parts, lapsed: Option<Voucher>) -> Reception {
        self.sweep().await;
        let identity = self.voucher(parts, Purpose::Identity);
        let known = identity.as_ref().or(lapsed.as_ref()).map(|voucher| voucher.visitor);
        let newcomer = match known {
            Some(_) => None,
            None => match self.address(parts) {
                Err(error) => return self.refuse(parts, Cause::Refused(Problem::unnamed(&error))),
                Ok(address) => match self.unsettled.newcomer(address.as_deref()) {
                    Some(newcomer) => Some(newcomer),
                    None => {
                        let detail = "Too many new visitors come from this address. Try again in a moment.";
                        let problem = Problem::for_reason(Reason::GroupLineFull).with_detail(detail);
                        return self.refuse(parts, Cause::Refused(problem.with_retry_after(PLACE)));
                    }
                },
            },
        };
        let id = known.unwrap_or_else(VisitorId::random);
        let now = self.options.clock.steady();
        if known.is_some()
            && !self.unsettled.settle(id)
            && identity.as_ref().is_some_and(|voucher| self.is_young(voucher))
        {
            // Entering takes the place over from the node that gave it.
            self.unsettled.seen(id, now);
        }
        let visitor = match self.entrant(parts, id) {
            Ok(visitor) => visitor,
            Err(error) => return self.refuse(parts, Cause::Refused(Problem::unnamed(&error))),
        };
        match visitor.enter().await {
            Ok(Entered::Admitted(permit)) => {
                let fence = if permit.is_leased() { permit.fence() } else { 0 };
                if let Some(newcomer) = newcomer.filter(|_| fence > 0) {
                    newcomer.enters(id, now);
                    self.keep_sweeping();
                }
                let cookies = vec![self.pass_cookie(id, fence)];
                Reception::Inside(Box::new(Inside { admitted: Admitted::new(permit), in_flight: None, cookies }))
            }
            Ok(Entered::Queued(ticket)) => {
                let mut place = ticket.place;
                place.refresh_after = self.refresh_after(place.waiting);
                if let Some(newcomer) = newcomer {
                    place.refresh_after = place.refresh_after.min(PLACE / 3);
                    self.waits(newcomer, id, ticket.token, now);
                }
                self.queue(parts, place, id, identity.as_ref(), lapsed.is_some()).await
            }
            Err(error) => {
                let mut problem = Problem::of(&error);
                if let Some(waiting) = self.exposed().await {
                    problem = problem.with_waiting(waiting);
                }
                self.refuse(parts, Cause::Refused(problem))
            }
        }
    }

    fn waits(self: &Arc<Self>, newcomer: Newcomer, id: VisitorId, token: airlock_core::Token, now: Duration) {
        newcomer.waits(id, token, now);
        self.keep_sweeping();
    }

    /// Whether its pass opens the door, as far as the store knows or this node remembers.
    async fn check(&self, pass: &Voucher) -> Checked {
        if self.is_over(pass) {
            return Checked::Gone;
        }
        let (id, fence) = (pass.visitor, pass.fence);
        let (now, evictions) = (self.options.clock.steady(), self.airlock.evictions());
        if fence == 0 {
            // Let past for a minute: there is no lease that could be over.
            return match self.passes.is_held(id, fence, now, evictions, true) {
                Step::Go(in_flight) => Checked::Good(in_flight),
                _ => Checked::TooMany,
            };
        }
        let visitor = self.visitor(id);
        let (heard, renewed) = match self.passes.step(id, fence, now, evictions) {
            Step::Go(in_flight) => return Checked::Good(in_flight),
            Step::TooMany => return Checked::TooMany,
            Step::Renew => (visitor.renew(fence, Some(self.lasts(pass))).await.map(|_| true), true),
            Step::Look => {
                let standing = visitor.look().await;
                (standing.map(|standing| matches!(standing, Standing::Inside { fence: is, .. } if is == fence)), false)
            }
        };
        match heard {
            Ok(true) => {
                self.unsettled.settle(id);
                match self.passes.is_held(id, fence, now, evictions, renewed) {
                    Step::Go(in_flight) => Checked::Good(in_flight),
                    _ => Checked::TooMany,
                }
            }
            Ok(false) | Err(Error::Lost(_)) => {
                self.passes.forget(id, fence);
                Checked::Gone
            }
            // Nobody can be asked: who was inside a moment ago still is.
            Err(error) if self.passes.was_held(id, fence, now, evictions) => {
                match self.passes.is_held(id, fence, now, evictions, false) {
                    Step::Go(in_flight) => Checked::Good(in_flight),
                    _ => Checked::Unavailable(error),
                }
            }
            Err(error) => Checked::Unavailable(error),
        }
    }

    /// How much longer its lease is to last.
    fn lasts(&self, pass: &Voucher) -> Duration {
        let slides = self.options.session.slides;
        let left = self.left(pass.fence);
        if slides { left.min(self.options.session.length) } else { left }.max(Duration::from_micros(1))
    }

    /// Whether a session is as old as it may be.
    fn is_over(&self, pass: &Voucher) -> bool {
        pass.fence > 0 && self.left(pass.fence).is_zero()
    }

    /// What is left of a session at the most. A fence is the time of its admission, or a little more (G2), and unlike the pass
    /// nobody can ask for another.
    fn left(&self, fence: u64) -> Duration {
        let session = self.options.session;
        let longest = if session.slides { self.options.longest } else { session.length };
        self.options.clock.until(UNIX_EPOCH + Duration::from_micros(fence) + longest).min(longest)
    }

    fn inside(&self, pass: &Voucher, in_flight: Option<InFlight>) -> Inside {
        let permit = match pass.fence {
            0 => Permit::unleased(self.airlock.clone()),
            fence => self.visitor(pass.visitor).permit(fence),
        };
        Inside { admitted: Admitted::new(permit), in_flight, cookies: Vec::new() }
    }

    /// A pass for a lease, or for none.
    pub(super) fn pass_cookie(&self, visitor: VisitorId, fence: u64) -> HeaderValue {
        let seconds = |span: Duration| span.as_secs() + u64::from(span.subsec_nanos() > 0);
        let lasts = if fence > 0 { seconds(self.left(fence)).max(1) } else { UNLEASED };
        self.cookie(Purpose::Pass, visitor, fence, self.options.clock.unix(), lasts)
    }

    /// An identity; one that was there already keeps its age.
    pub(super) fn identity_cookie(&self, visitor: VisitorId, before: Option<&Voucher>) -> HeaderValue {
        let issued = before.map_or_else(|| self.options.clock.unix(), |before| before.issued);
        self.cookie(Purpose::Identity, visitor, 0, issued, self.options.longest.as_secs())
    }

    fn cookie(&self, purpose: Purpose, visitor: VisitorId, fence: u64, issued: u64, lasts: u64) -> HeaderValue {
        let voucher = Voucher { visitor, fence, issued, not_after: self.options.clock.unix() + lasts };
        self.jar.set(purpose, voucher.sign(&self.key, purpose, self.airlock.name()), lasts)
    }

    /// Whether its place may still be new on the node that gave it.
    pub(super) fn is_young(&self, voucher: &Voucher) -> bool {
        self.options.clock.unix().saturating_sub(voucher.issued) <= (PLACE + SKEW).as_secs()
    }

    /// Who enters: with what the request says of its urgency and its group.
    pub(super) fn entrant(&self, parts: &mut Parts, id: VisitorId) -> Result<Visitor<'_>, NameError> {
        let mut visitor = self.visitor(id);
        if let Some(priority) = &self.options.priority
            && let Some(priority) = priority(parts)?
        {
            visitor = visitor.priority(priority);
        }
        if let Some(group) = &self.options.group
            && let Some(group) = group.name(parts)?
        {
            visitor = visitor.group(group.into_owned());
        }
        Ok(visitor)
    }

    fn address(&self, parts: &mut Parts) -> Result<Option<String>, NameError> {
        if let Some(address) = &self.options.address {
            return Ok(address.name(parts)?.map(std::borrow::Cow::into_owned));
        }
        let peer = by_peer(Prefix::default());
        let address = peer.name(parts).ok().flatten().map(std::borrow::Cow::into_owned);
        if address.is_none() && !self.warned.swap(true, Ordering::Relaxed) {
            let hint = std::any::type_name::<SocketAddr>();
            tracing::warn!(
                target: "airlock",
                airlock = self.airlock.name(),
                "the server does not tell addresses, so that new visitors are not counted by them: serve with \
                 `into_make_service_with_connect_info::<{hint}>()`, or say `.address(…)`"
            );
        }
        Ok(address)
    }

    /// Gives up places that nobody came back for.
    pub(super) async fn sweep(&self) -> Option<Duration> {
        let (tokens, next) = self.unsettled.due(self.options.clock.steady(), SWEPT);
        for token in tokens {
            // Unless its turn has come, which has an end of its own; or another node has taken it over, which ended the token.
            if let Ok(Some(_)) = self.airlock.position(&token).await {
                let _ = self.airlock.leave(&token).await;
            }
        }
        next
    }

    /// Has a task give up places when it is time. It ends with the room.
    fn keep_sweeping(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.sweeping.set(()).is_err() {
            return;
        }
        let room = Arc::downgrade(self);
        runtime.spawn(async move {
            loop {
                let Some(alive) = room.upgrade() else { return };
                let next = alive.sweep().await;
                let now = alive.options.clock.steady();
                drop(alive);
                let pause = next.map_or(PLACE, |next| next.saturating_sub(now));
                tokio::time::sleep(pause.clamp(Duration::from_millis(100), PLACE)).await;
            }
        });
    }
}

/// How a place is told to whoever waits: as often as the room wants to be asked.
impl Room {
    pub(super) fn told(&self, mut place: Place) -> Place {
        place.refresh_after = self.refresh_after(place.waiting);
        place
    }
}
