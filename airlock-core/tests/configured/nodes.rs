//! Two versions of a configuration, side by side on one store: a deployment that is under way.

use airlock_core::config::{Airlocks, Format};
use airlock_core::store::MemoryStore;
use airlock_core::{Airlock, Error};

/// The airlock of a node that was started with this limit and revision.
async fn node(path: &std::path::Path, limit: u32, revision: u32) -> Airlock {
    let path = path.join("airlock.db");
    let text = format!(
        "
        [imports]
        seal = {{ kind = 'semaphore', limit = {limit} }}
        revision = {revision}
        store = {{ kind = 'sqlite', path = '{}', re_ask = '20ms' }}
        ",
        path.display()
    );
    let airlocks = Airlocks::from_str(&text, Format::Toml).await.unwrap_or_else(|problems| panic!("{problems}"));
    airlocks.only().expect("there is one")
}

#[tokio::test]
async fn of_two_limits_of_one_revision_the_lower_counts() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let (more, less) = (node(folder.path(), 3, 1).await, node(folder.path(), 2, 1).await);
    // Each has said what it goes by.
    drop((more.try_enter("room").await?, less.try_enter("room").await?));
    let mut inside = Vec::new();
    for _ in 0..4 {
        for node in [&more, &less] {
            inside.extend(node.try_enter("room").await.ok());
        }
    }
    assert_eq!(inside.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_higher_revision_counts_for_both() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (node(folder.path(), 2, 1).await, node(folder.path(), 3, 2).await);
    drop((old.try_enter("room").await?, new.try_enter("room").await?));
    let mut inside = Vec::new();
    for _ in 0..4 {
        for node in [&old, &new] {
            inside.extend(node.try_enter("room").await.ok());
        }
    }
    assert_eq!(inside.len(), 3);
    Ok(())
}

#[tokio::test]
async fn in_one_process_a_store_has_one_configuration_of_a_name() {
    let store = MemoryStore::new();
    let build = |limit: u32| {
        let text = format!("[imports]\nstore = 'ours'\nseal = {{ kind = 'semaphore', limit = {limit} }}");
        Airlocks::builder().text(text, Format::Toml).store("ours", store.clone()).build()
    };
    let first = build(2).await.expect("the first of that name");
    let problems = build(3).await.expect_err("another limit").to_string();
    assert!(problems.contains("imports"), "{problems}");
    drop(first);
}
