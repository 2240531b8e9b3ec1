//! The life of one visitor.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{Method, StatusCode};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::{Client, Cookies, Told};
use crate::options::Options;
use crate::tally::Tally;

/// After so many requests in a row that came to nothing a visitor gives up.
const FAILURES: u32 = 20;

/// What became of a visitor. Times are since the crowd began, where nothing else is said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) fate: Fate,
    /// When it first asked.
    pub(crate) came: Duration,
    /// When it asked for the place that it had last, and when it was told that it has it.
    pub(crate) joined: (Duration, Duration),
    /// When it was known to be inside, at least.
    pub(crate) inside: Option<(Duration, Duration)>,
    /// The number of its admission.
    pub(crate) fence: Option<u64>,
    /// What it was told at some random moment that its wait would be, and when, since 1970.
    pub(crate) told: Option<(Duration, Duration)>,
    /// How often it was told so.
    pub(crate) answers: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stayed, and did not get in.
    #[default]
    Outside,
    /// It got in.
    Inside,
    /// It left the line.
    Left,
    /// It vanished from the line.
    Vanished,
    /// It could not ask any more.
    Failed,
}

/// How it means to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    Stay,
    Leave,
    Vanish,
}

pub(crate) struct Visitor {
    options: Arc<Options>,
    client: Arc<Client>,
    tally: Arc<Tally>,
    random: StdRng,
    cookies: Cookies,
    intent: Intent,
    listens: bool,
    began: Instant,
}

/// What a wait in line came to.
enum Waited {
    Inside,
    /// Its place is gone: it comes again.
    Lost,
}

