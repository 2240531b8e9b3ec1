//! Single commands to the script as it is shipped: by the server's own clock, with little time.

use airlock_core::gate::{
    Conditions, Enter, Key, LineSpec, NEVER, OnMissed, OnReentry, Outcome, Pick, Record, SharedSpec, Spec, Stay, Verb,
};
use airlock_core::store::redis::keys::Keys;
use airlock_core::store::redis::script;
use airlock_core::store::redis::wire::{self, Answered, NodeId};

use crate::ask::secret;
use crate::server::{Connection, Server, Value};

/// Gates with real time, and little of it.
pub struct Short {
    pub server: Server,
    pub connection: Connection,
    pub sha: Vec<u8>,
}

/// In microseconds: for how long a lease lasts in these tests, and a gate after its last change.
pub const TTL: u64 = 50_000;
pub const KEEP: u64 = 400_000;

/// One place, and nothing out of the ordinary.
pub fn spec() -> Spec {
    Spec {
        name: "short".into(),
        limit: 1,
        rate: None,
        leased: true,
        ttl: TTL,
        max_hold: NEVER,
        pick: Pick::Head,
        line: LineSpec {
            capacity: NEVER,
            group_capacity: NEVER,
            presence: TTL,
            claim_window: TTL,
            on_missed: OnMissed::Drop,
        },
        on_reentry: OnReentry::Share,
        step_bound: 64,
        revision: 0,
        guarded: false,
        shared: Some(SharedSpec { presence: 6_000_000, confirmation: 4_000_000 }),
    }
}

impl Short {
    pub fn start() -> Self {
        let server = Server::start();
        let mut connection = server.connect().expect("it answers");
        let loaded = connection.call(&[b"SCRIPT", b"LOAD", script::TEXT.as_bytes()]).expect("it answers");
        let sha = loaded.text().expect("a script").to_vec();
        Short { server, connection, sha }
    }

    pub fn ask(&mut self, resource: &str, spec: &Spec, verb: &Verb<'_>) -> Outcome {
        self.ask_as(None, resource, spec, verb).unwrap_or_else(|why| panic!("no answer: {why}")).answer.outcome
    }

    /// Asks as that node, and answers what the server says if it will not.
    pub fn ask_as(
        &mut self,
        node: Option<NodeId>,
        resource: &str,
        spec: &Spec,
        verb: &Verb<'_>,
    ) -> Result<Answered, String> {
        let keys = Keys::new("short", &spec.name, resource);
        let header = wire::header(spec, &Conditions::default(), "short", Record::Names, KEEP).expect("fine");
        let command = wire::command(verb, 7, node.as_ref()).expect("fine");
        let (records, indexes) = (keys.records.as_bytes(), keys.indexes.as_bytes());
        let arguments = [b"EVALSHA", &*self.sha, b"2", records, indexes, &header, resource.as_bytes(), &command];
        match self.connection.call(&arguments).expect("it answers") {
            Value::Text(answer) => Ok(wire::answers(&answer).expect("it makes sense").pop().expect("one answer")),
            Value::Error(why) => Err(why),
            other => panic!("no answer: {other:?}"),
        }
    }

    pub fn keys(&mut self) -> Vec<Vec<u8>> {
        let keys = self.connection.call(&[b"KEYS", b"*"]).expect("it answers");
        keys.list().expect("a list").iter().map(|key| key.text().expect("a name").to_vec()).collect()
    }

    pub fn lasts(&mut self, key: &[u8]) -> i64 {
        let left = self.connection.call(&[b"PTTL", key]).expect("it answers");
        left.number().expect("a number")
    }
}

pub fn newcomer(token: u32, group: Option<&'static str>, stay: Stay) -> Verb<'static> {
    Verb::Enter(Enter {
        key: Some(Key::Token(secret(token))),
        identity: Some("ada").filter(|_| token.is_multiple_of(2)),
        group,
        weight: 1,
        score: 0.0,
        per_second: 0.0,
        share: 1.0,
        cap: 0,
        stay,
    })
}
