//! Who asks: `per-tenant`, `pay-now`, `resend-code`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airlock_tests::flagship::Flagship;
use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::client::{Client, Reply, wait_for};
use crate::recipe::{run, serve};

const KEY: &str = "a-key-for-tests-and-for-nothing-else";

/// Signed so, and good for that many seconds.
fn token(tenant: &str, algorithm: Algorithm, key: &str, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let claims = json!({ "tenant": tenant, "exp": now + seconds });
    let token = encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(key.as_bytes()));
    format!("Bearer {}", token.expect("it can be signed"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenant_has_its_own_share_by_a_claim_that_was_verified() {
    let environment = [("JWT_KEY", KEY.as_ref())];
    let server = serve("per-tenant", &["--import-ms", "60000"], &environment);
    let client = Client::of(&server);
    let acme = token("acme", Algorithm::HS256, KEY, 600);
    let import = |token: &str| client.send(Method::POST, "/imports", &[("authorization", token)]);
    let working = [import(&acme), import(&acme)];
    wait_for(&server, "admitted", 2);
    import(&acme).await.expect("no panic").is_refused(503, "full");
    // Whatever acme does is nothing to others.
    let other = import(&token("globex", Algorithm::HS256, KEY, 600));
    wait_for(&server, "admitted", 3);
    working.iter().chain([&other]).for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenant_has_its_own_rate() {
    let server = serve("per-tenant", &["--import-ms", "0"], &[("JWT_KEY", KEY.as_ref())]);
    let client = Client::of(&server);
    let (acme, globex) = (token("acme", Algorithm::HS256, KEY, 600), token("globex", Algorithm::HS256, KEY, 600));
    let mut done = 0;
    let limited = loop {
        let reply = client.post("/imports", &[("authorization", &acme)]).await;
        if reply.status != StatusCode::OK {
            break reply;
        }
        assert_eq!(reply.body, "imported for acme\n");
        done += 1;
        assert!(done < 1000, "there is no end to it");
    };
    assert!(done >= 10, "{done}");
    assert_eq!((limited.status, limited.said()), (StatusCode::TOO_MANY_REQUESTS, Some("limited")));
    let after: u64 = limited.headers["retry-after"].to_str().unwrap().parse().expect("seconds");
    assert!((1..=6).contains(&after), "one comes free each six seconds: {after}");
    assert_eq!(client.post("/imports", &[("authorization", &globex)]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_prove_a_tenant_is_none() {
    let server = serve("per-tenant", &["--import-ms", "0"], &[("JWT_KEY", KEY.as_ref())]);
    let client = Client::of(&server);
    let good = token("acme", Algorithm::HS256, KEY, 600);
    let [_, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    // {"alg":"none","typ":"JWT"}
    let unsigned = format!("Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    let renamed = format!("Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.{signature}");
    let bad = [
        token("acme", Algorithm::HS256, "another-key-for-tests-and-nothing", 600),
        token("acme", Algorithm::HS384, KEY, 600),
        token("acme", Algorithm::HS256, KEY, -600),
        unsigned,
        renamed,
        good.replace("Bearer ", ""),
        "Bearer acme".to_owned(),
    ];
    for token in &bad {
        let told = client.post("/imports", &[("authorization", token), ("x-tenant", "acme")]).await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{token}");
    }
    assert_eq!(client.post("/imports", &[]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.post("/imports", &[("authorization", &good)]).await.status, StatusCode::OK);

    for key in ["", "short"] {
        let output = run("per-tenant", &["--listen", "127.0.0.1:0"], &[("JWT_KEY", key.as_ref())]);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("32 bytes"), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_pays_twice_at_the_same_time() {
    let server = serve("pay-now", &["--payment-ms", "60000"], &[]);
    let client = Client::of(&server);
    let pay = |user: &str| client.send(Method::POST, "/pay", &[("x-user", user)]);
    let first = pay("ada");
    wait_for(&server, "admitted", 1);
    pay("ada").await.expect("no panic").is_refused(409, "duplicate");
    let other = pay("bob");
    wait_for(&server, "admitted", 2);
    // The browser is closed, and another one opened.
    first.abort();
    wait_for(&server, "released", 1);
    let again = pay("ada");
    wait_for(&server, "admitted", 3);
    for nobody in [&[][..], &[("x-user", "")]] {
        assert_eq!(client.post("/pay", nobody).await.status, StatusCode::UNAUTHORIZED);
    }
    [other, again].iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_sent_again_when_its_time_has_come_and_not_before() {
    let server = serve("resend-code", &[], &[]);
    let ask = async |email: &str| ask_for_code(&server, email).await;
    assert_eq!(ask("ada@example.org").await.status, StatusCode::ACCEPTED);
    // One mailbox, however it is written; another is another.
    let soon = ask(" Ada@Example.org ").await;
    assert_eq!((soon.status, soon.said()), (StatusCode::TOO_MANY_REQUESTS, Some("limited")));
    let after: u64 = soon.headers["retry-after"].to_str().unwrap().parse().expect("seconds");
    assert!((1..=60).contains(&after), "{after}");
    assert_eq!(ask("bob@example.org").await.status, StatusCode::ACCEPTED);
    for wrong in ["", "  ", "a\u{7}b", &"x".repeat(513)] {
        assert_eq!(ask(wrong).await.status, StatusCode::BAD_REQUEST, "{wrong:?}");
    }

    let server = serve("resend-code", &["--every", "1"], &[]);
    for _ in 0..2 {
        while ask_for_code(&server, "ada@example.org").await.status != StatusCode::ACCEPTED {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn ask_for_code(server: &Flagship, email: &str) -> Reply {
    let json = [("content-type", "application/json")];
    let body = json!({ "email": email }).to_string();
    Client::of(server).send_body(Method::POST, "/codes", &json, &body).await.expect("no panic")
}
