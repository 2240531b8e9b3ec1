use std::path::PathBuf;

use super::{Opened, Opening, Trouble, re_ask};
use crate::config::section::Section;
use crate::store::{RedisStore, RedisStoreBuilder};

pub(super) fn opening(section: &mut Section<'_>) -> Option<Opening> {
    let mut builder = RedisStore::builder();
    if let Some(prefix) = section.text("prefix", "a text") {
        builder = builder.prefix(prefix);
    }
    if let Some(timeout) = section.time("connect_timeout") {
        builder = builder.connect_timeout(timeout);
    }
    if let Some(timeout) = section.time("call_timeout") {
        builder = builder.call_timeout(timeout);
    }
    if let Some(interval) = re_ask(section) {
        builder = builder.re_ask(interval);
    }
    if let Some(any) = section.flag("any_eviction") {
        builder = builder.any_eviction(any);
    }
    if let Some(name) = section.text("node_id", "a text") {
        builder = builder.node_id(name);
    }
    let files = tls_files(section);
    let example = "a URL such as redis://127.0.0.1:6379/0";
    let url = section.secret("url", example);
    let url = section.required("url", example, url)?.to_owned();
    for error in builder.problems(&url) {
        section.refused(&error);
    }
    Some(Box::pin(async move {
        let builder = with_files(builder, files)?;
        let store = builder.connect(&url).await.map_err(|error| {
            let keys = ["url", "tls_ca"];
            let key = keys.into_iter().find(|key| *key == error.field());
            Trouble { key: key.or(Some("url")), what: error.problem().to_owned() }
        })?;
        Ok(Opened::new(store))
    }))
}

/// Whose certificates are trusted, which one is shown, and its key.
type Files = [Option<PathBuf>; 3];

const TLS: [&str; 3] = ["tls_ca", "tls_certificate", "tls_key"];

fn tls_files(section: &mut Section<'_>) -> Files {
    let files = TLS.map(|key| section.text(key, "the path of a PEM file").map(PathBuf::from));
    let [_, certificate, key] = &files;
    if certificate.is_some() != key.is_some() {
        let (there, missing) = if key.is_some() { (TLS[2], TLS[1]) } else { (TLS[1], TLS[2]) };
        section.wrong_at(there, format!("it needs `{missing}` beside it"));
    }
    if !cfg!(feature = "redis-tls") {
        for (name, _) in TLS.iter().zip(&files).filter(|(_, file)| file.is_some()) {
            section.wrong_at(name, "this program is built without the feature `redis-tls`");
        }
    }
    files
}

#[cfg(feature = "redis-tls")]
fn with_files(mut builder: RedisStoreBuilder, [ca, certificate, key]: Files) -> Result<RedisStoreBuilder, Trouble> {
    if let Some(ca) = ca {
        builder = builder.tls_ca(pem(TLS[0], &ca)?);
    }
    if let (Some(certificate), Some(key)) = (certificate, key) {
        builder = builder.tls_identity(pem(TLS[1], &certificate)?, pem(TLS[2], &key)?);
    }
    Ok(builder)
}

#[cfg(feature = "redis-tls")]
fn pem(name: &'static str, path: &std::path::Path) -> Result<Vec<u8>, Trouble> {
    use std::io::Read as _;

    /// How large such a file may be, in bytes: all certificates that a system trusts are a quarter of it.
    const MOST: u64 = 1 << 20;
    let trouble = |what: String| Trouble { key: Some(name), what };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    file.map_err(|error| trouble(format!("{} cannot be read: {error}", path.display())))?;
    if bytes.len() as u64 > MOST {
        return Err(trouble(format!("{} is larger than {MOST} bytes", path.display())));
    }
    Ok(bytes)
}

#[cfg(not(feature = "redis-tls"))]
fn with_files(builder: RedisStoreBuilder, _: Files) -> Result<RedisStoreBuilder, Trouble> {
    Ok(builder)
}
