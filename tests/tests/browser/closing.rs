//! An operator closes the shop, and opens it again.

use std::time::Duration;

use airlock_axum::store::RedisStore;
use airlock_axum::{Airlock, Seal, Switch};
use airlock_tests::flagship::Flagship;
use airlock_tests::redis::Server;

use crate::accessibility::looks_well;
use crate::browser::Browser;
use crate::visitor::Visitor;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_told_that_it_is_closed_and_keeps_the_place() {
    let redis = Server::start();
    let server = Flagship::start(&["--active-users", "1", "--store", &redis.url()]);
    let store = RedisStore::connect(&redis.url()).await.expect("it runs");
    let operator = Airlock::builder("shop").seal(Seal::semaphore(1)).store(store).build().expect("plain");
    let mut inside = Visitor::of(&server);
    for _ in 0..2 {
        assert_eq!(inside.visit().await.status, 200);
    }
    let waiting = Browser::open(&server).await;
    waiting.go("/shop").await;
    waiting.until_part("position", "1").await;

    let closed = Switch::closed().because("We take <stock> & count.").reopen_in(Duration::from_secs(600));
    operator.switch(closed).await.expect("it runs");
    waiting.until_it_says("It is closed").await;
    waiting.until_part("reason", "We take <stock> & count.").await;
    waiting.until("document.querySelector('[data-airlock=reopens]').innerText.startsWith('It opens again at ')").await;
    waiting.until_part("position", "1").await;
    looks_well(&waiting, "closed").await;
    waiting.reload().await;
    waiting.until_it_says("It is closed").await;
    let newcomer = Browser::open(&server).await;
    newcomer.go("/shop").await;
    newcomer.until_it_says("It is closed").await;
    looks_well(&newcomer, "closed-to-newcomers").await;

    operator.switch(Switch::open()).await.expect("it runs");
    waiting.until_it_says("You are in line").await;
    waiting.until_part("position", "1").await;
    waiting.until("document.querySelector('[data-airlock=reason]').hidden").await;
    newcomer.until_part("position", "2").await;
    inside.leave().await;
    waiting.until_it_says("You are in the shop").await;
}
