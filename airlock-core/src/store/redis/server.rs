//! What a server has to be, and this user has to be allowed there, checked when a connection is made.

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value, cmd};

use super::keys::Keys;
use super::link::Why;

/// The oldest version that will do.
const OLDEST: u32 = 7;
/// Tries what a user has to be allowed.
const RIGHTS: &str = include_str!("lua/rights.lua");

/// Says what to change where this server will not do.
pub(super) async fn check(connection: &mut MultiplexedConnection, any_eviction: bool) -> Result<(), Why> {
    let info: String = query(connection, cmd("INFO").arg("server")).await?;
    let version = field(&info, "redis_version").unwrap_or("unknown");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        return Err(Why::unfit(format!("the server is Redis {version}; it must be {OLDEST} or later")));
    }
    let info: String = query(connection, cmd("INFO").arg("memory")).await?;
    let policy = field(&info, "maxmemory_policy").unwrap_or("noeviction");
    if policy != "noeviction" && !any_eviction {
        return Err(Why::unfit(format!(
            "the server's maxmemory-policy is {policy}, which throws away who is inside when memory is short: set it to \
             noeviction, or say `any_eviction(true)` if its memory is never full"
        )));
    }
    Ok(())
}

/// Says what this user may not do and has to. The keys and the channel that it tries are nobody's: no airlock is without
/// a name, and no node is called so.
pub(super) async fn check_rights(connection: &mut MultiplexedConnection, prefix: &str) -> Result<(), Why> {
    let Keys { records, indexes } = Keys::new(prefix, "", "");
    let mut tries = cmd("EVAL");
    tries.arg(RIGHTS).arg(2).arg(records).arg(indexes).arg(format!("{prefix}:node:nobody"));
    match connection.send_packed_command(&tries).await.and_then(Value::extract_error) {
        Ok(Value::BulkString(command)) => Err(lacking(&String::from_utf8_lossy(&command), prefix)),
        Err(error) => Err(not_allowed(error, "EVAL", prefix)),
        Ok(_) => Ok(()),
    }
}

/// What an error means where a right may be lacking.
pub(super) fn not_allowed(error: RedisError, command: &str, prefix: &str) -> Why {
    if error.code() == Some("NOPERM") { lacking(command, prefix) } else { Why::of(error) }
}

fn lacking(command: &str, prefix: &str) -> Why {
    Why::unfit(format!(
        "this user may not {command} what the store needs; grant it with: ACL SETUSER … +@read +@write +@scripting \
         +@pubsub +time ~{{{prefix}:* &{prefix}:*"
    ))
}

async fn query(connection: &mut MultiplexedConnection, command: &redis::Cmd) -> Result<String, Why> {
    match connection.send_packed_command(command).await.and_then(Value::extract_error) {
        Ok(Value::BulkString(text)) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Ok(Value::VerbatimString { text, .. }) => Ok(text),
        Ok(other) => Err(Why::unfit(format!("the server answered INFO with {other:?}"))),
        // Not everybody may ask; then it is taken on trust.
        Err(error) if error.code() == Some("NOPERM") => Ok(String::new()),
        Err(error) => Err(Why::of(error)),
    }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
