//! What the shop answers to each kind of request of each kind of visitor, on each store.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use airlock_tests::flagship::Flagship;
use airlock_tests::redis::Server;
use airlock_tests::scratch::Scratch;
use http::Method;
use serde_json::Value;

use crate::client::{Client, Reply};
use crate::stream::Stream;
use crate::visitor::Visitor;

type Headers = &'static [(&'static str, &'static str)];

/// As browsers send it with each page.
const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
const BROWSER: Headers = &[
    ("accept", PAGE),
    ("accept-language", "en"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "none"),
    ("sec-fetch-user", "?1"),
];

/// Requests that are worth a place, and whether they are answered with a page.
const VISITS: &[(Headers, bool)] = &[
    (BROWSER, true),
    (&[("sec-fetch-mode", "navigate")], false),
    (&[("sec-fetch-mode", "navigate"), ("accept", "application/json")], false),
    (&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("accept", "text/html")], true),
    (&[], false),
    (&[("accept", "*/*")], false),
    (&[("accept", "application/json")], false),
    (&[("accept", "application/problem+json")], false),
    (&[("accept", "text/html")], true),
    (&[("accept", "text/html;q=0.5, application/json")], false),
    (&[("accept", PAGE)], true),
];

/// Others, which are not.
const OTHERS: &[(&str, Headers, bool)] = &[
    ("GET", &[("sec-fetch-mode", "cors"), ("accept", "*/*")], false),
    ("GET", &[("sec-fetch-mode", "cors"), ("accept", "text/html")], true),
    ("GET", &[("sec-fetch-mode", "same-origin"), ("accept", "application/json")], false),
    ("GET", &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), ("accept", "image/*,*/*;q=0.8")], false),
    ("GET", &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")], false),
    ("GET", &[("sec-fetch-mode", "websocket")], false),
    ("GET", &[("sec-fetch-site", "same-origin"), ("accept", "text/html")], true),
    ("GET", &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), ("accept", PAGE)], true),
    ("GET", &[("sec-fetch-mode", "navigate"), ("sec-purpose", "prefetch"), ("accept", PAGE)], true),
    ("GET", &[("sec-fetch-mode", "navigate"), ("sec-purpose", "prefetch;prerender")], false),
    ("GET", &[("accept", "text/html"), ("sec-purpose", "prefetch")], true),
    ("GET", &[("accept", "image/png")], false),
    ("GET", &[("accept", "text/css")], false),
    ("GET", &[("connection", "upgrade"), ("upgrade", "websocket")], false),
    ("HEAD", &[], false),
    ("HEAD", &[("accept", "text/html")], true),
    ("HEAD", BROWSER, true),
    ("OPTIONS", &[], false),
    ("POST", &[], false),
    ("POST", &[("accept", "application/json")], false),
    ("POST", &[("accept", "text/html")], true),
    ("POST", BROWSER, true),
    ("POST", &[("sec-fetch-mode", "cors"), ("sec-fetch-site", "cross-site")], false),
    ("PUT", &[], false),
    ("PATCH", &[("accept", "text/html")], true),
    ("DELETE", &[], false),
];

/// What a store is on.
#[derive(Default)]
struct Ground {
    _redis: Option<Server>,
    _folder: Option<Scratch>,
}

/// A server on each kind of store, with what it needs.
fn shops(options: &[&str]) -> Vec<(&'static str, Flagship, Ground)> {
    let (redis, folder) = (Server::start(), Scratch::new());
    let (url, sqlite) = (redis.url(), format!("sqlite:{}", folder.join("airlock.db").display()));
    let start = |store: &str| Flagship::start(&[options, &["--store", store]].concat());
    vec![
        ("memory", start("memory"), Ground::default()),
        ("Redis", start(&url), Ground { _redis: Some(redis), _folder: None }),
        ("SQLite", start(&sqlite), Ground { _redis: None, _folder: Some(folder) }),
    ]
}

