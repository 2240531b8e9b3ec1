//! A switch that works when the store does not.
//!
//! What an operator sets by [`Airlock::switch`](crate::Airlock::switch) is kept in the store, where every process finds it; a store
//! that is away, or slow, is no place to say so. An emergency is said to each process by itself, in its environment or in a file, and
//! is in force there whatever the store says, or whether it says anything: nothing of it is kept in the store, and other
//! processes know nothing of it.
//!
//! # How to say it
//!
//! | where | read |
//! |---|---|
//! | `AIRLOCK_SWITCH_IMPORTS=closed` | for the airlock `imports`, when it is built. What is no letter or digit in its name is a `_`, and letters are upper-case |
//! | `AIRLOCK_SWITCH=closed` | for every airlock, when it is built |
//! | a file, whose path is in `AIRLOCK_SWITCH_FILE`, or else given to [`Builder::emergency_file`](crate::Builder::emergency_file) | when it is built, and then about once a second |
//!
//! `switch` in a [configuration](crate#configuration) is the same, for its airlock, and counts for less than any of these.
//!
//! What is said is a state, and where that helps, why, after a colon: `closed: We are moving.` Of what applies to an airlock, the
//! file comes before the environment, and in each its own name before what is said of all. A line of the file is a setting, for all
//! airlocks, or a name, `=` and a setting:
//!
//! ```text
//! # Until the upstream is back, ask Ada.
//! imports = closed: The upstream is down.
//! shop = hold
//! open
//! ```
//!
//! A name that has a `=` in it, or one at whose end is a space, is written in quotes: `"a = b" = closed`, with `\"` for a quote and
//! `\\` for a backslash. Empty lines, and those that begin with `#`, say nothing; names of other airlocks are for others. A file that
//! is not there, or empty, says nothing. Write another file and rename it: a file that is read while it is written may be understood
//! wrongly. It may have 64 KiB.
//!
//! What cannot be understood is an error of [`build()`](crate::Builder::build), because whoever wrote it wanted something. In a file
//! that is found so later it is an error in the log, with its line, and what was last understood stays in force. That an emergency is in force,
//! changes, or is over, is said in the log, at `WARN`.
//!
//! # What each state does
//!
//! | state | newcomers | who waits in line, in this process | without the store |
//! |---|---|---|---|
//! | `closed` | refused as [closed](crate::Reason::Closed) | this process lets nobody in | the same |
//! | `drain` | refused as closed | is served | newcomers are refused as closed |
//! | `hold` | join the line | this process lets nobody in | [unavailable](crate::Error::Unavailable), as always |
//! | `bypass` | let in at once, uncounted; such a permit is no lease, and its fence is 0 | is let in as soon as the store says so | newcomers are let in |
//! | `open` | as configured, whatever is set in the store | as configured | unavailable, as always |
//!
//! Newcomers without an identity are refused, and everybody let in, without a question to the store. Who has an identity may be inside, or in line,
//! already, and is then not to be refused: it is asked for, and where the store fails refused as closed.
//!
//! Who is inside stays, renews and releases as always, and so do those who wait keep their places, be they visitors or futures. The line of a store that
//! several processes share is also served by those that know nothing of the emergency: whoever waits here may be let in by them. To
//! stop that, tell all of them. A resource's own switch counts for nothing meanwhile; that what is guarded is
//! [unwell](crate::Airlock::report_health) does.
//!
//! # Implementation details
//!
//! | file | about |
//! |---|---|
//! | `text.rs` | what is said, and how it is understood |
//! | `sources.rs` | where it is said |
//! | `watch.rs` | the file, looked at by one thread for each path |
//!
//! An airlock for which nothing was said, and for which there is no file, has none of this: one look at a null pointer.

mod sources;
mod text;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

pub(crate) use sources::Sources;
#[cfg(feature = "config")]
pub(crate) use text::setting;
use watch::Watched;

use crate::error::{ConfigError, StoreError};
use crate::gate::{Answer, Denial, Enter, Key, Outcome, Setting, SwitchState, Verb};
use crate::observer::Observers;
use crate::store::{Command, Gates, Lease, by_nobody};
use crate::sync::Mutex;
use crate::token::Token;

