//! The wait and the time inside are spans that belong together, for whoever looks at them, and nothing for others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use airlock_core::{Airlock, Error, Seal};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// What became of spans, by their numbers.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeMap<u64, Seen>>>);

#[derive(Clone, Debug, Default)]
struct Seen {
    name: &'static str,
    fields: String,
    follows: Option<u64>,
    /// What was said in it.
    events: usize,
    closed: bool,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let (name, fields) = (attributes.metadata().name(), attributes.values().to_string());
        let seen = Seen { name, fields, ..Seen::default() };
        self.0.lock().unwrap().insert(id.into_u64(), seen);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        self.0.lock().unwrap().get_mut(&id.into_u64()).expect("it is new").follows = Some(follows.into_u64());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() == "airlock" {
            return;
        }
        if let Some(span) = context.event_span(event) {
            self.0.lock().unwrap().get_mut(&span.id().into_u64()).expect("it is new").events += 1;
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.0.lock().unwrap().get_mut(&id.into_u64()).expect("it is new").closed = true;
    }
}

impl Spans {
    /// The only one, of those of that name, that is as it should be.
    fn only(&self, name: &str, is_it: impl Fn(&Seen) -> bool) -> (u64, Seen) {
        let spans = self.0.lock().unwrap();
        let found: Vec<_> = spans.iter().filter(|(_, seen)| seen.name == name && is_it(seen)).collect();
        assert_eq!(found.len(), 1, "{spans:#?}");
        (*found[0].0, found[0].1.clone())
    }
}

/// One at a time: whether anybody looks at a span is remembered by the process, and a span that is made first while a
/// subscriber comes is remembered as of no interest.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "current_thread")]
async fn the_time_inside_follows_from_the_wait() -> Result<(), Error> {
    let _alone = ALONE.lock().await;
    let spans = Spans::default();
    // For this thread, which is all that a current-thread runtime has.
    let _looking = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    let airlock = Airlock::builder("doors").seal(Seal::lock()).build().expect("a valid configuration");
    let first = airlock.try_enter("room").await?;
    let (_, held) = spans.only("hold", |_| true);
    assert!(held.fields.contains("doors") && held.fields.contains(&first.fence().to_string()), "{}", held.fields);
    assert_eq!((held.follows, held.closed), (None, false), "it did not wait");

    let work = async |permit: airlock_core::Admitted| {
        tracing::info!("before it gives way");
        tokio::task::yield_now().await;
        tracing::info!("after it");
        permit.fence()
    };
    let next = airlock.with_admitted("room", work);
    let mut next = std::pin::pin!(next);
    assert!(is_pending(next.as_mut()).await);
    let (wait, waits) = spans.only("wait", |_| true);
    assert!(!waits.closed);
    drop(first);
    let fence = next.await?;
    assert!(spans.only("wait", |_| true).1.closed);
    let (_, held) = spans.only("hold", |seen| seen.follows == Some(wait));
    assert!(held.fields.contains(&fence.to_string()), "{}", held.fields);
    assert_eq!((held.events, held.closed), (2, true), "the work is done in it");
    spans.only("hold", |seen| seen.follows.is_none() && seen.closed);
    Ok(())
}

/// Whether it is not done when it is looked at once.
async fn is_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[tokio::test(flavor = "current_thread")]
async fn where_nobody_looks_there_is_no_span() -> Result<(), Error> {
    let _alone = ALONE.lock().await;
    let airlock = Airlock::builder("doors").seal(Seal::lock()).build().expect("a valid configuration");
    let permit = airlock.try_enter("room").await?;
    assert!(permit.span().is_disabled());
    Ok(())
}
