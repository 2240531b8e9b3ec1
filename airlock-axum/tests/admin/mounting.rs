//! Where it is mounted, and the page.

use airlock_axum::{Airlock, Seal, admin};
use axum::Router;
use axum::routing::get;
use http::Method;

use crate::support::{Scene, send};

fn airlock() -> Airlock {
    Airlock::builder("imports").seal(Seal::lock()).build().expect("plain")
}

#[tokio::test]
async fn it_is_there_with_and_without_the_last_slash() {
    let nested = Router::new().route("/", get(|| async { "home" })).nest_service("/ops/airlocks", admin([airlock()]));
    let deeper = Router::new().nest("/v1", nested.clone());
    let with_state: Router = Router::new().nest_service("/ops/airlocks", admin([airlock()])).with_state(7);
    for (router, prefix) in [(nested, "/ops/airlocks"), (deeper, "/v1/ops/airlocks"), (with_state, "/ops/airlocks")] {
        for path in ["", "/"] {
            let page = send(&router, Method::GET, &format!("{prefix}{path}"), &[], "").await;
            assert_eq!(
                (page.status.as_u16(), &page.headers["content-type"]),
                (200, &"text/html; charset=utf-8".parse().unwrap())
            );
        }
        assert_eq!(send(&router, Method::GET, &format!("{prefix}/airlocks"), &[], "").await.status, 200);
        send(&router, Method::GET, &format!("{prefix}/nothing"), &[], "").await.is_problem(404, prefix);
    }
    // At the root as well.
    let page = send(&admin([airlock()]), Method::GET, "/", &[], "").await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn the_page_runs_only_its_own_and_asks_nobody_else() {
    let scene = Scene::new();
    let (one, other) = (scene.send(Method::GET, "", &[], "").await, scene.send(Method::GET, "/", &[], "").await);
    let policy =
        |page: &crate::support::Reply| page.headers["content-security-policy"].to_str().expect("text").to_owned();
    let nonce = policy(&one)
        .split_once("script-src 'nonce-")
        .expect("a nonce")
        .1
        .split_once('\'')
        .expect("its end")
        .0
        .to_owned();
    assert!(policy(&one).contains("default-src 'none'") && policy(&one).contains("frame-ancestors 'none'"));
    assert_ne!(policy(&one), policy(&other), "a nonce is used once");
    let marked = one.body.matches(&format!("nonce=\"{nonce}\"")).count();
    let elements = one.body.matches("<style").count() + one.body.matches("<script").count();
    assert_eq!((marked, elements), (2, 2));
    for elsewhere in ["http://", "https://", "src=", "@import", "url(", " style=", " onclick="] {
        let found = one.body.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(elsewhere), "{elsewhere}");
    }
    let head = scene.send(Method::HEAD, "/", &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}