/// What an operator has this process go by, for one airlock.
pub(crate) struct Emergency {
    airlock: Arc<str>,
    gates: Arc<dyn Gates>,
    observers: Observers,
    /// What was said when it was built, and by what.
    said: Option<(Setting, &'static str)>,
    /// Which state is in force, as an index into `SwitchState::ALL`; or `NONE`. Who enters looks at no more than this, mostly.
    state: AtomicU8,
    in_force: Mutex<Option<Setting>>,
    /// Held while it changes, so that two changes come to the store in their order.
    changes: Mutex<()>,
    /// Keeps the file looked at.
    watched: Option<Arc<Watched>>,
}

const NONE: u8 = u8::MAX;

impl Emergency {
    /// None where nothing is said, and nothing can be said later.
    pub(crate) fn new(
        sources: &Sources,
        file: Option<PathBuf>,
        airlock: &Arc<str>,
        gates: &Arc<dyn Gates>,
        observers: &Observers,
    ) -> Result<Option<Arc<Self>>, ConfigError> {
        let said = sources.setting(airlock)?;
        let watched = sources.file().or(file).map(Watched::open).transpose()?;
        if said.is_none() && watched.is_none() {
            return Ok(None);
        }
        let emergency = Arc::new(Emergency {
            airlock: airlock.clone(),
            gates: gates.clone(),
            observers: observers.clone(),
            said,
            state: AtomicU8::new(NONE),
            in_force: Mutex::default(),
            changes: Mutex::default(),
            watched: watched.clone(),
        });
        match watched {
            Some(watched) => watched.join(&emergency),
            None => emergency.goes_by(None),
        }
        Ok(Some(emergency))
    }

    /// What is in force.
    pub(crate) fn setting(&self) -> Option<Setting> {
        self.state().and_then(|_| self.in_force.lock().clone())
    }

    /// What the file says from now on, if anything.
    fn goes_by(&self, file: Option<Setting>) {
        let (said, by) = match (file, &self.said) {
            (Some(file), _) => (Some(file), self.watched.as_ref().map(|watched| watched.path().display().to_string())),
            (None, Some((said, by))) => (Some(said.clone()), Some((*by).to_owned())),
            (None, None) => (None, None),
        };
        let _changes = self.changes.lock();
        if *self.in_force.lock() == said {
            return;
        }
        let state = said.as_ref().map(|setting| setting.state);
        let index = SwitchState::ALL.iter().position(|known| Some(*known) == state);
        self.state.store(index.map_or(NONE, |index| index as u8), Ordering::Release);
        self.in_force.lock().clone_from(&said);
        let airlock = &*self.airlock;
        match &said {
            Some(Setting { state, because, .. }) => tracing::warn!(
                target: "airlock",
                airlock,
                event = "emergency",
                switch = state.name(),
                because = because.as_deref(),
                by,
                "this process goes by an emergency switch, whatever is set in the store",
            ),
            None => tracing::warn!(
                target: "airlock",
                airlock,
                event = "emergency-over",
                "this process goes by what is set in the store again",
            ),
        }
        self.gates.force(said);
    }

    fn state(&self) -> Option<SwitchState> {
        SwitchState::ALL.get(usize::from(self.state.load(Ordering::Acquire))).copied()
    }

    /// The answer to a command, if it can be had at once.
    pub(crate) fn try_ask(&self, command: &Command<'_>) -> Option<Result<Answer, StoreError>> {
        if let Some(answer) = self.decide(command) {
            return Some(Ok(answer));
        }
        let answer = self.gates.try_apply(command)?;
        Some(answer.or_else(|error| self.after_failure(command, error)))
    }

    /// The answer to a command for which the store need not be asked.
    pub(crate) fn decide(&self, command: &Command<'_>) -> Option<Answer> {
        let Verb::Enter(enter) = &command.verb else { return None };
        match self.state()? {
            SwitchState::Bypass => Some(by_nobody()),
            SwitchState::Closed | SwitchState::Drain if enter.identity.is_none() => {
                Some(self.refuse(command.resource, enter))
            }
            _ => None,
        }
    }

    /// The answer to a command that the store failed.
    pub(crate) fn after_failure(&self, command: &Command<'_>, error: StoreError) -> Result<Answer, StoreError> {
        let Verb::Enter(enter) = &command.verb else { return Err(error) };
        if !matches!(self.state(), Some(SwitchState::Closed | SwitchState::Drain)) {
            return Err(error);
        }
        // It may have been carried out all the same, and nobody would come back for it.
        if let (true, Some(Key::Token(secret))) = (error.is_unknown(), enter.key) {
            self.gates.give_back(&Lease::Token(Token::new(command.resource.into(), secret)), true);
        }
        Ok(self.refuse(command.resource, enter))
    }

    fn refuse(&self, resource: &str, enter: &Enter<'_>) -> Answer {
        if self.observers.listening() {
            self.observers.refused(resource, enter.identity, Denial::Closed);
        }
        self.observers.meter().refused_in_emergency();
        let because = self.in_force.lock().as_ref().and_then(|setting| setting.because.clone());
        let outcome = Outcome::Refused { reason: Denial::Closed, retry_after: None, because };
        Answer { outcome, more: false, next_at: None, now: 0 }
    }
}

impl std::fmt::Debug for Emergency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Emergency").field(&self.setting()).finish()
    }
}
