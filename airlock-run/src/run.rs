//! Getting in, staying in while the command runs, getting out.

use std::time::Duration;

use airlock_core::{Airlock, Error, Permit, Seal};
use rustix::process::Signal;
use tokio::process::Child;
use tokio::time::{Instant, sleep_until, timeout};

use crate::code;
use crate::command;
use crate::options::{Options, Wait};
use crate::signals::{Received, Signals};
use crate::store::{NotOpened, Opened};

/// What the airlock is called: programs that want the same places build one of that name.
const AIRLOCK: &str = "airlock-run";
/// How long to wait at the end for a store that does not answer.
const FAREWELL: Duration = Duration::from_secs(2);

/// Does it all, and answers what to end with.
pub(crate) async fn run(options: &Options) -> u8 {
    // Before anything that would have to be undone.
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            options.complain(format_args!("signals cannot be listened for: {error}"));
            return code::CANNOT_START;
        }
    };
    let opening = async {
        let choice = options.store().map_err(NotOpened::Usage)?;
        choice.open().await
    };
    let opened = tokio::select! {
        opened = opening => opened,
        received = signals.next() => return called_off(options, received),
    };
    let store = match opened {
        Ok(store) => store,
        Err(NotOpened::Usage(wrong)) => return misused(&wrong),
        Err(NotOpened::Unavailable(why)) => {
            options.complain(format_args!("the store cannot be used: {why}"));
            return code::UNAVAILABLE;
        }
    };
    let code = run_on(options, &store, &mut signals).await;
    // What is said in the background is said before this ends: that a place was left, or given back.
    let _ = timeout(FAREWELL, store.settled()).await;
    store.tidy_up();
    code
}

async fn run_on(options: &Options, store: &Opened, signals: &mut Signals) -> u8 {
    let airlock = Airlock::builder(AIRLOCK).seal(Seal::semaphore(options.limit).ttl(options.ttl));
    let airlock = match store.keep(airlock).build() {
        Ok(airlock) => airlock,
        Err(wrong) => return misused(&wrong.to_string()),
    };
    let entered = tokio::select! {
        entered = enter(options, &airlock) => entered,
        received = signals.next() => return called_off(options, received),
    };
    let permit = match entered {
        Ok(permit) => permit,
        Err(Error::Invalid(wrong)) => return misused(&format!("--name: {wrong}")),
        Err(error @ Error::Unavailable(_)) => {
            options.complain(error);
            return code::UNAVAILABLE;
        }
        Err(busy) => {
            options.complain(busy);
            return options.busy_code;
        }
    };
    let fence = permit.fence();
    options.mention(format_args!("inside as number {fence}, after {:.1?}", permit.waited()));
    let variables = [("AIRLOCK_NAME", options.name.clone()), ("AIRLOCK_FENCE", fence.to_string())];
    let code = match command::start(&options.command, variables) {
        Ok(child) => attend(options, child, &permit, signals).await,
        Err(error) => command::cannot_start(&options.command[0], &error),
    };
    match permit.release().await {
        Ok(()) => {
            options.mention("the place is free");
            code
        }
        Err(Error::Lost(lost)) => {
            if code != code::LOST {
                options.complain(format_args!("{lost}, before the command had ended"));
            }
            code::LOST
        }
        Err(error) => {
            options.complain(format_args!("the place is free after {:?} at the latest: {error}", options.ttl));
            code
        }
    }
}

async fn enter(options: &Options, airlock: &Airlock) -> Result<Permit, Error> {
    let name = options.name.as_str();
    match options.wait {
        None => airlock.try_enter(name).await,
        Some(Wait::UpTo(wait)) => airlock.acquire(name).timeout(wait).await,
        Some(Wait::Forever) => airlock.acquire(name).await,
    }
}

/// Until it has ended.
async fn attend(options: &Options, mut child: Child, permit: &Permit, signals: &mut Signals) -> u8 {
    let mut lost_until: Option<Instant> = None;
    loop {
        tokio::select! {
            // What it has finished it shall not lose.
            biased;
            ended = child.wait() => {
                let code = match ended {
                    Ok(status) => code::of_status(status),
                    Err(error) => {
                        options.complain(format_args!("it is not known how the command ended: {error}"));
                        code::CANNOT_START
                    }
                };
                options.mention(format_args!("the command has ended with {code}"));
                return if lost_until.is_some() { code::LOST } else { code };
            }
            received = signals.next() => pass_on(options, &child, received),
            lost = permit.lost(), if lost_until.is_none() => {
                options.complain(format_args!("{lost}; the command is told to end"));
                command::send(&child, Signal::TERM);
                lost_until = Some(Instant::now() + options.grace);
            }
            () = sleep_until(lost_until.unwrap_or_else(Instant::now)), if lost_until.is_some() => {
                options.complain("the command does not end and is killed");
                command::send(&child, Signal::KILL);
                // From then on there is nothing but to wait.
                lost_until = Some(Instant::now() + Duration::from_secs(3600));
            }
        }
    }
}

fn pass_on(options: &Options, child: &Child, received: Received) {
    if received.was_typed() {
        options.mention(format_args!("{} was typed: the command has it as well", received.name));
        return;
    }
    command::send(child, received.signal);
    options.mention(format_args!("{} is passed on", received.name));
}

/// Before there was a command to pass it on to.
fn called_off(options: &Options, received: Received) -> u8 {
    options.mention(format_args!("ended by {} before its turn", received.name));
    code::of_signal(received.signal.as_raw())
}

/// As where options are parsed.
fn misused(wrong: &str) -> u8 {
    eprintln!("error: {wrong}\n\nFor more information, try '--help'.");
    code::USAGE
}