/// The full shop: somebody inside, and somebody in line.
async fn filled(server: &Flagship) -> (Visitor, Visitor) {
    let (mut inside, mut queued) = (Visitor::of(server), Visitor::of(server));
    for _ in 0..2 {
        assert_eq!(inside.visit().await.status, 200);
    }
    queued.visit().await.is_refused(503, "queued");
    assert_eq!(queued.status().await["position"], 1);
    (inside, queued)
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    fn cookies(&self) -> BTreeSet<String> {
        let cookies = self.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().expect("text"));
        cookies.map(|cookie| cookie.split('=').next().expect("a name").to_owned()).collect()
    }

    /// What all refusals have in common.
    #[track_caller]
    fn refuses(&self, status: u16, name: &str, head: bool, page: bool, what: &str) {
        assert_eq!((self.status.as_u16(), self.said()), (status, Some(name)), "{what}: {self:?}");
        assert_eq!(self.header("cache-control"), Some("private, no-store"), "{what}");
        let after = self.header("retry-after").map(|after| after.parse::<u64>().expect("whole seconds"));
        assert_eq!(after.is_some(), matches!(status, 503 | 429), "{what}");
        assert!(after.is_none_or(|after| after >= 1), "{what}");
        let kind = if page { "text/html; charset=utf-8" } else { "application/problem+json" };
        assert_eq!(self.header("content-type"), Some(kind), "{what}");
        assert_eq!(self.body.is_empty(), head, "{what}");
        if !head && !page {
            let problem = self.json();
            assert_eq!(problem["type"], format!("urn:airlock:problem#{name}"), "{what}");
            assert_eq!(
                (&problem["status"], &problem["airlock"]),
                (&Value::from(status), &Value::from("shop")),
                "{what}"
            );
            assert!(problem["title"].is_string() && problem["detail"].is_string(), "{what}");
            const KNOWN: [&str; 16] = [
                "type",
                "title",
                "status",
                "detail",
                "airlock",
                "position",
                "position_exact",
                "ahead",
                "waiting",
                "chance",
                "estimated_wait_ms",
                "refresh_after_ms",
                "retry_after_ms",
                "reason",
                "reopens_in_ms",
                "instance",
            ];
            let members = problem.as_object().expect("an object");
            assert!(
                members.iter().all(|(name, value)| KNOWN.contains(&name.as_str()) && !value.is_null()),
                "{problem}"
            );
            let in_line = ["position", "position_exact", "ahead", "waiting", "refresh_after_ms"];
            assert!(
                in_line.iter().all(|name| members.contains_key(*name) == (self.said() == Some("queued"))),
                "{problem}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visits_without_a_pass_get_a_place_each() {
    for (store, server, _ground) in shops(&["--active-users", "1", "--per-address", "1000"]) {
        let (_inside, mut queued) = filled(&server).await;
        for (number, (headers, page)) in (2..).zip(VISITS) {
            let what = format!("{store}: {headers:?}");
            let mut visitor = Visitor::of(&server);
            let reply = visitor.send(Method::GET, "/shop?item=1", headers).await;
            reply.refuses(503, "queued", false, *page, &what);
            assert_eq!(reply.header("airlock-position"), Some(&*number.to_string()), "{what}");
            assert_eq!(reply.cookies(), BTreeSet::from(["airlock-visitor-shop".to_owned()]), "{what}");
            assert_eq!(
                (reply.header("refresh").is_some(), reply.headers.contains_key("content-security-policy")),
                (*page, *page),
                "{what}"
            );
            // Again it is the same place.
            let again = visitor.send(Method::GET, "/shop", headers).await;
            assert_eq!(again.header("airlock-position"), reply.header("airlock-position"), "{what}");
            assert_eq!(visitor.status().await["position"], number, "{what}");
        }
        assert_eq!(queued.status().await["waiting"], 1 + VISITS.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_else_without_a_pass_gets_none() {
    for (store, server, _ground) in shops(&["--active-users", "2"]) {
        let (mut inside, mut queued) = {
            // There is room for one more.
            let (mut inside, other) = (Visitor::of(&server), Visitor::of(&server));
            for _ in 0..2 {
                assert_eq!(inside.visit().await.status, 200);
            }
            (inside, other)
        };
        for (method, headers, page) in OTHERS {
            let what = format!("{store}: {method} {headers:?}");
            let method: Method = method.parse().expect("a method");
            let (head, changes) =
                (method == Method::HEAD, !matches!(*method.as_str().as_bytes(), [b'G', ..] | [b'H', ..] | [b'O', ..]));
            for visitor in [&mut Visitor::of(&server), &mut queued] {
                let reply = visitor.send(method.clone(), "/shop?item=1&x=%22%3E", headers).await;
                reply.refuses(503, "full", head, *page, &what);
                assert_eq!((reply.cookies().len(), reply.header("refresh")), (0, None), "{what}");
                let text = String::from_utf8_lossy(&reply.body);
                assert_eq!(text.contains("not sent"), changes, "{what}: {text}");
                if changes && *page {
                    assert!(text.contains("href=\"/shop?item=1&#38;x=%22%3E\""), "a way on by GET: {text}");
                }
            }
            // Who is inside has all of it answered by the shop.
            let reply = inside.send(method.clone(), "/shop", headers).await;
            let known = matches!(method.as_str(), "GET" | "HEAD" | "POST");
            assert_eq!((reply.status == 200, reply.said(), reply.cookies().len()), (known, None, 0), "{what}");
            assert!(reply.headers.get("cache-control").is_none(), "it is the shop's own: {what}");
        }
        // A preflight is none of the room's business.
        let preflight = [("access-control-request-method", "POST"), ("origin", "https://else.example")];
        let reply = Client::of(&server).send(Method::OPTIONS, "/shop", &preflight).await.expect("no panic");
        assert_eq!((reply.status.as_u16(), reply.said()), (405, None), "{store}");
        // Nobody has taken the place that is left.
        assert_eq!(queued.visit().await.status, 200, "{store}");
        Visitor::of(&server).visit().await.refuses(503, "queued", false, false, store);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_is_as_it_stands_and_makes_no_place() {
    for (store, server, _ground) in shops(&["--active-users", "1"]) {
        let (mut inside, mut queued) = filled(&server).await;
        for headers in [&[][..], BROWSER, &[("accept", "text/html")], &[("sec-fetch-mode", "cors")]] {
            for (visitor, is) in
                [(&mut inside, "admitted"), (&mut queued, "queued"), (&mut Visitor::of(&server), "none")]
            {
                let reply = visitor.send(Method::GET, "/.airlock/shop/status", headers).await;
                let what = format!("{store}: {headers:?}: {reply:?}");
                assert_eq!(
                    (reply.status.as_u16(), reply.header("content-type")),
                    (200, Some("application/json")),
                    "{what}"
                );
                assert_eq!(
                    (reply.header("cache-control"), reply.cookies().len()),
                    (Some("private, no-store"), 0),
                    "{what}"
                );
                let status = reply.json();
                assert_eq!(status["status"], is, "{what}");
                for member in ["position", "position_exact", "ahead", "waiting"] {
                    assert_eq!(status.get(member).is_some(), is == "queued", "{member}: {what}");
                }
                assert!(
                    status["refresh_after_ms"].as_u64().is_some_and(|after| (1..=10_000).contains(&after)),
                    "{what}"
                );
                assert!(status.get("claim_within_ms").is_none(), "{what}");
            }
        }
        assert_eq!(queued.status().await["waiting"], 1, "{store}");
        inside.leave().await;
        let offered = queued.until("offered").await;
        assert!(offered["claim_within_ms"].as_u64().is_some_and(|within| (1..=20_000).contains(&within)), "{offered}");
        assert!(offered.get("position").is_none(), "{offered}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_and_leaves_are_for_pages_of_this_host() {
    for (store, server, _ground) in shops(&["--active-users", "1"]) {
        let (mut inside, mut queued) = filled(&server).await;
        let own = format!("http://{}", server.address());
        let same = ("sec-fetch-site", "same-origin");
        let refused: [&[(&str, &str)]; 9] = [
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "")],
            &[("sec-fetch-site", "cross-site"), ("origin", &own)],
            &[("origin", "http://else.example")],
            &[("origin", "http://127.0.0.1:1")],
            &[("origin", "null")],
            &[("origin", &own), ("origin", "http://else.example")],
        ];
        let allowed: [&[(&str, &str)]; 5] = [
            &[same],
            &[same, ("origin", "http://else.example")],
            &[("origin", &own)],
            &[],
            &[("content-type", "text/plain")],
        ];
        for headers in refused {
            for route in ["claim", "leave"] {
                for visitor in [&mut inside, &mut queued, &mut Visitor::of(&server)] {
                    let reply = visitor.send(Method::POST, &format!("/.airlock/shop/{route}"), headers).await;
                    assert_eq!(
                        (reply.status.as_u16(), reply.cookies().len()),
                        (403, 0),
                        "{store}: {route} {headers:?}"
                    );
                }
            }
        }
        assert_eq!(inside.status().await["status"], "admitted");
        for headers in allowed {
            // Too early, and never anything.
            for visitor in [&mut queued, &mut Visitor::of(&server)] {
                let reply = visitor.send(Method::POST, "/.airlock/shop/claim", headers).await;
                reply.refuses(409, "missed", false, false, &format!("{store}: {headers:?}"));
            }
            let again = inside.send(Method::POST, "/.airlock/shop/claim", headers).await;
            assert_eq!((again.status.as_u16(), again.header("cache-control")), (200, Some("private, no-store")));
            assert_eq!(again.cookies(), BTreeSet::from(["airlock-pass-shop".to_owned()]), "{store}: {headers:?}");
            let mut gone = Visitor::of(&server);
            gone.visit().await;
            let mut before = gone.clone();
            let left = gone.send(Method::POST, "/.airlock/shop/leave", headers).await;
            assert_eq!(
                (left.status.as_u16(), left.body.len(), gone.cookies.len()),
                (204, 0, 0),
                "{store}: {headers:?}"
            );
            let both = ["airlock-pass-shop", "airlock-visitor-shop"].map(str::to_owned);
            assert_eq!(left.cookies(), BTreeSet::from(both), "{store}: {headers:?}");
            assert_eq!(before.status().await["status"], "none", "{store}: {headers:?}");
        }
        for (method, route) in
            [("GET", "claim"), ("GET", "leave"), ("POST", "status"), ("POST", "events"), ("PUT", "leave")]
        {
            let reply = inside.send(method.parse().expect("a method"), &format!("/.airlock/shop/{route}"), &[]).await;
            assert_eq!(reply.status, 405, "{store}: {method} {route}");
        }
        inside.leave().await;
        queued.until("offered").await;
        for _ in 0..2 {
            let claimed = queued.send(Method::POST, "/.airlock/shop/claim", &[same]).await;
            assert_eq!((claimed.status.as_u16(), &claimed.json()["status"]), (200, &"admitted".into()), "{store}");
            assert_eq!(claimed.cookies(), BTreeSet::from(["airlock-pass-shop".to_owned()]), "{store}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_tell_the_present_state_for_a_minute() {
    let mut minutes = Vec::new();
    for (store, server, ground) in shops(&["--active-users", "1"]) {
        let (inside, queued) = filled(&server).await;
        let started = Instant::now();
        let mut first = Stream::open(&server, &queued, "last-event-id: 41\r\n").await;
        assert!(first.head.starts_with("http/1.0 200 "), "{store}: {}", first.head);
        for header in
            ["content-type: text/event-stream", "cache-control: no-store, no-transform", "x-accel-buffering: no"]
        {
            assert!(first.head.lines().any(|line| line == header), "{store}: {header}: {}", first.head);
        }
        assert!(!first.head.contains("set-cookie"), "{store}: {}", first.head);
        let event = first.event().await;
        assert_eq!((&event["event"], &event["id"]), (&"position".into(), &42.into()), "{store}");
        assert_eq!((&event["data"]["status"], &event["data"]["position"]), (&"queued".into(), &1.into()), "{store}");
        let mut second = Stream::open(&server, &queued, "").await;
        assert_eq!(second.event().await["id"], 1, "{store}");
        let third = Stream::open(&server, &queued, "").await;
        assert!(third.head.starts_with("http/1.0 429 ") && third.head.contains("airlock-status: limited"), "{store}");
        let mut hers = Stream::open(&server, &inside, "").await;
        assert_eq!(hers.event().await["event"], "admitted", "{store}");
        let nobody = Stream::open(&server, &Visitor::of(&server), "").await;
        assert!(nobody.head.starts_with("http/1.0 400 ") && nobody.head.contains("unidentified"), "{store}");
        minutes.push(tokio::spawn(async move {
            // Nothing else happens to it, and while it is open it keeps the place.
            let last = first.event().await;
            assert!(last["retry"].as_u64().is_some_and(|after| after > 0), "{store}: {last}");
            assert!(first.is_over().await, "{store}");
            let lasted = started.elapsed();
            assert!(lasted >= Duration::from_secs(54) && lasted < Duration::from_secs(70), "{store}: {lasted:?}");
            assert!(first.silence < Duration::from_secs(15) + Duration::from_secs(5), "{store}: {:?}", first.silence);
            drop((second, hers));
            let mut queued = queued;
            assert_eq!(queued.status().await["position"], 1, "{store}");
            drop((server, ground));
        }));
    }
    for minute in minutes {
        minute.await.expect("no panic");
    }
}
