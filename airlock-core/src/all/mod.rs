//! All or nothing over several gates (G21).

mod acquire;
mod error;
mod permits;

use std::collections::HashSet;

pub use acquire::AcquireAll;
pub use error::AllError;
pub use permits::Permits;

use crate::airlock::Airlock;
use crate::entrant::Entrant;
use crate::error::{Error, InvalidEntrant};
use crate::gate::{Spec, Stay};
use crate::permit::Permit;

/// Places at several gates, of one airlock or of several: all of them, or none.
///
/// For several resources of one airlock there is [`Airlock::enter_all`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::{Airlock, All, Entrant, Rate, Seal};
///
/// let accounts = Airlock::builder("accounts").seal(Seal::lock()).build()?;
/// let bank = Airlock::builder("bank").seal(Seal::rate(Rate::per_minute(60))).build()?;
///
/// let transfer = All::of(&accounts, "savings").and(&accounts, Entrant::new("current")).and(&bank, "transfers");
/// let permits = transfer.enter().await?;
/// assert_eq!(permits.len(), 3);
/// permits.release().await?;
/// # Ok(())
/// # }
/// ```
///
/// # In which order
///
/// Members are asked one after the other, in an order that is the same for all callers: by what an admission costs (rates
/// are asked last, for what they give is never given back), then by the airlock's name, then by the resource's. So of two
/// batches that want the same, one gets it, and they do not undo each other for ever. What was taken before somebody
/// refuses is given back; until then others find it taken. A refusal uses up no rate, with one exception: of several
/// members with rates, those asked before the one that refuses have given a cell.
///
/// A session ([`OnReentry::Share`](crate::OnReentry::Share)) that was begun on the way stays: it belongs to its identity.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until `enter` or `acquire`"]
pub struct All<'a> {
    members: Vec<Member<'a>>,
}

#[derive(Clone, Debug)]
struct Member<'a> {
    airlock: Airlock,
    entrant: Entrant<'a>,
}

impl<'a> All<'a> {
    /// How many members a batch may have at most.
    pub const MOST: usize = 64;

    /// A batch of one, to go on with.
    pub fn of(airlock: &Airlock, entrant: impl Into<Entrant<'a>>) -> Self {
        All { members: Vec::new() }.and(airlock, entrant)
    }

    /// One member more.
    pub fn and(mut self, airlock: &Airlock, entrant: impl Into<Entrant<'a>>) -> Self {
        self.members.push(Member { airlock: airlock.clone(), entrant: entrant.into() });
        self
    }

    /// Takes all, or none. Never waits in line, and never enters where others wait before it.
    ///
    /// # Errors
    ///
    /// What the member said that did not let it in, and which that was. Invalid when there is no member, or more than
    /// [`MOST`](All::MOST), or when two are of the same resource of one airlock (airlocks are told apart by their names):
    /// then nothing was asked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives back whatever was granted.
    pub async fn enter(self) -> Result<Permits, AllError> {
        let order = self.checked()?;
        self.take(&order).await
    }

    /// Takes all as soon as they can be had together; see [`Airlock::acquire_all`].
    pub fn acquire(self) -> AcquireAll<'a> {
        AcquireAll::new(self)
    }

    /// In which order to ask, if there is nothing wrong with it.
    fn checked(&self) -> Result<Vec<usize>, AllError> {
        let whole = |invalid: InvalidEntrant| AllError::of_all(invalid.into());
        match self.members.len() {
            0 => return Err(whole(InvalidEntrant::empty_list())),
            many if many > Self::MOST => return Err(whole(InvalidEntrant::long_list(many, Self::MOST))),
            _ => {}
        }
        let mut seen = HashSet::new();
        for (index, Member { airlock, entrant }) in self.members.iter().enumerate() {
            let checked = airlock.enter_verb(entrant, None, Stay::No).map(|_| ());
            let unique = seen.insert((airlock.name(), &entrant.resource)).then_some(());
            checked
                .and_then(|()| unique.ok_or_else(InvalidEntrant::twice))
                .map_err(|invalid| self.failed(index, invalid.into()))?;
        }
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by_key(|index| {
            let Member { airlock, entrant } = &self.members[*index];
            (cost(&airlock.inner().spec), airlock.name(), &entrant.resource)
        });
        Ok(order)
    }

    /// One try.
    async fn take(&self, order: &[usize]) -> Result<Permits, AllError> {
        // Dropped at any await, it gives back what is in it.
        let mut taken: Vec<(usize, Permit)> = Vec::with_capacity(order.len());
        for index in order {
            let Member { airlock, entrant } = &self.members[*index];
            match airlock.try_enter(entrant.clone()).await {
                Ok(permit) => taken.push((*index, permit)),
                Err(error) => {
                    give_back(taken, &error).await;
                    return Err(self.failed(*index, error));
                }
            }
        }
        taken.sort_unstable_by_key(|(index, _)| *index);
        Ok(Permits::new(taken.into_iter().map(|(_, permit)| permit).collect()))
    }

    fn failed(&self, index: usize, error: Error) -> AllError {
        let Member { airlock, entrant } = &self.members[index];
        AllError::of_member(index, airlock.name(), &entrant.resource, error)
    }
}

