//! What can go wrong, each thing a value of its own: busy is no error, and an error is not busy (G23).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::gate::{Denial, Ending};
use crate::name::InvalidName;

/// Why there is no permit.
///
/// See [`Airlock::try_enter`](crate::Airlock::try_enter) for an example.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A decision: not now, or not you. The store works.
    Refused(Refusal),
    /// The store could not be asked, or did not answer in time.
    Unavailable(StoreError),
    /// The call itself was wrong; nothing was asked.
    Invalid(InvalidEntrant),
    /// The lease is over, though its holder had not released it.
    Lost(LeaseLost),
}

impl Error {
    /// The refusal, if that is what it is.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Error::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether somebody else has the room: asking again later makes sense, and nothing is broken.
    pub fn is_busy(&self) -> bool {
        use Reason::{Duplicate, Full, GroupLineFull, Limited, LineFull, TimedOut};
        self.refusal().is_some_and(|refusal| {
            matches!(refusal.reason, Full | Limited | TimedOut | LineFull | GroupLineFull | Duplicate)
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(refusal) => refusal.fmt(f),
            Error::Unavailable(error) => write!(f, "the store cannot decide: {error}"),
            Error::Invalid(error) => error.fmt(f),
            Error::Lost(lost) => lost.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Unavailable(error) => Some(error),
            Error::Invalid(error) => Some(error),
            Error::Refused(_) | Error::Lost(_) => None,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Error::Unavailable(error)
    }
}

impl From<InvalidEntrant> for Error {
    fn from(error: InvalidEntrant) -> Self {
        Error::Invalid(error)
    }
}

impl From<LeaseLost> for Error {
    fn from(lost: LeaseLost) -> Self {
        Error::Lost(lost)
    }
}

/// A decision not to let somebody in.
///
/// See [`Switch`](crate::Switch) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// In milliseconds, 0 where it is not known: small, because every result is as large as its error.
    retry_after: u32,
    /// Boxed for the same reason.
    closing: Option<Box<Closing>>,
}

/// What is known about why it is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Closing {
    because: Option<Arc<str>>,
    reopens_in: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(reason: Reason) -> Self {
        Refusal { reason, retry_after: 0, closing: None }
    }

    /// Rounded up to milliseconds.
    pub(crate) fn after(mut self, retry_after: Duration) -> Self {
        self.retry_after = u32::try_from(whole_millis(retry_after).as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// By the operator's switch. Rounded up to milliseconds.
    pub(crate) fn closed(because: Option<Arc<str>>, reopens_in: Option<Duration>) -> Self {
        let known = because.is_some() || reopens_in.is_some();
        let closing = Closing { because, reopens_in: reopens_in.map(whole_millis) };
        Refusal { closing: known.then(|| Box::new(closing)), ..Refusal::new(Reason::Closed) }
    }

    /// When asking again makes sense, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        let known = (self.retry_after > 0).then(|| Duration::from_millis(self.retry_after.into()));
        known.or_else(|| self.reopens_in())
    }

    /// When it opens again, where it is [closed](Reason::Closed) and that is known.
    pub fn reopens_in(&self) -> Option<Duration> {
        self.closing.as_ref()?.reopens_in
    }

    /// What the operator [has to say](crate::Switch::because) about its being [closed](Reason::Closed).
    pub fn because(&self) -> Option<&str> {
        self.closing.as_ref()?.because.as_deref()
    }
}

/// Rounded up.
fn whole_millis(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        if let Some(after) = self.retry_after() {
            write!(f, "; try again in {after:?}")?;
        }
        match self.because() {
            Some(because) => write!(f, ": {because}"),
            None => Ok(()),
        }
    }
}

/// Why somebody was refused.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use airlock_core::{Reason, presets};
///
/// let codes = presets::cooldown("codes", Duration::from_secs(60)).build()?;
/// codes.try_enter("ada@example.org").await?;
/// let error = codes.try_enter("ada@example.org").await.unwrap_err();
/// assert_eq!(error.refusal().unwrap().reason, Reason::Limited);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There is no room, and the caller did not want to wait, or nobody can.
    Full,
    /// The operator's switch is closed or draining.
    Closed,
    /// The rate is spent, or the cool-down is not over.
    Limited,
    /// The caller waited as long as it wanted to.
    TimedOut,
    /// The line is full.
    LineFull,
    /// This group's part of the line is full.
    GroupLineFull,
    /// This identity is already inside.
    Duplicate,
    /// This identity entered again elsewhere, and its place went over.
    Superseded,
    /// It is heavier than the limit in force.
    TooHeavy,
    /// The offer was not taken in time, or it was another one.
    Missed,
    /// It did not come back to ask while it waited.
    Absent,
    /// An operator put it out of the line.
    Evicted,
    /// This airlock is shutting down.
    ShuttingDown,
    /// The token was used before.
    Spent,
}

