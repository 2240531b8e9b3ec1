//! The airlock itself: what the rest of a program talks to.

mod builder;
mod door;
mod doubt;
mod entering;
mod leases;
mod standing;
mod visitor;
mod waiting;
mod work;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use builder::Builder;
pub use door::Door;
pub(crate) use doubt::GiveUpOnDrop;
pub use entering::{Acquire, Entering, Started, TryEnter, Trying};
pub use standing::{Entered, Offer, Place, Standing, Ticket};
pub use visitor::Visitor;

use crate::admission::Admission;
use crate::emergency::Emergency;
use crate::entrant::Entrant;
use crate::error::{Error, InvalidEntrant, Reason, Refusal, StoreError};
use crate::gate::{Answer, Denial, Enter, Inspection, Key, Micros, Outcome, Page, Setting, Spec, Stay, Verb, Whom};
use crate::meter::AirlockMeter;
use crate::notifier::TopicPrefix;
use crate::observer::{Events, Observer, Observers, Subscription};
use crate::permit::Permit;
use crate::store::{Command, Gates, Survey, SurveyQuery};
use crate::switch::Switch;
use crate::token::{Secret, Token};
use entering::{lease, lease_of};

/// A named limit on how many may be inside at once, with a line for everybody else.
///
/// Cheap to clone; clones are the same airlock. See the [crate documentation](crate) for an example.
///
/// What an operator does with it:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use airlock_core::{Airlock, Seal, Switch, Whom};
///
/// let imports = Airlock::builder("imports").seal(Seal::semaphore(1)).build()?;
/// let _inside = imports.try_enter("tenant:acme").await?;
///
/// for usage in imports.survey(0, 10).await?.resources {
///     println!("{}: {} of {} inside, {} waiting", usage.resource, usage.in_use, usage.limit, usage.waiting);
/// }
/// for holder in imports.inspect("tenant:acme").await?.holders {
///     imports.evict("tenant:acme", Whom::Fence(holder.fence)).await?;
/// }
/// // For one resource: five at once, and again as configured.
/// imports.resize("tenant:acme", Some(5)).await?;
/// imports.resize("tenant:acme", None).await?;
/// // For all of them: nobody new, then as before; and nobody while what is guarded is unwell.
/// imports.switch(Switch::closed().because("We are moving.")).await?;
/// imports.switch(Switch::open()).await?;
/// imports.report_health(0.3).await?;
/// // Waiters are sent away, holders may finish.
/// imports.shutdown(Duration::from_secs(30)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Airlock(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) spec: Spec,
    pub(crate) gates: Arc<dyn Gates>,
    emergency: Option<Arc<Emergency>>,
    pub(crate) observers: Observers,
    topics: TopicPrefix,
    needs_tokens: bool,
    admission: Arc<dyn Admission>,
    store_timeout: Duration,
    /// The score below which it is unwell, and for how long a report counts.
    health: (f64, Micros),
    evictions: AtomicU64,
}

