//! A recorder that remembers what it was told. There is one for all tests, each of which has an airlock of its own name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use airlock_core::metrics::publish;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// The one that is installed.
static TOLD: LazyLock<Told> = LazyLock::new(|| {
    let told = Told::default();
    metrics::set_global_recorder(told.clone()).expect("there is no other");
    told
});

#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Inner>);

#[derive(Default)]
struct Inner {
    counters: Mutex<BTreeMap<String, Arc<Count>>>,
    gauges: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    histograms: Mutex<BTreeMap<String, Arc<Spans>>>,
    described: Mutex<BTreeMap<String, Option<Unit>>>,
}

#[derive(Default)]
struct Count(AtomicU64);

#[derive(Default)]
struct Spans(Mutex<Vec<f64>>);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::SeqCst);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Ordering::SeqCst);
    }
}

impl HistogramFn for Spans {
    fn record(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

impl Recorder for Told {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.0.described.lock().unwrap().insert(key.as_str().to_owned(), unit);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.0.described.lock().unwrap().insert(key.as_str().to_owned(), unit);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.0.described.lock().unwrap().insert(key.as_str().to_owned(), unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.0.counters.lock().unwrap().entry(series(key)).or_default().clone())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.0.gauges.lock().unwrap().entry(series(key)).or_default().clone())
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.0.histograms.lock().unwrap().entry(series(key)).or_default().clone())
    }
}

/// As Prometheus would write it.
fn series(key: &Key) -> String {
    let labels: Vec<_> = key.labels().map(|label| format!("{}=\"{}\"", label.key(), label.value())).collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

/// What has been told so far.
pub(crate) fn told() -> &'static Told {
    &TOLD
}

/// What there is now.
pub(crate) fn published() -> &'static Told {
    let told = told();
    // One at a time, so that a test sees what was there when it asked, and not what another one brought before.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    publish();
    told
}

impl Told {
    /// A counter as it stands; none where there never was one.
    pub(crate) fn counted(&self, series: &str) -> Option<u64> {
        self.0.counters.lock().unwrap().get(series).map(|count| count.0.load(Ordering::SeqCst))
    }

    /// The counter of that name of an airlock in memory, where it is the only one or has these labels.
    pub(crate) fn count(&self, name: &str, airlock: &str, more: &str) -> u64 {
        let series = format!("airlock_{name}_total{{airlock=\"{airlock}\"{more}}}");
        self.counted(&series).unwrap_or_else(|| panic!("there is no {series}"))
    }

    pub(crate) fn shown(&self, series: &str) -> Option<f64> {
        self.0.gauges.lock().unwrap().get(series).map(|bits| f64::from_bits(bits.load(Ordering::SeqCst)))
    }

    pub(crate) fn gauge(&self, name: &str, airlock: &str, more: &str) -> f64 {
        let series = format!("airlock_{name}{{airlock=\"{airlock}\"{more}}}");
        self.shown(&series).unwrap_or_else(|| panic!("there is no {series}"))
    }

    /// All spans of that name, in the order of their lengths, in seconds.
    pub(crate) fn spans(&self, name: &str, airlock: &str, more: &str) -> Vec<f64> {
        let series = format!("airlock_{name}_seconds{{airlock=\"{airlock}\"{more}}}");
        let histograms = self.0.histograms.lock().unwrap();
        let mut spans = histograms.get(&series).map_or_else(Vec::new, |spans| spans.0.lock().unwrap().clone());
        spans.sort_by(f64::total_cmp);
        spans
    }

    /// All series of an airlock.
    pub(crate) fn series(&self, airlock: &str) -> Vec<String> {
        let mut all = self.all();
        all.retain(|series| series.contains(&format!("airlock=\"{airlock}\"")));
        all
    }

    pub(crate) fn all(&self) -> Vec<String> {
        let mut all: Vec<String> = self.0.counters.lock().unwrap().keys().cloned().collect();
        all.extend(self.0.gauges.lock().unwrap().keys().cloned());
        all.extend(self.0.histograms.lock().unwrap().keys().cloned());
        all
    }

    pub(crate) fn units(&self) -> BTreeMap<String, Option<Unit>> {
        self.0.described.lock().unwrap().clone()
    }
}

/// Whether that is what a span of so many seconds is shown as.
#[track_caller]
pub(crate) fn are_about(spans: &[f64], expected: &[f64]) {
    assert_eq!(spans.len(), expected.len(), "{spans:?} are not {expected:?}");
    for (span, expected) in spans.iter().zip(expected) {
        assert!((span - expected).abs() <= expected / 16.0, "{spans:?} are not {expected:?}");
    }
}
