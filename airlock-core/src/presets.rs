//! What most people want, each in one line. A preset is a [`Builder`] to go on with.
//!
//! | preset | use it when |
//! |---|---|
//! | [`anti_hug`] | too many visitors at once: those who do not fit are told so at once |
//! | [`fair_waiting_room`] | a drop, a sale: visitors wait in order of arrival |
//! | [`lottery_waiting_room`] | the same, but coming early shall not pay |
//! | [`members_first`] | members go first, the others still get in |
//! | [`singleton`] | a job that runs once at a time |
//! | [`per_tenant`] | so many at once for each tenant |
//! | [`cooldown`] | "send the code again" |
//!
//! ```
//! use airlock_core::presets;
//!
//! let shop = presets::fair_waiting_room("shop", 200).build()?;
//! let jobs = presets::singleton("jobs").build()?;
//! # Ok::<(), airlock_core::ConfigError>(())
//! ```

use std::time::Duration;

use crate::admission::{Fifo, Lottery, Opportunistic, Priority};
use crate::airlock::{Airlock, Builder};
use crate::gate::OnReentry;
use crate::line::Line;
use crate::seal::Seal;

/// How many may wait for a waiting room.
const CROWD: u64 = 100_000;

/// At most `limit` at once, and nobody waits: who finds no room is refused.
///
/// The [module](self) shows how it is used.
pub fn anti_hug(name: impl Into<String>, limit: u32) -> Builder {
    Airlock::builder(name).seal(Seal::semaphore(limit)).admission(Opportunistic::new())
}

/// At most `limit` visitors inside; up to 100,000 wait in order of arrival. A visitor is an
/// [identity](crate::Entrant::identity), however many requests it sends.
///
/// Who is let in is held its place for 30 s. A front end that [knows its visitors](Airlock::visitor), such as the waiting
/// room of `airlock-axum`, keeps it for those who come back: for ten minutes after their last request, by default.
///
/// The [module](self) shows how it is used.
pub fn fair_waiting_room(name: impl Into<String>, limit: u32) -> Builder {
    waiting_room(name, limit).admission(Fifo::new())
}

/// As [`fair_waiting_room`], but who is next is drawn by lot.
///
/// The [module](self) shows how it is used.
pub fn lottery_waiting_room(name: impl Into<String>, limit: u32) -> Builder {
    waiting_room(name, limit).admission(Lottery::new())
}

/// As [`fair_waiting_room`], but a higher [priority](crate::Entrant::priority) goes first: give members 600, and they
/// overtake those who have waited for at most ten minutes longer.
///
/// The [module](self) shows how it is used.
pub fn members_first(name: impl Into<String>, limit: u32) -> Builder {
    waiting_room(name, limit).admission(Priority::new().aging(1.0))
}

/// One at a time for each resource, such as a job; the others wait or try.
///
/// The [module](self) shows how it is used.
pub fn singleton(name: impl Into<String>) -> Builder {
    Airlock::builder(name).seal(Seal::lock())
}

/// At most `limit` at once for each resource, such as a tenant; the others wait in order of arrival.
///
/// The [module](self) shows how it is used.
pub fn per_tenant(name: impl Into<String>, limit: u32) -> Builder {
    Airlock::builder(name).seal(Seal::semaphore(limit))
}

/// Each resource once in that time, and nobody waits: who comes too soon is told when to come back.
///
/// The [module](self) shows how it is used.
pub fn cooldown(name: impl Into<String>, every: Duration) -> Builder {
    Airlock::builder(name).seal(Seal::cooldown(every)).admission(Opportunistic::new())
}

fn waiting_room(name: impl Into<String>, limit: u32) -> Builder {
    Airlock::builder(name).seal(Seal::semaphore(limit)).line(Line::new().capacity(CROWD)).on_reentry(OnReentry::Share)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Entered, Entrant, Error, Reason};

    #[tokio::test]
    async fn each_does_what_it_says() -> Result<(), Error> {
        let builds = |builder: Builder| builder.build().expect("a preset is valid");
        let reason = |error: Error| error.refusal().expect("a refusal").reason;

        let hug = builds(anti_hug("news", 1));
        let _inside = hug.try_enter("page").await?;
        assert_eq!(reason(hug.acquire("page").await.expect_err("full")), Reason::Full);

        for room in [builds(fair_waiting_room("shop", 1)), builds(lottery_waiting_room("shop", 1))] {
            let ada = room.try_enter(Entrant::new("door").identity("ada")).await?;
            let again = room.try_enter(Entrant::new("door").identity("ada")).await?;
            assert_eq!(ada.fence(), again.fence());
            let bob = room.enter(Entrant::new("door").identity("bob")).await?;
            assert!(matches!(bob, Entered::Queued(_)));
        }

        let members = builds(members_first("club", 1));
        let _inside = members.try_enter("door").await?;
        let guest = members.enter("door").await?;
        let Entered::Queued(member) = members.enter(Entrant::new("door").priority(600)).await? else {
            panic!("somebody is inside")
        };
        assert!(matches!(guest, Entered::Queued(_)));
        assert_eq!(member.place.position, 1);

        let jobs = builds(singleton("jobs"));
        let _running = jobs.try_enter("invoice").await?;
        assert!(jobs.try_enter("invoice").await.is_err() && jobs.try_enter("report").await.is_ok());

        let tenants = builds(per_tenant("imports", 2));
        let _two = (tenants.try_enter("acme").await?, tenants.try_enter("acme").await?);
        assert!(tenants.try_enter("acme").await.is_err() && tenants.try_enter("other").await.is_ok());

        let code = builds(cooldown("code", Duration::from_secs(60)));
        drop(code.try_enter("ada").await?);
        let error = code.try_enter("ada").await.expect_err("too soon");
        assert!(error.refusal().expect("a refusal").retry_after().expect("known") > Duration::from_secs(50));
        assert_eq!(reason(error), Reason::Limited);
        Ok(())
    }
}
