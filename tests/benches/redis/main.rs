//! What Airlock costs a Redis server and those who wait for it: beside the least that anybody would write by hand.

mod fleet;
mod gate;
mod server;

use tokio::runtime::Builder;

fn main() {
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let waiting = if std::env::var_os("AIRLOCK_LONG").is_some() { 1_000_000 } else { 100_000 };
    // `cargo bench -p airlock-tests --bench redis -- calls weight` measures no more than that.
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|part| part == name);
    println!("{:<66} {:>10} {:>10} {:>6} {:>8}", "", "measured", "against", "ratio", "at most");
    if wanted("calls") {
        server::calls();
    }
    if wanted("hand-over") {
        server::hand_over(waiting);
    }
    if wanted("commands") {
        server::commands(waiting.min(100_000));
    }
    if wanted("weight") {
        server::weight(waiting);
        server::gates_that_are_over();
    }
    let runtime = || Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    if wanted("calls") {
        fleet::round_trips(&runtime());
    }
    if wanted("wake-up") {
        fleet::wake_up(&runtime());
    }
    if wanted("throughput") {
        fleet::throughput(&runtime());
    }
}

fn report(what: &str, measured: f64, against: f64, at_most: f64) {
    let ratio = measured / against;
    let verdict = if ratio <= at_most { "" } else { "  missed" };
    println!("{what:<66} {measured:>10.2} {against:>10.2} {ratio:>6.2} {at_most:>8.2}{verdict}");
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