impl Airlock {
    /// Takes a place at each of these resources, or none at all. Never waits in line.
    ///
    /// The permits are in the order of the list, and are released together, or [one by one](Permits::into_permits). For
    /// several airlocks see [`All`], which also says in which order they are asked.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use airlock_core::{Airlock, Seal};
    /// # let accounts = Airlock::builder("accounts").seal(Seal::lock()).build()?;
    /// match accounts.enter_all(["savings", "current"]).await {
    ///     Ok(permits) => println!("moving money, numbers {} and {}", permits[0].fence(), permits[1].fence()),
    ///     Err(error) if error.is_busy() => println!("{:?} is in use", error.resource()),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the resource said that did not let it in, and which that was; invalid when the list is empty, longer than
    /// [`All::MOST`], or has a resource twice.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives back whatever was granted.
    pub async fn enter_all<'a, E: Into<Entrant<'a>>>(
        &self,
        entrants: impl IntoIterator<Item = E>,
    ) -> Result<Permits, AllError> {
        self.all(entrants).enter().await
    }

    /// Takes a place at each of these resources as soon as they can be had together, however long that takes or up to
    /// [`timeout`](AcquireAll::timeout). Tries again and again, after 20 ms and then after longer pauses of up to a second,
    /// a part of them by chance, and holds nothing in between. Needs a tokio runtime with time enabled.
    ///
    /// # Errors
    ///
    /// As [`enter_all`](Airlock::enter_all), but busy only when the time is over: [timed out](crate::Reason::TimedOut),
    /// with whoever refused last, or unavailable where it was the store that failed last.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives back whatever was granted.
    ///
    /// # Fairness
    ///
    /// None: it waits in no line, so it can starve. Where its members are busy, those who want only one of them get in
    /// before it, and where others wait in line it never enters.
    pub fn acquire_all<'a, E: Into<Entrant<'a>>>(&self, entrants: impl IntoIterator<Item = E>) -> AcquireAll<'a> {
        self.all(entrants).acquire()
    }

    fn all<'a, E: Into<Entrant<'a>>>(&self, entrants: impl IntoIterator<Item = E>) -> All<'a> {
        // One more than there may be is enough to refuse it, however long an iterator goes on.
        let entrants = entrants.into_iter().take(All::MOST + 1);
        let member = |entrant: E| Member { airlock: self.clone(), entrant: entrant.into() };
        All { members: entrants.map(member).collect() }
    }
}

/// What an admission costs that is given back: nothing, a cell of a rate beside its place, or nothing but a cell.
fn cost(spec: &Spec) -> u8 {
    u8::from(spec.rate.is_some()) + u8::from(!spec.leased)
}

/// Hands back what was taken. Waits for it, so that who is refused does not stand in its own way when it tries again; where
/// the store fails, it goes in the background.
async fn give_back(taken: Vec<(usize, Permit)>, error: &Error) {
    if matches!(error, Error::Unavailable(_)) {
        return;
    }
    for (_, permit) in taken.into_iter().rev() {
        if matches!(permit.release().await, Err(Error::Unavailable(_))) {
            return;
        }
    }
}
