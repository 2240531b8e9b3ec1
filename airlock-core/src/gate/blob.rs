//! How a gate is kept as bytes: a line that says what it is, and JSON, so that a person can read it as well.
//!
//! ```text
//! airlock-gate 1 9f86d081884c7d65…
//! {"airlock":"imports","resource":"tenant:acme","gate":{"meta":{…},"tickets":[…]}}
//! ```
//!
//! The first line has what it is, the version of its form, and the SHA-256 of the rest. A change of what is written in
//! the rest is another version.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{InvalidSnapshot, Snapshot};

/// The version of the form.
const VERSION: u32 = 1;

/// The largest blob, in bytes: that of some ninety thousand who wait. Reading more would only be slow.
pub(crate) const MAX_BLOB_BYTES: usize = 16 << 20;

/// A gate and its names, which say whose it is: a blob may have been moved or copied.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gate<A, S> {
    airlock: A,
    resource: A,
    gate: S,
}

/// What the first line of a gate begins with.
const GATE: &str = "airlock-gate ";

/// The bytes of a gate.
pub(crate) fn of_gate(airlock: &str, resource: &str, gate: &Snapshot) -> Result<Vec<u8>, BlobError> {
    seal(GATE, &Gate { airlock, resource, gate })
}

/// A gate, and the names of its airlock and of its resource.
pub(crate) fn gate(blob: &[u8]) -> Result<(String, String, Snapshot), BlobError> {
    let Gate { airlock, resource, gate } = open(GATE, blob)?;
    Ok((airlock, resource, gate))
}

/// Bytes that say what they are, with that as their first word.
pub(crate) fn seal(magic: &str, content: &impl Serialize) -> Result<Vec<u8>, BlobError> {
    let json = serde_json::to_vec(content).map_err(|error| BlobError::unfit(error.to_string()))?;
    let mut blob = format!("{magic}{VERSION} {}\n", digest(&json)).into_bytes();
    blob.extend_from_slice(&json);
    blob.push(b'\n');
    if blob.len() > MAX_BLOB_BYTES {
        return Err(BlobError::unfit(format!(
            "{} bytes are more than the {MAX_BLOB_BYTES} that are read again",
            blob.len()
        )));
    }
    Ok(blob)
}

/// What is in bytes with that as their first word.
pub(crate) fn open<T: DeserializeOwned>(magic: &str, blob: &[u8]) -> Result<T, BlobError> {
    let Some(rest) = blob.strip_prefix(magic.as_bytes()) else {
        // What was cut off within the first words is still ours.
        let cut = magic.as_bytes().starts_with(blob);
        return Err(if cut { BlobError::corrupt("it is cut off") } else { BlobError::foreign("it is something else") });
    };
    let line = rest.iter().take(100).position(|byte| *byte == b'\n').and_then(|end| rest.split_at_checked(end));
    let Some((line, json)) = line else { return Err(BlobError::corrupt("its first line has no end")) };
    let mut words = std::str::from_utf8(line).unwrap_or_default().split(' ');
    match words.next().unwrap_or_default().parse::<u32>() {
        Ok(VERSION) => {}
        Ok(newer) if newer > VERSION => return Err(BlobError::newer(newer)),
        _ => return Err(BlobError::corrupt("it does not say of which version it is")),
    }
    let Some(json) = json.strip_prefix(b"\n").and_then(|json| json.strip_suffix(b"\n")) else {
        return Err(BlobError::corrupt("it is cut off"));
    };
    if words.next() != Some(&digest(json)) || words.next().is_some() {
        return Err(BlobError::corrupt("its checksum is that of something else"));
    }
    serde_json::from_slice(json).map_err(|error| BlobError::corrupt(error.to_string()))
}

fn digest(json: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(json).into();
    let mut text = String::with_capacity(64);
    for byte in digest {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Why a blob was not used. It was left as it is.
///
/// See [`decide`](crate::gate::decide) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobError {
    kind: Kind,
    what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Corrupt,
    Foreign,
    Newer,
    Unfit,
}

impl BlobError {
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        BlobError { kind: Kind::Corrupt, what: what.into() }
    }

    pub(crate) fn foreign(what: &str) -> Self {
        BlobError { kind: Kind::Foreign, what: what.into() }
    }

    fn newer(version: u32) -> Self {
        BlobError { kind: Kind::Newer, what: format!("it has form {version}, and this release knows form {VERSION}") }
    }

    pub(super) fn unfit(what: impl Into<String>) -> Self {
        BlobError { kind: Kind::Unfit, what: what.into() }
    }

    /// It is damaged: cut off, overwritten, or of a gate that cannot be. Without it the gate starts anew, and nobody
    /// knows any more who is inside.
    pub fn is_corrupt(&self) -> bool {
        self.kind == Kind::Corrupt
    }

    /// It is no gate of Airlock's, or that of another resource.
    pub fn is_foreign(&self) -> bool {
        self.kind == Kind::Foreign
    }

    /// A later release of Airlock wrote it. An older one leaves it alone.
    pub fn is_newer(&self) -> bool {
        self.kind == Kind::Newer
    }
}

impl From<InvalidSnapshot> for BlobError {
    fn from(invalid: InvalidSnapshot) -> Self {
        BlobError::corrupt(invalid.to_string())
    }
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match self.kind {
            Kind::Corrupt => write!(
                f,
                "the gate is damaged ({what}): remove it to start anew, once nobody is inside who is not known any more"
            ),
            Kind::Foreign => write!(f, "not the gate that was looked for ({what}): move it away, or look elsewhere"),
            Kind::Newer => write!(f, "the gate of a later release ({what}): upgrade this one, or look elsewhere"),
            Kind::Unfit => write!(f, "the gate cannot be kept like that: {what}"),
        }
    }
}

impl std::error::Error for BlobError {}
