//! A browser in which somebody looks at the shop.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use airlock_tests::flagship::{Flagship, PATIENCE};
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::client::Client;
use crate::driver::Driver;
use crate::visitor::Visitor;

const OPTIONS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1000,800",
];

/// A browser with an empty profile. Dropping it ends it.
pub(crate) struct Browser {
    page: fantoccini::Client,
    server: String,
    client: Client,
    // Dropped last.
    _driver: Driver,
}

impl Browser {
    pub(crate) async fn open(server: &Flagship) -> Self {
        Browser::open_with(server, json!({})).await
    }

    /// In which no script runs, as if whoever uses it had turned that off.
    pub(crate) async fn without_scripts(server: &Flagship) -> Self {
        Browser::open_with(server, json!({ "profile.managed_default_content_settings.javascript": 2 })).await
    }

    async fn open_with(server: &Flagship, preferences: Value) -> Self {
        let driver = Driver::start();
        let mut arguments: Vec<_> = OPTIONS.iter().map(|option| (*option).to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", driver.profile().display()));
        let options = json!({ "args": arguments, "prefs": preferences });
        let capabilities = json!({ "browserName": "chrome", "goog:chromeOptions": options });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is written above") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let page = builder.capabilities(capabilities).connect(&driver.url()).await;
        let page = page.expect("Chromium starts; ./tests/run installs it");
        let server_url = format!("http://{}", server.address());
        Browser { page, server: server_url, client: Client::of(server), _driver: driver }
    }

    /// Goes to a page of the server.
    pub(crate) async fn go(&self, path: &str) {
        self.page.goto(&format!("{}{path}", self.server)).await.expect("a page");
    }

    /// The same as somebody who has said who they are: `user:password`.
    pub(crate) async fn go_as(&self, credentials: &str, path: &str) {
        let url = format!("{}{path}", self.server).replacen("//", &format!("//{credentials}@"), 1);
        self.page.goto(&url).await.expect("a page");
    }

    pub(crate) async fn reload(&self) {
        self.page.refresh().await.expect("a page");
    }

    /// What a script answers in the page.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        self.page.execute(&format!("return {script}"), vec![]).await.expect(script)
    }

    /// Waits until something is true in the page, whatever page it is by then.
    pub(crate) async fn until(&self, script: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A page that goes away meanwhile has no answer.
            let last = self.page.execute(&format!("return {script}"), vec![]).await;
            if last.as_ref().is_ok_and(|value| *value == Value::Bool(true)) {
                return;
            }
            if Instant::now() > deadline {
                self.picture("failed").await;
                let seen = self.page.execute("return document.body.innerText", vec![]).await;
                panic!("never true: {script}; last {last:?}; the page says {seen:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the page has that heading.
    pub(crate) async fn until_it_says(&self, heading: &str) {
        self.until(&format!("document.querySelector('h1')?.textContent === {}", json!(heading))).await;
    }

    /// Waits until a part of the waiting room's page says that.
    pub(crate) async fn until_part(&self, part: &str, says: &str) {
        self.until(&format!("document.querySelector('[data-airlock={part}]')?.innerText === {}", json!(says))).await;
    }

    /// The path and the query of the page.
    pub(crate) async fn path(&self) -> String {
        let url = self.page.current_url().await.expect("a page");
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// Presses what has this text: a link or a button.
    pub(crate) async fn press(&self, text: &str) {
        let path = format!("//*[self::a or self::button][normalize-space()='{text}']");
        let found = self.page.find(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("no {text}: {error}")).click().await.expect("it can be pressed");
    }

    /// Presses what a selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        self.page.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await.expect(selector);
        let found = self.page.find(Locator::Css(selector)).await.expect(selector);
        found.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Writes into a field instead of what is there.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let field = self.page.find(Locator::Css(selector)).await.expect(selector);
        field.clear().await.expect("a field");
        field.send_keys(text).await.expect("a field");
    }

    /// Another tab, which is then in front.
    pub(crate) async fn new_tab(&self) -> WindowHandle {
        let tab = self.page.new_window(true).await.expect("a tab").handle;
        self.show(&tab).await;
        tab
    }

    pub(crate) async fn tab(&self) -> WindowHandle {
        self.page.window().await.expect("a tab")
    }

    pub(crate) async fn show(&self, tab: &WindowHandle) {
        self.page.switch_to_window(tab.clone()).await.expect("the tab is open");
    }

    /// Closes the tab in front.
    pub(crate) async fn close_tab(&self) {
        self.page.close_window().await.expect("the tab is open");
    }

    /// Somebody with the cookies of this browser, and no page.
    pub(crate) async fn visitor(&self) -> Visitor {
        let cookies = self.page.get_all_cookies().await.expect("a page");
        let pairs = cookies.iter().map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()));
        Visitor { client: self.client.clone(), cookies: pairs.collect::<BTreeMap<_, _>>() }
    }

    /// Runs a script that calls back with its answer, with what it is given.
    pub(crate) async fn call(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.page.execute_async(script, arguments).await.expect("an answer")
    }

    /// What WebDriver has no words for.
    pub(crate) async fn devtools(&self, command: &'static str, parameters: Value) {
        self.page.issue_cmd(DevTools { command, parameters }).await.expect(command);
    }

    /// Keeps a picture of the page, in `target/screenshots`.
    pub(crate) async fn picture(&self, name: &str) {
        let picture = self.page.screenshot().await.expect("a picture");
        let folder = target().join("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.png")), picture).expect("room for it");
    }
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    workspace.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// A command of the Chrome DevTools Protocol.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.command, "params": self.parameters }).to_string()))
    }
}
