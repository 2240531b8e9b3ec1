//! The addresses that a header tells of. Strict: what is only nearly well-formed was perhaps put together from what a
//! client wrote and what a proxy wrote, so that the one hides the other.

use std::net::{IpAddr, SocketAddr};

use crate::name::NameError;

const MALFORMED: NameError = NameError::invalid("a header that says who is forwarded is malformed");
const UNKNOWN: NameError = NameError::unidentified("a proxy does not say who is forwarded");

/// One step on the way, as it was written: only looked at when the walk gets to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop<'a>(Option<&'a str>);

impl Hop<'_> {
    pub(super) fn address(self) -> Result<IpAddr, NameError> {
        let node = self.0.ok_or(UNKNOWN)?;
        if node.eq_ignore_ascii_case("unknown") || node.starts_with('_') {
            return Err(UNKNOWN);
        }
        let bracketed = node.strip_prefix('[').and_then(|node| node.strip_suffix(']'));
        let address = match bracketed {
            Some(inner) => inner.parse().ok().filter(IpAddr::is_ipv6),
            None => node.parse().ok().or_else(|| node.parse().ok().map(|socket: SocketAddr| socket.ip())),
        };
        // An IPv4 address is the same one however it is written.
        address.map(|address| address.to_canonical()).ok_or(MALFORMED)
    }
}

/// `X-Forwarded-For: 203.0.113.7, 2001:db8::1`, some with ports.
pub(super) fn x_forwarded_for(header: &str) -> Result<Vec<Hop<'_>>, NameError> {
    let nodes = header.split(',').map(str::trim).filter(|node| !node.is_empty());
    Ok(nodes.map(|node| Hop(Some(node))).collect())
}

/// `Forwarded: for=203.0.113.7;proto=https, for="[2001:db8::1]:4711"` (RFC 7239, section 4).
pub(super) fn forwarded(header: &str) -> Result<Vec<Hop<'_>>, NameError> {
    let mut hops = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start();
        // Empty elements of a list count for nothing (RFC 9110, 5.6.1).
        if let Some(next) = rest.strip_prefix(',') {
            rest = next;
            continue;
        }
        if rest.is_empty() {
            return Ok(hops);
        }
        let hop;
        (hop, rest) = element(rest)?;
        hops.push(hop);
    }
}

/// One element, up to its comma or the end.
fn element(mut rest: &str) -> Result<(Hop<'_>, &str), NameError> {
    let mut node = None;
    loop {
        let (name, after) = rest.trim_start().split_once('=').ok_or(MALFORMED)?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(MALFORMED);
        }
        let value;
        (value, rest) = self::value(after)?;
        // A parameter stands at most once in an element.
        if name.eq_ignore_ascii_case("for") && node.replace(value).is_some() {
            return Err(MALFORMED);
        }
        rest = rest.trim_start();
        match rest.as_bytes().first() {
            None => return Ok((Hop(node), rest)),
            Some(b',') => return Ok((Hop(node), &rest[1..])),
            Some(b';') => rest = &rest[1..],
            Some(_) => return Err(MALFORMED),
        }
    }
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> Result<(&str, &str), NameError> {
    if let Some(quoted) = text.strip_prefix('"') {
        let end = quoted.find(['"', '\\']).ok_or(MALFORMED)?;
        // No address needs an escape, and what has one cannot be told from what hides one.
        return match quoted[end..].strip_prefix('"') {
            Some(rest) => Ok((&quoted[..end], rest)),
            None => Err(MALFORMED),
        };
    }
    let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
    if end == 0 { Err(MALFORMED) } else { Ok((&text[..end], &text[end..])) }
}

/// RFC 9110, 5.6.2; and the colon, which belongs into quotes but is often written without.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(header: &str) -> Option<Vec<Option<&str>>> {
        forwarded(header).ok().map(|hops| hops.into_iter().map(|hop| hop.0).collect())
    }

    #[test]
    fn elements_are_taken_apart() {
        assert_eq!(hops(""), Some(vec![]));
        assert_eq!(hops("for=192.0.2.43"), Some(vec![Some("192.0.2.43")]));
        assert_eq!(
            hops("For=\"[2001:db8:cafe::17]:4711\";proto=http;by=203.0.113.43 , ,for=_hidden, proto=https"),
            Some(vec![Some("[2001:db8:cafe::17]:4711"), Some("_hidden"), None])
        );
        // A comma in quotes is none.
        assert_eq!(hops("for=\"a, for=b\""), Some(vec![Some("a, for=b")]));
        for malformed in [
            "for",
            "for=",
            "=1",
            "for=1 2",
            "for=\"1",
            "for=\"1\"2",
            "for=\"\\1\"",
            "for=1;for=2",
            "for =1",
            "for=1;",
            // What a client wrote in front of what its proxy wrote: neither hides the other.
            "for=\", for=\"[2001:db8::1]\"",
            "for=192.0.2.1;x=\", for=\"[2001:db8::1]\"",
        ] {
            assert_eq!(hops(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn a_node_is_an_address_with_or_without_a_port() {
        let address = |node| Hop(Some(node)).address().ok().map(|address| address.to_string());
        for node in ["192.0.2.1", "192.0.2.1:80", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]"] {
            assert_eq!(address(node).as_deref(), Some("192.0.2.1"), "{node}");
        }
        for node in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80"] {
            assert_eq!(address(node).as_deref(), Some("2001:db8::1"), "{node}");
        }
        for node in ["", "192.0.2", "[192.0.2.1]", "192.0.2.1:", "[2001:db8::1", "example.org", "192.0.2.1, ::1"] {
            assert_eq!(Hop(Some(node)).address(), Err(MALFORMED), "{node}");
        }
        for node in [Some("unknown"), Some("Unknown"), Some("_gazonk"), None] {
            assert_eq!(Hop(node).address(), Err(UNKNOWN), "{node:?}");
        }
    }
}
