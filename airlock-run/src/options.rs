use std::ffi::OsString;
use std::time::Duration;

use clap::Parser;

use crate::store::StoreChoice;

/// Runs a command when it is its turn: one at a time of each name, or so many, on this machine or in a fleet.
///
/// Who finds no room ends with 75 and runs nothing, or waits in line with --wait, first come, first served. The place is
/// kept for as long as the command runs, and free as soon as it has ended. Should this machine, or this program, die, it is
/// free after --ttl.
#[derive(Parser)]
#[command(name = "airlock-run", version, after_help = MORE, after_long_help = MORE)]
#[command(override_usage = "airlock-run [OPTIONS] --name NAME -- COMMAND [ARGUMENTS]…")]
pub(crate) struct Options {
    /// What may run only so often at once, such as job:invoice: 1 to 512 bytes
    #[arg(short, long, value_name = "NAME")]
    pub(crate) name: String,

    /// Where it is decided: `file:FOLDER` or `sqlite:PATH`, with all others of this machine that name the same;
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` (`rediss://` over TLS), with all others on that server. Else what the
    /// variable AIRLOCK_STORE says, which others do not see in the list of processes; else the folder /tmp/airlock-UID,
    /// with all others of this user on this machine
    #[arg(short, long, value_name = "STORE")]
    store: Option<String>,

    /// How long to wait for a turn, such as 90s, 5m or "1h 30m"; `forever`. Without, not at all
    #[arg(short, long, value_name = "TIME", value_parser = wait)]
    pub(crate) wait: Option<Wait>,

    /// How many may run at once. All who use the name should say the same; where they differ, the lowest counts
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    pub(crate) limit: u32,

    /// For how long the place is kept after this program was last heard of: a second or more. It is renewed every third of it
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = ttl)]
    pub(crate) ttl: Duration,

    /// How long a command whose place is lost may take to end after SIGTERM, before SIGKILL
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span)]
    pub(crate) grace: Duration,

    /// What to end with when there is no room, such as 0 where that is as good as done
    #[arg(long, value_name = "CODE", default_value_t = crate::code::BUSY)]
    pub(crate) busy_code: u8,

    /// Say nothing, but for what is wrong with these options: the exit status says it
    #[arg(short, long)]
    quiet: bool,

    /// Say when the command is let in, what is passed on to it, and how it ends
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

const MORE: &str = "\
EXAMPLES
  Once at a time; in a crontab, where a run that takes too long is no reason for mail:
      */5 * * * *  airlock-run --name job:invoice --busy-code 0 --quiet -- /usr/local/bin/invoice
  Not at the same time as a deployment, which is waited for:
      airlock-run --name deploy:shop --wait 10m -- ./deploy.sh
  At most four of them, of all that are started:
      for film in *.mov; do airlock-run --name convert --limit 4 --wait forever -- ./convert.sh \"$film\" & done; wait
  Once at a time in the whole fleet, with a password that is in no list of processes:
      AIRLOCK_STORE=redis://:password@redis.internal:6379/0 airlock-run --name job:report -- ./report.sh
  Several commands in one place:
      airlock-run --name job:backup -- sh -c './dump.sh && ./upload.sh'

EXIT STATUS
  The command's own, and:
  64   called in a way that cannot be
  69   the store cannot be asked
  71   the system does not let it work
  75   there is no room, or was none in time; or what --busy-code says
  79   the place was lost while the command ran, which has been ended
  126  the command cannot be run
  127  there is no such command
  128+n  signal n ended the command, or the waiting for it

WHAT THE COMMAND IS TOLD
  AIRLOCK_NAME   the name
  AIRLOCK_FENCE  a number that is higher each time: what the command writes to can refuse those that are lower than one
                 that it has seen, for they are of somebody whose place was lost
  Signals: HUP, INT, QUIT, USR1, USR2, ALRM and TERM are passed on, unless they were ignored when this program was started.
  On Linux it gets a TERM when this program is killed. What it starts in its turn is its own business: use `exec` in
  scripts, or have them pass signals on.";

/// For how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    UpTo(Duration),
    Forever,
}

impl Options {
    /// Where it is to be decided.
    pub(crate) fn store(&self) -> Result<StoreChoice, String> {
        match &self.store {
            // Not while options are parsed: what is wrong is repeated there, and there may be a password in it.
            Some(store) => store.parse().map_err(|wrong| format!("--store: {wrong}")),
            None => StoreChoice::from_environment(),
        }
    }

    /// Says why the command is not run, or not to its end.
    pub(crate) fn complain(&self, what: impl std::fmt::Display) {
        if !self.quiet {
            say(&self.name, what);
        }
    }

    /// Says what happens.
    pub(crate) fn mention(&self, what: impl std::fmt::Display) {
        if self.verbose {
            say(&self.name, what);
        }
    }
}

/// To whom cannot hear any more it need not be said.
fn say(name: &str, what: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "airlock-run: {}: {what}", name.escape_debug());
}

fn wait(text: &str) -> Result<Wait, String> {
    match text {
        "forever" => Ok(Wait::Forever),
        _ => span(text).map(Wait::UpTo).map_err(|error| format!("{error}; or use `forever`")),
    }
}

/// The longest that anything lasts.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if span > LONGEST {
        return Err("it is more than 365 days".to_owned());
    }
    Ok(span)
}

fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = span(text)?;
    if ttl < Duration::from_secs(1) {
        return Err("it is less than a second, in which a busy machine renews nothing".to_owned());
    }
    Ok(ttl)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_options_do_not_contradict_each_other() {
        Options::command().debug_assert();
    }
}
