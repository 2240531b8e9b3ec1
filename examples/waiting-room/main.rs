//! The flagship: an HTTP server whose work is gated by airlocks, to try everything on.
//!
//! `cargo run --release --example waiting-room` starts it and prints what to try next.

mod admin;
mod home;
mod metrics;
mod options;
mod shop;
mod store;
mod work;

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use airlock_axum::admission::{AgingLottery, FairShare, Fifo, Lottery, Opportunistic, Priority};
use airlock_axum::{Airlock, AirlockLayer, ConfigError, Line, Seal, by_header, integer_header};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use admin::Password;
use options::{Admission, Options};
use shop::Shop;

/// How long work may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();

    let airlocks = match Airlocks::new(&options).await {
        Ok(airlocks) => airlocks,
        Err(error) => {
            eprintln!("error: these options cannot work: {error}\n\nFor more information, try '--help'.");
            return ExitCode::from(2);
        }
    };
    match serve(&options, &airlocks).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot serve on {}: {error}", options.listen);
            ExitCode::FAILURE
        }
    }
}

/// The airlocks of this server.
struct Airlocks {
    /// One gate for each tenant.
    imports: Airlock,
    /// One gate for all.
    shared: Airlock,
    /// One gate for visitors, behind a waiting room.
    shop: Shop,
    /// Of whoever may operate them.
    password: Password,
    /// What they count.
    counted: metrics::Page,
}

impl Airlocks {
    async fn new(options: &Options) -> Result<Self, ConfigError> {
        // First, so that nothing happens that nobody records.
        let counted = metrics::Page::install()?;
        let store = options.store.open(options).await?;
        let line = Line::new().capacity(options.line);
        let imports =
            Airlock::builder("imports").seal(Seal::semaphore(options.tenant_limit).ttl(options.ttl)).line(line.clone());
        let imports = imports.store(store.clone()).metrics().build()?;
        let seal = Seal::semaphore(options.limit).ttl(options.ttl);
        let seal = match options.rate {
            Some(rate) => seal.with_rate(rate),
            None => seal,
        };
        if options.tenant_cap.is_some() && options.admission != Admission::FairShare {
            return Err(ConfigError::new("--tenant-cap", "it needs --admission fair-share"));
        }
        let shared = Airlock::builder("shared").seal(seal).line(line).store(store.clone()).metrics();
        let shared = match options.admission {
            Admission::Opportunistic => shared.admission(Opportunistic::new()),
            Admission::Fifo => shared.admission(Fifo::new()),
            Admission::Priority => shared.admission(Priority::new()),
            Admission::Lottery => shared.admission(Lottery::new()),
            Admission::AgingLottery => shared.admission(AgingLottery::new(1.0, 1.0 / 60.0, 10.0)),
            Admission::FairShare => shared.admission(FairShare::new().cap_each(options.tenant_cap.unwrap_or_default())),
        };
        let shop = Shop::new(options, store)?;
        Ok(Airlocks { imports, shared: shared.build()?, shop, password: Password::from_env()?, counted })
    }

    fn router(&self, options: &Options, address: SocketAddr) -> Router {
        let layer = |airlock: &Airlock| {
            let layer = AirlockLayer::new(airlock.clone()).wait(options.wait);
            if options.shadow { layer.shadow() } else { layer }
        };
        let per_tenant = layer(&self.imports).resource(by_header("x-tenant"));
        let for_all = layer(&self.shared)
            .identity(by_header("x-user"))
            .group(by_header("x-tenant"))
            .priority(integer_header("x-priority"));
        // The query is checked first: what cannot be worked on takes no place.
        let checked = from_fn(work::check_query);
        Router::new()
            .route("/imports", post(work::import).route_layer(per_tenant.clone()).route_layer(checked.clone()))
            .route("/shared", post(work::import).route_layer(for_all).route_layer(checked.clone()))
            .route("/stream", get(work::stream).route_layer(per_tenant).route_layer(checked))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/", get(move || async move { home::page(address) }))
            .merge(self.shop.router())
            .merge(self.counted.router())
            .merge(admin::router([&self.imports, &self.shared, &self.shop.airlock], self.password.clone()))
            .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing here. GET / says what there is.\n") })
    }

    /// Sends waiters away, lets holders finish.
    async fn shut_down(&self, grace: Duration) {
        let (imports, shared, shop) =
            tokio::join!(self.imports.shutdown(grace), self.shared.shutdown(grace), self.shop.airlock.shutdown(grace));
        let handed_back = imports.unwrap_or_default() + shared.unwrap_or_default() + shop.unwrap_or_default();
        if handed_back > 0 {
            let _ =
                writeln!(std::io::stderr(), "{handed_back} requests were not done after {grace:?} and were stopped");
        }
    }
}

async fn serve(options: &Options, airlocks: &Airlocks) -> std::io::Result<()> {
    let listener = TcpListener::bind(options.listen).await?;
    // Before anybody is told that there is a server that could be stopped.
    let mut signals = Signals::listen()?;
    let address = listener.local_addr()?;
    // Whoever started it may have closed its ears after the first line: that is no reason to stop.
    let _ = home::print_hints(address, options, &airlocks.password);
    let (stopping, stopped) = tokio::sync::watch::channel(false);
    let mut signalled = stopped.clone();
    // Visitors are counted by their addresses.
    let router = airlocks.router(options, address).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        // Fails only when the sender is gone, which is a reason to stop as well.
        let _ = signalled.wait_for(|stop| *stop).await;
    });
    let stop = async {
        signals.next().await;
        let _ = writeln!(
            std::io::stderr(),
            "stopping: no new work, {GRACE:?} for what is being done; again to stop at once"
        );
        stopping.send_replace(true);
        tokio::select! {
            () = airlocks.shut_down(GRACE) => {}
            () = signals.next() => return,
        }
        // Connections that read nothing any more are not waited for.
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
            () = signals.next() => {}
        }
    };
    tokio::select! {
        result = server => {
            // What was given back at the very end is said as well, to a store that has to be told.
            airlocks.shut_down(Duration::ZERO).await;
            result
        }
        () = stop => Ok(()),
    }
}

/// Ctrl-C and SIGTERM, none of them missed from the moment this is made.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C, not missed from the moment this is made.
#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Signals)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
