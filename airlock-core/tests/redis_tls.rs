//! TLS to a real Redis server, with certificates that are made here.

#[allow(dead_code, unreachable_pub, reason = "shared with tests that use all of it")]
#[path = "../../tests/src/redis.rs"]
mod server;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use airlock_core::store::RedisStore;
use airlock_core::{Airlock, Seal};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use server::Server;

type Signer = CertifiedIssuer<'static, KeyPair>;

fn signer() -> Signer {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, "the signer");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// A certificate for that name, and its key, in PEM.
fn signed_by(signer: &Signer, name: &str) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![name.to_owned()]).and_then(|params| params.signed_by(&key, signer));
    (certificate.expect("a certificate").pem(), key.serialize_pem())
}

/// A server that speaks TLS on a port of its own, and asks its clients for a certificate if that is wanted.
struct Tls {
    _server: Server,
    url: String,
    folder: PathBuf,
}

impl Tls {
    fn start(signer: &Signer, name: &str, asks_clients: bool) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a port is free").port();
        let folder = std::env::temp_dir().join(format!("airlock-tls-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let (certificate, key) = signed_by(signer, name);
        let write = |name: &str, pem: &str| {
            let path = folder.join(name);
            std::fs::write(&path, pem).expect("its own folder");
            path.to_str().expect("text").to_owned()
        };
        let options = [
            ["--tls-port", &port.to_string()],
            ["--tls-cert-file", &write("server.pem", &certificate)],
            ["--tls-key-file", &write("server.key", &key)],
            ["--tls-ca-cert-file", &write("ca.pem", &signer.pem())],
            ["--tls-auth-clients", if asks_clients { "yes" } else { "no" }],
        ];
        let server = Server::start_with(options.as_flattened());
        Tls { _server: server, url: format!("rediss://localhost:{port}"), folder }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn lets_in(store: RedisStore) -> bool {
    let airlock = Airlock::builder("tls").seal(Seal::lock()).store(store).build().expect("it is valid");
    airlock.try_enter("room").await.is_ok()
}

#[tokio::test]
async fn a_server_whose_signer_is_trusted() {
    let signer = signer();
    let server = Tls::start(&signer, "localhost", false);
    let trusting = RedisStore::builder().tls_ca(signer.pem());
    assert!(lets_in(trusting.connect(&server.url).await.expect("a server")).await);
}

#[tokio::test]
async fn a_server_that_asks_who_one_is() {
    let signer = signer();
    let server = Tls::start(&signer, "localhost", true);
    let (certificate, key) = signed_by(&signer, "shop");
    let unknown = RedisStore::builder().tls_ca(signer.pem());
    let said = unknown.clone().connect(&server.url).await.expect_err("it does not know who asks").to_string();
    assert!(said.contains("ertificate"), "{said}");
    assert!(lets_in(unknown.tls_identity(certificate, key).connect(&server.url).await.expect("a server")).await);
}

/// Neither one that is signed by somebody else, nor one that is called something else, nor one that the system does not
/// know; and nothing is said to them.
#[tokio::test]
async fn nobody_else_is_trusted() {
    let (signer, stranger) = (signer(), signer());
    let server = Tls::start(&signer, "localhost", false);
    let other = Tls::start(&signer, "elsewhere", false);
    for (builder, url) in [
        (RedisStore::builder().tls_ca(stranger.pem()), &server.url),
        (RedisStore::builder().tls_ca(signer.pem()), &other.url),
        (RedisStore::builder(), &server.url),
    ] {
        let said = builder.connect(url).await.expect_err("it is not trusted").to_string();
        assert!(said.contains("certificate"), "{said}");
    }
}

#[tokio::test]
async fn what_cannot_work_is_said_at_once() {
    let refused = async |builder: airlock_core::store::RedisStoreBuilder, url: &str, because: &str| {
        let said = builder.connect(url).await.expect_err("it is refused").to_string();
        assert!(said.contains(because), "{said}");
    };
    let new = RedisStore::builder;
    refused(new(), "rediss://localhost/#insecure", "tls_ca").await;
    refused(new().tls_ca("no PEM"), "rediss://localhost", "tls_ca").await;
    refused(new().tls_ca(signer().pem()), "redis://localhost", "rediss://").await;
    refused(new().tls_identity("no PEM", "no PEM"), "rediss://localhost", "tls_identity").await;
}
