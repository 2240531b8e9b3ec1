//! What files are called.
//!
//! `imports-9f86d081….gate`: what a person can read of the airlock's name, and the SHA-256 of all names, in hexadecimal.
//! Names of up to 512 bytes of anything come to at most 110 of lower-case letters, digits, `_`, `-` and `.`: short enough
//! for every file system, alike for those that fold case, reserved by none, and never `.` or `..`. Nobody finds two names
//! with one hash; whole names stand in the file as well, and are compared. A resource's name is not in that of its file,
//! for paths get into logs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// How many letters of an airlock's name a person can read.
const READABLE: usize = 32;

/// The end of a gate's file.
pub(super) const GATE: &str = ".gate";
/// The end of what is being written, and takes the other's place once it is whole.
pub(super) const NEW: &str = ".new";
/// The end of what holds for an airlock.
pub(super) const CONDITIONS: &str = ".conditions";

/// Which lock is for a file: the first byte of the hash.
pub(super) type Stripe = u8;

/// The name of a file, and its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    file: String,
    pub(super) stripe: Stripe,
}

impl Name {
    pub(super) fn of_gate(airlock: &str, resource: &str) -> Self {
        Name::new(airlock, &[airlock, resource], GATE)
    }

    pub(super) fn of_conditions(airlock: &str) -> Self {
        Name::new(airlock, &[airlock], CONDITIONS)
    }

    /// That of a file of ours, or of what was being written in its place; none for a file that is not ours.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let of = file.strip_suffix(NEW).unwrap_or(file);
        let stem = of.strip_suffix(GATE).or_else(|| of.strip_suffix(CONDITIONS))?;
        let (_, hash) = stem.rsplit_once('-')?;
        let ours = hash.len() == 64 && hash.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let stripe = u8::from_str_radix(hash.get(..2)?, 16).ok().filter(|_| ours)?;
        Some(Name { file: file.to_owned(), stripe })
    }

    fn new(airlock: &str, parts: &[&str], end: &str) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // With its length, so that no name can go on in the next.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let mut file = readable(airlock);
        file.push('-');
        for byte in hash {
            let _ = write!(file, "{byte:02x}");
        }
        file.push_str(end);
        Name { file, stripe: hash[0] }
    }

    pub(super) fn is_new(&self) -> bool {
        self.file.ends_with(NEW)
    }

    pub(super) fn is_gate(&self) -> bool {
        self.file.ends_with(GATE)
    }

    /// Whether this may be a gate of that airlock: the file itself says.
    pub(super) fn may_be_of(&self, airlock: &str) -> bool {
        self.is_gate() && self.file.strip_prefix(&readable(airlock)).is_some_and(|rest| rest.starts_with('-'))
    }

    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.file)
    }
}

/// The file of a lock.
pub(super) fn lock(folder: &Path, stripe: Stripe) -> PathBuf {
    folder.join(format!("lock-{stripe:02x}"))
}

/// What is written before it takes the place of that file.
pub(super) fn new(path: &Path) -> PathBuf {
    let mut new = path.as_os_str().to_owned();
    new.push(NEW);
    new.into()
}

fn readable(airlock: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    airlock.chars().take(READABLE).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_short_plain_and_its_own() {
        let long = "x".repeat(512);
        let longer = format!("{}y", &long[..511]);
        let names = [
            "a", "b", "ab", "A", "a:b", "a_b", "a/b", "a\\b", ".", "..", "con", "nul.txt", "-rf", " ", "ß", "é",
            "e\u{301}", "{x}",
        ];
        let names: Vec<&str> = names.into_iter().chain([&*long, &*longer]).collect();
        let mut files = HashSet::new();
        for airlock in &names {
            assert!(files.insert(Name::of_conditions(airlock).file));
            for resource in &names {
                let name = Name::of_gate(airlock, resource);
                let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-' | '.');
                assert!(name.file.chars().all(plain) && !name.file.starts_with(['.', '-']), "{name:?}");
                assert!(name.file.len() + NEW.len() <= 110, "{name:?}");
                assert_eq!(Name::parse(&name.file).as_ref(), Some(&name));
                assert!(name.may_be_of(airlock));
                assert!(files.insert(name.file), "{airlock:?}, {resource:?}");
            }
        }
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let gate = Name::of_gate("imports", "acme").file;
        let new = Name::parse(&format!("{gate}{NEW}")).expect("it is ours");
        assert!(new.is_new() && !new.is_gate() && new.stripe == Name::of_gate("imports", "acme").stripe);
        let others = [
            "",
            ".gate",
            "imports.gate",
            "notes.new",
            "lock-00",
            &gate[1..40],
            &gate.to_uppercase(),
            &format!("{gate}~"),
        ];
        for other in others {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }
}
