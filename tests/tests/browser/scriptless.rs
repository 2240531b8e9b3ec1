//! A browser in which no script runs.

use crate::browser::Browser;
use crate::turns::full_shop;
use crate::visitor::Visitor;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_script_it_works_by_coming_back() {
    let (server, mut inside) = full_shop().await;
    let mut ahead = Visitor::of(&server);
    ahead.visit().await;
    ahead.status().await;
    let stays = ahead.stays();
    let browser = Browser::without_scripts(&server).await;
    browser.go("/shop?item=7").await;
    browser.until_part("position", "2").await;
    assert_eq!(browser.ask("document.querySelector('[data-airlock=leave]').hidden").await, true, "no script ran");
    browser.picture("without-script").await;
    drop(stays);
    ahead.leave().await;
    browser.until_part("position", "1").await;
    inside.leave().await;
    browser.until_it_says("You are in the shop").await;
    assert_eq!(browser.path().await, "/shop?item=7");
}
