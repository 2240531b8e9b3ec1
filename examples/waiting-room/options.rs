use std::net::SocketAddr;
use std::time::Duration;

use airlock_axum::Rate;
use clap::{Parser, ValueEnum};

use crate::store::StoreChoice;

/// An HTTP server that lets at most so many requests work at once, for each tenant and in all, and keeps the others
/// in an honest line.
///
/// Its work is to sleep: `POST /imports?ms=500` with the header `x-tenant` occupies one of that tenant's places for
/// half a second. Send more than fit and watch who is refused, or, with --wait, who waits for how long.
#[derive(Debug, Parser)]
#[command(name = "waiting-room", version, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,

    /// Where it is decided who gets in: `memory`, in this process; `sqlite:PATH` or `file:FOLDER`, with all others of this
    /// machine that use that file or folder; or `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, with all others on that server,
    /// `rediss://` over TLS
    #[arg(long, value_name = "STORE", default_value = "memory")]
    pub(crate) store: StoreChoice,

    /// What happens to newcomers while the store is away: `refuse` at once, `admit` everybody, or `memory`, where this
    /// process lets --tenant-limit in at once, of each tenant and into /shared. Without, each waits for the store
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) fallback: Option<OnOutage>,

    /// With --fallback: how long a store that failed is left alone before it is tried again, in seconds; more than 0
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, default_value = "30", value_parser = some_seconds)]
    pub(crate) reset_after: Duration,

    /// Who of those who wait for /shared goes next
    #[arg(long, value_enum, default_value_t = Admission::Fifo)]
    pub(crate) admission: Admission,

    /// How many may work in /shared at once; 0 lets nobody in
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 10)]
    pub(crate) limit: u32,

    /// How many of one tenant may work in /imports and /stream at once; 0 lets nobody in
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 2)]
    pub(crate) tenant_limit: u32,

    /// How many of one tenant may work in /shared at once, with --admission fair-share; any number without
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    pub(crate) tenant_cap: Option<u32>,

    /// How many may begin to work in /shared in a time, such as 50/minute, 5/second or 1000/hour: that many at once after
    /// a quiet, then one each time a place in the rate comes free
    #[arg(long, value_name = "N/minute", value_parser = rate, allow_hyphen_values = true)]
    pub(crate) rate: Option<Rate>,

    /// How long a request waits in line for its turn, in seconds, such as 5 or 0.5; 0: not at all
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, default_value = "0", value_parser = seconds)]
    pub(crate) wait: Duration,

    /// How long a place lasts after its holder was last heard of, in seconds; more than 0
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, default_value = "30", value_parser = some_seconds)]
    pub(crate) ttl: Duration,

    /// How many visitors may be in /shop at once; 0 lets nobody in
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 100)]
    pub(crate) active_users: u32,

    /// How long a visitor of /shop stays inside after its last request, in seconds; 1 or more
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, default_value = "600", value_parser = session)]
    pub(crate) session: Duration,

    /// How many visitors of one address may be new in /shop, and not have come back with their cookie yet
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true, default_value_t = 50)]
    pub(crate) per_address: u32,

    /// Refuse nobody in /imports, /stream and /shared, and only report who would have been: a line on stderr with RUST_LOG=airlock=debug, and
    /// airlock_would_refuse_total in /metrics
    #[arg(long)]
    pub(crate) shadow: bool,

    /// How many may wait in one line
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 10_000)]
    pub(crate) line: u64,
}

const EXAMPLES: &str = "\
Examples:
  waiting-room
      two at once for each tenant, ten at once in all; who finds no room is refused
  waiting-room --wait 10 --tenant-limit 1
      one at once for each tenant; the others wait up to ten seconds for their turn
  waiting-room --wait 60 --limit 1 --admission priority
      in /shared the highest x-priority goes first
  waiting-room --wait 60 --limit 4 --admission fair-share --tenant-cap 2
      in /shared each tenant in turn, and at most two of each at once
  waiting-room --limit 3 --rate 50/minute
      in /shared three at once, and fifty a minute
  waiting-room --limit 3 --shadow
      everybody gets in; /metrics shows who would have been refused
  waiting-room --active-users 1 --session 30
      one visitor in /shop at a time, for half a minute after its last request: open it in two browsers
  waiting-room --store redis://127.0.0.1:6379/0 --listen 127.0.0.1:3001
      one limit and one line with every other copy on that server
  waiting-room --store sqlite:/var/lib/shop/airlock.db --listen 127.0.0.1:3001
      the same with every other copy on this machine
  waiting-room --store redis://127.0.0.1:6379/0 --fallback memory
      while that server is away, two at once by this process alone

Copies that share a store need one AIRLOCK_KEY to know each other's visitors of /shop: `openssl rand -hex 32`.
AIRLOCK_SWITCH=closed refuses newcomers from the start, whatever the store says (drain, hold, bypass, open; AIRLOCK_SWITCH_IMPORTS,
_SHARED or _SHOP for one alone); a file named by AIRLOCK_SWITCH_FILE with lines such as `shop = closed: Stocktaking.` does at any time.
/admin is for the user admin with the password AIRLOCK_ADMIN_PASSWORD; without, one is made up and printed.
Set RUST_LOG=airlock=debug to see every admission, wait and refusal.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOutage {
    /// Newcomers are refused at once, as unavailable
    Refuse,
    /// Everybody is let in
    Admit,
    /// This process decides by itself, with a limit of its own
    Memory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Admission {
    /// Nobody waits: whoever finds room is in
    Opportunistic,
    /// First come, first served
    Fifo,
    /// The highest `x-priority` first, equals in order of arrival
    Priority,
    /// Any of those who wait, each as likely as the other
    Lottery,
    /// Any of those who wait, the likelier the longer: after a minute twice, at most ten times as likely
    AgingLottery,
    /// Each tenant in turn, however many it sends
    FairShare,
}

/// The longest wait or time to live: a day.
const LONGEST: f64 = 86_400.0;

fn rate(text: &str) -> Result<Rate, String> {
    let explain = || "not a rate such as 50/minute, 5/second or 1000/hour".to_owned();
    let (count, unit) = text.split_once('/').ok_or_else(explain)?;
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(explain());
    }
    let count: u32 = count.parse().map_err(|_| format!("must let at most {} in", u32::MAX))?;
    match (count, unit) {
        (0, _) => Err("must let at least one in".to_owned()),
        (_, "second") => Ok(Rate::per_second(count)),
        (_, "minute") => Ok(Rate::per_minute(count)),
        (_, "hour") => Ok(Rate::per_hour(count)),
        _ => Err(explain()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds, such as 5 or 0.5".to_owned())?;
    if !(0.0..=LONGEST).contains(&seconds) {
        return Err(format!("must be between 0 and {LONGEST} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn session(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        short if short < Duration::from_secs(1) => Err("must be at least 1 second".to_owned()),
        session => Ok(session),
    }
}

fn some_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("must be more than 0 seconds".to_owned()),
        some => Ok(some),
    }
}
