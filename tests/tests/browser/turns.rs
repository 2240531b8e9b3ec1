//! Who waits sees the line move, and is let in by itself.

use airlock_tests::flagship::Flagship;

use crate::accessibility::looks_well;
use crate::browser::Browser;
use crate::visitor::Visitor;

/// The shop with somebody inside.
pub(crate) async fn full_shop() -> (Flagship, Visitor) {
    let server = Flagship::start(&["--active-users", "1"]);
    let mut inside = Visitor::of(&server);
    for _ in 0..2 {
        assert_eq!(inside.visit().await.status, 200);
    }
    (server, inside)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_visitor_moves_up_and_is_let_in_by_itself() {
    let (server, mut inside) = full_shop().await;
    let mut ahead = Visitor::of(&server);
    ahead.visit().await.is_refused(503, "queued");
    assert_eq!(ahead.status().await["position"], 1);
    let stays = ahead.stays();
    let browser = Browser::open(&server).await;
    browser.go("/shop?item=7&colour=blue%20green").await;
    browser.until_it_says("You are in line").await;
    browser.until_part("position", "2").await;
    browser.until_part("ahead", "One person is ahead of you.").await;
    browser.until("document.title.startsWith('2 ')").await;
    looks_well(&browser, "waiting").await;
    drop(stays);
    ahead.leave().await;
    browser.until_part("position", "1").await;
    browser.until_part("ahead", "You are next.").await;
    browser.until("document.querySelector('progress').value === 50").await;
    looks_well(&browser, "next").await;
    inside.leave().await;
    browser.until_it_says("You are in the shop").await;
    assert_eq!(browser.path().await, "/shop?item=7&colour=blue%20green", "the page that was asked for");
    looks_well(&browser, "inside").await;
    assert_eq!(browser.visitor().await.status().await["status"], "admitted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_keeps_the_place_and_how_far_it_has_come() {
    let (server, _inside) = full_shop().await;
    let mut ahead = Visitor::of(&server);
    ahead.visit().await;
    ahead.status().await;
    let stays = ahead.stays();
    let browser = Browser::open(&server).await;
    browser.go("/shop").await;
    browser.until_part("position", "2").await;
    let mut behind = Visitor::of(&server);
    behind.visit().await;
    assert_eq!(behind.status().await["position"], 3);
    let _stays = behind.stays();
    drop(stays);
    ahead.leave().await;
    browser.until("document.querySelector('progress').value === 50").await;
    for _ in 0..3 {
        browser.reload().await;
        browser.until_part("position", "1").await;
        assert_eq!(browser.ask("document.querySelector('progress').value").await, 50, "it never moves backwards");
    }
    assert_eq!(behind.status().await["position"], 2);
    assert_eq!(behind.status().await["waiting"], 2);
}

/// The header `Refresh` is for those without scripts; with one the page stays, and nothing in it starts anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_script_the_page_does_not_come_back_by_itself() {
    let (server, _inside) = full_shop().await;
    let browser = Browser::open(&server).await;
    browser.go("/shop").await;
    browser.until_part("position", "1").await;
    browser.ask("(window.same = performance.now(), true)").await;
    // A new place has to come back within three seconds, and any other within ten.
    browser.until("performance.now() > 13000").await;
    assert_eq!(browser.ask("window.same > 0").await, true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_told_and_nothing_that_is_not_so() {
    let (server, _inside) = full_shop().await;
    let browser = Browser::open(&server).await;
    browser.go("/shop").await;
    browser.until_part("position", "1").await;
    browser.until_part("note", "Keep this page open. You may look at others meanwhile.").await;
    drop(server);
    let lost = "The connection is lost. Your place is kept for a moment; this page tries again.";
    browser.until_part("note", lost).await;
    browser.until_part("position", "1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_presses_leave_is_out_of_the_line() {
    let (server, _inside) = full_shop().await;
    let browser = Browser::open(&server).await;
    browser.go("/shop").await;
    browser.until_part("position", "1").await;
    let mut before = browser.visitor().await;
    browser.press("Leave the line").await;
    browser.until_it_says("You have left the line.").await;
    looks_well(&browser, "left").await;
    before.until("none").await;
    browser.press("Take a new place").await;
    browser.until_part("position", "1").await;
}

/// Out of the shop by its button, and what is sent afterwards is not sent on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_inside_any_more_is_told_that_nothing_was_sent() {
    let server = Flagship::start(&["--active-users", "1"]);
    let browser = Browser::open(&server).await;
    browser.go("/shop?item=7").await;
    browser.until_it_says("You are in the shop").await;
    browser.visitor().await.leave().await;
    browser.press("Buy something").await;
    browser.until_it_says("This was not sent").await;
    looks_well(&browser, "not-sent").await;
    browser.press("Go on").await;
    browser.until_it_says("You are in the shop").await;
    browser.press("Leave").await;
    browser.until_it_says("Airlock").await;
    looks_well(&browser, "front-page").await;
    browser.go("/shop").await;
    browser.until_it_says("You are in the shop").await;
}