impl Airlock {
    /// Starts to configure an airlock of that name: 1 to 512 bytes, no control characters.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.spec.name
    }

    /// How long a lease lasts without renewal; none where a rate alone limits, which leaves nobody a lease.
    pub fn ttl(&self) -> Option<Duration> {
        self.0.spec.leased.then(|| Duration::from_micros(self.0.spec.ttl))
    }

    /// How soon somebody who is away is told to ask again: a third of its presence, and at most half of its claim window.
    pub fn refresh_after(&self) -> Duration {
        Duration::from_micros(self.0.spec.line.refresh_after())
    }

    /// How many may be inside at one resource, as configured; none where a rate alone limits. What is in force there is in
    /// an [inspection](Airlock::inspect).
    pub fn limit(&self) -> Option<u32> {
        self.0.spec.leased.then_some(self.0.spec.limit)
    }

    /// Under which an identity is told of its turns at this airlock: the [prefix](Builder::topic_prefix), the airlock's name and
    /// the identity, joined by slashes, each name percent-encoded.
    ///
    /// ```
    /// # use airlock_core::{Airlock, Seal};
    /// let shop = Airlock::builder("shop").seal(Seal::semaphore(200)).build()?;
    /// assert_eq!(shop.topic("ada@example.org")?, "/waiting-room/shop/ada%40example.org");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the identity is no valid name.
    pub fn topic(&self, identity: &str) -> Result<String, InvalidEntrant> {
        crate::name::check(crate::name::What::Identity, identity)?;
        Ok(self.0.topics.topic(self.name(), identity))
    }

    /// How many may wait at one gate.
    pub fn line_capacity(&self) -> u64 {
        self.0.spec.line.capacity
    }

    /// Asks for a permit and does not wait for one.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use airlock_core::{Airlock, Seal};
    /// # let airlock = Airlock::builder("reports").seal(Seal::lock()).build()?;
    /// match airlock.try_enter("daily").await {
    ///     Ok(permit) => println!("working, number {}", permit.fence()),
    ///     Err(error) if error.is_busy() => println!("somebody else is at it"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Refused, unavailable or invalid, see [`Error`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives back whatever was granted.
    pub fn try_enter<'a>(&self, entrant: impl Into<Entrant<'a>>) -> TryEnter<'a> {
        TryEnter::new(self.clone(), entrant.into())
    }

    /// Waits in line for a permit, for as long as it takes or up to [`timeout`](Acquire::timeout).
    ///
    /// # Errors
    ///
    /// Refused (the line is full, the time is over, …), unavailable or invalid, see [`Error`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line, or gives back what was granted in that very moment.
    ///
    /// # Fairness
    ///
    /// The admission strategy decides; a newcomer never overtakes whoever would be picked before it.
    pub fn acquire<'a>(&self, entrant: impl Into<Entrant<'a>>) -> Acquire<'a> {
        Acquire::new(self.clone(), entrant.into())
    }

    /// Enters, or takes a place in line and comes back with it: for those who are not waiting on a connection.
    ///
    /// The place is kept by asking for it: [`poll`](Airlock::poll) at least once per presence, then
    /// [`claim`](Airlock::claim) what is offered.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use airlock_core::{Airlock, Entered, Entrant, Seal, Standing};
    /// # let airlock = Airlock::builder("desk").seal(Seal::lock()).build()?;
    /// let inside = airlock.try_enter("desk").await?;
    /// let Entered::Queued(ticket) = airlock.enter(Entrant::new("desk").identity("ada")).await? else { panic!() };
    /// assert_eq!(ticket.place.position, 1);
    ///
    /// drop(inside);
    /// let Standing::Offered(offer) = airlock.poll(&ticket.token).await? else { panic!() };
    /// let permit = airlock.claim(&ticket.token, offer.nonce).await?;
    /// # drop(permit);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Refused, unavailable or invalid, see [`Error`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up whatever was granted; nothing is left behind.
    pub async fn enter<'a>(&self, entrant: impl Into<Entrant<'a>>) -> Result<Entered, Error> {
        let entrant = entrant.into();
        let token = Token::new(entrant.resource.as_ref().into(), Secret::random());
        let verb = self.enter_verb(&entrant, Some(Key::Token(token.secret())), Stay::Away)?;
        let doubt = GiveUpOnDrop::new(self, &token);
        let answer = match self.ask(Command::new(&entrant.resource, verb)).await {
            Err(error) if error.is_unknown() => return Err(error.into()),
            // What was certainly not carried out needs no undoing, least of all by a store that is away.
            answer => answer,
        };
        doubt.settle();
        match answer?.outcome {
            Outcome::Admitted(grant) => {
                let lease = lease_of(&entrant, Some(token), &grant)?;
                Ok(Entered::Admitted(Permit::new(self.clone(), lease, &grant)))
            }
            Outcome::Queued(place) => Ok(Entered::Queued(Ticket { token, place: Place::new(&place) })),
            other => Err(self.refusal(other)),
        }
    }

    /// How things stand with a place in line. Counts as presence.
    ///
    /// See [`enter`](Airlock::enter) for an example.
    ///
    /// # Errors
    ///
    /// Unavailable.
    pub async fn poll(&self, token: &Token) -> Result<Standing, Error> {
        let key = Key::Token(token.secret());
        Ok(Standing::of(self.ask(Command::new(token.resource(), Verb::Poll { key })).await?.outcome))
    }

    /// The place in line, without counting as presence; none when it is not in line.
    ///
    /// See [`enter`](Airlock::enter) for an example.
    ///
    /// # Errors
    ///
    /// Unavailable.
    pub async fn position(&self, token: &Token) -> Result<Option<Place>, Error> {
        let key = Key::Token(token.secret());
        match self.ask(Command::new(token.resource(), Verb::Look { key })).await?.outcome {
            Outcome::Queued(place) => Ok(Some(Place::new(&place))),
            _ => Ok(None),
        }
    }

    /// Takes up an offer. Doing it again with the same nonce has the same answer.
    ///
    /// See [`enter`](Airlock::enter) for an example.
    ///
    /// # Errors
    ///
    /// Refused as [missed](Reason::Missed) when the offer is gone or the nonce is another one; unavailable.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave the offer claimed: claim again, or the lease ends at its deadline.
    pub async fn claim(&self, token: &Token, nonce: u64) -> Result<Permit, Error> {
        let key = Key::Token(token.secret());
        let answer = self.ask(Command::new(token.resource(), Verb::Claim { key, nonce })).await?;
        match answer.outcome {
            Outcome::Admitted(grant) => Ok(Permit::new(self.clone(), lease(Some(token.clone()), grant.local)?, &grant)),
            other => Err(self.refusal(other)),
        }
    }

    /// Leaves the line, or declines an offer; what was claimed already is released. Answers whether there was anything.
    ///
    /// See [`enter`](Airlock::enter) for an example.
    ///
    /// # Errors
    ///
    /// Unavailable.
    pub async fn leave(&self, token: &Token) -> Result<bool, Error> {
        Ok(matches!(self.give_up(token).await?, Outcome::Left | Outcome::Released))
    }

    /// Who is inside and who waits: the first hundred of each.
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the resource is no valid name.
    pub async fn inspect(&self, resource: &str) -> Result<Inspection, Error> {
        self.inspect_page(resource, Page { offset: 0, count: 100 }).await
    }

    /// A page of who is inside and who waits.
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the resource is no valid name.
    pub async fn inspect_page(&self, resource: &str, page: Page) -> Result<Inspection, Error> {
        match self.operate(resource, Verb::Inspect { page }).await? {
            Outcome::Seen(inspection) => Ok(*inspection),
            _ => Ok(Inspection::default()),
        }
    }

    /// Resources in use, busiest first, and what is set for all of them. Needs a tokio runtime with time enabled.
    ///
    /// # Errors
    ///
    /// Unavailable.
    pub async fn survey(&self, offset: usize, count: usize) -> Result<Survey, Error> {
        self.search("", offset, count).await
    }

    /// The same of those whose names contain a text, whatever its ASCII case.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use airlock_core::{Airlock, Seal};
    /// # let imports = Airlock::builder("imports").seal(Seal::semaphore(2)).build()?;
    /// let _inside = (imports.try_enter("tenant:acme").await?, imports.try_enter("tenant:zeta").await?);
    /// let found = imports.search("ACME", 0, 10).await?;
    /// assert_eq!((found.total, &*found.resources[0].resource), (1, "tenant:acme"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Unavailable.
    pub async fn search(&self, text: &str, offset: usize, count: usize) -> Result<Survey, Error> {
        let query = SurveyQuery { text, offset, count };
        Ok(self.within_timeout(self.0.gates.survey(query)).await?)
    }

    /// Overrides the limit of one resource, or with `None` returns to the configured one. Raising it lets
    /// waiters in at once; lowering it puts nobody out. 0 lets nobody in.
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the resource is no valid name.
    pub async fn resize(&self, resource: &str, limit: Option<u32>) -> Result<(), Error> {
        self.operate(resource, Verb::Resize { limit }).await.map(|_| ())
    }

    /// Sets the switch of all resources that have none of their own, at once.
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the time to reopen, or the reason, is out of bounds.
    pub async fn switch(&self, switch: Switch) -> Result<(), Error> {
        let reopen_in = switch.check()?;
        let because = switch.because.as_deref();
        Ok(self.within_timeout(self.0.gates.switch(switch.state, reopen_in, because)).await?)
    }

    /// Sets the switch of one resource, which wins over the airlock's, or with `None` leaves it to the airlock's.
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the resource is no valid name or the switch is out of bounds.
    pub async fn switch_resource(&self, resource: &str, switch: Option<Switch>) -> Result<(), Error> {
        let reopen_in = switch.as_ref().map_or(Ok(None), Switch::check)?;
        let state = switch.as_ref().map(|switch| switch.state);
        let because = switch.as_ref().and_then(|switch| switch.because.as_deref());
        self.operate(resource, Verb::Switch { state, reopen_in, because }).await.map(|_| ())
    }

    /// Which [emergency switch](crate::emergency) this process goes by at the moment, if it does.
    pub fn emergency(&self) -> Option<Setting> {
        self.0.emergency.as_ref().and_then(|emergency| emergency.setting())
    }

    /// Says how what is guarded feels, from 0 to 1. Below the [threshold](Builder::health) nobody is let in until it says
    /// better, or until the report is too old.
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the score is not a number.
    pub async fn report_health(&self, score: f64) -> Result<(), Error> {
        if score.is_nan() {
            return Err(InvalidEntrant::health().into());
        }
        let unwell_for = (score < self.0.health.0).then_some(self.0.health.1);
        Ok(self.within_timeout(self.0.gates.report_unwell(unwell_for)).await?)
    }

    /// Reports that somebody was let in who would otherwise have been refused as `name`, for which
    /// [`Reason::name`] has words: for front ends with a shadow mode, such as `AirlockLayer::shadow` of `airlock-tower`.
    /// Observers are [told](crate::observer::EventKind::WouldRefuse), and it is counted where this airlock
    /// [counts](crate::Builder#method.metrics), by the first 32 names; else nothing changes.
    ///
    /// ```
    /// # use airlock_core::{Airlock, Reason, Seal};
    /// # let imports = Airlock::builder("imports").seal(Seal::semaphore(2)).build()?;
    /// imports.report_would_refuse("tenant:acme", None, Reason::Full.name());
    /// # Ok::<(), airlock_core::ConfigError>(())
    /// ```
    pub fn report_would_refuse(&self, resource: &str, identity: Option<&str>, name: &'static str) {
        self.meter().would_refuse(name);
        self.0.observers.would_refuse(resource, identity, name);
    }

    /// Reports that somebody was refused because this process is overloaded, before the gate was asked: for front ends
    /// that shed load, such as `AirlockLayer::shed_when` of `airlock-tower`. It is counted where this airlock
    /// [counts](crate::Builder#method.metrics).
    pub fn report_shed(&self) {
        self.meter().shed();
    }

    /// Puts somebody out, from inside or from the line. Answers whether there was somebody.
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the resource is no valid name.
    pub async fn evict(&self, resource: &str, whom: Whom<'_>) -> Result<bool, Error> {
        let evicted = matches!(self.operate(resource, Verb::Evict { whom }).await?, Outcome::Done);
        // Counted after it: whoever looks when this has grown finds nobody there any more.
        self.0.evictions.fetch_add(u64::from(evicted), Ordering::Release);
        Ok(evicted)
    }

    /// How many were put out through this airlock, or a clone of it, in this process: a front end that remembers who is
    /// inside looks again when this has grown.
    pub fn evictions(&self) -> u64 {
        self.0.evictions.load(Ordering::Acquire)
    }

    /// Has an observer told of every transition from now on, until the subscription is dropped: for what comes to know the
    /// airlock after it was [built](Builder::observer).
    pub fn subscribe(&self, observer: impl Observer) -> Subscription {
        self.0.observers.subscribe(Arc::new(observer))
    }

    /// What happens from now on, as a stream. Of a fleet, what this process decided: each transition is told where the
    /// command came from that caused it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use airlock_core::{Airlock, Seal};
    /// use airlock_core::observer::{EventKind, Happened};
    ///
    /// let imports = Airlock::builder("imports").seal(Seal::semaphore(2)).build()?;
    /// let mut events = imports.events();
    /// let _inside = imports.try_enter("tenant:acme").await?;
    /// let Some(Happened::Event(event)) = events.next().await else { panic!("it has happened") };
    /// assert_eq!((&*event.resource, event.kind), ("tenant:acme", EventKind::Admitted));
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(&self) -> Events {
        Events::of(&self.0.observers)
    }

    /// Shuts this process's part of the airlock down: newcomers and waiters are refused as
    /// [shutting down](Reason::ShuttingDown), holders may finish for `grace`, and what they hold then is handed
    /// back, which they notice by [`Permit::lost`]. Answers how many that were. Places and leases that nobody in
    /// this process guards are left alone. There is no way back. Needs a tokio runtime with time enabled.
    ///
    /// # Errors
    ///
    /// Unavailable.
    pub async fn shutdown(&self, grace: Duration) -> Result<usize, Error> {
        Ok(self.0.gates.close(grace).await?)
    }
}

