//! What one server spends on one gate: by its own counts.

use std::time::{Duration, Instant};

use airlock_axum::gate::Stay;
use airlock_tests::redis::Server;

use crate::gate::{Gate, enter, leave};
use crate::{median, report};

/// Microseconds of the server for one call, by its own count.
pub(crate) fn calls() {
    let server = Server::start();
    let mut gate = Gate::new(&server, 1000);
    let (mut rows, blocks, each) = ([(); 4].map(|()| Vec::new()), 20_u64, 900);
    for block in 0..blocks {
        let numbers = || block * each..(block + 1) * each;
        let mut measure = |row: usize, work: &mut dyn FnMut(&mut Gate)| {
            gate.reset();
            work(&mut gate);
            rows[row].push(gate.spent("evalsha").1);
        };
        measure(0, &mut |gate| numbers().for_each(|number| gate.ask(enter(number, None, Stay::No))));
        measure(1, &mut |gate| numbers().for_each(|number| gate.ask(leave(number))));
        measure(2, &mut |gate| numbers().for_each(|number| gate.by_hand("enter", number)));
        measure(3, &mut |gate| numbers().for_each(|number| gate.by_hand("leave", number)));
    }
    let [enter, leave, enter_by_hand, leave_by_hand] = rows.map(median);
    report("enter, admitted: by hand, µs of the server", enter, enter_by_hand, 2.0);
    // As the issue puts it: the same acquire is what a release is held to as well.
    report("release, nobody waiting: an enter by hand, µs", leave, enter_by_hand, 2.0);
    report("both: an enter and a leave by hand, µs", enter + leave, enter_by_hand + leave_by_hand, 2.0);
}

/// A release that lets the next one in, in a long line and in a short one.
pub(crate) fn hand_over(waiting: u64) {
    let each = |waiting: u64| {
        let server = Server::start();
        let mut gate = Gate::new(&server, 1);
        gate.ask(enter(1, None, Stay::No));
        gate.fill(waiting);
        let mut inside = 1;
        gate.reset();
        for number in 10..10 + 200 {
            gate.ask(leave(inside));
            gate.ask(enter(number, Some(&format!("{:016}", number - 10)), Stay::Away));
            inside = number;
        }
        gate.spent("evalsha").1
    };
    let (long, short) = (each(waiting), each(1_000));
    report(&format!("release and claim, {waiting} waiting : 1000 waiting, µs"), long, short, 1.5);
}

/// How many commands of Redis a hand-over takes.
pub(crate) fn commands(most: u64) {
    let each = |waiting: u64| {
        let server = Server::start();
        let mut gate = Gate::new(&server, 1);
        gate.ask(enter(1, None, Stay::No));
        gate.fill(waiting);
        gate.reset();
        gate.ask(leave(1));
        let names = ["evalsha", "hget", "hmget", "hset", "hdel", "zadd", "zrem", "zrange", "zrangebylex", "zrank"];
        let more = ["zlexcount", "pexpire", "publish", "time", "zcard", "del", "persist", "zscore", "hlen"];
        names.iter().chain(&more).map(|name| gate.spent(name).0).sum::<f64>()
    };
    let counts = [10, 1_000, most].map(each);
    println!("{:<66} {counts:?}", format!("commands for a hand-over with 10, 1000, {most} waiting"));
}

pub(crate) fn weight(waiting: u64) {
    let server = Server::start();
    let mut gate = Gate::new(&server, 1);
    gate.ask(enter(1, None, Stay::No));
    let before = gate.used_memory();
    gate.fill(waiting);
    let fields = waiting + 2..2 * waiting + 2;
    assert!(fields.contains(&gate.fields()), "a ticket for each, the holder, the gate, and what identities share");
    let each = (gate.used_memory() - before) / waiting as f64;
    report(&format!("bytes for each of {waiting} who wait, identities of 16 bytes"), each, 1.0, 400.0);
}

/// What is left of gates at which somebody was, when their time is over.
pub(crate) fn gates_that_are_over() {
    const GATES: u32 = 10_000;
    let server = Server::start();
    let mut gate = Gate::new(&server, 1);
    let before = gate.used_memory();
    for number in 0..GATES {
        gate.turn_to(&number.to_string(), 1_000_000);
        gate.ask(enter(1, Some("ada"), Stay::No));
        gate.ask(leave(1));
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while gate.all_keys() > 0.0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    println!(
        "{:<66} {:>10.0}",
        format!("keys of {GATES} gates that are over, when their time is past"),
        gate.all_keys()
    );
    // Tables that the server keeps for keys shrink by and by.
    let left = (gate.used_memory() - before) / f64::from(GATES);
    println!("{:<66} {left:>10.1}", "bytes for each of them that are left for a while, of its own tables");
}
