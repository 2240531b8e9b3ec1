//! The keys of a gate.

use std::fmt::Write as _;

/// The keys of one resource's gate, in the order in which the script is given them.
///
/// They share a hash tag, so that a cluster keeps them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The hash: the gate's own record, tickets, identities and groups.
    pub records: String,
    /// The sorted set: every index over them.
    pub indexes: String,
}

impl Keys {
    /// Different names never share a key, whatever is in them.
    pub fn new(prefix: &str, name: &str, resource: &str) -> Self {
        let mut tag = String::with_capacity(prefix.len() + name.len() + resource.len() + 8);
        tag.push('{');
        escape(&mut tag, prefix, "");
        tag.push(':');
        // A prefix may have colons: the last one before the slash is where the name starts.
        escape(&mut tag, name, ":");
        tag.push('/');
        escape(&mut tag, resource, "");
        tag.push('}');
        Keys { records: format!("{tag}g"), indexes: format!("{tag}x") }
    }
}

/// A key of an airlock as a whole.
pub fn of_airlock(prefix: &str, name: &str, what: &str) -> String {
    let mut key = String::with_capacity(prefix.len() + name.len() + what.len() + 4);
    key.push('{');
    escape(&mut key, prefix, "");
    key.push(':');
    escape(&mut key, name, ":");
    key.push('}');
    key + what
}

/// The channel on which all nodes hear that something was set for a whole airlock.
pub fn changed(prefix: &str) -> String {
    format!("{prefix}:changed")
}

/// The channel on which a node hears of its waiters.
pub fn channel(prefix: &str, node: &[u8; 16]) -> String {
    let mut channel = format!("{prefix}:node:");
    for byte in node {
        let _ = write!(channel, "{byte:02x}");
    }
    channel
}

fn escape(into: &mut String, text: &str, also: &str) {
    for c in text.chars() {
        if matches!(c, '/' | '%' | '{' | '}') || c.is_ascii_control() || also.contains(c) {
            let _ = write!(into, "%{:02X}", u32::from(c));
        } else {
            into.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hash_tag() {
        let keys = Keys::new("airlock", "imports", "tenant:{acme}/50%\n");
        assert_eq!(keys.records, "{airlock:imports/tenant:%7Bacme%7D%2F50%25%0A}g");
        assert_eq!(keys.indexes, "{airlock:imports/tenant:%7Bacme%7D%2F50%25%0A}x");
    }

    #[test]
    fn different_names_have_different_keys() {
        let names = [
            ("a", "b", "c"),
            ("a:b", "", "c"),
            ("a", "b:", "c"),
            ("a:b", "c", "d"),
            ("a", "b:c", "d"),
            ("a", "b", "c/d"),
            ("a", "b/c", "d"),
            ("a", "b%2Fc", "d"),
            ("a", "b", "c:d"),
            ("a", "b", "c}"),
            ("a", "b", "c%7D"),
        ];
        for (i, a) in names.iter().enumerate() {
            for b in &names[..i] {
                assert_ne!(Keys::new(a.0, a.1, a.2), Keys::new(b.0, b.1, b.2));
            }
        }
    }
}
