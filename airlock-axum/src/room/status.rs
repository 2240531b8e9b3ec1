//! How things stand with a visitor, in words of one kind for the route and the stream.

use std::time::Duration;

use airlock_core::{Door, Entered, Error, Offer, Place, Standing};
use http::request::Parts;
use serde::Serialize;

use super::Room;
use super::cookie::{Purpose, VisitorId, Voucher};

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Status {
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_exact: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chance: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_wait_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_within_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reopens_in_ms: Option<u64>,
}

/// Who asks how things stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) identity: Option<Voucher>,
    pub(super) pass: Option<Voucher>,
}

impl Asker {
    /// Whose place or lease it is. Where both are good and of different visitors, that of who is inside.
    pub(super) fn visitors(&self) -> impl Iterator<Item = VisitorId> {
        let pass = self.pass.map(|pass| pass.visitor);
        let identity = self.identity.map(|identity| identity.visitor).filter(|identity| Some(*identity) != pass);
        pass.into_iter().chain(identity)
    }
}

impl Room {
    pub(super) fn asker(&self, parts: &Parts) -> Asker {
        Asker { identity: self.voucher(parts, Purpose::Identity), pass: self.voucher(parts, Purpose::Pass) }
    }

    /// How things stand with whoever asks. Counts as presence; makes nothing.
    pub(super) async fn status(&self, asker: &Asker) -> Result<Status, Error> {
        self.sweep().await;
        for id in asker.visitors() {
            match self.standing(id, asker).await? {
                Standing::Waiting(place) => return self.queued(place).await,
                Standing::Offered(offer) => return Ok(self.offered(&offer)),
                Standing::Inside { .. } => return Ok(self.plain("admitted")),
                _ => {}
            }
        }
        let mut status = self.plain("none");
        status.waiting = self.exposed().await;
        Ok(self.unless_closed(status, self.door().await?))
    }

    async fn standing(&self, id: VisitorId, asker: &Asker) -> Result<Standing, Error> {
        let visitor = self.visitor(id);
        let standing = visitor.poll().await?;
        let young = asker.identity.filter(|identity| identity.visitor == id && self.is_young(identity));
        let (Standing::Waiting(_), false, Some(_)) = (&standing, self.unsettled.settle(id), young) else {
            return Ok(standing);
        };
        // Another node gave the place, and will give it up unless it is taken over.
        self.unsettled.seen(id, self.options.clock.steady());
        match visitor.enter().await? {
            Entered::Queued(ticket) => Ok(Standing::Waiting(ticket.place)),
            // Its turn came in that very moment.
            Entered::Admitted(_) => visitor.look().await,
        }
    }

    async fn queued(&self, place: Place) -> Result<Status, Error> {
        let place = self.told(place);
        let status = Status {
            status: "queued",
            position: Some(place.position),
            position_exact: Some(place.position_exact),
            ahead: Some(place.ahead),
            waiting: Some(place.waiting),
            chance: place.chance,
            estimated_wait_ms: place.estimated_wait.map(millis),
            refresh_after_ms: Some(millis(place.refresh_after)),
            ..Status::default()
        };
        Ok(self.unless_closed(status, self.door().await?))
    }

    fn offered(&self, offer: &Offer) -> Status {
        let left = self.options.clock.until(offer.claim_by);
        Status { claim_within_ms: Some(millis(left)), ..self.plain("offered") }
    }

    pub(super) fn plain(&self, status: &'static str) -> Status {
        Status { status, refresh_after_ms: Some(millis(self.airlock.refresh_after())), ..Status::default() }
    }

    /// A place is kept while it is closed, and nobody is let in.
    fn unless_closed(&self, status: Status, door: Door) -> Status {
        match door {
            Door::Closed { reopens_in, because, .. } => Status {
                status: "closed",
                reason: because.map(|because| because.as_ref().to_owned()),
                reopens_in_ms: reopens_in.map(millis),
                ..status
            },
            _ => status,
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
