//! The connection: kept up for as long as the store exists, and lost without anybody waiting for it for ever.
//!
//! # Implementation details
//!
//! One task connects, prepares the connection (version, policy and rights are checked, the script is loaded, the
//! channels are subscribed to) and hands it out; it does so again whenever the connection breaks, at most a second
//! apart, for ever. Every call has a deadline of its own. Two calls in a row that do not answer break the connection:
//! what is sent into a black hole never comes back by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, PushInfo, PushKind, RedisError, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::call::Script;
use super::client;
use super::failure::Failure;
use super::server;
use crate::error::StoreError;
use crate::store::shared::jittered;

/// The longest time between two tries to connect.
const RETRY_AT_MOST: Duration = Duration::from_secs(1);
/// How many calls in a row may go unanswered.
const DEAF_AFTER: u32 = 2;

/// What a link is made with.
pub(super) struct Plan {
    pub(super) client: Client,
    pub(super) script: Script,
    pub(super) prefix: String,
    /// What to subscribe to.
    pub(super) channels: Vec<String>,
    pub(super) connect_timeout: Duration,
    pub(super) call_timeout: Duration,
    /// Whether a server that throws keys away when its memory is full will do.
    pub(super) any_eviction: bool,
}

/// What comes without having been asked for.
#[derive(Debug)]
pub(super) enum Heard {
    /// There is a connection, and it is subscribed: what was said before may have been missed.
    Connected,
    /// A message.
    Message { channel: Vec<u8>, payload: Vec<u8> },
}

#[derive(Clone)]
enum State {
    /// Not yet, or not any more; with the reason if there is one.
    Down(Option<Why>),
    Up {
        connection: MultiplexedConnection,
        generation: u64,
    },
}

pub(super) struct Link {
    plan: Plan,
    state: watch::Sender<State>,
    /// How many calls in a row went unanswered.
    deaf: AtomicU32,
    /// Tells the task which connection is of no use any more.
    broken: watch::Sender<u64>,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub(super) struct Why {
    what: Arc<str>,
    /// Whether the server is there and will not do, so that somebody has to change something.
    unfit: bool,
}

impl Why {
    pub(super) fn unfit(what: impl Into<Arc<str>>) -> Self {
        Why { what: what.into(), unfit: true }
    }

    fn away(what: impl Into<Arc<str>>) -> Self {
        Why { what: what.into(), unfit: false }
    }

