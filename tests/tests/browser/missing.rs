//! A turn that nobody took.

use serde_json::json;

use crate::accessibility::looks_well;
use crate::browser::Browser;
use crate::turns::full_shop;
use crate::visitor::Visitor;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_claim_is_told_and_leads_to_a_new_place() {
    let (server, mut inside) = full_shop().await;
    let browser = Browser::open(&server).await;
    browser.go("/shop?item=7").await;
    browser.until_part("position", "1").await;
    let mut behind = Visitor::of(&server);
    behind.visit().await.is_refused(503, "queued");
    let stays = behind.stays();
    // Its claims get lost on the way.
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.setBlockedURLs", json!({ "urls": ["*/claim"] })).await;
    inside.leave().await;
    browser.until_it_says("It is your turn").await;
    // Somebody else has the place by then.
    behind.until("offered").await;
    drop(stays);
    assert_eq!(behind.visit().await.status, 200);
    looks_well(&browser, "offered").await;
    browser.devtools("Network.setBlockedURLs", json!({ "urls": [] })).await;
    browser.until_it_says("Your place is gone").await;
    browser.until("document.activeElement.textContent === 'Take a new place'").await;
    looks_well(&browser, "missed").await;
    browser.press("Take a new place").await;
    browser.until_it_says("You are in line").await;
    browser.until_part("position", "1").await;
    assert_eq!(browser.path().await, "/shop?item=7");
}