impl Airlock {
    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// What it counts with, apart from what its store counts.
    pub(crate) fn meter(&self) -> &AirlockMeter {
        self.0.observers.meter()
    }

    #[inline(always)]
    pub(crate) fn enter_verb<'c>(
        &self,
        entrant: &'c Entrant<'_>,
        key: Option<Key<'c>>,
        stay: Stay,
    ) -> Result<Verb<'c>, InvalidEntrant> {
        entrant.check(&self.0.spec)?;
        let rank = self.0.admission.rank(entrant);
        if !rank.is_finite() {
            return Err(InvalidEntrant::score());
        }
        Ok(Verb::Enter(Enter {
            key,
            identity: entrant.identity.as_deref(),
            group: entrant.group.as_deref(),
            weight: entrant.weight,
            score: rank.score,
            per_second: rank.per_second,
            share: rank.share,
            cap: rank.cap,
            stay,
        }))
    }

    async fn ask(&self, command: Command<'_>) -> Result<Answer, StoreError> {
        match self.try_ask(&command) {
            Some(answer) => answer.inspect_err(|_| self.meter().unavailable()),
            None => self.ask_store(command).await,
        }
    }

    /// The answer, if it can be had at once.
    #[inline(always)]
    fn try_ask(&self, command: &Command<'_>) -> Option<Result<Answer, StoreError>> {
        match &self.0.emergency {
            None => self.0.gates.try_apply(command),
            Some(emergency) => emergency.try_ask(command),
        }
    }

    /// The answer of an operator who has said something to this process.
    fn in_emergency(&self, command: &Command<'_>) -> Option<Answer> {
        self.0.emergency.as_ref().and_then(|emergency| emergency.decide(command))
    }

    /// Asks a store that takes its time.
    async fn ask_store(&self, command: Command<'_>) -> Result<Answer, StoreError> {
        let answer = self.within_timeout(self.0.gates.apply(command)).await;
        let answer = match &self.0.emergency {
            None => answer,
            Some(emergency) => answer.or_else(|error| emergency.after_failure(&command, error)),
        };
        answer.inspect_err(|_| self.meter().unavailable())
    }

    async fn within_timeout<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match tokio::time::timeout(self.0.store_timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::unknown(format!("it did not answer within {:?}", self.0.store_timeout))),
        }
    }

    async fn operate(&self, resource: &str, verb: Verb<'_>) -> Result<Outcome, Error> {
        crate::name::check(crate::name::What::Resource, resource).map_err(InvalidEntrant::from)?;
        Ok(self.ask(Command::new(resource, verb)).await?.outcome)
    }

    async fn give_up(&self, token: &Token) -> Result<Outcome, Error> {
        let verb = Verb::GiveUp { key: Key::Token(token.secret()), doubt: false };
        Ok(self.ask(Command::new(token.resource(), verb)).await?.outcome)
    }

    /// What an outcome that let nobody in is to its caller.
    fn refusal(&self, outcome: Outcome) -> Error {
        let refusal = match outcome {
            Outcome::Refused { reason: Denial::Closed, retry_after, because } => {
                Refusal::closed(because, retry_after.map(Duration::from_micros))
            }
            Outcome::Refused { reason, retry_after: None, .. } => Refusal::new(reason.into()),
            Outcome::Refused { reason, retry_after: Some(after), .. } => {
                Refusal::new(reason.into()).after(Duration::from_micros(after))
            }
            Outcome::Over(ending) => Refusal::new(ending.into()),
            Outcome::Missed => Refusal::new(Reason::Missed),
            _ => Refusal::new(Reason::Full),
        };
        refusal.into()
    }
}

impl fmt::Debug for Airlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Airlock")
            .field("name", &self.0.spec.name)
            .field("limit", &self.0.spec.limit)
            .field("admission", &self.0.admission)
            .finish_non_exhaustive()
    }
}

pub(crate) fn time_of(at: Micros) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(at)
}

const _: () = {
    const fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<Airlock>();
    const fn is_sent<T: Send + 'static>() {}
    is_sent::<Entering<'static>>();
    is_sent::<Permit>();
};
