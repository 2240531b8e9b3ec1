//! Signals to this program, which are meant for the command.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process::{Signal, getpgrp};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{self, SignalKind};

/// Which are passed on, and what they are called.
const PASSED_ON: [(Signal, &str); 7] = [
    (Signal::HUP, "HUP"),
    (Signal::INT, "INT"),
    (Signal::QUIT, "QUIT"),
    (Signal::USR1, "USR1"),
    (Signal::USR2, "USR2"),
    (Signal::ALARM, "ALRM"),
    (Signal::TERM, "TERM"),
];

/// One that came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) signal: Signal,
    pub(crate) name: &'static str,
}

/// All of them, none missed from the moment this is made.
pub(crate) struct Signals(Vec<(Received, unix::Signal)>);

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        let ignored = ignored();
        // Who is listened for is ignored no more, neither here nor by the command: `nohup` would be in vain.
        let heard = PASSED_ON.iter().filter(|(signal, _)| ignored & (1 << (signal.as_raw() - 1)) == 0);
        let heard = heard.map(|&(signal, name)| {
            unix::signal(SignalKind::from_raw(signal.as_raw())).map(|coming| (Received { signal, name }, coming))
        });
        heard.collect::<io::Result<_>>().map(Signals)
    }

    /// The next one. Cancel safe.
    pub(crate) async fn next(&mut self) -> Received {
        poll_fn(|cx| {
            for (received, coming) in &mut self.0 {
                if coming.poll_recv(cx).is_ready() {
                    return Poll::Ready(*received);
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl Received {
    /// Whether the command has had it as well: what is typed at a terminal goes to all who are in its foreground.
    pub(crate) fn was_typed(&self) -> bool {
        matches!(self.signal, Signal::INT | Signal::QUIT)
            && File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
    }
}

/// Which signals this program was started to ignore, as bits, where the system says so.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