impl Reason {
    /// In one word, as it is logged and counted: `full`, `line-full`, `timed-out`.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Full => "full",
            Reason::Closed => "closed",
            Reason::Limited => "limited",
            Reason::TimedOut => "timed-out",
            Reason::LineFull => "line-full",
            Reason::GroupLineFull => "group-line-full",
            Reason::Duplicate => "duplicate",
            Reason::Superseded => "superseded",
            Reason::TooHeavy => "too-heavy",
            Reason::Missed => "missed",
            Reason::Absent => "absent",
            Reason::Evicted => "evicted",
            Reason::ShuttingDown => "shutting-down",
            Reason::Spent => "spent",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Full => "there is no room",
            Reason::Closed => "it is closed",
            Reason::Limited => "the rate is spent",
            Reason::TimedOut => "there was no room in time",
            Reason::LineFull => "the line is full",
            Reason::GroupLineFull => "this group's part of the line is full",
            Reason::Duplicate => "this identity is already inside",
            Reason::Superseded => "this identity entered again elsewhere",
            Reason::TooHeavy => "it is heavier than the limit",
            Reason::Missed => "the offer is gone",
            Reason::Absent => "it did not come back to ask",
            Reason::Evicted => "an operator put it out of the line",
            Reason::ShuttingDown => "this airlock is shutting down",
            Reason::Spent => "this token was used before",
        })
    }
}

impl From<Denial> for Reason {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Full => Reason::Full,
            Denial::Limited => Reason::Limited,
            Denial::Closed => Reason::Closed,
            Denial::LineFull => Reason::LineFull,
            Denial::GroupLineFull => Reason::GroupLineFull,
            Denial::Duplicate => Reason::Duplicate,
            Denial::TooHeavy => Reason::TooHeavy,
        }
    }
}

impl From<Ending> for Reason {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Missed => Reason::Missed,
            Ending::Absent => Reason::Absent,
            Ending::Evicted => Reason::Evicted,
            Ending::Superseded => Reason::Superseded,
            Ending::TooHeavy => Reason::TooHeavy,
            Ending::Closed => Reason::ShuttingDown,
            Ending::Released | Ending::Admitted | Ending::Left | Ending::Lapsed | Ending::Spent => Reason::Spent,
        }
    }
}

/// A call that was wrong whatever the state of the gate.
///
/// See [`InvalidName`](crate::name::InvalidName) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidEntrant(Box<Wrong>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Name(InvalidName),
    Weightless,
    TooHeavy { weight: u32, limit: u32 },
    TooMuch { weight: u32, burst: u32 },
    Score,
    Span,
    Health,
    EmptyList,
    LongList { many: usize, most: usize },
    Twice,
}

impl InvalidEntrant {
    pub(crate) fn weightless() -> Self {
        InvalidEntrant(Box::new(Wrong::Weightless))
    }

    pub(crate) fn too_heavy(weight: u32, limit: u32) -> Self {
        InvalidEntrant(Box::new(Wrong::TooHeavy { weight, limit }))
    }

    pub(crate) fn too_much(weight: u32, burst: u32) -> Self {
        InvalidEntrant(Box::new(Wrong::TooMuch { weight, burst }))
    }

    pub(crate) fn score() -> Self {
        InvalidEntrant(Box::new(Wrong::Score))
    }

    pub(crate) fn health() -> Self {
        InvalidEntrant(Box::new(Wrong::Health))
    }

    pub(crate) fn span() -> Self {
        InvalidEntrant(Box::new(Wrong::Span))
    }

    pub(crate) fn empty_list() -> Self {
        InvalidEntrant(Box::new(Wrong::EmptyList))
    }

    pub(crate) fn long_list(many: usize, most: usize) -> Self {
        InvalidEntrant(Box::new(Wrong::LongList { many, most }))
    }

    pub(crate) fn twice() -> Self {
        InvalidEntrant(Box::new(Wrong::Twice))
    }
}

