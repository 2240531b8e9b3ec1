//! What the JSON shows.

use std::time::Duration;

use airlock_axum::store::NoopStore;
use airlock_axum::{Airlock, Error, Seal, Switch, admin};
use axum::Router;
use serde_json::{Value, json};

use crate::support::{Scene, send};

#[tokio::test]
async fn airlocks_come_in_their_order_with_what_is_set_and_how_full_they_are() -> Result<(), Error> {
    let scene = Scene::new();
    let empty = json!({
        "name": "imports", "limit": 2, "switch": { "state": "open" }, "total": 0, "in_use": 0, "waiting": 0,
        "admitted_per_second": 0.0, "refused_per_second": 0.0,
    });
    let calls = json!({
        "name": "calls / out", "switch": { "state": "open" }, "total": 0, "in_use": 0, "waiting": 0,
        "admitted_per_second": 0.0, "refused_per_second": 0.0,
    });
    assert_eq!(scene.get("/airlocks").await, json!({ "airlocks": [empty, calls] }));

    let _inside = (scene.full("acme").await, scene.full("zeta").await);
    assert!(scene.imports.try_enter("acme").await.is_err());
    scene.imports.switch(Switch::closed().because("Lunch.").reopen_in(Duration::from_secs(60))).await?;
    scene.imports.report_health(0.1).await?;
    let imports = &scene.get("/airlocks").await["airlocks"][0];
    assert_eq!(imports["switch"], json!({ "state": "closed", "reason": "Lunch.", "reopen_in_ms": 60_000 }));
    let numbers = ["total", "in_use", "waiting", "unwell_for_ms"].map(|name| imports[name].as_u64());
    assert_eq!(numbers, [2, 4, 4, 10_000].map(Some), "{imports}");
    assert_eq!((&imports["admitted_per_second"], &imports["refused_per_second"]), (&json!(4.0), &json!(1.0)));
    assert_eq!(imports["wait_ms"], json!({ "p50": 0, "p95": 0 }));
    Ok(())
}

