//! All formats say the same.

use airlock_core::config::{Airlocks, Format};

const TOML: &str = "[imports]\nstore = 'here'\n[imports.seal]\nkind = 'semaphore'\nlimit = 2\nttl = '1m'\n[stores.here]\nkind = 'memory'\n";
const YAML: &str =
    "imports:\n  store: here\n  seal: {kind: semaphore, limit: 2, ttl: 1m}\nstores:\n  here:\n    kind: memory\n";
const JSON: &str = r#"{"imports": {"store": "here", "seal": {"kind": "semaphore", "limit": 2, "ttl": "1m"}},
    "stores": {"here": {"kind": "memory"}}}"#;

#[tokio::test]
async fn all_formats_say_the_same() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    for (name, format, text) in [
        ("a.toml", Format::Toml, TOML),
        ("a.yaml", Format::Yaml, YAML),
        ("a.YML", Format::Yaml, YAML),
        ("a.json", Format::Json, JSON),
    ] {
        assert_eq!(Format::of(name), Some(format));
        let path = folder.path().join(name);
        std::fs::write(&path, format!("\u{feff}{text}"))?;
        for airlocks in [Airlocks::from_str(text, format).await?, Airlocks::from_file(&path).await?] {
            let imports = airlocks.only()?;
            let _inside = (imports.try_enter("room").await?, imports.try_enter("room").await?);
            assert!(imports.try_enter("room").await.is_err(), "{name}");
        }
    }
    assert_eq!(Format::of("airlock.conf"), None);
    Ok(())
}
