//! What may be a name (G22).

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// The longest name, in bytes.
pub const MAX_BYTES: usize = 512;

/// Which name was wrong.
///
/// See [`InvalidName`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The name of an airlock.
    Airlock,
    /// The name of a resource.
    Resource,
    /// Who asks.
    Identity,
    /// The group it belongs to.
    Group,
    /// Why something is switched.
    Reason,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Airlock => "airlock",
            What::Resource => "resource",
            What::Identity => "identity",
            What::Group => "group",
            What::Reason => "reason",
        })
    }
}

/// A name that is empty, too long, or has a control character. It does not repeat the name.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use airlock_core::{Airlock, Error, Seal};
/// # let jobs = Airlock::builder("jobs").seal(Seal::lock()).build()?;
/// let error = jobs.try_enter("two\nlines").await.unwrap_err();
/// assert!(matches!(error, Error::Invalid(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidName {
    what: What,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Empty,
    TooLong(usize),
    Control(usize),
}

impl InvalidName {
    /// Which name it was.
    pub fn what(&self) -> What {
        self.what
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what;
        match self.problem {
            Problem::Empty => write!(f, "the {what} is empty"),
            Problem::TooLong(bytes) => {
                write!(f, "the {what} is {bytes} bytes long; at most {MAX_BYTES} are allowed")
            }
            Problem::Control(at) => write!(f, "the {what} has a control character at byte {at}"),
        }
    }
}

impl std::error::Error for InvalidName {}

pub(crate) fn check(what: What, name: &str) -> Result<(), InvalidName> {
    let problem = if name.is_empty() {
        Problem::Empty
    } else if name.len() > MAX_BYTES {
        Problem::TooLong(name.len())
    } else if let Some(at) = control_character(name) {
        Problem::Control(at)
    } else {
        return Ok(());
    };
    Err(InvalidName { what, problem })
}

fn control_character(name: &str) -> Option<usize> {
    // Nearly every name is ASCII, and then one look at each byte is enough.
    let plain = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain {
        return None;
    }
    name.char_indices().find(|(_, c)| c.is_control()).map(|(at, _)| at)
}

/// A name as it is logged: 16 hexadecimal digits, a hash (SipHash) with a key that each process draws for itself.
///
/// So lines about the same name can be found in the log of one process, and nobody who has the log can try out whose they
/// are: an unkeyed hash of an address is as good as the address.
pub(crate) struct Hashed<'a>(pub(crate) &'a str);

impl fmt::Display for Hashed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        write!(f, "{:016x}", KEY.hash_one(self.0))
    }
}
