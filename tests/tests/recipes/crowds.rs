//! Many at once: `anti-hug`, `waiting-line`, `members-first`.

use std::fs;

use http::{Method, StatusCode};

use crate::client::{Client, wait_for};
use crate::recipe::serve;
use crate::visitor::Visitor;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_served_in_line_and_what_is_more_is_sent_away() {
    let site = serve("anti-hug", &["--page-ms", "60000", "--wait-ms", "60000"], &[]);
    let client = Client::of(&site);
    let reading: Vec<_> = (0..4).map(|_| client.send(Method::GET, "/", &[])).collect();
    wait_for(&site, "admitted", 4);
    let waiting: Vec<_> = (0..16).map(|_| client.send(Method::GET, "/", &[])).collect();
    wait_for(&site, "queued", 16);
    for _ in 0..20 {
        client.get("/", &[]).await.is_refused(503, "line-full");
    }
    // What takes nothing is there for everybody.
    assert_eq!(client.get("/style.css", &[]).await.status, StatusCode::OK);
    // Places that come free are for those who wait.
    reading.iter().for_each(tokio::task::JoinHandle::abort);
    wait_for(&site, "admitted", 8);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_crowd_is_served_whole() {
    let site = serve("anti-hug", &["--page-ms", "1", "--wait-ms", "60000"], &[]);
    let client = Client::of(&site);
    let readers: Vec<_> = (0..20).map(|_| client.send(Method::GET, "/", &[])).collect();
    for reader in readers {
        let page = reader.await.expect("no panic");
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        assert!(page.body.starts_with(b"<!doctype html>"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_wait_in_a_fair_line() {
    let shop = serve("waiting-line", &["--inside", "1"], &[]);
    let [mut ada, mut bob, mut cleo] = [(); 3].map(|()| Visitor::of(&shop));
    let inside = ada.visit().await;
    assert_eq!((inside.status, &*inside.body), (StatusCode::OK, &b"Welcome.\n"[..]));
    bob.visit().await.is_refused(503, "queued");
    cleo.visit().await.is_refused(503, "queued");
    assert_eq!((&bob.status().await["position"], &cleo.status().await["position"]), (&1.into(), &2.into()));

    ada.leave().await;
    bob.until("offered").await;
    assert_eq!(cleo.status().await["position"], 1);
    assert_eq!(bob.send(Method::POST, "/.airlock/shop/claim", &[]).await.status, StatusCode::OK);
    assert_eq!(bob.visit().await.status, StatusCode::OK);
    // Back to the end of the line.
    ada.visit().await.is_refused(503, "queued");
    assert_eq!(ada.status().await["position"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_go_first() {
    // Nobody is let in before all have come.
    let folder = tempfile::tempdir().expect("there is room");
    let switches = folder.path().join("switches");
    fs::write(&switches, "club = hold\n").expect("it is ours");
    let environment = [("MEMBER_CARDS", "secret1,secret2".as_ref()), ("AIRLOCK_SWITCH_FILE", switches.as_os_str())];
    let club = serve("members-first", &["--dance-ms", "1"], &environment);
    let client = Client::of(&club);
    let number = |reply: crate::client::Reply| -> u64 {
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        let words = String::from_utf8(reply.body.to_vec()).expect("text");
        words.split(' ').nth(3).and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{words}"))
    };

    let guest = client.send(Method::GET, "/dance", &[]);
    wait_for(&club, "queued", 1);
    let member = client.send(Method::GET, "/dance", &[("authorization", "Bearer secret2")]);
    wait_for(&club, "queued", 2);
    for card in ["Bearer secret", "Bearer secret22", "Bearer ", "secret2", "Basic secret2"] {
        let told = client.get("/dance", &[("authorization", card)]).await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{card}");
    }
    fs::remove_file(&switches).expect("it is ours");
    let (guest, member) = (number(guest.await.expect("no panic")), number(member.await.expect("no panic")));
    assert!(member < guest, "the member danced as number {member}, the guest as {guest}");
}
