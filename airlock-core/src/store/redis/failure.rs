//! What an error of the client or the server means: whether the command was carried out, and what to do about it.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::error::StoreError;

/// What a failed call was.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server does not know the script: it was restarted, or its scripts were flushed.
    Unloaded,
    /// It was not carried out, and the connection is good.
    Refused(StoreError),
    /// Whether it was carried out is unknown, and the connection is of no use any more.
    Broken(StoreError),
}

impl Failure {
    pub(super) fn of(error: RedisError) -> Self {
        if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) {
            return Failure::Unloaded;
        }
        let Some(code) = error.code().map(str::to_owned) else {
            let what = format!("the connection to Redis failed: {}", plain(&error));
            return Failure::Broken(StoreError::unknown(what).caused_by(error));
        };
        // The client has another code for a database that it may not use, and Redis and Valkey for what a script may not do.
        let rights = ["has no permissions", "The user executing the script", "ACL failure in script"];
        let is_right = error.detail().is_some_and(|detail| rights.iter().any(|right| detail.contains(right)));
        let what = match advice(if is_right { "NOPERM" } else { &code }) {
            Some(advice) => format!("Redis answered {code}: {advice}"),
            None => format!("Redis answered {code}: {}", plain(&error)),
        };
        match &*code {
            // It may have stopped in the middle.
            "ERR" => Failure::Refused(StoreError::unknown(what).caused_by(error)),
            // Nothing that was sent before the password was accepted was carried out; another connection may do better.
            "READONLY" | "MASTERDOWN" | "NOAUTH" | "WRONGPASS" => {
                Failure::Broken(StoreError::not_executed(what).caused_by(error))
            }
            _ => Failure::Refused(StoreError::not_executed(what).caused_by(error)),
        }
    }
}

/// What whoever runs the server can do about it.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "OOM" => "its memory is full; raise maxmemory, or find what else fills it",
        "BUSY" => "a script of somebody's runs for too long; SCRIPT KILL ends it",
        "LOADING" => "it is still loading its data; this passes by itself",
        "READONLY" => "it is a replica; connect to the primary",
        "MASTERDOWN" => "it is a replica without its primary",
        "NOREPLICAS" => "fewer replicas are connected than min-replicas-to-write asks for",
        "MISCONF" => "it cannot save its data and so takes no writes; see its log, or stop-writes-on-bgsave-error",
        "NOAUTH" => "it asks for a password; put it into the URL",
        "WRONGPASS" => "the user or the password is wrong",
        "NOPERM" => {
            "this user may not do that; it needs +@read +@write +@scripting +@pubsub +time on keys and channels under the \
             prefix, and +select for another database than 0"
        }
        "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" => "it is part of a cluster, which this store does not speak yet",
        _ => return None,
    })
}

/// The error without the address, which may have a password in it.
pub(super) fn plain(error: &RedisError) -> String {
    let (category, source) = (error.category(), std::error::Error::source(error));
    match (error.detail(), source) {
        (Some(detail), _) => format!("{category}: {detail}"),
        // What the system says, or TLS.
        (None, Some(source)) if error.kind() == ErrorKind::Io => format!("{category}: {source}"),
        _ => category.to_owned(),
    }
}
