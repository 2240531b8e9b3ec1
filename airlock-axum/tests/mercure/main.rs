//! Turns by a Mercure hub: a stand-in, which `hub.rs` says the reason of.

mod hub;

use std::time::Duration;

use airlock_axum::notifier::MercureNotifier;
use airlock_axum::{Airlock, Entered, Entrant, Permit, Seal};
use axum::http::StatusCode;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use hub::{Hub, verify};

const PUBLISHER: &str = "a publisher's key of forty bytes or so...";
const SUBSCRIBER: &str = "a subscriber's key, which is another one";
/// For whatever happens elsewhere.
const SOON: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

struct Shop {
    hub: Hub,
    mercure: MercureNotifier,
    airlock: Airlock,
}

impl Shop {
    async fn open() -> Self {
        let hub = Hub::start(PUBLISHER, SUBSCRIBER).await;
        let mercure = MercureNotifier::new(&hub.url(), PUBLISHER).expect("a hub");
        let mercure = mercure.subscriber_key(SUBSCRIBER).expect("a key");
        let airlock = Airlock::builder("shop").seal(Seal::lock()).notifier(mercure.clone()).build().expect("valid");
        Shop { hub, mercure, airlock }
    }

    /// A place is held for this identity from now on, and somebody is inside until the permit is dropped.
    async fn turn_of(&self, identity: &str) -> Permit {
        let inside = self.airlock.try_enter("door").await.expect("there is room");
        let waiting = self.airlock.enter(Entrant::new("door").identity(identity)).await.expect("a line");
        let Entered::Queued(ticket) = waiting else { panic!("somebody is inside") };
        drop(inside);
        let airlock_axum::Standing::Offered(offer) = self.airlock.poll(&ticket.token).await.expect("memory") else {
            panic!("it is its turn")
        };
        self.airlock.claim(&ticket.token, offer.nonce).await.expect("its offer")
    }

