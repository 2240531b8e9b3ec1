use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderName;
use http::header::FORWARDED;
use http::request::Parts;
use ipnet::IpNet;

use super::Prefix;
use super::chain::{Hop, forwarded, x_forwarded_for};
use crate::name::{Name, NameError};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Names by the address that a proxy tells of; made by [`by_forwarded`].
#[derive(Clone, Debug)]
pub struct ByForwarded {
    trusted: Arc<[IpNet]>,
    prefix: Prefix,
}

/// Names by the address that proxies in front tell of, in `Forwarded` (RFC 7239) or `X-Forwarded-For`.
///
/// The addresses are walked from the last one, which the nearest proxy wrote, to the first that is not a trusted
/// proxy's: that is who asks. What stands before it is whatever it wrote itself, and is not looked at. If all of them
/// are trusted, it is the first.
///
/// Where the address of the connection is known (axum, served with connect info), it has to be a trusted proxy's as
/// well; of anybody else the header is not heeded, and the connection's own address is the name. Where it is not known,
/// nobody must be able to reach this server but through a trusted proxy.
///
/// Without such a header there is no name. Malformed, it is 400 `invalid`; where a proxy says that it does not know,
/// or will not say, 400 `unidentified`. If both headers are there they must agree, or it is 400 `invalid`: a proxy that
/// only writes one of them lets through whatever its clients write into the other.
///
/// ```
/// use airlock_core::{Airlock, Seal};
/// use airlock_tower::{AirlockLayer, IpNet, Prefix, by_forwarded};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let airlock = Airlock::builder("logins").seal(Seal::semaphore(3)).build()?;
/// let proxies: [IpNet; 2] = ["10.0.0.0/8".parse()?, "fd00::/8".parse()?];
/// let layer = AirlockLayer::new(airlock).resource(by_forwarded(proxies, Prefix::default()));
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
pub fn by_forwarded(trusted: impl IntoIterator<Item = impl Into<IpNet>>, prefix: Prefix) -> ByForwarded {
    ByForwarded { trusted: trusted.into_iter().map(Into::into).collect(), prefix }
}

impl Name for ByForwarded {
    fn name<'a>(&self, parts: &'a mut Parts) -> Result<Option<Cow<'a, str>>, NameError> {
        let address = self.client(parts)?;
        Ok(address.map(|address| Cow::Owned(self.prefix.name(address))))
    }
}

impl ByForwarded {
    fn client(&self, parts: &Parts) -> Result<Option<IpAddr>, NameError> {
        if let Some(peer) = peer(parts).filter(|peer| !self.trusts(*peer)) {
            return Ok(Some(peer));
        }
        let standard = self.last_stranger(&all(parts, &FORWARDED)?, forwarded)?;
        let common = self.last_stranger(&all(parts, &X_FORWARDED_FOR)?, x_forwarded_for)?;
        match (standard, common) {
            (Some(one), Some(other)) if one != other => {
                Err(NameError::invalid("the headers `Forwarded` and `X-Forwarded-For` tell of different clients"))
            }
            (standard, common) => Ok(standard.or(common)),
        }
    }

    /// The nearest address that is not a trusted proxy's, or the farthest of all.
    fn last_stranger<'h>(
        &self,
        headers: &[&'h str],
        split: impl Fn(&'h str) -> Result<Vec<Hop<'h>>, NameError>,
    ) -> Result<Option<IpAddr>, NameError> {
        let mut farthest = None;
        for header in headers.iter().rev() {
            for hop in split(header)?.into_iter().rev() {
                let address = hop.address()?;
                if !self.trusts(address) {
                    return Ok(Some(address));
                }
                farthest = Some(address);
            }
        }
        Ok(farthest)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// A header that is a list may be sent in several lines, in their order.
fn all<'a>(parts: &'a Parts, name: &HeaderName) -> Result<Vec<&'a str>, NameError> {
    let malformed = NameError::invalid("a header that says who is forwarded is no text");
    let values = parts.headers.get_all(name).iter();
    values.map(|value| value.to_str().map_err(|_| malformed)).collect()
}

#[cfg(feature = "axum")]
use super::peer::peer;

#[cfg(not(feature = "axum"))]
fn peer(_: &Parts) -> Option<IpAddr> {
    None
}
