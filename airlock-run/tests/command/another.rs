//! The command that is run: this test again, told by its environment to be it.

use std::io::{BufRead as _, Write as _};

use tokio::signal::unix::{SignalKind, signal};

/// What tells it.
pub(crate) const TASK: &str = "AIRLOCK_TEST_TASK";
/// What its lines begin with, for a test runner talks as well.
pub(crate) const MARK: &str = "@ ";

/// What makes this test be the command.
pub(crate) fn arguments() -> Vec<String> {
    let this =
        std::env::current_exe().expect("this is one").into_os_string().into_string().expect("it has a plain name");
    let arguments = ["--exact", "another::command", "--nocapture", "--test-threads=1"];
    [vec![this], arguments.map(str::to_owned).to_vec()].concat()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Who has killed us does not listen.
    let _ = writeln!(out, "{MARK}{line}").and_then(|()| out.flush());
}

/// Says who it is and every signal that it gets, none of which ends it; what is typed is the code to end with, and it ends
/// as well when there is nobody to type any more.
#[tokio::test]
async fn command() {
    if std::env::var_os(TASK).is_none() {
        return;
    }
    let kinds = [
        ("HUP", SignalKind::hangup()),
        ("INT", SignalKind::interrupt()),
        ("QUIT", SignalKind::quit()),
        ("USR1", SignalKind::user_defined1()),
        ("USR2", SignalKind::user_defined2()),
        ("ALRM", SignalKind::alarm()),
        ("TERM", SignalKind::terminate()),
    ];
    for (name, kind) in kinds {
        let mut coming = signal(kind).expect("it can be listened for");
        tokio::spawn(async move {
            while coming.recv().await.is_some() {
                say(name);
            }
        });
    }
    let told = |name| std::env::var(name).unwrap_or_default();
    say(&format!("inside {} {} {}", told("AIRLOCK_NAME"), told("AIRLOCK_FENCE"), std::process::id()));
    let typed = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next());
    let code = typed.await.expect("no panic").and_then(|line| line.ok()?.parse().ok());
    std::process::exit(code.unwrap_or(0));
}