#[tokio::test]
async fn resources_come_busiest_first_in_pages_and_are_found_by_their_names() -> Result<(), Error> {
    let scene = Scene::new();
    let mut inside = Vec::new();
    for number in 0..120 {
        inside.push(scene.imports.try_enter(format!("tenant:{number:03}")).await?);
    }
    let _busy = scene.full("tenant:Busy").await;
    let listing = scene.get("/airlocks/imports").await;
    let names = |listing: &Value| -> Vec<String> {
        let resources = listing["resources"].as_array().expect("a list");
        resources.iter().map(|one| one["resource"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!((&listing["name"], &listing["total"], &listing["offset"]), (&json!("imports"), &json!(121), &json!(0)));
    assert_eq!((names(&listing).len(), &*names(&listing)[0], &*names(&listing)[49]), (50, "tenant:Busy", "tenant:048"));
    let page = scene.get("/airlocks/imports?offset=119&count=5").await;
    assert_eq!(names(&page), ["tenant:118", "tenant:119"]);
    assert!(names(&scene.get("/airlocks/imports?offset=18446744073709551615").await).is_empty());
    let found = scene.get("/airlocks/imports?q=BUSY").await;
    assert_eq!(
        (names(&found), &found["total"], &found["in_use"]),
        (vec!["tenant:Busy".to_owned()], &json!(1), &json!(2))
    );
    assert_eq!(scene.get("/airlocks/imports?q=%25").await["total"], 0);
    // Its name has a slash and spaces.
    assert_eq!(scene.get("/airlocks/calls%20%2F%20out").await["name"], "calls / out");
    Ok(())
}

#[tokio::test]
async fn a_resource_shows_who_is_inside_and_who_waits_and_no_token() -> Result<(), Error> {
    let scene = Scene::new();
    let [ada, anonymous] = scene.full("acme & sons").await;
    scene.clock.advance(Duration::from_millis(2500));
    scene.imports.resize("acme & sons", Some(1)).await?;
    scene.imports.switch_resource("acme & sons", Some(Switch::hold())).await?;
    let seen = scene.resource("acme%20%26%20sons").await;
    let expected = json!({
        "airlock": "imports", "resource": "acme & sons", "in_use": 2, "limit": 1, "configured_limit": 2, "limit_override": 1,
        "waiting": 2, "offered": 0, "switch": { "state": "hold" }, "airlock_switch": { "state": "open" },
        "emergency": false, "offset": 0,
        "holders": [
            { "identity": "ada", "fence": ada.fence(), "weight": 1, "age_ms": 2500, "offered": false },
            { "fence": anonymous.fence(), "weight": 1, "age_ms": 2500, "offered": false },
        ],
        "waiters": [
            { "identity": "bob", "position": 1, "weight": 1, "age_ms": 2500 },
            { "position": 2, "weight": 1, "age_ms": 2500 },
        ],
        "admitted_per_second": 2.0, "refused_per_second": 0.0, "wait_ms": { "p50": 0, "p95": 0 },
    });
    // Arrivals of one moment are microseconds apart.
    let rounded = |mut seen: Value| {
        for list in ["holders", "waiters"] {
            for one in seen[list].as_array_mut().expect("a list") {
                assert!(one["age_ms"].as_u64().is_some_and(|age| (2499..=2500).contains(&age)), "{one}");
                one["age_ms"] = json!(2500);
            }
        }
        seen
    };
    assert_eq!(rounded(seen), expected);
    let page = scene.get("/airlocks/imports/resource?name=acme%20%26%20sons&offset=1&count=1").await;
    assert_eq!((&page["holders"][0]["fence"], &page["waiters"][0]["position"]), (&json!(anonymous.fence()), &json!(2)));
    let token = ada.token().expect("hers").expose();
    let shown = scene.resource("acme%20%26%20sons").await.to_string();
    assert!(!shown.contains(&token[4..36]), "{shown}");
    Ok(())
}

/// What nobody has entered yet is a resource like any other.
#[tokio::test]
async fn a_resource_that_is_not_in_use_is_empty() {
    let scene = Scene::new();
    let seen = scene.resource(&"%C3%A4".repeat(256)).await;
    assert_eq!((&seen["in_use"], &seen["limit"], &seen["holders"]), (&json!(0), &json!(2), &json!([])));
    assert_eq!(scene.get("/airlocks").await["airlocks"][0]["total"], 0, "looking makes nothing");
}

#[tokio::test]
async fn history_is_shown_to_who_asks_for_it() -> Result<(), Error> {
    let scene = Scene::new();
    let _inside = scene.full("acme").await;
    assert!(scene.get("/airlocks/imports").await.get("history").is_none());
    scene.get("/airlocks").await;
    let shown = [
        scene.get("/airlocks?history=true").await["airlocks"][0]["history"].clone(),
        scene.get("/airlocks/imports?history=true").await["resources"][0]["history"].clone(),
        scene.get("/airlocks/imports/resource?name=acme&history=true").await["history"].clone(),
    ];
    for history in shown {
        assert_eq!(history["step_ms"], 5000);
        let last = |name: &str| history[name].as_array().and_then(|steps| steps.last()).cloned();
        assert_eq!(history["admitted"].as_array().map(Vec::len), Some(60));
        // Unless a step ends in between.
        let admitted: u64 = history["admitted"].as_array().into_iter().flatten().filter_map(Value::as_u64).sum();
        assert_eq!((admitted, last("in_use"), last("waiting")), (2, Some(json!(2)), Some(json!(2))));
        assert_eq!(history["in_use"][0], Value::Null, "nobody looked");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_store_ignores_is_not_shown_as_set() -> Result<(), Error> {
    let always = Airlock::builder("always").seal(Seal::lock()).store(NoopStore::open()).build().expect("plain");
    always.switch(Switch::closed()).await?;
    let router = Router::new().nest_service("/ops", admin([always]));
    let shown = send(&router, http::Method::GET, "/ops/airlocks/always", &[], "").await.json();
    assert_eq!(shown["switch"], json!({ "state": "open" }));
    Ok(())
}
