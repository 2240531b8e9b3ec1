//! Several processes of the flagship on one real Redis server: one limit and one line, whatever happens to either.

#[path = "../flagship/client.rs"]
mod client;
#[cfg(target_os = "linux")]
mod clocks;
#[path = "../flagship/crowd.rs"]
mod crowd;
mod fallback;
mod faults;
mod fleet;
mod killed;
mod loading;
mod memory;
mod network;
mod restarts;
mod sharing;
