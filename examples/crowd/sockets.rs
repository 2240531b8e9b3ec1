//! As many sockets as the crowd needs.

use crate::options::Options;

/// What is open besides.
const BESIDES: u64 = 64;

#[cfg(unix)]
pub(crate) fn make_room(options: &Options) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // Some more listen than their share, by chance.
    let streams = (f64::from(options.visitors) * options.streams * 1.1).ceil() as u64;
    let wanted = streams + u64::from(options.connections) + BESIDES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < wanted) {
        let maximum = maximum.unwrap_or_default();
        return Err(format!(
            "this crowd needs {wanted} sockets, and this process may have {maximum} open: raise that (`ulimit -Hn {wanted}`), or \
             let fewer listen with --streams"
        ));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        .map_err(|error| format!("this crowd needs {wanted} sockets, and the system does not give them: {error}"))
}

#[cfg(not(unix))]
pub(crate) fn make_room(_: &Options) -> Result<(), String> {
    let _ = BESIDES;
    Ok(())
}
