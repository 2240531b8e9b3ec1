//! The script, which is one text of the files in `lua/`.

/// What is loaded into the server. The order of the files is that in which their parts are made when they are needed.
pub const TEXT: &str = concat!(
    include_str!("lua/head.lua"),
    include_str!("lua/record.lua"),
    include_str!("lua/begin.lua"),
    include_str!("lua/quick.lua"),
    include_str!("lua/tables.lua"),
    include_str!("lua/command.lua"),
    include_str!("lua/spec.lua"),
    include_str!("lua/ledger.lua"),
    include_str!("lua/indexes.lua"),
    include_str!("lua/names.lua"),
    include_str!("lua/groups.lua"),
    include_str!("lua/agreed.lua"),
    include_str!("lua/enter.lua"),
    include_str!("lua/hold.lua"),
    include_str!("lua/promote.lua"),
    include_str!("lua/line.lua"),
    include_str!("lua/lease.lua"),
    include_str!("lua/sweep.lua"),
    include_str!("lua/reenter.lua"),
    include_str!("lua/entropy.lua"),
    include_str!("lua/rate.lua"),
    include_str!("lua/fair.lua"),
    include_str!("lua/draw.lua"),
    include_str!("lua/switch.lua"),
    include_str!("lua/operate.lua"),
    include_str!("lua/main.lua"),
);

/// The line that asks for the time, which no command can do for the server.
#[cfg(any(test, feature = "conformance"))]
const CLOCK: &str = "local time = redis.call('TIME')\n";

/// The line that says how many buckets there are for the identities of those in line, and how many each takes.
#[cfg(any(test, feature = "conformance"))]
const BUCKETS: &str = "local BUCKETS, MOST = 8192, 256\n";

/// The same script, but the last argument of a call is the time in microseconds.
#[cfg(any(test, feature = "conformance"))]
pub fn with_clock() -> String {
    TEXT.replacen(CLOCK, "local time = { 0, table.remove(ARGV) }\n", 1)
}

/// The same with a clock, but a few in line are enough to fill what is made for a million.
#[cfg(any(test, feature = "conformance"))]
pub fn with_clock_and_few_buckets() -> String {
    with_clock().replacen(BUCKETS, "local BUCKETS, MOST = 2, 2\n", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_the_time_once() {
        assert_eq!(TEXT.matches(CLOCK).count(), 1);
        assert_eq!(TEXT.matches("TIME").count(), 1);
        assert!(!with_clock().contains("TIME"));
    }

    #[test]
    fn has_buckets_once() {
        assert_eq!(TEXT.matches(BUCKETS).count(), 1);
    }
}
