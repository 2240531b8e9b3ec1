//! What an operator can do.

use airlock_axum::{Door, Entrant, Error, Reason};
use http::Method;
use serde_json::json;

use crate::support::Scene;

fn reason<T: std::fmt::Debug>(result: Result<T, Error>) -> Reason {
    result.expect_err("refused").refusal().expect("a refusal").reason
}

#[tokio::test]
async fn every_state_of_the_switch_can_be_set_for_all_and_for_one() -> Result<(), Error> {
    let scene = Scene::new();
    for state in ["closed", "hold", "drain", "bypass", "open"] {
        let set = json!({ "state": state }).to_string();
        scene.does(Method::PUT, "/airlocks/imports/switch", &set).await;
        assert_eq!(scene.get("/airlocks/imports").await["switch"], json!({ "state": state }));
        scene.does(Method::PUT, "/airlocks/imports/switch?resource=a%26b", &set).await;
        assert_eq!(scene.resource("a%26b").await["switch"], json!({ "state": state }));
    }
    let full = json!({ "state": "closed", "reason": "Lunch.", "reopen_in_ms": 90_000 });
    scene.does(Method::PUT, "/airlocks/imports/switch", &full.to_string()).await;
    assert_eq!(scene.get("/airlocks/imports").await["switch"], full);
    let nothing = json!({ "state": "closed", "reason": null, "reopen_in_ms": null });
    scene.does(Method::PUT, "/airlocks/imports/switch", &nothing.to_string()).await;
    assert_eq!(scene.get("/airlocks/imports").await["switch"], json!({ "state": "closed" }));

    // The resource's own is still open, until it is cleared.
    assert_eq!(scene.imports.door("a&b").await?, Door::Open);
    scene.does(Method::DELETE, "/airlocks/imports/switch?resource=a%26b", "").await;
    assert!(matches!(scene.imports.door("a&b").await?, Door::Closed { .. }));
    assert_eq!(scene.resource("a%26b").await.get("switch"), None);
    // Again is no mistake.
    scene.does(Method::DELETE, "/airlocks/imports/switch?resource=a%26b", "").await;
    Ok(())
}

#[tokio::test]
async fn a_limit_is_overridden_and_returned() -> Result<(), Error> {
    let scene = Scene::new();
    let limit = "/airlocks/imports/limit?resource=acme";
    scene.does(Method::PUT, limit, r#"{"limit":0}"#).await;
    assert_eq!(reason(scene.imports.try_enter("acme").await), Reason::Full);
    scene.does(Method::PUT, limit, r#" { "limit" : 4294967295 } "#).await;
    assert_eq!(scene.resource("acme").await["limit"], 4_294_967_295_u32);
    let inside = (scene.imports.try_enter("acme").await?, scene.imports.try_enter("zeta").await?);
    scene.does(Method::DELETE, limit, "").await;
    let seen = scene.resource("acme").await;
    assert_eq!((&seen["limit"], seen.get("limit_override")), (&json!(2), None));
    drop(inside);
    Ok(())
}

#[tokio::test]
async fn who_is_inside_is_put_out_by_name_or_number() -> Result<(), Error> {
    let scene = Scene::new();
    let [ada, anonymous] = scene.full("acme").await;
    // Who waits is not inside.
    let holders = "/airlocks/imports/holders?resource=acme";
    let reply = scene.send(Method::DELETE, &format!("{holders}&identity=bob"), &[], "").await;
    reply.is_problem(404, "bob");
    scene.does(Method::DELETE, &format!("{holders}&identity=ada"), "").await;
    ada.lost().await;
    scene.does(Method::DELETE, &format!("{holders}&fence={}", anonymous.fence()), "").await;
    anonymous.lost().await;
    let again = scene.send(Method::DELETE, &format!("{holders}&fence={}", anonymous.fence()), &[], "").await;
    again.is_problem(404, "who is out already");
    let seen = scene.resource("acme").await;
    assert_eq!((&seen["waiting"], &seen["offered"]), (&json!(0), &json!(2)), "who waited was offered the places");
    // And who is offered one is as good as inside.
    scene.does(Method::DELETE, &format!("{holders}&identity=bob"), "").await;
    assert_eq!(scene.resource("acme").await["offered"], 1);
    Ok(())
}

#[tokio::test]
async fn who_waits_is_put_out_by_name() -> Result<(), Error> {
    let scene = Scene::new();
    let _inside = scene.full("acme").await;
    let waits = tokio::spawn(scene.imports.acquire(Entrant::new("acme").identity("cora & co")).into_future());
    while scene.resource("acme").await["waiting"] != 3 {
        tokio::task::yield_now().await;
    }
    let waiters = "/airlocks/imports/waiters?resource=acme";
    let inside = scene.send(Method::DELETE, &format!("{waiters}&identity=ada"), &[], "").await;
    inside.is_problem(404, "ada");
    scene.does(Method::DELETE, &format!("{waiters}&identity=cora%20%26%20co"), "").await;
    assert_eq!(reason(waits.await.expect("no panic")), Reason::Evicted);
    assert_eq!(scene.resource("acme").await["waiting"], 2);
    Ok(())
}
