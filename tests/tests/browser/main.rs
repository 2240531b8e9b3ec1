//! The waiting room in a real browser: headless Chromium, driven by WebDriver. What it showed is kept in
//! `target/screenshots`.

mod accessibility;
mod browser;
#[path = "../flagship/client.rs"]
#[allow(dead_code, reason = "shared with tests that use all of it")]
mod client;
mod closing;
mod dashboard;
mod driver;
mod missing;
mod scriptless;
mod tabs;
mod turns;
#[path = "../flagship/visitor.rs"]
#[allow(dead_code, reason = "shared with tests that use all of it")]
mod visitor;
