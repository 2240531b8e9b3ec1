//! A crowd of simulated visitors at a waiting room, over real HTTP.
//!
//! `cargo run --release --example crowd -- --help` says what it can do.

mod client;
mod events;
mod options;
mod sockets;
mod summary;
mod tally;
mod visitor;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use client::Client;
use options::Options;
use summary::Summary;
use tally::Tally;
use visitor::{Record, Visitor};

fn main() -> ExitCode {
    let options = Options::parse();
    let begun = options.check().and_then(|()| sockets::make_room(&options)).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.map_err(|error| format!("there is no runtime to be had: {error}"))
    });
    let runtime = match begun {
        Ok(runtime) => runtime,
        Err(problem) => {
            eprintln!("error: {problem}\n\nFor more information, try '--help'.");
            return ExitCode::from(2);
        }
    };
    let options = Arc::new(options);
    let seed = options.seed.unwrap_or_else(rand::random);
    let summary = match runtime.block_on(run(&options, seed)) {
        Ok(summary) => summary,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    match options.json {
        true => println!("{}", serde_json::to_string_pretty(&summary).expect("strings and numbers alone")),
        false => print!("{summary}"),
    }
    let complaints = summary.complaints(&options);
    for complaint in &complaints {
        eprintln!("error: {complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(options: &Arc<Options>, seed: u64) -> Result<Summary, String> {
    let client = Arc::new(Client::new(options));
    client
        .ask(axum::http::Method::GET, "status", &client::Cookies::default())
        .await
        .and_then(|reply| match reply.status.is_success() {
            true => Ok(()),
            false => Err(format!("there is no waiting room of an airlock `{}`: {}", options.airlock, reply.status)),
        })
        .map_err(|problem| format!("{problem}\n\nStart one with `cargo run --release --example waiting-room`."))?;

    let tally = Arc::new(Tally::default());
    let mut random = StdRng::seed_from_u64(seed);
    let mut arrivals: Vec<Duration> =
        (0..options.visitors).map(|_| options.arrive_within.mul_f64(random.random())).collect();
    arrivals.sort_unstable();

    let shown = tally::show(&tally, arrivals.len() as u64);
    let began = Instant::now();
    let (over, ends) = watch::channel(false);
    let mut crowd = JoinSet::new();
    let mut records = Vec::with_capacity(arrivals.len());
    let stopping = stop(began + options.timeout);
    tokio::pin!(stopping);
    let mut arrivals = arrivals.into_iter().peekable();
    while arrivals.peek().is_some() || !crowd.is_empty() {
        let next = arrivals.peek().map_or(began + options.timeout, |after| began + *after);
        tokio::select! {
            // Who has come is looked after first: nobody waits because another is not done.
            () = sleep_until(next), if arrivals.peek().is_some() => {
                arrivals.next();
                tally.came.add();
                let visitor = Visitor::new(options, &client, &tally, random.random(), began);
                crowd.spawn(life(visitor, ends.clone(), tally.clone()));
            }
            Some(record) = crowd.join_next(), if !crowd.is_empty() => {
                records.push(record.map_err(|error| format!("a visitor came to harm: {error}"))?);
            }
            () = &mut stopping, if !*over.borrow() => {
                over.send_replace(true);
                // Who has not come yet did not get in.
                records.extend(arrivals.by_ref().map(|_| Record::default()));
            }
        }
    }
    drop(shown);
    Ok(Summary::new(options, seed, &tally, &records, began.elapsed()))
}

/// What is known of a visitor when it is done, or when all is over.
async fn life(visitor: Visitor, mut ends: watch::Receiver<bool>, tally: Arc<Tally>) -> Record {
    let mut record = Record::default();
    tokio::select! {
        () = visitor.live(&mut record) => {}
        // The sender outlives all of them.
        _ = ends.wait_for(|over| *over) => {}
    }
    tally.done.add();
    record
}

/// When the time is over, or somebody has seen enough.
async fn stop(deadline: Instant) {
    tokio::select! {
        () = sleep_until(deadline) => {}
        // Without signals there is the time alone.
        Ok(()) = tokio::signal::ctrl_c() => {}
    }
}
