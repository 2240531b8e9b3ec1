//! A server, and processes that share it.

use airlock_tests::flagship::Flagship;
use airlock_tests::redis::{Server, Value};
use http::Method;
use tokio::task::JoinHandle;

use crate::client::{Client, Reply};

pub(crate) struct Fleet {
    pub(crate) redis: Server,
    pub(crate) nodes: Vec<Flagship>,
}

impl Fleet {
    /// So many processes with the same options.
    pub(crate) fn start(nodes: usize, options: &[&str]) -> Self {
        let redis = Server::start();
        let nodes = (0..nodes).map(|_| node(&redis, options)).collect();
        Fleet { redis, nodes }
    }

    pub(crate) fn clients(&self) -> Vec<Client> {
        self.nodes.iter().map(Client::of).collect()
    }

    /// So many requests, to each process in turn.
    pub(crate) fn crowd(&self, requests: usize, path: &str) -> Vec<JoinHandle<Reply>> {
        let clients = self.clients();
        (0..requests).map(|number| clients[number % clients.len()].send(Method::POST, path, &[])).collect()
    }

    /// How many have a ticket, at all gates: who is inside, who waits, and whose token is remembered.
    pub(crate) fn tickets(&self) -> usize {
        let mut connection = self.redis.connect().expect("a server");
        let gates = connection.call(&[b"KEYS", b"{airlock:*}g"]).expect("an answer");
        let in_gate = |gate: &Value| {
            let fields = connection.call(&[b"HKEYS", gate.text().expect("a name")]).expect("an answer");
            let fields = fields.list().expect("a list").iter().filter_map(Value::text);
            fields.filter(|field| field.starts_with(b"t")).count()
        };
        gates.list().expect("a list").iter().map(in_gate).sum()
    }

    /// Keys that would stay for ever.
    pub(crate) fn immortal_keys(&self) -> Vec<String> {
        let mut connection = self.redis.connect().expect("a server");
        let keys = connection.call(&[b"KEYS", b"*"]).expect("an answer");
        let keys = keys.list().expect("a list").iter().filter_map(|key| key.text().map(<[u8]>::to_vec));
        let immortal = keys.collect::<Vec<_>>().into_iter().filter(|key| {
            let ttl = connection.call(&[b"PTTL", key]).expect("an answer").number().expect("a number");
            ttl == -1
        });
        immortal.map(|key| String::from_utf8_lossy(&key).into_owned()).collect()
    }
}

pub(crate) fn node(redis: &Server, options: &[&str]) -> Flagship {
    node_at(&redis.url(), options)
}

/// A process that is told of the server by that URL.
pub(crate) fn node_at(url: &str, options: &[&str]) -> Flagship {
    Flagship::start(&[&["--store", url], options].concat())
}
