//! How a page looks, and whether everybody can use it, as far as axe-core can tell.

use std::fs;

use serde_json::{Value, json};

use crate::browser::{Browser, target};

/// Where `./tests/run` puts it.
const AXE: &str = "axe/node_modules/axe-core/axe.min.js";

const RUN: &str = "
    const done = arguments[arguments.length - 1];
    const told = ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`;
    // What it cannot see well enough to judge is no proof of contrast. That a dialog lies over something else is no reason for doubt.
    const over = ({ any, target }) => any.every(({ data }) => data?.messageKey === 'elmPartiallyObscuring')
        && document.querySelector(target[0]).closest('dialog:modal') !== null;
    const doubtful = ({ id, help, nodes }) => ({ id, help, nodes: nodes.filter((node) => id === 'color-contrast' && !over(node)) });
    const wrong = ({ violations, incomplete }) =>
        [...violations, ...incomplete.map(doubtful).filter(({ nodes }) => nodes.length > 0)];
    axe.run().then((found) => done([found.passes.length, wrong(found).map(told)]), (error) => done([0, [String(error)]]));
";

/// Keeps a picture of the page as it is in the light, in the dark and on a narrow screen, and has each checked.
pub(crate) async fn looks_well(browser: &Browser, name: &str) {
    let axe = target().join(AXE);
    let axe = fs::read_to_string(&axe).unwrap_or_else(|error| panic!("{axe:?}: {error}; ./tests/run installs it"));
    for (how, scheme, width) in [("light", "light", 1000), ("dark", "dark", 1000), ("narrow", "light", 360)] {
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.devtools("Emulation.setEmulatedMedia", scheme).await;
        let size = json!({ "width": width, "height": 700, "deviceScaleFactor": 1, "mobile": width < 500 });
        browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
        browser.picture(&format!("{name}-{how}")).await;
        let wide = browser.ask("document.documentElement.scrollWidth <= window.innerWidth").await;
        assert_eq!(wide, true, "{name}, {how}: it has to be scrolled sideways");
        browser.call(&format!("{axe}; arguments[arguments.length - 1](true)"), vec![]).await;
        let found = browser.call(RUN, vec![]).await;
        assert!(found[0].as_u64().is_some_and(|passed| passed > 5), "{name}, {how}: it checked something: {found}");
        assert_eq!(found[1], Value::Array(vec![]), "{name}, {how}");
    }
    browser.devtools("Emulation.setEmulatedMedia", json!({ "features": [] })).await;
    browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
}
