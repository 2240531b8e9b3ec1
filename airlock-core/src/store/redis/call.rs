//! A call of the script.

use std::sync::Arc;

use redis::{Cmd, Value, cmd};

use super::keys::Keys;
use super::wire::{self, Answered};
use crate::error::StoreError;
use crate::gate::Micros;

/// The script as a server is told it, and the name that it has there.
#[derive(Clone, Debug)]
pub(super) struct Script {
    text: Arc<str>,
    name: Arc<str>,
}

impl Script {
    pub(super) fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let name = redis::Script::new(&text).get_hash().into();
        Script { text, name }
    }

    /// Teaches it to the server.
    pub(super) fn load(&self) -> Cmd {
        cmd("SCRIPT").arg("LOAD").arg(&*self.text).clone()
    }

    /// One call with all these commands; with the time, where a test says what it is.
    pub(super) fn call(
        &self,
        keys: &Keys,
        header: &[u8],
        resource: &str,
        commands: &[Arc<[u8]>],
        now: Option<Micros>,
    ) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&*self.name).arg(2).arg(&keys.records).arg(&keys.indexes).arg(header).arg(resource);
        for command in commands {
            call.arg(&**command);
        }
        if let Some(now) = now {
            call.arg(now);
        }
        call
    }
}

/// What the script answered to so many commands.
pub(super) fn answers(value: &Value, commands: usize) -> Result<Vec<Answered>, StoreError> {
    let Value::BulkString(bytes) = value else {
        return Err(StoreError::unknown(format!("Redis answered a call with {value:?}")));
    };
    let answers = wire::answers(bytes)?;
    if answers.len() != commands {
        return Err(StoreError::unknown(format!("Redis answered {} of {commands} commands", answers.len())));
    }
    Ok(answers)
}
