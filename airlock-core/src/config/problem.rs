//! What is wrong with a configuration: all of it, and where.

use std::fmt;
use std::sync::Arc;

use crate::sync::Mutex;

/// How many are listed; a file that is something else altogether has thousands.
const MOST: usize = 100;

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In the text, on this line; the first is 1.
    Line(usize),
    /// In this variable of the environment.
    Variable(Arc<str>),
}

/// Everything that is wrong with a configuration, at once.
///
/// Shown, it is one line for each: the file and the line where they are known, or the variable of the environment, then the path
/// of the key, then what is wrong and what was expected.
///
/// ```
/// use airlock_core::config::{Airlocks, Format};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let text = "[imports]\nseal = { kind = 'semaphore', limit = -1 }\nstroe = 'fleet'\n";
/// let problems = Airlocks::from_str(text, Format::Toml).await.unwrap_err();
/// assert_eq!(
///     problems.to_string(),
///     "line 2: imports.seal.limit: expected a whole number from 0 to 4294967295, found -1\n\
///      line 3: imports.stroe: there is no such key here; did you mean `store`?"
/// );
/// assert_eq!(problems.iter().next().unwrap().line(), Some(2));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    listed: Vec<Problem>,
    /// How many there are besides.
    unlisted: usize,
}

impl Problems {
    /// Each of them: those of the text in its order, those of the environment, then those that have no place. At most 100.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.listed.iter()
    }

    /// Says which file they are of.
    pub(super) fn of_file(mut self, file: &str) -> Self {
        for problem in &mut self.listed {
            problem.file = Some(file.into());
        }
        self
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Problems { listed: vec![problem], unlisted: 0 }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.listed.iter().enumerate() {
            let separator = if index > 0 { "\n" } else { "" };
            write!(f, "{separator}{problem}")?;
        }
        match self.unlisted {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

/// One thing that is wrong with a configuration.
///
/// See [`Problems`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    file: Option<Arc<str>>,
    place: Option<Place>,
    path: String,
    what: String,
}

impl Problem {
    pub(super) fn new(place: Option<Place>, path: impl Into<String>, what: impl Into<String>) -> Self {
        Problem { file: None, place, path: path.into(), what: what.into() }
    }

    /// The path of the key that it is about, such as `imports.seal.limit`; empty where it is about the whole text. Names that are
    /// not made of letters, digits, `-` and `_` alone are in quotes.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line of the text, where it is known; the first is 1.
    pub fn line(&self) -> Option<usize> {
        match self.place {
            Some(Place::Line(line)) => Some(line),
            _ => None,
        }
    }

    /// The variable of the environment that says so, if it is one.
    pub fn variable(&self) -> Option<&str> {
        match &self.place {
            Some(Place::Variable(name)) => Some(name),
            _ => None,
        }
    }

    /// What is wrong, and what was expected. Passwords and keys are not repeated.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, &self.file) {
            (Some(Place::Variable(name)), _) => write!(f, "{name}: ")?,
            (Some(Place::Line(line)), Some(file)) => write!(f, "{file}:{line}: ")?,
            (Some(Place::Line(line)), None) => write!(f, "line {line}: ")?,
            (None, Some(file)) => write!(f, "{file}: ")?,
            (None, None) => {}
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)
    }
}

/// Where problems are written down while a configuration is read.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<Problem>>);

impl Log {
    pub(super) fn add(&self, place: Option<&Place>, path: impl Into<String>, what: impl Into<String>) {
        self.push(Problem::new(place.cloned(), path, what));
    }

    pub(super) fn push(&self, problem: Problem) {
        self.0.lock().push(problem);
    }

    /// Fails if there are any.
    pub(super) fn check(&self) -> Result<(), Problems> {
        let mut listed = std::mem::take(&mut *self.0.lock());
        if listed.is_empty() {
            return Ok(());
        }
        // What has no place comes last; the order of what is found on one line stays.
        listed.sort_by(|a, b| (a.place.is_none(), &a.place).cmp(&(b.place.is_none(), &b.place)));
        let unlisted = listed.len().saturating_sub(MOST);
        listed.truncate(MOST);
        Err(Problems { listed, unlisted })
    }
}