impl Visitor {
    pub(crate) fn new(
        options: &Arc<Options>,
        client: &Arc<Client>,
        tally: &Arc<Tally>,
        seed: u64,
        began: Instant,
    ) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let (intent, listens): (f64, f64) = (random.random(), random.random());
        let intent = match intent {
            leaves if leaves < options.leave => Intent::Leave,
            vanishes if vanishes < options.leave + options.vanish => Intent::Vanish,
            _ => Intent::Stay,
        };
        let listens = listens < options.streams;
        let (options, client, tally) = (options.clone(), client.clone(), tally.clone());
        Visitor { options, client, tally, random, cookies: Cookies::default(), intent, listens, began }
    }

    /// All of it. What is known so far stands in the record at any time.
    pub(crate) async fn live(mut self, record: &mut Record) {
        record.came = self.began.elapsed();
        let patience = self.options.patience.mul_f64(self.random.random());
        let patient_until = match self.intent {
            Intent::Stay => None,
            Intent::Leave | Intent::Vanish => Some(Instant::now() + patience),
        };
        let got_in = match patient_until {
            None => Ok(self.get_in(record).await),
            Some(until) => timeout_at(until, self.get_in(record)).await,
        };
        match (got_in, self.intent) {
            (Ok(Ok(())), _) => self.look_around(record, patient_until).await,
            (Ok(Err(())), _) => record.fate = Fate::Failed,
            (Err(_), Intent::Leave) => {
                record.fate = Fate::Left;
                let _ = self.client.ask(Method::POST, "leave", &self.cookies).await;
            }
            (Err(_), _) => record.fate = Fate::Vanished,
        }
    }

    /// Until it is inside. Fails if the server does not answer, time and again.
    async fn get_in(&mut self, record: &mut Record) -> Result<(), ()> {
        let mut failures = 0;
        loop {
            let sent = self.began.elapsed();
            let reply = match self.client.visit(&self.cookies).await {
                Ok(reply) => reply,
                Err(problem) => {
                    self.fails(&mut failures, &problem).await?;
                    continue;
                }
            };
            let answered = self.began.elapsed();
            self.cookies.take(&reply.headers);
            if reply.status == StatusCode::OK {
                record.joined = (sent, answered);
                return Ok(());
            }
            match reply.verdict() {
                Some("queued") => {
                    failures = 0;
                    record.joined = (sent, answered);
                    record.told = None;
                    let told = reply.told();
                    self.was_told(&told, record);
                    let _waits = self.tally.waiting.until_dropped();
                    let waited = match self.listens {
                        true => self.listen(record, &mut failures).await?,
                        false => self.ask(told, record, &mut failures).await?,
                    };
                    match waited {
                        Waited::Inside => return Ok(()),
                        Waited::Lost => self.tally.lost.add(),
                    }
                }
                Some(reason) => {
                    self.tally.refused(reason);
                    // Not all at the same moment.
                    let later = reply.retry_after().mul_f64(1.0 + self.random.random::<f64>() / 2.0);
                    sleep(later).await;
                }
                None => self.fails(&mut failures, &format!("the page answers {}", reply.status)).await?,
            }
        }
    }

    /// Asks again, as often as it is told to.
    async fn ask(&mut self, mut told: Told, record: &mut Record, failures: &mut u32) -> Result<Waited, ()> {
        loop {
            // A little sooner than it is told, and not all in step.
            sleep(told.refresh_after().mul_f64(0.8 + self.random.random::<f64>() / 5.0)).await;
            let reply = match self.client.ask(Method::GET, "status", &self.cookies).await {
                Ok(reply) if reply.status == StatusCode::OK => reply,
                Ok(reply) => {
                    self.fails(failures, &format!("status answers {}", reply.status)).await?;
                    continue;
                }
                Err(problem) => {
                    self.fails(failures, &problem).await?;
                    continue;
                }
            };
            *failures = 0;
            told = reply.told();
            self.was_told(&told, record);
            match told.status() {
                "offered" | "admitted" => return self.claim(failures).await,
                "none" => return Ok(Waited::Lost),
                _ => {}
            }
        }
    }

    /// Listens to its stream of events, and comes back to it as often as it ends.
    async fn listen(&mut self, record: &mut Record, failures: &mut u32) -> Result<Waited, ()> {
        let mut last = None;
        loop {
            let mut events = match self.client.listen(&self.cookies, last.as_deref()).await {
                Ok(Ok(events)) => events,
                Ok(Err(reply)) => {
                    self.fails(failures, &format!("events answers {}", reply.status)).await?;
                    continue;
                }
                Err(problem) => {
                    self.fails(failures, &problem).await?;
                    continue;
                }
            };
            *failures = 0;
            let _listens = self.tally.listening.until_dropped();
            while let Some(event) = events.next().await {
                self.was_told(&event.told, record);
                match event.name.as_str() {
                    "offered" | "admitted" => return self.claim(failures).await,
                    "missed" => return Ok(Waited::Lost),
                    _ => {}
                }
            }
            last = events.last.take();
            sleep(events.retry).await;
        }
    }

    async fn claim(&mut self, failures: &mut u32) -> Result<Waited, ()> {
        loop {
            match self.client.ask(Method::POST, "claim", &self.cookies).await {
                Ok(reply) if reply.status == StatusCode::OK => {
                    self.cookies.take(&reply.headers);
                    return Ok(Waited::Inside);
                }
                Ok(reply) if reply.verdict() == Some("missed") => return Ok(Waited::Lost),
                Ok(reply) => self.fails(failures, &format!("claim answers {}", reply.status)).await?,
                Err(problem) => self.fails(failures, &problem).await?,
            }
        }
    }

    /// Inside: from now on, until it is put out or goes.
    async fn look_around(&mut self, record: &mut Record, patient_until: Option<Instant>) {
        let from = self.began.elapsed();
        record.fate = Fate::Inside;
        record.fence = self.cookies.fence();
        record.inside = Some((from, from));
        self.tally.admitted.add();
        let _inside = self.tally.inside.until_dropped();
        let done = Instant::now() + self.options.browse.mul_f64(0.5 + self.random.random::<f64>());
        let vanishes = patient_until.filter(|_| self.intent == Intent::Vanish);
        loop {
            let next = (Instant::now() + self.options.think).min(done);
            if let Some(vanishes) = vanishes.filter(|vanishes| *vanishes <= next) {
                // Nobody knows how long its place stands empty.
                tokio::time::sleep_until(vanishes).await;
                return;
            }
            tokio::time::sleep_until(next).await;
            if next == done {
                break;
            }
            match self.client.visit(&self.cookies).await {
                Ok(reply) if reply.status == StatusCode::OK => record.inside = Some((from, self.began.elapsed())),
                Ok(_) => return self.tally.put_out.add(),
                Err(problem) => self.tally.failed(&problem),
            }
        }
        record.inside = Some((from, self.began.elapsed()));
        if let Err(problem) = self.client.ask(Method::POST, "leave", &self.cookies).await {
            self.tally.failed(&problem);
        }
    }

    /// One of the answers that say how long it will take is kept, each as likely as the others.
    fn was_told(&mut self, told: &Told, record: &mut Record) {
        let Some(estimate) = told.estimated_wait_ms else { return };
        record.answers += 1;
        if self.random.random_range(0..record.answers) == 0 {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            record.told = Some((now, Duration::from_millis(estimate)));
        }
    }

    /// Waits before it tries again, or gives up.
    async fn fails(&mut self, failures: &mut u32, problem: &str) -> Result<(), ()> {
        self.tally.failed(problem);
        *failures += 1;
        if *failures >= FAILURES {
            return Err(());
        }
        sleep(Duration::from_millis(500 + u64::from(self.random.next_u32() % 1000))).await;
        Ok(())
    }
}
