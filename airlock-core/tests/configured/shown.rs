//! The example in the repository is true.

use std::path::Path;

use airlock_core::config::Airlocks;

#[tokio::test]
async fn the_example_works_as_it_stands() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/airlock.toml");
    let builder = Airlocks::builder().file(path).environment([("REDIS_URL", "redis://127.0.0.1:1/0")]);
    let airlocks = builder.build().await.unwrap_or_else(|problems| panic!("{problems}"));
    let names: Vec<_> = airlocks.iter().map(airlock_core::Airlock::name).collect();
    assert_eq!(names, ["codes", "imports", "jobs", "shop", "upstream"]);
    let codes = airlocks.named("codes").expect("there is one");
    assert!(codes.try_enter("ada@example.org").await.is_ok());
    assert!(codes.try_enter("ada@example.org").await.is_err(), "too soon");
}
