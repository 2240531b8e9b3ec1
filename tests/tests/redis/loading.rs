//! A Redis server that takes its time to load its data.

use airlock_tests::redis::Server;

use crate::client::Client;
use crate::faults::{until_let_in, until_refused};
use crate::fleet::node;

/// Keys that make it load for long if each takes long.
const KEYS: &[u8] = b"20000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_loading_says_so_and_lets_in_when_it_has_loaded() {
    let mut redis = Server::start_with(&["--enable-debug-command", "yes"]);
    let server = node(&redis, &[]);
    let client = Client::of(&server);
    until_let_in(&client).await;
    let mut connection = redis.connect().expect("a server");
    connection.call(&[b"DEBUG", b"POPULATE", KEYS]).expect("an answer");
    connection.call(&[b"SAVE"]).expect("an answer");
    // Half a minute and more, with a look at who asks after every few keys.
    let slowly = ["--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"];
    tokio::task::block_in_place(|| redis.restart_with_data(&slowly));
    let mut connection = redis.connect().expect("a server");
    let said = connection.call(&[b"PING"]).expect("an answer");
    assert!(format!("{said:?}").contains("LOADING"), "it has loaded already: {said:?}");
    until_refused(&client).await;
    server_says(&server, "Redis answered LOADING: it is still loading its data; this passes by itself");
    // One that is started meanwhile comes up as well.
    let newcomer = node(&redis, &[]);
    until_refused(&Client::of(&newcomer)).await;
    connection.call(&[b"CONFIG", b"SET", b"key-load-delay", b"0"]).expect("an answer");
    until_let_in(&client).await;
    until_let_in(&Client::of(&newcomer)).await;
}

fn server_says(server: &airlock_tests::flagship::Flagship, what: &str) {
    tokio::task::block_in_place(|| server.wait_for_lines(what, 1));
}