    /// What the client's error means.
    pub(super) fn of(error: RedisError) -> Self {
        let refused = error.kind() == ErrorKind::AuthenticationFailed
            || client::is_about_tls(&error)
            || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM" | "ERR"));
        let what = match Failure::of(error) {
            Failure::Refused(told) | Failure::Broken(told) => told.to_string(),
            Failure::Unloaded => "it does not know the script".to_owned(),
        };
        if refused { Why::unfit(what) } else { Why::away(what) }
    }
}

impl Link {
    /// Waits for the first try to connect, and says what somebody has to change.
    pub(super) async fn first_try(&self) -> Result<(), Arc<str>> {
        let mut state = self.state.subscribe();
        let tried = state.wait_for(|state| !matches!(state, State::Down(None)));
        match timeout(2 * self.plan.connect_timeout, tried).await {
            Ok(Ok(state)) => match &*state {
                State::Down(Some(Why { what, unfit: true })) => Err(what.clone()),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    pub(super) fn new(plan: Plan) -> Arc<Self> {
        let (state, broken) = (watch::Sender::new(State::Down(None)), watch::Sender::new(0));
        Arc::new(Link { plan, state, deaf: AtomicU32::new(0), broken })
    }

    /// Sends a command, and waits for its answer for as long as a call may take.
    pub(super) async fn call(&self, command: &Cmd) -> Result<Value, StoreError> {
        match self.call_once(command).await {
            Err(Failure::Unloaded) => {}
            other => return settle(other),
        }
        // Scripts are part of what a server forgets. Its text goes with nothing else, so that a call stays small.
        settle(self.call_once(&self.plan.script.load()).await)?;
        settle(self.call_once(command).await)
    }

    async fn call_once(&self, command: &Cmd) -> Result<Value, Failure> {
        let patience = self.plan.call_timeout;
        let mut state = self.state.subscribe();
        let up = timeout(patience, state.wait_for(|state| !matches!(state, State::Down(None)))).await;
        let (mut connection, generation) = match up.map(|state| state.map(|state| state.clone())) {
            Ok(Ok(State::Up { connection, generation })) => (connection, generation),
            Ok(Ok(State::Down(Some(why)))) => {
                return Err(Failure::Refused(not_connected(&why)));
            }
            _ => return Err(Failure::Refused(StoreError::not_executed("there is no connection to Redis yet"))),
        };
        match timeout(patience, connection.send_packed_command(command)).await {
            Ok(Ok(Value::ServerError(error))) => self.judge(generation, error.into()),
            Ok(Ok(value)) => {
                self.deaf.store(0, Ordering::Relaxed);
                Ok(value)
            }
            Ok(Err(error)) => self.judge(generation, error),
            Err(_) => {
                if self.deaf.fetch_add(1, Ordering::Relaxed) + 1 >= DEAF_AFTER {
                    self.drop_connection(generation);
                }
                let what = format!("Redis did not answer within {patience:?}");
                Err(Failure::Refused(StoreError::unknown(what)))
            }
        }
    }

    /// What is wrong at the moment, as far as the last calls have shown.
    pub(super) fn trouble(&self) -> Option<StoreError> {
        match &*self.state.borrow() {
            State::Down(Some(why)) => Some(not_connected(why)),
            State::Down(None) => Some(StoreError::not_executed("there is no connection to Redis")),
            State::Up { .. } if self.deaf.load(Ordering::Relaxed) > 0 => {
                Some(StoreError::unknown("Redis did not answer the last call"))
            }
            State::Up { .. } => None,
        }
    }

    fn judge(&self, generation: u64, error: RedisError) -> Result<Value, Failure> {
        let failure = Failure::of(error);
        if matches!(failure, Failure::Broken(_)) {
            self.drop_connection(generation);
        }
        Err(failure)
    }

    fn drop_connection(&self, generation: u64) {
        self.deaf.store(0, Ordering::Relaxed);
        self.broken.send_if_modified(|broken| {
            let first = *broken < generation;
            *broken = (*broken).max(generation);
            first
        });
    }

    /// Keeps the connection up until nobody wants it any more.
    pub(super) async fn keep_up(self: Arc<Self>, heard: mpsc::UnboundedSender<Heard>) {
        let (mut generation, mut pause) = (0, Duration::from_millis(10));
        loop {
            generation += 1;
            match self.connect(generation, &heard).await {
                Ok(connection) => {
                    pause = Duration::from_millis(10);
                    self.state.send_replace(State::Up { connection, generation });
                    if heard.send(Heard::Connected).is_err() {
                        return;
                    }
                    let mut broken = self.broken.subscribe();
                    tokio::select! {
                        _ = broken.wait_for(|broken| *broken >= generation) => {}
                        () = heard.closed() => return,
                    }
                    tracing::warn!(target: "airlock", "the connection to Redis is lost");
                    self.state.send_replace(State::Down(None));
                }
                Err(why) => {
                    tracing::warn!(target: "airlock", why = &*why.what, "cannot connect to Redis");
                    self.state.send_replace(State::Down(Some(why)));
                    tokio::select! {
                        () = tokio::time::sleep(jittered(pause)) => {}
                        () = heard.closed() => return,
                    }
                    pause = (2 * pause).min(RETRY_AT_MOST);
                }
            }
        }
    }

    async fn connect(
        self: &Arc<Self>,
        generation: u64,
        heard: &mpsc::UnboundedSender<Heard>,
    ) -> Result<MultiplexedConnection, Why> {
        let (link, heard) = (Arc::downgrade(self), heard.clone());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.plan.connect_timeout))
            // Calls have deadlines of their own, which say more when they are over.
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                match (push.kind, <[Value; 2]>::try_from(push.data)) {
                    (PushKind::Disconnection, _) => {
                        if let Some(link) = link.upgrade() {
                            link.drop_connection(generation);
                        }
                    }
                    (PushKind::Message, Ok([Value::BulkString(channel), Value::BulkString(payload)])) => {
                        // Nobody listens any more when the store is gone.
                        let _ = heard.send(Heard::Message { channel, payload });
                    }
                    _ => {}
                }
                Ok::<(), std::convert::Infallible>(())
            });
        let prepared = async {
            let connection = self.plan.client.get_multiplexed_async_connection_with_config(&config).await;
            self.prepare(connection.map_err(Why::of)?).await
        };
        match timeout(2 * self.plan.connect_timeout, prepared).await {
            Ok(connection) => connection,
            Err(_) => Err(Why::away(format!("it did not answer within {:?}", 2 * self.plan.connect_timeout))),
        }
    }

    async fn prepare(&self, mut connection: MultiplexedConnection) -> Result<MultiplexedConnection, Why> {
        let prefix = &*self.plan.prefix;
        server::check(&mut connection, self.plan.any_eviction).await?;
        let load = connection.send_packed_command(&self.plan.script.load()).await.and_then(Value::extract_error);
        load.map_err(|error| server::not_allowed(error, "SCRIPT LOAD", prefix))?;
        server::check_rights(&mut connection, prefix).await?;
        for channel in &self.plan.channels {
            let subscribed = connection.subscribe(channel).await;
            subscribed.map_err(|error| server::not_allowed(error, "SUBSCRIBE", prefix))?;
        }
        Ok(connection)
    }
}

fn not_connected(why: &Why) -> StoreError {
    StoreError::not_executed(format!("there is no connection to Redis: {}", why.what))
}

fn settle(result: Result<Value, Failure>) -> Result<Value, StoreError> {
    result.map_err(|failure| match failure {
        Failure::Unloaded => StoreError::not_executed("Redis forgets the script as soon as it is loaded"),
        Failure::Refused(error) | Failure::Broken(error) => error,
    })
}
