//! Places to come back with: `reservation`.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::recipe::serve;

/// Somebody with a token.
struct Guest {
    client: Client,
    token: String,
}

impl Guest {
    /// Comes, and is told that.
    async fn come(client: &Client) -> (Self, StatusCode, Value) {
        let reply = client.post("/tables", &[]).await;
        let said = reply.json();
        let token = format!("Bearer {}", said["token"].as_str().expect("a token"));
        (Guest { client: client.clone(), token }, reply.status, said)
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> Reply {
        let headers = [("authorization", &*self.token), ("content-type", "application/json")];
        self.client.send_body(method, path, &headers, body).await.expect("no panic")
    }

    async fn standing(&self) -> Value {
        self.ask(Method::GET, "/tables", "").await.json()
    }

    async fn leave(&self) -> StatusCode {
        self.ask(Method::DELETE, "/tables", "").await.status
    }

    async fn claim(&self, nonce: &Value) -> Reply {
        self.ask(Method::POST, "/tables/claim", &json!({ "nonce": nonce }).to_string()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_waited_for_offered_and_claimed() {
    let server = serve("reservation", &["--tables", "1"], &[]);
    let client = Client::of(&server);
    let (ada, status, said) = Guest::come(&client).await;
    assert_eq!((status, &said["standing"]), (StatusCode::CREATED, &json!("seated")));
    assert_eq!(ada.standing().await["standing"], "seated");
    let (bob, status, said) = Guest::come(&client).await;
    assert_eq!((status, &said["position"]), (StatusCode::ACCEPTED, &json!(1)));
    let (cleo, _, said) = Guest::come(&client).await;
    assert_eq!(said["position"], 2);
    assert_eq!(bob.claim(&json!("1")).await.status, StatusCode::CONFLICT, "it is not his turn");

    assert_eq!(ada.leave().await, StatusCode::NO_CONTENT);
    assert_eq!(ada.leave().await, StatusCode::GONE);
    let offered = bob.standing().await;
    assert_eq!(offered["standing"], "offered");
    // It is held for him, and for nobody else.
    let (dan, status, _) = Guest::come(&client).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(cleo.claim(&offered["nonce"]).await.status, StatusCode::CONFLICT);
    for _ in 0..2 {
        let seated = bob.claim(&offered["nonce"]).await;
        assert_eq!((seated.status, &seated.json()["standing"]), (StatusCode::CREATED, &json!("seated")));
    }
    assert_eq!(bob.standing().await["standing"], "seated");

    // Who leaves the line makes room for those behind.
    assert_eq!(cleo.leave().await, StatusCode::NO_CONTENT);
    assert_eq!(dan.standing().await, json!({ "standing": "waiting", "position": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_none_opens_nothing() {
    let server = serve("reservation", &[], &[]);
    let client = Client::of(&server);
    let (ada, ..) = Guest::come(&client).await;
    for token in ["", "Bearer", "Bearer x", &ada.token["Bearer ".len()..]] {
        let told = client.get("/tables", &[("authorization", token)]).await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{token}");
    }
    assert_eq!(client.get("/tables", &[]).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ada.claim(&json!("x")).await.status, StatusCode::BAD_REQUEST);
}
