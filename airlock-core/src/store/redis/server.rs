//! What a server has to be, checked when a connection is made.

use redis::aio::MultiplexedConnection;
use redis::{Value, cmd};

use super::link::Why;

/// The oldest version that will do.
const OLDEST: u32 = 7;

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

async fn query(connection: &mut MultiplexedConnection, command: &redis::Cmd) -> Result<String, Why> {
    match connection.send_packed_command(command).await {
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
