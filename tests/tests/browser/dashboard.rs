//! An operator looks at the dashboard, and does with it what it is for.

use std::ffi::OsStr;

use airlock_tests::flagship::Flagship;
use serde_json::Value;

use crate::accessibility::looks_well;
use crate::browser::Browser;
use crate::visitor::Visitor;

/// The shop with somebody inside and somebody in line, and an operator at its dashboard.
struct Shop {
    server: Flagship,
    inside: Visitor,
    waiting: Visitor,
    operator: Browser,
}

impl Shop {
    async fn open() -> Self {
        let server = Flagship::start_in(&["--active-users", "1"], &[("AIRLOCK_ADMIN_PASSWORD", OsStr::new("secret"))]);
        let mut inside = Visitor::of(&server);
        for _ in 0..2 {
            assert_eq!(inside.visit().await.status, 200);
        }
        let mut waiting = Visitor::of(&server);
        waiting.visit().await.is_refused(503, "queued");
        assert_eq!(waiting.status().await["position"], 1);
        let operator = Browser::open(&server).await;
        operator.go_as("admin:secret", "/admin").await;
        operator.until_part("connection", "Live").await;
        Shop { server, inside, waiting, operator }
    }

    /// Waits until the card of the shop says that.
    async fn until_card(&self, part: &str, says: &str) {
        let part = format!("[data-airlock=airlock][data-name=shop] [data-airlock={part}]");
        self.operator.until(&format!("document.querySelector('{part}')?.innerText === '{says}'")).await;
    }

    /// Opens the gate of the shop.
    async fn show_resource(&self) {
        self.operator.click("[data-airlock=airlock][data-name=shop] [data-airlock=select]").await;
        let row = "[data-airlock=resource-row][data-name=shop]";
        self.operator
            .until(&format!("document.querySelector('{row} [data-airlock=waiting]')?.innerText === '1'"))
            .await;
        self.operator.click(&format!("{row} button")).await;
        self.operator.until("document.querySelectorAll('[data-airlock=holder]').length === 1").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_shows_the_load_and_a_password_is_asked_for() {
    let shop = Shop::open().await;
    let _stays = shop.waiting.stays();
    for (part, says) in [("in-use", "1"), ("limit", "1"), ("waiting", "1"), ("total", "1"), ("state", "open")] {
        shop.until_card(part, says).await;
    }
    shop.operator.until("document.querySelectorAll('[data-airlock=airlock]').length === 3").await;
    looks_well(&shop.operator, "dashboard").await;
    shop.show_resource().await;
    looks_well(&shop.operator, "dashboard-resource").await;

    let nobody = Browser::open(&shop.server).await;
    nobody.go("/admin").await;
    assert_eq!(nobody.ask("document.querySelector('[data-airlock=airlocks]')").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_closes_the_shop_and_opens_it_again() {
    let shop = Shop::open().await;
    let _stays = shop.waiting.stays();
    let operator = &shop.operator;
    let switch = "[data-airlock=airlock][data-name=shop] [data-airlock=airlock-switch]";
    operator.click(switch).await;
    operator.click("[data-airlock=switch-form] [value=closed]").await;
    operator.type_into("[data-airlock=switch-form] [name=reason]", "Back at <six> & sharp.").await;
    operator.until_part("switch-apply", "Set to closed").await;
    looks_well(operator, "dashboard-switch").await;
    // Nothing that hurts is done before it is confirmed.
    assert_eq!(shop.waiting.clone().status().await["status"], "queued");
    operator.click("[data-airlock=switch-apply]").await;
    operator.until_part("notice", "shop is closed now.").await;
    shop.until_card("state", "closed").await;
    shop.until_card("why", "Back at <six> & sharp.").await;
    looks_well(operator, "dashboard-closed").await;
    let refused = Visitor::of(&shop.server).visit().await;
    refused.is_refused(503, "closed");
    assert_eq!(refused.json()["reason"], "Back at <six> & sharp.");

    operator.click(switch).await;
    operator.click("[data-airlock=switch-form] [value=open]").await;
    operator.click("[data-airlock=switch-apply]").await;
    shop.until_card("state", "open").await;
    Visitor::of(&shop.server).visit().await.is_refused(503, "queued");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_makes_more_room() {
    let mut shop = Shop::open().await;
    let stays = shop.waiting.stays();
    shop.show_resource().await;
    shop.operator.click("[data-airlock=resource-limit]").await;
    shop.operator.type_into("[data-airlock=limit-form] [name=limit]", "2").await;
    looks_well(&shop.operator, "dashboard-limit").await;
    shop.operator.click("[data-airlock=limit-apply]").await;
    shop.operator.until_part("notice", "At most 2 at once at shop from now on.").await;
    drop(stays);
    shop.waiting.until("offered").await;
    assert_eq!(shop.waiting.visit().await.status, 200);
    assert_eq!(shop.inside.visit().await.status, 200);
    shop.operator.until("document.querySelectorAll('[data-airlock=holder]').length === 2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_puts_somebody_out() {
    let mut shop = Shop::open().await;
    let stays = shop.waiting.stays();
    shop.show_resource().await;
    shop.operator.click("[data-airlock=holder] [data-airlock=evict]").await;
    shop.operator.until("document.querySelector('[data-airlock=confirm]').open").await;
    looks_well(&shop.operator, "dashboard-confirm").await;
    shop.operator.click("[data-airlock=confirm-cancel]").await;
    assert_eq!(shop.inside.status().await["status"], "admitted", "what is not confirmed is not done");
    shop.operator.click("[data-airlock=holder] [data-airlock=evict]").await;
    shop.operator.click("[data-airlock=confirm-apply]").await;
    shop.operator.until("document.querySelector('[data-airlock=notice]').innerText.endsWith(' is out.')").await;
    drop(stays);
    shop.inside.until("none").await;
    shop.waiting.until("offered").await;
}
