//! The client that a URL describes.

use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo as _, ProtocolVersion, RedisError};

use crate::error::ConfigError;

pub(super) fn open(url: &str, patience: Duration) -> Result<Client, ConfigError> {
    let info = url.into_connection_info().map_err(no_url)?;
    // Messages come on the connection that asks, whatever the URL says of protocols.
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    // A command is small, and nobody is to wait for the next one to fill the packet.
    let tcp = TcpSettings::default().set_nodelay(true);
    // What was sent and is not acknowledged says that the other side is gone before anybody has to ask twice.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let tcp = tcp.set_user_timeout(2 * patience);
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = patience;
    Client::open(info.set_redis_settings(redis).set_tcp_settings(tcp)).map_err(no_url)
}

fn no_url(error: RedisError) -> ConfigError {
    ConfigError::new(
        "url",
        format!("it is no URL of a Redis server such as redis://127.0.0.1:6379/0: {}", error.category()),
    )
}
