//! The gates of a server, as the [driver](crate::store::shared) asks them.

use std::sync::Arc;
use std::time::Duration;

use redis::{Value, cmd};

use super::call::{self, Script};
use super::keys::{self, Keys};
use super::link::Link;
use super::wire::{self, NodeId};
use crate::error::StoreError;
use crate::gate::{Micros, Spec};
use crate::store::BoxFuture;
use crate::store::shared::{Answered, Backend, Call, Decided, InUse, Polled, Query};

/// Sets it unless it has changed since it was read.
const SWAP: &str = include_str!("lua/swap.lua");

pub(super) struct RedisBackend {
    pub(super) link: Arc<Link>,
    pub(super) script: Script,
    pub(super) prefix: String,
    pub(super) node: NodeId,
    /// Where nodes tell each other that a switch has changed.
    pub(super) changed: String,
}

impl RedisBackend {
    fn key(&self, airlock: &str, what: &str) -> String {
        keys::of_airlock(&self.prefix, airlock, what)
    }

    async fn decide(&self, call: Call<'_>) -> Result<Decided, StoreError> {
        let header = wire::header(call.spec, call.conditions, &self.prefix, call.record, call.spec.kept())?;
        let keys = Keys::new(&self.prefix, &call.spec.name, call.resource);
        let mut evalsha = self.script.call(&keys, &header, call.resource, call.asked.len());
        let mut command = Vec::with_capacity(128);
        for asked in call.asked {
            wire::command_into(&mut command, asked, &self.node)?;
            evalsha.arg(&*command);
        }
        // Only a test says what time it is.
        if let Some(now) = call.now {
            evalsha.arg(now);
        }
        let answers = call::answers(&self.link.call(&evalsha).await?, call.asked.len())?;
        let now = answers.first().map_or(0, |answered| answered.now);
        let answered = answers.into_iter().map(|answered| {
            let wire::Answered { answer, effects, idle, own, .. } = answered;
            Answered { answer, effects: effects.into_iter().map(|told| told.effect).collect(), idle, own }
        });
        // Whoever has to be woken is told by the server itself.
        Ok(Decided { now, answered: answered.collect(), woken: Vec::new() })
    }

    async fn settings(&self, airlock: &str) -> Result<(Vec<u8>, Micros), StoreError> {
        let now = self.now().await?;
        match self.link.call(cmd("GET").arg(self.key(airlock, "conditions"))).await? {
            Value::Nil => Ok((Vec::new(), now)),
            Value::BulkString(held) => Ok((held, now)),
            other => Err(StoreError::not_executed(format!("Redis has {other:?} where a switch should be"))),
        }
    }

    async fn swap_settings(
        &self,
        airlock: &str,
        held: &[u8],
        wanted: &[u8],
        kept_for: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let kept_ms = kept_for.map_or(0, |kept_for| kept_for.as_millis().max(1) as u64);
        let key = self.key(airlock, "conditions");
        let swap = cmd("EVAL").arg(SWAP).arg(1).arg(key).arg(held).arg(wanted).arg(kept_ms).clone();
        if self.link.call(&swap).await? != Value::Int(1) {
            return Ok(false);
        }
        // A hint for the other nodes, which look for themselves as well.
        self.link.call(cmd("PUBLISH").arg(&self.changed).arg(airlock)).await?;
        Ok(true)
    }

    async fn now(&self) -> Result<Micros, StoreError> {
        let part = |value: &Value| match value {
            Value::BulkString(digits) => std::str::from_utf8(digits).ok()?.parse::<u64>().ok(),
            _ => None,
        };
        match self.link.call(&cmd("TIME")).await? {
            Value::Array(parts) if parts.len() == 2 => match (part(&parts[0]), part(&parts[1])) {
                (Some(seconds), Some(micros)) => Ok(seconds * 1_000_000 + micros),
                _ => Err(StoreError::not_executed("Redis does not know the time")),
            },
            other => Err(StoreError::not_executed(format!("Redis answered TIME with {other:?}"))),
        }
    }

    /// Those used last.
    async fn in_use(&self, airlock: &str) -> Result<Vec<String>, StoreError> {
        let range = cmd("ZRANGE").arg(self.key(airlock, "index")).arg(0).arg(9_999).arg("REV").clone();
        let Value::Array(names) = self.link.call(&range).await? else {
            return Err(StoreError::not_executed("Redis answered ZRANGE with something else than a list"));
        };
        let names = names.into_iter().filter_map(|name| match name {
            Value::BulkString(name) => String::from_utf8(name).ok(),
            _ => None,
        });
        Ok(names.collect())
    }

    /// Adds to the list what this node has used, and drops what nobody has used for long. By the server's clock: another
    /// node's may be wrong, and would drop what the rest of the fleet uses.
    async fn used(&self, airlock: &str, used: &[Arc<str>], (now, kept): (Micros, Micros)) -> Result<(), StoreError> {
        let (key, now, kept) = (self.key(airlock, "index"), now / 1000, kept / 1000);
        for part in used.chunks(1000) {
            let mut add = cmd("ZADD");
            add.arg(&key);
            for resource in part {
                add.arg(now).arg(&**resource);
            }
            self.link.call(&add).await?;
        }
        self.link.call(cmd("ZREMRANGEBYSCORE").arg(&key).arg("-inf").arg(now.saturating_sub(kept))).await?;
        self.link.call(cmd("PEXPIRE").arg(&key).arg(kept)).await?;
        Ok(())
    }
}

impl Backend for RedisBackend {
    fn decide<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Decided, StoreError>> {
        Box::pin(self.decide(call))
    }

    fn settings<'a>(&'a self, airlock: &'a str) -> BoxFuture<'a, Result<(Vec<u8>, Micros), StoreError>> {
        Box::pin(self.settings(airlock))
    }

    fn swap_settings<'a>(
        &'a self,
        airlock: &'a str,
        held: &'a [u8],
        wanted: &'a [u8],
        kept_for: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.swap_settings(airlock, held, wanted, kept_for))
    }

    fn in_use<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<InUse, StoreError>> {
        Box::pin(async move { Ok(InUse::Named(self.in_use(&query.spec.name).await?)) })
    }

    fn used<'a>(
        &'a self,
        airlock: &'a Spec,
        resources: &'a [Arc<str>],
        times: (Micros, Micros),
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.used(&airlock.name, resources, times))
    }

    fn trouble(&self) -> Option<StoreError> {
        self.link.trouble()
    }

    /// The server tells each node what concerns it.
    fn polled(&self) -> Option<Polled> {
        None
    }
}
