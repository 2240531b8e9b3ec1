use std::net::IpAddr;
use std::time::Duration;

use axum::http::Uri;
use clap::Parser;

/// Sends a crowd of simulated visitors at a waiting room, over real HTTP, and says how they fared.
///
/// A visitor opens the page, waits in line as the room tells it to (asking again, or listening to its stream of events), claims
/// its place when it is offered, looks around for a while, and leaves. Some go away from the line, some vanish without a word.
/// All of them together need few connections; each stream needs one of its own.
#[derive(Clone, Debug, Parser)]
#[command(name = "crowd", version, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The page behind the waiting room
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:3000/shop", value_parser = url)]
    pub(crate) url: Uri,

    /// The airlock's name, under which the room's own routes are
    #[arg(long, value_name = "NAME", default_value = "shop", value_parser = name)]
    pub(crate) airlock: String,

    /// How many visitors come
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) visitors: u32,

    /// Within which time they come, evenly, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) arrive_within: Duration,

    /// How long they look around once they are inside, in seconds: each between half of it and one and a half
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(crate) browse: Duration,

    /// How long each looks at one page before it opens the next, in seconds; more than 0
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = some_seconds)]
    pub(crate) think: Duration,

    /// Which share of them leaves the line when its patience is over, by the button; from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(crate) leave: f64,

    /// Which share of them vanishes when its patience is over, from the line or from inside, without a word; from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(crate) vanish: f64,

    /// How long those who leave or vanish are patient at the most: each for a random part of it, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) patience: Duration,

    /// Which share of them listens to its stream of events, instead of asking again; from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(crate) streams: f64,

    /// How many connections carry what is no stream
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,

    /// How long all of it may take, in seconds; who is not inside by then did not get in
    #[arg(long, value_name = "SECONDS", default_value = "900", value_parser = some_seconds)]
    pub(crate) timeout: Duration,

    /// Fails if more than so many visitors were inside at any instant
    #[arg(long, value_name = "N")]
    pub(crate) expect_limit: Option<u32>,

    /// Fails if anybody was let in ahead of somebody who had come before
    #[arg(long)]
    pub(crate) expect_fifo: bool,

    /// Prints the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Which random choices are made: the same number makes the same
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Lets it be sent at another machine than this one. Do so only where everybody concerned knows of it
    #[arg(long)]
    pub(crate) allow_remote: bool,
}

const EXAMPLES: &str = "\
Examples:
  crowd
      a thousand visitors within ten seconds, at a waiting-room that was started beside it
  crowd --visitors 20000 --arrive-within 60 --expect-limit 200 --expect-fifo
      fails if there were ever more than 200 inside, or if anybody overtook
  crowd --streams 0.5 --leave 0.2 --vanish 0.1
      half of them listen to events; some go, some just vanish

The server counts new visitors by their address, and all of these have one: start it with a --per-address as large as the crowd
(`waiting-room --active-users 200 --line 20000 --per-address 20000`), or most of them are refused for a while.

It ends with 0 when everybody who stayed got in and what was expected held, 1 when not, 2 when it could not begin.";

impl Options {
    /// What is wrong with all of them together.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.leave + self.vanish > 1.0 {
            return Err(format!(
                "--leave {} and --vanish {} are more than all of them together",
                self.leave, self.vanish
            ));
        }
        let host = self.url.host().unwrap_or_default();
        if !self.allow_remote && !is_loopback(host) {
            return Err(format!(
                "{host} is not this machine. A crowd is a burden to whoever it is sent at: use 127.0.0.1, [::1] or localhost, or \
                 say --allow-remote if everybody concerned knows of it"
            ));
        }
        Ok(())
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The longest time: a day.
const LONGEST: f64 = 86_400.0;

fn url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "not a URL such as http://127.0.0.1:3000/shop".to_owned())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(_)) => Ok(uri),
        (Some("https"), _) => Err("only http: put the crowd beside the server, behind what ends TLS".to_owned()),
        _ => Err("not a URL such as http://127.0.0.1:3000/shop".to_owned()),
    }
}

/// A name that stands for itself in a path.
fn name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'%');
    match !text.is_empty() && text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("write it as it stands in the path: percent-encoded".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds, such as 5 or 0.5".to_owned())?;
    if !(0.0..=LONGEST).contains(&seconds) {
        return Err(format!("must be between 0 and {LONGEST} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn some_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("must be more than 0 seconds".to_owned()),
        some => Ok(some),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("not a share from 0 to 1, such as 0.3".to_owned()),
    }
}
