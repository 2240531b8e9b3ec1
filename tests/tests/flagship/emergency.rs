//! An operator's word to one process, while its store is away.

use std::ffi::OsStr;
use std::fs;
use std::time::{Duration, Instant};

use airlock_tests::flagship::{Flagship, PATIENCE};
use airlock_tests::scratch::Scratch;

use crate::client::{Client, Reply};

/// Nobody listens there.
const AWAY: [&str; 2] = ["--store", "redis://127.0.0.1:1/0"];

/// Asks until that is the answer; answers after how long it was.
async fn until(client: &Client, path: &str, is_so: impl Fn(&Reply) -> bool) -> Duration {
    let since = Instant::now();
    loop {
        let reply = client.post(path, &[("x-tenant", "acme")]).await;
        if is_so(&reply) {
            return since.elapsed();
        }
        assert!(since.elapsed() < PATIENCE, "{reply:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn says(reply: &Reply, status: u16, said: Option<&str>) -> bool {
    (reply.status.as_u16(), reply.said()) == (status, said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_closes_one_airlock() {
    let closed = [("AIRLOCK_SWITCH_SHARED", OsStr::new("closed: The database is being moved."))];
    let server = Flagship::start_in(&AWAY, &closed);
    let client = Client::of(&server);
    let reply = client.post("/shared", &[]).await;
    reply.is_refused(503, "closed");
    assert_eq!(reply.json()["reason"], "The database is being moved.");
    client.post("/imports", &[("x-tenant", "acme")]).await.is_refused(503, "unavailable");
    server.wait_for("emergency", 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_closes_the_waiting_room_as_well() {
    let server = Flagship::start_in(&AWAY, &[("AIRLOCK_SWITCH", OsStr::new("closed: Come back tomorrow."))]);
    let client = Client::of(&server);
    let page = client.get("/shop", &[("accept", "text/html"), ("sec-fetch-mode", "navigate")]).await;
    assert!(says(&page, 503, Some("closed")), "{page:?}");
    assert!(String::from_utf8_lossy(&page.body).contains("Come back tomorrow."), "{page:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_lets_everybody_into_the_waiting_room() {
    let server = Flagship::start_in(&AWAY, &[("AIRLOCK_SWITCH", OsStr::new("bypass"))]);
    let client = Client::of(&server);
    let first = client.get("/shop", &[("accept", "text/html"), ("sec-fetch-mode", "navigate")]).await;
    assert_eq!(first.status, 200, "{first:?}");
    // With its pass, as the next page would be asked for.
    let cookies = first.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().expect("text"));
    let cookies: Vec<&str> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
    let again = [("accept", "text/html"), ("sec-fetch-mode", "navigate"), ("cookie", &*cookies.join("; "))];
    assert_eq!(client.get("/shop", &again).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_obeyed_while_it_runs() {
    let folder = Scratch::new();
    let (path, new) = (folder.join("switch"), folder.join("switch.new"));
    let say = |text: &str| fs::write(&new, text).and_then(|()| fs::rename(&new, &path)).expect("it can be written");
    let server = Flagship::start_in(&AWAY, &[("AIRLOCK_SWITCH_FILE", path.as_os_str())]);
    let client = Client::of(&server);
    client.post("/shared", &[]).await.is_refused(503, "unavailable");

    say("shared = bypass\n");
    let took = until(&client, "/shared", |reply| says(reply, 200, None)).await;
    println!("bypassed after {took:?}");
    assert_eq!(client.post("/shared", &[]).await.json()["granted_by"], "nobody");
    client.post("/imports", &[("x-tenant", "acme")]).await.is_refused(503, "unavailable");

    say("shared = wide open\n");
    server.wait_for_lines("what it last said stays in force", 1);
    assert!(says(&client.post("/shared", &[]).await, 200, None), "what was understood last counts");

    say("closed\n");
    let took = until(&client, "/imports", |reply| says(reply, 503, Some("closed"))).await;
    println!("closed after {took:?}");
    until(&client, "/shared", |reply| says(reply, 503, Some("closed"))).await;

    fs::remove_file(&path).expect("it is there");
    until(&client, "/shared", |reply| says(reply, 503, Some("unavailable"))).await;
    server.wait_for("emergency-over", 2);
}

#[test]
fn what_cannot_be_understood_ends_it() {
    // It would be the end of the test, should it start.
    let ended = Flagship::run_in(&["--listen", "127.0.0.1:0"], &[("AIRLOCK_SWITCH_SHARED", OsStr::new("shut"))]);
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("AIRLOCK_SWITCH_SHARED: \"shut\" is no switch: use `open`, `closed`"), "{said}");
}
