use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::extract::connect_info::MockConnectInfo;
use http::request::Parts;

use super::Prefix;
use crate::name::{Name, NameError};

/// Names by the address of the connection; made by [`by_peer`].
#[derive(Clone, Copy, Debug)]
pub struct ByPeer(Prefix);

/// Names by the address at the other end of the connection, as axum tells it: serve with
/// `into_make_service_with_connect_info::<SocketAddr>()`, or everybody is 400 `unidentified`.
///
/// Behind a proxy that is the proxy's address: use [`by_forwarded`](crate::by_forwarded) there.
///
/// ```
/// use airlock_core::{Airlock, Seal};
/// use airlock_tower::{AirlockLayer, Prefix, by_peer};
///
/// # fn main() -> Result<(), airlock_core::ConfigError> {
/// let airlock = Airlock::builder("logins").seal(Seal::semaphore(3)).build()?;
/// let layer = AirlockLayer::new(airlock).resource(by_peer(Prefix::default()));
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
pub fn by_peer(prefix: Prefix) -> ByPeer {
    ByPeer(prefix)
}

impl Name for ByPeer {
    fn name<'a>(&self, parts: &'a mut Parts) -> Result<Option<Cow<'a, str>>, NameError> {
        // A mistake in the program, which is not to make everybody anonymous.
        let unknown = NameError::unidentified("the server does not tell the address of the connection");
        let address = peer(parts).ok_or(unknown)?;
        Ok(Some(Cow::Owned(self.0.name(address))))
    }
}

/// The address at the other end of the connection, where it is known.
pub(super) fn peer(parts: &Parts) -> Option<IpAddr> {
    let served = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let address = served.or_else(|| parts.extensions.get::<MockConnectInfo<SocketAddr>>().map(|mock| mock.0))?;
    Some(address.ip().to_canonical())
}
