//! How to wait while another process writes.
//!
//! SQLite sleeps for up to a tenth of a second between two tries. A transaction here takes some hundred microseconds, and a
//! process that has more to do begins the next at once: who looks so seldom might never find the database free.

use std::cell::Cell;
use std::ffi::c_int;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result};

thread_local! {
    /// For how long, and since when. A handler has nothing but its thread.
    static PATIENCE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Waits like this from now on, whenever [`have_patience`] has said for how long.
pub(super) fn install(connection: &mut Connection) -> Result<()> {
    connection.busy_handler(Some(wait))
}

/// For whatever this thread does next.
pub(super) fn have_patience(patience: Duration) {
    PATIENCE.set(patience);
    SINCE.set(None);
}

fn wait(tries: c_int) -> bool {
    let since = SINCE.get().unwrap_or_else(Instant::now);
    SINCE.set(Some(since));
    if since.elapsed() >= PATIENCE.get() {
        return false;
    }
    // Longer and longer, and not in step with others.
    let longest = 100 << tries.clamp(0, 3);
    std::thread::sleep(Duration::from_micros(50 + rand::random::<u64>() % longest));
    true
}