impl From<InvalidName> for InvalidEntrant {
    fn from(invalid: InvalidName) -> Self {
        InvalidEntrant(Box::new(Wrong::Name(invalid)))
    }
}

impl fmt::Display for InvalidEntrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Wrong::Name(invalid) => invalid.fmt(f),
            Wrong::Weightless => f.write_str("the weight is 0; it must be at least 1"),
            Wrong::TooHeavy { weight, limit } => {
                write!(f, "the weight is {weight}, but the configured limit is {limit}: it could never enter")
            }
            Wrong::TooMuch { weight, burst } => {
                write!(f, "the weight is {weight}, but the rate lets at most {burst} in at once: it could never enter")
            }
            Wrong::Score => f.write_str("the admission strategy gave a score that is not finite"),
            Wrong::Health => f.write_str("a health score is a number"),
            Wrong::EmptyList => f.write_str("the list is empty: there is nothing to enter"),
            Wrong::LongList { many, most } => write!(f, "the list has {many} members or more; it may have {most}"),
            Wrong::Twice => f.write_str("its resource is in the list twice; ask once, with the weight of both"),
            Wrong::Span => f.write_str("the time is out of bounds: at least 1 µs and at most 365 days"),
        }
    }
}

impl std::error::Error for InvalidEntrant {}

/// The lease is over, though its holder had not released it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use airlock_core::{Airlock, Seal, Whom};
///
/// let jobs = Airlock::builder("jobs").seal(Seal::lock()).build()?;
/// let permit = jobs.try_enter("invoice").await?;
/// jobs.evict("invoice", Whom::Fence(permit.fence())).await?;
/// let lost = permit.lost().await;
/// println!("{lost}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseLost {
    /// How it ended, where that is known.
    pub ending: Option<Ending>,
}

impl fmt::Display for LeaseLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.ending {
            Some(Ending::Lapsed) => "the lease is lost: it was not renewed in time, or reached the longest hold",
            Some(Ending::Evicted) => "the lease is lost: an operator put its holder out",
            Some(Ending::Closed) => "the lease is lost: this airlock shut down",
            _ => "the lease is lost",
        })
    }
}

impl std::error::Error for LeaseLost {}

/// A store failed. [`is_unknown`](StoreError::is_unknown) says whether the command may have been carried out.
///
/// See [`NoopStore`](crate::store::NoopStore) for how code is tested that meets one.
#[derive(Debug)]
pub struct StoreError(Box<Failure>);

/// Boxed: a result that is hardly ever an error should not be as large as one.
#[derive(Debug)]
struct Failure {
    fate: Fate,
    what: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What became of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    NotAsked,
    NotExecuted,
    Unknown,
}

impl StoreError {
    /// The command was not carried out.
    pub fn not_executed(what: impl Into<Cow<'static, str>>) -> Self {
        StoreError::new(Fate::NotExecuted, what.into())
    }

    /// The command may have been carried out, or may yet be.
    pub fn unknown(what: impl Into<Cow<'static, str>>) -> Self {
        StoreError::new(Fate::Unknown, what.into())
    }

    /// The store was not even asked, because it is known to fail: a breaker is open.
    pub fn not_asked(what: impl Into<Cow<'static, str>>) -> Self {
        StoreError::new(Fate::NotAsked, what.into())
    }

    fn new(fate: Fate, what: Cow<'static, str>) -> Self {
        StoreError(Box::new(Failure { fate, what, source: None }))
    }

    /// Adds what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Whether the command may have been carried out all the same.
    pub fn is_unknown(&self) -> bool {
        self.0.fate == Fate::Unknown
    }

    /// Whether the store was not asked, because a [`Fallback`](crate::store::Fallback) leaves it alone after failures.
    pub fn is_not_asked(&self) -> bool {
        self.0.fate == Fate::NotAsked
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A configuration that cannot work, found by [`build`](crate::Builder::build).
///
/// ```
/// use airlock_core::Airlock;
///
/// let error = Airlock::builder("jobs").build().unwrap_err();
/// assert_eq!(error.field(), "seal");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    field: &'static str,
    problem: String,
}

impl ConfigError {
    /// `field` is what the builder calls it.
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        ConfigError { field, problem: problem.into() }
    }

    /// What is wrong with it.
    #[cfg(feature = "config")]
    pub(crate) fn problem(&self) -> &str {
        &self.problem
    }

    /// What the builder calls the option that is wrong.
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for ConfigError {}
