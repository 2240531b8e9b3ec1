//! The operator's side, behind its password, on each store.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use airlock_tests::flagship::Flagship;
use airlock_tests::redis::Server;
use http::Method;
use serde_json::{Value, json};

use crate::client::{Client, Reply, wait_for};

/// `admin:a:secret`
const BASIC: &str = "Basic YWRtaW46YTpzZWNyZXQ=";

fn start(options: &[&str]) -> Flagship {
    Flagship::start_in(options, &[("AIRLOCK_ADMIN_PASSWORD", OsStr::new("a:secret"))])
}

/// A server of its own for each store; the second is what it needs.
fn servers(options: &[&str]) -> [(Flagship, Option<Server>); 2] {
    let redis = Server::start();
    let url = redis.url();
    let on_redis = start(&[options, &["--store", &url]].concat());
    [(start(options), None), (on_redis, Some(redis))]
}

struct Operator(Client);

impl Operator {
    async fn ask(&self, method: Method, path: &str, body: &str) -> Reply {
        let headers = [("authorization", BASIC)];
        self.0.send_body(method, format!("/admin{path}"), &headers, body).await.expect("no panic")
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.ask(Method::GET, path, "").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.headers["cache-control"], "private, no-store");
        assert_eq!(reply.headers["content-type"], "application/json");
        reply.json()
    }

    async fn does(&self, method: Method, path: &str, body: &str) {
        let reply = self.ask(method, path, body).await;
        assert_eq!(reply.status, 204, "{reply:?}");
    }

    async fn resource(&self, airlock: &str, name: &str) -> Value {
        self.get(&format!("/airlocks/{airlock}/resource?name={name}")).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_knows_the_password_gets_in() {
    let server = start(&[]);
    let client = Client::of(&server);
    // The other ones: admin:wrong, root:a:secret, admin:, :a:secret.
    let wrong = [
        "Basic YWRtaW46d3Jvbmc=",
        "Basic cm9vdDphOnNlY3JldA==",
        "Basic YWRtaW46",
        "Basic OmE6c2VjcmV0",
        "Basic",
        "Bearer x",
    ];
    for path in ["/admin", "/admin/", "/admin/airlocks", "/admin/events", "/admin/nothing"] {
        let without = client.get(path, &[]).await;
        assert_eq!(
            (without.status.as_u16(), without.headers["www-authenticate"].as_bytes().starts_with(b"Basic ")),
            (401, true)
        );
        for wrong in wrong {
            assert_eq!(client.get(path, &[("authorization", wrong)]).await.status, 401, "{path} {wrong}");
        }
        let twice = client.get(path, &[("authorization", BASIC), ("authorization", BASIC)]).await;
        assert_eq!(twice.status, 401, "{path}");
    }
    let put = client.send(Method::PUT, "/admin/airlocks/shop/switch", &[]).await.expect("no panic");
    assert_eq!(put.status, 401);
    for path in ["/admin", "/admin/"] {
        let page = client.get(path, &[("authorization", BASIC)]).await;
        assert_eq!(
            (page.status.as_u16(), &page.headers["content-type"]),
            (200, &"text/html; charset=utf-8".parse().unwrap())
        );
        assert!(
            page.headers["content-security-policy"]
                .to_str()
                .is_ok_and(|policy| policy.contains("frame-ancestors 'none'"))
        );
    }
    assert!(server.hints().iter().all(|line| !line.contains("a:secret")), "what was set is not printed");
}

#[test]
fn a_password_is_made_up_and_printed() {
    let password = |server: &Flagship| {
        let line =
            server.hints().iter().find_map(|line| line.split_once("user admin, password ")).expect("it is printed").1;
        line.split(';').next().expect("a password").to_owned()
    };
    let (one, other) = (password(&Flagship::start(&[])), password(&Flagship::start(&[])));
    assert!(one != other && one.len() >= 20, "{one} {other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_shows_and_changes_what_is_in_use() {
    for (server, _store) in servers(&["--tenant-limit", "1", "--wait", "60"]) {
        let (client, operator) = (Client::of(&server), Operator(Client::of(&server)));
        let all = operator.get("/airlocks").await;
        let names: Vec<_> =
            all["airlocks"].as_array().expect("a list").iter().map(|one| one["name"].as_str()).collect();
        assert_eq!(names, [Some("imports"), Some("shared"), Some("shop")]);

        let tenant = [("x-tenant", "acme & sons")];
        let first = client.send(Method::POST, "/imports?ms=60000", &tenant);
        wait_for(&server, "admitted", 1);
        let second = client.send(Method::POST, "/imports?ms=10", &tenant);
        wait_for(&server, "queued", 1);
        let seen = operator.resource("imports", "acme%20%26%20sons").await;
        assert_eq!((&seen["in_use"], &seen["limit"], &seen["waiting"]), (&json!(1), &json!(1), &json!(1)));
        let fence = seen["holders"][0]["fence"].as_u64().expect("a number");
        assert!(seen["holders"][0]["age_ms"].is_u64() && seen["waiters"][0]["position"] == 1, "{seen}");
        let listed = operator.get("/airlocks/imports?q=ACME").await;
        assert_eq!((&listed["total"], &listed["resources"][0]["resource"]), (&json!(1), &json!("acme & sons")));

        // Who is put out makes room for the next.
        let gone = format!("/airlocks/imports/holders?resource=acme%20%26%20sons&fence={fence}");
        operator.does(Method::DELETE, &gone, "").await;
        assert_eq!(second.await.expect("no panic").status, 200);
        let lost = first.await.expect("no panic");
        assert_eq!((lost.status.as_u16(), lost.said()), (500, Some("lost")));
        assert_eq!(operator.ask(Method::DELETE, &gone, "").await.status, 404);

        // A limit of its own, and back.
        let limit = "/airlocks/imports/limit?resource=acme%20%26%20sons";
        operator.does(Method::PUT, limit, r#"{"limit":3}"#).await;
        let seen = operator.resource("imports", "acme%20%26%20sons").await;
        assert_eq!(
            (&seen["limit"], &seen["configured_limit"], &seen["limit_override"]),
            (&json!(3), &json!(1), &json!(3))
        );
        operator.does(Method::DELETE, limit, "").await;
        let seen = operator.resource("imports", "acme%20%26%20sons").await;
        assert_eq!((&seen["limit"], seen.get("limit_override")), (&json!(1), None));

        // A switch of its own wins over the airlock's.
        operator
            .does(
                Method::PUT,
                "/airlocks/imports/switch",
                r#"{"state":"closed","reason":"Lunch.","reopen_in_ms":600000}"#,
            )
            .await;
        let refused = client.post("/imports?ms=1", &tenant).await;
        refused.is_refused(503, "closed");
        assert_eq!(refused.json()["reason"], "Lunch.");
        let own = "/airlocks/imports/switch?resource=acme%20%26%20sons";
        operator.does(Method::PUT, own, r#"{"state":"open"}"#).await;
        assert_eq!(client.post("/imports?ms=1", &tenant).await.status, 200);
        let seen = operator.resource("imports", "acme%20%26%20sons").await;
        assert_eq!((&seen["switch"], &seen["airlock_switch"]["reason"]), (&json!({"state": "open"}), &json!("Lunch.")));
        operator.does(Method::DELETE, own, "").await;
        client.post("/imports?ms=1", &tenant).await.is_refused(503, "closed");
        operator.does(Method::PUT, "/airlocks/imports/switch", r#"{"state":"open"}"#).await;
        assert_eq!(client.post("/imports?ms=1", &tenant).await.status, 200);
        let imports = operator.get("/airlocks/imports?history=true").await;
        assert!(imports["admitted_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{imports}");
        assert_eq!(imports["history"]["admitted"].as_array().map(Vec::len), Some(60));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_changes_nothing() {
    for (server, _store) in servers(&[]) {
        let operator = Operator(Client::of(&server));
        for (method, path, body, status) in [
            (Method::PUT, "/airlocks/nowhere/switch", r#"{"state":"closed"}"#, 404),
            (Method::PUT, "/airlocks/shop/switch", r#"{"state":"ajar"}"#, 400),
            (Method::PUT, "/airlocks/shop/switch", "", 400),
            (Method::PUT, "/airlocks/shop/switch?resorce=shop", r#"{"state":"closed"}"#, 400),
            (Method::PUT, "/airlocks/shop/limit?resource=shop", r#"{"limit":-1}"#, 400),
            (Method::PUT, "/airlocks/shop/limit", r#"{"limit":1}"#, 400),
            (Method::DELETE, "/airlocks/shop/holders?resource=shop&identity=nobody", "", 404),
            (Method::POST, "/airlocks/shop/switch", r#"{"state":"closed"}"#, 405),
            (Method::GET, "/nothing", "", 404),
        ] {
            let reply = operator.ask(method, path, body).await;
            assert_eq!(reply.status.as_u16(), status, "{path} {body}: {reply:?}");
            assert_eq!(
                (&reply.headers["content-type"], reply.json()["status"].as_u64()),
                (&"application/problem+json".parse().unwrap(), Some(status.into()))
            );
        }
        let headers = [("authorization", BASIC), ("sec-fetch-site", "cross-site")];
        let foreign =
            operator.0.send_body(Method::PUT, "/admin/airlocks/shop/switch", &headers, r#"{"state":"closed"}"#);
        assert_eq!(foreign.await.expect("no panic").status, 403);
        assert_eq!(operator.get("/airlocks/shop").await["switch"], json!({"state": "open"}));
        let seen = operator.resource("shop", "shop").await;
        assert_eq!((seen.get("switch"), seen.get("limit_override")), (None, None));
    }
}

/// What is set through one process holds in another within a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_is_obeyed_by_the_whole_fleet() {
    let redis = Server::start();
    let url = redis.url();
    let (here, there) = (start(&["--store", &url]), start(&["--store", &url]));
    let (operator, elsewhere, client) = (Operator(Client::of(&here)), Operator(Client::of(&there)), Client::of(&there));
    let tenant = [("x-tenant", "acme")];
    assert_eq!(client.post("/imports?ms=1", &tenant).await.status, 200);
    for (state, expected) in [("closed", 503), ("open", 200)] {
        operator.does(Method::PUT, "/airlocks/imports/switch", &format!(r#"{{"state":"{state}"}}"#)).await;
        assert_eq!(elsewhere.get("/airlocks/imports").await["switch"]["state"], state);
        let set = Instant::now();
        while client.post("/imports?ms=1", &tenant).await.status.as_u16() != expected {
            // A second, and what a busy machine adds to it.
            assert!(set.elapsed() < Duration::from_secs(5), "{state} is not obeyed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
