//! A call of the script.

use std::sync::Arc;

use redis::{Cmd, Value, cmd};

use super::keys::Keys;
use super::wire::{self, Answered};
use crate::error::StoreError;

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

    /// The beginning of a call with so many commands, which are its further arguments.
    pub(super) fn call(&self, keys: &Keys, header: &[u8], resource: &str, commands: usize) -> Cmd {
        let names = self.name.len() + keys.records.len() + keys.indexes.len() + header.len() + resource.len();
        let mut call = Cmd::with_capacity(8 + commands, 64 + names + 112 * commands);
        call.arg("EVALSHA").arg(&*self.name).arg(2).arg(&keys.records).arg(&keys.indexes).arg(header).arg(resource);
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
