//! Passwords and keys are in no error and in nothing that is shown.

use airlock_core::config::{Airlocks, Format};

use crate::bad::problems;

const SECRET: &str = "hunter-2-and-then-some";

#[tokio::test]
async fn no_secret_is_repeated() {
    let url = format!("redis://user:{SECRET}@127.0.0.1:notaport/0");
    for text in [
        format!("[a]\nseal = 'lock'\nstore = {{ kind = 'redis', url = '{url}' }}"),
        format!("[a]\nseal = 'lock'\nstore = {{ kind = 'redis', url = '{SECRET}' }}"),
        format!("[a]\nseal = 'lock'\nstore = {{ kind = 'redis', url = ['{SECRET}'] }}"),
        format!("[a]\nseal = 'lock'\nstore = '{url}'"),
        format!("[a]\nseal = '{url}'"),
        "[a]\nseal = 'lock'\nstore = '${URL}'".to_owned(),
        "[a]\nseal = '${PASSWORD}'".to_owned(),
        format!("[a]\nseal = 'lock'\nnotifier = {{ kind = 'mercure', hub = 'https://hub.example', key = '{SECRET}' }}"),
        "[a]\nseal = 'lock'\nnotifier = { kind = 'mercure', hub = 'https://hub.example', key = '${PASSWORD}' }"
            .to_owned(),
        format!("[a]\nseal = 'lock'\nnotifier = {{ kind = 'mercure', hub = 'nonsense', key = '{SECRET}{SECRET}' }}"),
    ] {
        let problems = problems(&text, Format::Toml, &[("URL", &url), ("PASSWORD", SECRET)]).await;
        assert!(!problems.to_string().contains(SECRET), "{problems}");
        assert!(!format!("{problems:?}").contains(SECRET), "{problems:?}");
    }
}

#[tokio::test]
async fn nothing_that_is_shown_has_one() -> Result<(), Box<dyn std::error::Error>> {
    let text = format!(
        "[a]\nseal = 'lock'\nstore = {{ kind = 'redis', url = 'redis://:{SECRET}@127.0.0.1:1/0', connect_timeout = '20ms' }}\n\
         notifier = {{ kind = 'mercure', hub = 'https://hub.example', key = '{SECRET}{SECRET}' }}"
    );
    let builder = Airlocks::builder().text(&*text, Format::Toml).environment([("PASSWORD", SECRET)]);
    assert!(!format!("{builder:?}").contains(SECRET));
    let airlocks = builder.build().await?;
    let error = airlocks.only()?.try_enter("room").await.expect_err("there is no server");
    for shown in [format!("{airlocks:?}"), format!("{:?}", airlocks.only()?), format!("{error} {error:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    Ok(())
}