    async fn listen(&self, topic: &str, token: &str) -> Result<hyper::body::Incoming, StatusCode> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let topic = percent_encoding::utf8_percent_encode(topic, percent_encoding::NON_ALPHANUMERIC);
        let request = Request::get(format!("{}?topic={topic}", self.hub.url()))
            .header("authorization", format!("Bearer {token}"))
            .body(Empty::new())
            .expect("a request");
        let response = client.request(request).await.expect("an answer");
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            status => Err(status),
        }
    }

    /// How often it was published, once it was so often.
    async fn published(&self, times: usize) -> Vec<String> {
        let published = async {
            loop {
                let asked = self.hub.asked();
                if asked.len() >= times {
                    return asked;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, published).await.expect("it is published")
    }
}

async fn next(stream: &mut hyper::body::Incoming) -> Option<String> {
    let frame = tokio::time::timeout(SOON, stream.frame()).await.expect("something comes")?;
    let data = frame.expect("whole").into_data().expect("no trailers");
    Some(String::from_utf8(data.to_vec()).expect("text"))
}

#[tokio::test]
async fn a_turn_is_a_private_update_of_ones_own_topic() {
    let shop = Shop::open().await;
    let token = shop.mercure.subscriber_token(&shop.airlock, "ada@example.org", HOUR).expect("a name");
    let topic = shop.airlock.topic("ada@example.org").expect("a name");
    assert_eq!(topic, "/waiting-room/shop/ada%40example.org");
    let mut hers = shop.listen(&topic, &token).await.expect("she may");
    let permit = shop.turn_of("ada@example.org").await;
    let update = next(&mut hers).await.expect("an update");
    let data = update.strip_prefix("event: turn\ndata: ").expect("a turn").trim();
    let data: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(data["airlock"], "shop");
    let within = data["claim_within_ms"].as_u64().expect("a number");
    assert!(within > 0 && within <= 20_000, "{data}");
    // Nothing else: no nonce, no token, no fence, no resource.
    assert_eq!(data.as_object().expect("an object").len(), 2, "{data}");
    drop(permit);
}

#[tokio::test]
async fn rx_33_no_visitor_reads_anothers_turns() {
    let shop = Shop::open().await;
    let (ada, bob) = (shop.airlock.topic("ada").expect("a name"), shop.airlock.topic("bob").expect("a name"));
    let bobs = shop.mercure.subscriber_token(&shop.airlock, "bob", HOUR).expect("a name");
    let claims = verify(&bobs, SUBSCRIBER).expect("signed");
    assert_eq!(claims["mercure"], json!({ "subscribe": [bob] }), "one topic and no right to publish");
    assert!(verify(&bobs, PUBLISHER).is_none());

    // Bob listens to Ada's topic and to his own, and hears of himself alone.
    let mut sly = shop.listen(&ada, &bobs).await.expect("a hub lets everybody listen to what is public");
    let mut his = shop.listen(&bob, &bobs).await.expect("he may");
    drop(shop.turn_of("ada").await);
    drop(shop.turn_of("bob").await);
    assert!(next(&mut his).await.is_some());
    assert!(tokio::time::timeout(Duration::ZERO, sly.frame()).await.is_err());

    // No name makes a selector of more than one topic, or another's topic.
    for name in ["*", "{user}", "ada/../bob", "../shop/ada", "ada%2Fbob", "ä ö"] {
        let token = shop.mercure.subscriber_token(&shop.airlock, name, HOUR).expect("a name");
        let claims = verify(&token, SUBSCRIBER).expect("signed");
        let topic = claims["mercure"]["subscribe"][0].as_str().expect("text");
        let own = topic.strip_prefix("/waiting-room/shop/").expect("of this airlock");
        assert!(own.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{topic}");
        assert!(topic != ada && topic != bob);
    }
}

#[tokio::test]
async fn presence_is_what_the_hub_says() {
    let shop = Shop::open().await;
    let is_present = async |identity| shop.mercure.is_present(&shop.airlock, identity).await.expect("the hub says");
    assert!(!is_present("ada").await);
    let token = shop.mercure.subscriber_token(&shop.airlock, "ada", HOUR).expect("a name");
    let hers = shop.listen(&shop.airlock.topic("ada").expect("a name"), &token).await.expect("she may");
    assert!(is_present("ada").await);
    assert!(!is_present("bob").await);
    drop(hers);
    let gone = async {
        while is_present("ada").await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("the hub notices");
    let error = shop.mercure.is_present(&shop.airlock, "").await.expect_err("no name");
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn a_hub_that_stumbles_is_asked_again_and_one_that_refuses_is_not() {
    let shop = Shop::open().await;
    shop.hub.fails_with(&[StatusCode::BAD_GATEWAY, StatusCode::TOO_MANY_REQUESTS]);
    drop(shop.turn_of("ada").await);
    assert_eq!(shop.published(3).await.len(), 3);
    shop.hub.fails_with(&[StatusCode::UNAUTHORIZED]);
    drop(shop.turn_of("bob").await);
    // The next one is told while nobody tries the last again.
    drop(shop.turn_of("cleo").await);
    let published = shop.published(5).await;
    let of_bob = published.iter().filter(|form| form.contains("shop%2Fbob")).count();
    assert_eq!(of_bob, 1, "{published:?}");
}

#[tokio::test]
async fn what_is_wrong_is_said_and_no_key() {
    let error = |hub: &str, key: &str| MercureNotifier::new(hub, key).expect_err("refused");
    let good = "https://hub.example/.well-known/mercure";
    assert_eq!(error(good, "short").field(), "key");
    for hub in ["", "hub.example", "ftp://hub.example/", "http://user:secret@hub.example/", "http://hub.example/?a=b"] {
        let error = error(hub, PUBLISHER);
        assert_eq!(error.field(), "hub", "{hub}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let shop = Shop::open().await;
    let shown = format!("{:?} {:?}", shop.mercure, shop.airlock);
    assert!(!shown.contains("key of forty") && !shown.contains("another one"), "{shown}");
    assert!(shop.mercure.subscriber_token(&shop.airlock, "ada", Duration::ZERO).is_err());
    assert!(shop.mercure.subscriber_token(&shop.airlock, "", HOUR).is_err());

    // Another key than the hub's.
    let stranger =
        MercureNotifier::new(&shop.hub.url(), "a key of somebody else, long enough to be one").expect("a hub");
    let refused = stranger.is_present(&shop.airlock, "ada").await.expect_err("another key");
    assert!(refused.to_string().contains("401") && !refused.is_temporary(), "{refused}");
    let away = MercureNotifier::new("http://127.0.0.1:9/.well-known/mercure", PUBLISHER).expect("a hub");
    assert!(away.is_present(&shop.airlock, "ada").await.expect_err("nobody is there").is_temporary());
}
