//! The client that a URL describes.

use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisError};
#[cfg(feature = "redis-tls")]
use redis::{ClientTlsConfig, TlsCertificates};
#[cfg(feature = "redis-tls")]
use rustls::pki_types::CertificateDer;
#[cfg(feature = "redis-tls")]
use rustls::pki_types::pem::PemObject as _;

use crate::error::ConfigError;

/// Whom to trust, and how to prove who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Tls {
    #[cfg(feature = "redis-tls")]
    pub(super) ca: Option<Vec<u8>>,
    #[cfg(feature = "redis-tls")]
    pub(super) identity: Option<ClientTlsConfig>,
}

pub(super) fn open(url: &str, tls: Tls, patience: Duration) -> Result<Client, ConfigError> {
    let is_tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
    if is_tls && !cfg!(feature = "redis-tls") {
        return Err(ConfigError::new(
            "url",
            "it asks for TLS, which this program is built without: the feature `redis-tls`",
        ));
    }
    let info = url.into_connection_info().map_err(no_url)?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        let instead = "`#insecure` would trust whoever answers; trust the server's own signer with `tls_ca` instead";
        return Err(ConfigError::new("url", instead));
    }
    // Messages come on the connection that asks, whatever the URL says of protocols.
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    // A command is small, and nobody is to wait for the next one to fill the packet.
    let tcp = TcpSettings::default().set_nodelay(true);
    // What was sent and is not acknowledged says that the other side is gone before anybody has to ask twice.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let tcp = tcp.set_user_timeout(2 * patience);
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = patience;
    with_tls(info.set_redis_settings(redis).set_tcp_settings(tcp), tls)
}

#[cfg(not(feature = "redis-tls"))]
fn with_tls(info: ConnectionInfo, _: Tls) -> Result<Client, ConfigError> {
    Client::open(info).map_err(no_url)
}

#[cfg(feature = "redis-tls")]
fn with_tls(info: ConnectionInfo, Tls { ca, identity }: Tls) -> Result<Client, ConfigError> {
    let is_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
    if !is_tls {
        if ca.is_some() || identity.is_some() {
            return Err(ConfigError::new("url", "certificates are for TLS, which begins with rediss://"));
        }
        return Client::open(info).map_err(no_url);
    }
    // Two providers among a program's dependencies leave it to the program which one is used; where it has not said so, it
    // is this one, and not a panic.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails when somebody else was faster, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    if ca.as_deref().is_some_and(|pem| CertificateDer::pem_slice_iter(pem).next().is_none()) {
        return Err(ConfigError::new("tls_ca", "there is no certificate in it, in PEM"));
    }
    Client::build_with_tls(info, TlsCertificates { client_tls: identity, root_cert: ca })
        .map_err(|error| ConfigError::new("tls_ca or tls_identity", super::failure::plain(&error)))
}

/// Whether it is one about TLS: the other side is somebody else, or does not know who asks, or speaks another language.
#[cfg(feature = "redis-tls")]
pub(super) fn is_about_tls(error: &RedisError) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<SharedError>());
    let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    io.and_then(|io| io.get_ref()).is_some_and(|source| source.is::<rustls::Error>())
}

#[cfg(feature = "redis-tls")]
type SharedError = std::sync::Arc<dyn std::error::Error + Send + Sync>;

#[cfg(not(feature = "redis-tls"))]
pub(super) fn is_about_tls(_: &RedisError) -> bool {
    false
}

fn no_url(error: RedisError) -> ConfigError {
    ConfigError::new(
        "url",
        format!("it is no URL of a Redis server such as redis://127.0.0.1:6379/0: {}", error.category()),
    )
}
