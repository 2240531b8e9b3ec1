//! Who asks, by the address it asks from.

mod chain;
mod forwarded;
#[cfg(feature = "axum")]
mod peer;

use std::net::IpAddr;

use ipnet::IpNet;

pub use forwarded::{ByForwarded, by_forwarded};
#[cfg(feature = "axum")]
pub use peer::{ByPeer, by_peer};

/// How much of an address tells one from another: by default all of an IPv4 address (/32), and the network of an IPv6
/// address (/64), because whoever has one such address has all of its network.
///
/// See [`Prefix::new`], and [`by_forwarded`](crate::by_forwarded) for what it is for.
///
/// The name is the network, such as `192.0.2.7/32` or `2001:db8:1:2::/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    v4: u8,
    v6: u8,
}

impl Prefix {
    /// So many bits of an IPv4 address, and so many of an IPv6 address.
    ///
    /// ```
    /// use airlock_tower::Prefix;
    ///
    /// assert_eq!(Prefix::default(), Prefix::new(32, 64));
    /// ```
    ///
    /// # Panics
    ///
    /// When `v4` is more than 32, or `v6` more than 128: here, not on the first request.
    #[track_caller]
    pub fn new(v4: u8, v6: u8) -> Self {
        assert!(v4 <= 32 && v6 <= 128, "an address has no such prefix: /{v4} and /{v6}");
        Prefix { v4, v6 }
    }

    fn name(self, address: IpAddr) -> String {
        let length = if address.is_ipv4() { self.v4 } else { self.v6 };
        IpNet::new(address, length).expect("`new` checked the lengths").trunc().to_string()
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Prefix::new(32, 64)
    }
}
