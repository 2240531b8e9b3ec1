//! What cannot be done is a problem, and changes nothing.

use airlock_axum::store::{MemoryStore, Store};
use http::Method;
use serde_json::{Value, json};

use crate::support::Scene;

/// Everything that an operator can change.
async fn all(scene: &Scene) -> [Value; 3] {
    [scene.get("/airlocks").await["airlocks"][0].clone(), scene.resource("acme").await, scene.resource("zeta").await]
        .map(|mut shown| {
            for moves in ["admitted_per_second", "refused_per_second", "wait_ms"] {
                shown.as_object_mut().expect("an object").remove(moves);
            }
            shown
        })
}

#[tokio::test]
async fn what_cannot_be_understood_changes_nothing() {
    let scene = Scene::new();
    let _inside = scene.full("acme").await;
    let before = all(&scene).await;
    let long = "n".repeat(513);
    let (switch, limit) = ("/airlocks/imports/switch", "/airlocks/imports/limit?resource=acme");
    let close = r#"{"state":"closed"}"#;
    let reason = format!(r#"{{"state":"closed","reason":"{long}"}}"#);
    let body = format!(r#"{{"state":"closed","reason":"{}"}}"#, "n".repeat(4096));
    let (too_long, long_text) = (format!("{switch}?resource={long}"), format!("/airlocks/imports?q={long}"));
    let long_name = format!("/airlocks/imports/resource?name={long}");
    for (method, path, body, status) in [
        // Bodies.
        (Method::PUT, switch, "", 400),
        (Method::PUT, switch, "closed", 400),
        (Method::PUT, switch, "{}", 400),
        (Method::PUT, switch, "[]", 400),
        (Method::PUT, switch, "null", 400),
        (Method::PUT, switch, r#"{"state":"closed"} x"#, 400),
        (Method::PUT, switch, r#"{"state":"Closed"}"#, 400),
        (Method::PUT, switch, r#"{"state":"ajar"}"#, 400),
        (Method::PUT, switch, r#"{"state":null}"#, 400),
        (Method::PUT, switch, r#"{"state":["closed"]}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","state":"open"}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","until":"noon"}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","reason":7}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","reason":""}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","reason":"line\nbreak"}"#, 400),
        (Method::PUT, switch, &reason, 400),
        (Method::PUT, switch, r#"{"state":"closed","reopen_in_ms":-1}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","reopen_in_ms":0}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","reopen_in_ms":1.5}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","reopen_in_ms":"1"}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","reopen_in_ms":31536000001}"#, 400),
        (Method::PUT, switch, r#"{"state":"closed","reopen_in_ms":18446744073709551616}"#, 400),
        (Method::PUT, switch, &body, 413),
        (Method::PUT, limit, "", 400),
        (Method::PUT, limit, "{}", 400),
        (Method::PUT, limit, "3", 400),
        (Method::PUT, limit, r#"{"limit":-1}"#, 400),
        (Method::PUT, limit, r#"{"limit":1.5}"#, 400),
        (Method::PUT, limit, r#"{"limit":"3"}"#, 400),
        (Method::PUT, limit, r#"{"limit":null}"#, 400),
        (Method::PUT, limit, r#"{"limit":4294967296}"#, 400),
        (Method::PUT, limit, r#"{"limit":3,"for":"acme"}"#, 400),
        // Queries.
        (Method::PUT, "/airlocks/imports/switch?resorce=acme", close, 400),
        (Method::PUT, "/airlocks/imports/switch?resource=", close, 400),
        (Method::PUT, "/airlocks/imports/switch?resource=a&resource=b", close, 400),
        (Method::PUT, "/airlocks/imports/switch?resource=a%0Ab", close, 400),
        (Method::PUT, "/airlocks/imports/switch?resource=%FF", close, 400),
        (Method::PUT, &too_long, close, 400),
        (Method::DELETE, switch, "", 400),
        (Method::PUT, "/airlocks/imports/limit", r#"{"limit":3}"#, 400),
        (Method::DELETE, "/airlocks/imports/limit", "", 400),
        (Method::DELETE, "/airlocks/imports/holders", "", 400),
        (Method::DELETE, "/airlocks/imports/holders?resource=acme", "", 400),
        (Method::DELETE, "/airlocks/imports/holders?identity=ada", "", 400),
        (Method::DELETE, "/airlocks/imports/holders?resource=acme&identity=ada&fence=1", "", 400),
        (Method::DELETE, "/airlocks/imports/holders?resource=acme&fence=-1", "", 400),
        (Method::DELETE, "/airlocks/imports/holders?resource=acme&fence=x", "", 400),
        (Method::DELETE, "/airlocks/imports/waiters?resource=acme", "", 400),
        (Method::DELETE, "/airlocks/imports/waiters?resource=acme&fence=1", "", 400),
        (Method::GET, "/airlocks?q=a", "", 400),
        (Method::GET, "/airlocks/imports?count=501", "", 400),
        (Method::GET, "/airlocks/imports?count=-1", "", 400),
        (Method::GET, "/airlocks/imports?offset=x", "", 400),
        (Method::GET, "/airlocks/imports?history=maybe", "", 400),
        (Method::GET, &long_text, "", 400),
        (Method::GET, "/airlocks/imports/resource", "", 400),
        (Method::GET, "/airlocks/imports/resource?name=", "", 400),
        (Method::GET, &long_name, "", 400),
        // Paths.
        (Method::GET, "/airlocks/nowhere", "", 404),
        (Method::GET, "/airlocks/nowhere/resource?name=acme", "", 404),
        (Method::GET, "/airlocks/%FF", "", 400),
        (Method::GET, "/airlocks/", "", 404),
        (Method::GET, "/airlocks/imports/", "", 404),
        (Method::GET, "/nothing", "", 404),
        (Method::GET, "/airlocks/imports/nothing", "", 404),
        (Method::PUT, "/airlocks/nowhere/switch", close, 404),
        (Method::PUT, "/airlocks/Imports/switch", close, 404),
        (Method::PUT, "/airlocks/nowhere/limit?resource=acme", r#"{"limit":3}"#, 404),
        (Method::DELETE, "/airlocks/nowhere/limit?resource=acme", "", 404),
        (Method::DELETE, "/airlocks/nowhere/holders?resource=acme&identity=ada", "", 404),
        (Method::DELETE, "/airlocks/imports/holders?resource=acme&identity=zoe", "", 404),
        (Method::DELETE, "/airlocks/imports/holders?resource=zeta&identity=ada", "", 404),
        (Method::DELETE, "/airlocks/imports/holders?resource=acme&fence=0", "", 404),
        (Method::DELETE, "/airlocks/imports/holders?resource=acme&fence=18446744073709551615", "", 404),
        (Method::DELETE, "/airlocks/imports/waiters?resource=acme&identity=zoe", "", 404),
        // Methods.
        (Method::POST, "/", "", 405),
        (Method::DELETE, "/airlocks", "", 405),
        (Method::PUT, "/airlocks/imports", close, 405),
        (Method::POST, switch, close, 405),
        (Method::PATCH, switch, close, 405),
        (Method::GET, switch, "", 405),
        (Method::POST, limit, r#"{"limit":3}"#, 405),
        (Method::GET, "/airlocks/imports/holders?resource=acme", "", 405),
        (Method::POST, "/events", "", 405),
    ] {
        let asked = format!("{method} {} {}", &path[..path.len().min(80)], &body[..body.len().min(80)]);
        let reply = scene.send(method, path, &[], body).await;
        reply.is_problem(status, &asked);
        assert_eq!(reply.headers.contains_key("allow"), status == 405, "{asked}");
        assert_eq!(all(&scene).await, before, "{asked}");
    }
}

#[tokio::test]
async fn pages_of_other_hosts_change_nothing() {
    let scene = Scene::new();
    let before = all(&scene).await;
    let strangers = [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://shop.example")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
    ];
    for (method, path, body) in [
        (Method::PUT, "/airlocks/imports/switch", r#"{"state":"closed"}"#),
        (Method::PUT, "/airlocks/imports/limit?resource=acme", r#"{"limit":1}"#),
        (Method::DELETE, "/airlocks/imports/limit?resource=acme", ""),
        (Method::DELETE, "/airlocks/imports/switch?resource=acme", ""),
        (Method::DELETE, "/airlocks/imports/holders?resource=acme&identity=ada", ""),
        (Method::DELETE, "/airlocks/imports/waiters?resource=acme&identity=bob", ""),
    ] {
        for stranger in strangers {
            scene.send(method.clone(), path, stranger, body).await.is_problem(403, path);
            assert_eq!(all(&scene).await, before, "{path} {stranger:?}");
        }
    }
    for own in [&[("sec-fetch-site", "same-origin")][..], &[("origin", "http://shop.example")], &[]] {
        let reply = scene.send(Method::PUT, "/airlocks/imports/switch", own, r#"{"state":"closed"}"#).await;
        assert_eq!(reply.status, 204, "{own:?}");
    }
    // Looking changes nothing, whoever looks; and what it says is for nobody else's scripts.
    let looked = scene.send(Method::GET, "/airlocks", &[("sec-fetch-site", "cross-site")], "").await;
    assert_eq!(looked.status, 200);
    assert!(!looked.headers.contains_key("access-control-allow-origin"));
}

#[test]
#[should_panic(expected = "two airlocks are called `twice`")]
fn two_of_one_name_cannot_be_told_apart() {
    let airlock = || airlock_axum::Airlock::builder("twice").seal(airlock_axum::Seal::lock()).build().expect("plain");
    let _ = airlock_axum::admin([airlock(), airlock()]);
}

mod away {
    use std::sync::Arc;

    use airlock_axum::gate::{Answer, Micros, Spec, SwitchState};
    use airlock_axum::observer::Observers;
    use airlock_axum::store::{BoxFuture, Command, Gates, Lease, Survey, SurveyQuery, Watch};
    use airlock_axum::{Airlock, ConfigError, Seal, StoreError, Token};

    use super::*;

    /// A store that is never there.
    struct Away;

    fn away<T>() -> BoxFuture<'static, Result<T, StoreError>> {
        Box::pin(async { Err(StoreError::not_executed("it is away")) })
    }

    impl Store for Away {
        fn open(&self, _: &Spec, _: &Observers) -> Result<Arc<dyn Gates>, ConfigError> {
            Ok(Arc::new(Away))
        }
    }

    impl Gates for Away {
        fn apply<'a>(&'a self, _: Command<'a>) -> BoxFuture<'a, Result<Answer, StoreError>> {
            away()
        }

        fn give_back(&self, _: &Lease, _: bool) {}

        fn token(&self, _: &Lease, _: bool) -> Option<Token> {
            None
        }

        fn watch(&self, _: &Lease, _: &Arc<Watch>) {}

        fn survey<'a>(&'a self, _: SurveyQuery<'a>) -> BoxFuture<'a, Result<Survey, StoreError>> {
            away()
        }

        fn switch<'a>(
            &'a self,
            _: SwitchState,
            _: Option<Micros>,
            _: Option<&'a str>,
        ) -> BoxFuture<'a, Result<(), StoreError>> {
            away()
        }

        fn report_unwell(&self, _: Option<Micros>) -> BoxFuture<'_, Result<(), StoreError>> {
            away()
        }

        fn close(&self, _: std::time::Duration) -> BoxFuture<'_, Result<usize, StoreError>> {
            away()
        }
    }

    /// The others are shown, and what is about this one says why it is not.
    #[tokio::test]
    async fn a_store_that_is_away_is_unavailable() {
        let near = Airlock::builder("near").seal(Seal::lock()).store(MemoryStore::new()).build().expect("plain");
        let far = Airlock::builder("far").seal(Seal::lock()).store(Away).build().expect("plain");
        let router = axum::Router::new().nest_service("/admin", airlock_axum::admin([&far, &near]));
        let scene = Scene { router, imports: near, clock: airlock_axum::clock::TestClock::new() };
        let shown = scene.get("/airlocks").await;
        let [far, near] = &shown["airlocks"].as_array().expect("a list")[..] else { panic!("{shown}") };
        assert!(far["error"].as_str().is_some_and(|error| error.contains("it is away")), "{far}");
        assert_eq!((far.get("switch"), far.get("in_use"), &near["in_use"]), (None, None, &json!(0)));
        for (method, path, body) in [
            (Method::GET, "/airlocks/far", ""),
            (Method::GET, "/airlocks/far/resource?name=acme", ""),
            (Method::PUT, "/airlocks/far/switch", r#"{"state":"closed"}"#),
            (Method::PUT, "/airlocks/far/switch?resource=acme", r#"{"state":"closed"}"#),
            (Method::PUT, "/airlocks/far/limit?resource=acme", r#"{"limit":1}"#),
            (Method::DELETE, "/airlocks/far/holders?resource=acme&identity=ada", ""),
        ] {
            let reply = scene.send(method, path, &[], body).await;
            reply.is_problem(503, path);
            assert_eq!(reply.json()["type"], "urn:airlock:problem#unavailable");
            assert_eq!(
                (&reply.headers["airlock-status"], &reply.headers["retry-after"]),
                (&"unavailable".parse().unwrap(), &"1".parse().unwrap())
            );
        }
    }
}
