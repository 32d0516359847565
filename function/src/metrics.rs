//! What `GET /metrics` says: every name in one place, in the words of other image services where they have
//! one (`status_codes_total`, `errors_total` by `type`, `request_span_duration_seconds` by `span`).
//!
//! Sheds are the status codes 429. What hyper refuses by itself, before it is a request, is not counted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cos_thumbnails::outcome::{Outcome, Reason, Verdict};
use cos_thumbnails::process;
use cos_thumbnails::storage::{Cause, S3};
use cos_thumbnails::thumbnailer::{Error, Thumbnailer};
use http::StatusCode;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::runtime::{Abandoned, Load, Meter};

/// Before every name.
const PREFIX: &str = "cos_thumbnails";

/// Upper ends of the histograms' buckets, in seconds: from a duplicate's to a deadline's.
const BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 240.0,
];

/// In place of the status of an answer that nobody waited for, as other servers have it.
const HUNG_UP: &str = "499";
/// In place of that of one that was never given, as other servers have it.
const GAVE_WAY: &str = "444";

/// The type of an event that did not show the secret.
pub(crate) const NO_SECRET: &str = "secret";

/// What `rate()` can see the first of, since it was 0 before: the answers to requests with events,
const STATUS_CODES: [&str; 9] = [
    "200", "400", "403", "413", "415", "429", "503", HUNG_UP, GAVE_WAY,
];
/// why events are not handled,
const ERRORS: [&str; 8] = [
    "foreign",
    NO_SECRET,
    "malformed",
    "store",
    "memory",
    "deadline",
    "unsettled",
    "panic",
];
/// and how those end that are.
const ENDS: [(Verdict, Option<Reason>); 22] = [
    (Verdict::Made, None),
    (Verdict::Duplicate, None),
    (Verdict::Removed, Some(Reason::Gone)),
    (Verdict::Skipped, Some(Reason::Gone)),
    (Verdict::Skipped, Some(Reason::OutsidePrefix)),
    (Verdict::Skipped, Some(Reason::OwnOutput)),
    (Verdict::Skipped, Some(Reason::NoRecipe)),
    (Verdict::Skipped, Some(Reason::FolderPlaceholder)),
    (Verdict::Rejected, Some(Reason::KeyTooLong)),
    (Verdict::Rejected, Some(Reason::Collision)),
    (Verdict::Rejected, Some(Reason::Empty)),
    (Verdict::Rejected, Some(Reason::NotAPicture)),
    (Verdict::Rejected, Some(Reason::Unsupported)),
    (Verdict::Rejected, Some(Reason::Malformed)),
    (Verdict::Rejected, Some(Reason::Truncated)),
    (Verdict::Rejected, Some(Reason::TooManyBytes)),
    (Verdict::Rejected, Some(Reason::TooManyPixels)),
    (Verdict::Rejected, Some(Reason::SideTooLong)),
    (Verdict::Rejected, Some(Reason::TooMuchMemory)),
    (Verdict::Rejected, Some(Reason::TooManyScans)),
    (Verdict::Rejected, Some(Reason::Stopped)),
    (Verdict::Rejected, Some(Reason::Internal)),
];

/// One label and its values.
type By = [(&'static str, String); 1];
type ByTwo = [(&'static str, String); 2];
type Times<L> = Family<L, Histogram, fn() -> Histogram>;

/// What the function counts. Of what the process, its store and its runtime know anyway, only that they are
/// asked when someone wants to know.
pub(crate) struct Metrics {
    registry: Registry,
    thumbnailer: Arc<Thumbnailer>,
    store: Option<S3>,
    requests: Counter,
    status_codes: Family<By, Counter>,
    request_duration: Histogram,
    in_progress: Gauge,
    waiting: Gauge,
    events: Family<ByTwo, Counter>,
    errors: Family<By, Counter>,
    spans: Times<By>,
    thumbnails: Family<ByTwo, Counter>,
    bytes_read: Counter,
    bytes_written: Counter,
    ranged_reads: Counter,
    bytes_saved: Counter,
    cold_starts: Counter,
    /// An event was taken on.
    has_begun: AtomicBool,
    admitted: Gauge,
    retries: Family<By, Counter>,
    token_refreshes: Family<By, Counter>,
    cpu_seconds: Counter<f64, std::sync::atomic::AtomicU64>,
    peak_memory: Gauge,
}

impl Metrics {
    /// Of a flow, and of what its store tells besides, if it is one that does.
    pub(crate) fn new(thumbnailer: Arc<Thumbnailer>, store: Option<S3>) -> Self {
        let times: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            thumbnailer,
            store,
            requests: Counter::default(),
            status_codes: Family::default(),
            request_duration: times(),
            in_progress: Gauge::default(),
            waiting: Gauge::default(),
            events: Family::default(),
            errors: Family::default(),
            spans: Family::new_with_constructor(times),
            thumbnails: Family::default(),
            bytes_read: Counter::default(),
            bytes_written: Counter::default(),
            ranged_reads: Counter::default(),
            bytes_saved: Counter::default(),
            cold_starts: Counter::default(),
            has_begun: AtomicBool::default(),
            admitted: Gauge::default(),
            retries: Family::default(),
            token_refreshes: Family::default(),
            cpu_seconds: Counter::default(),
            peak_memory: Gauge::default(),
        };
        metrics.register();
        for status in STATUS_CODES {
            drop(metrics.status_codes.get_or_create(&by("status", status)));
        }
        for kind in ERRORS {
            drop(metrics.errors.get_or_create(&by("type", kind)));
        }
        for (verdict, reason) in ENDS {
            drop(metrics.events.get_or_create(&ended(verdict, reason)));
        }
        metrics
    }

    /// The names. Those of counters get `_total` behind them, those with a unit the unit.
    #[rustfmt::skip]
    fn register(&mut self) {
        let bytes = || Unit::Bytes;
        let to = &mut self.registry;
        to.register("requests", "Requests with events", self.requests.clone());
        to.register("status_codes", "Their answers, by status; 499 where the sender ended the connection before, 444 where it gave way to another", self.status_codes.clone());
        to.register_with_unit("request_duration", "From a request's header to its answer", Unit::Seconds, self.request_duration.clone());
        to.register("requests_in_progress", "Requests that are handled", self.in_progress.clone());
        to.register("requests_waiting", "Requests that wait for a place", self.waiting.clone());
        to.register("events", "Events that were handled, by outcome and reason", self.events.clone());
        to.register("errors", "Events that were not handled, by type", self.errors.clone());
        to.register_with_unit("request_span_duration", "Time of each stage of an event, by span", Unit::Seconds, self.spans.clone());
        to.register("thumbnails", "Thumbnails that were made, by size and format", self.thumbnails.clone());
        to.register("bytes_read", "Bytes of bodies read from the store", self.bytes_read.clone());
        to.register("bytes_written", "Bytes of bodies written to the store", self.bytes_written.clone());
        to.register("ranged_reads", "Originals of which a part was enough", self.ranged_reads.clone());
        to.register("bytes_saved", "Bytes of those that were not read", self.bytes_saved.clone());
        to.register("cold_starts", "Events that were the first of their instance", self.cold_starts.clone());
        to.register_with_unit("memory_admitted", "Memory that pictures in work were given", bytes(), self.admitted.clone());
        to.register_with_unit("memory_peak", "The most memory that the process has held", bytes(), self.peak_memory.clone());
        to.register("store_retries", "Requests to the store that were sent again, by cause", self.retries.clone());
        to.register("token_refreshes", "Tokens asked for at IAM, by result", self.token_refreshes.clone());
        to.register_with_unit("cpu", "Time of processors that the process has used", Unit::Seconds, self.cpu_seconds.clone());
        let build = Info::new([
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("recipes", self.thumbnailer.policy().recipes().fingerprint()),
        ]);
        to.register("build", "What is running", build);
    }

    /// An event is taken on, however it ends.
    pub(crate) fn begun(&self) {
        if !self.has_begun.swap(true, Ordering::Relaxed) {
            self.cold_starts.inc();
        }
    }

    /// An event was handled.
    pub(crate) fn outcome(&self, outcome: &Outcome) {
        let labels = ended(outcome.verdict, outcome.reason);
        self.events.get_or_create(&labels).inc();
        for (stage, time) in outcome.timings.iter() {
            let span = self
                .spans
                .get_or_create_owned(&[("span", stage.to_string())]);
            span.observe(time.as_secs_f64());
        }
        for made in &outcome.thumbnails {
            let labels = [
                ("size", made.size.to_string()),
                ("format", made.format.clone()),
            ];
            self.thumbnails.get_or_create(&labels).inc();
        }
    }

    /// An event was not handled.
    pub(crate) fn error(&self, kind: &'static str) {
        self.errors.get_or_create(&by("type", kind)).inc();
    }

    /// What is known without counting.
    fn ask(&self, load: Load) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.in_progress.set(whole(load.in_flight as u64));
        self.waiting.set(whole(load.waiting as u64));
        self.admitted.set(whole(self.thumbnailer.admitted_bytes()));
        let carried = self.thumbnailer.carried();
        for (counter, count) in [
            (&self.bytes_read, carried.bytes_read),
            (&self.bytes_written, carried.bytes_written),
            (&self.ranged_reads, carried.ranged_reads),
            (&self.bytes_saved, carried.bytes_saved),
        ] {
            counter.inner().store(count, Ordering::Relaxed);
        }
        self.peak_memory
            .set(whole(process::peak_bytes().unwrap_or_default()));
        if let Some(store) = &self.store {
            for cause in Cause::ALL {
                let name = cause.name();
                set(&self.retries, ("cause", name), store.retries().by(cause));
            }
            let refreshes = store.token_refreshes().unwrap_or_default();
            set(&self.token_refreshes, ("result", "given"), refreshes.given);
            set(&self.token_refreshes, ("result", "none"), refreshes.failed);
        }
        let cpu = process::cpu().as_secs_f64();
        self.cpu_seconds
            .inner()
            .store(cpu.to_bits(), Ordering::Relaxed);
    }
}

impl Meter for Metrics {
    fn answered(&self, status: StatusCode, took: Duration) {
        self.requests.inc();
        let labels = by("status", status.as_str());
        self.status_codes.get_or_create(&labels).inc();
        self.request_duration.observe(took.as_secs_f64());
    }

    fn hung_up(&self) {
        self.requests.inc();
        let labels = by("status", HUNG_UP);
        self.status_codes.get_or_create(&labels).inc();
    }

    fn gave_way(&self) {
        self.requests.inc();
        let labels = by("status", GAVE_WAY);
        self.status_codes.get_or_create(&labels).inc();
    }

    fn malformed(&self) {
        self.error("malformed");
    }

    fn abandoned(&self, events: usize, why: Abandoned) {
        let kind = match why {
            Abandoned::Panic => "panic",
            Abandoned::Deadline => "deadline",
        };
        let labels = by("type", kind);
        self.errors.get_or_create(&labels).inc_by(events as u64);
    }

    fn text(&self, load: Load) -> String {
        self.ask(load);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// The labels of what is told apart by one.
fn by(label: &'static str, value: &str) -> By {
    [(label, value.to_owned())]
}

/// The labels of events that ended so.
fn ended(verdict: Verdict, reason: Option<Reason>) -> ByTwo {
    let reason = reason.map(|reason| reason.to_string());
    [
        ("outcome", verdict.to_string()),
        ("reason", reason.unwrap_or_default()),
    ]
}

/// Sets a counter that is counted elsewhere.
fn set(family: &Family<By, Counter>, (label, value): (&'static str, &str), count: u64) {
    let counter = family.get_or_create_owned(&by(label, value));
    counter.inner().store(count, Ordering::Relaxed);
}

/// What an error is called.
pub(crate) fn type_of(error: &Error) -> &'static str {
    match error {
        Error::Foreign(_) => "foreign",
        Error::Store(_) => "store",
        Error::Unsettled => "unsettled",
        Error::Deadline | Error::Uncounted(_) => "deadline",
        Error::Busy => "memory",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use cos_thumbnails::object::Bucket;
    use cos_thumbnails::plan::{Foreign, Policy, Recipe};
    use cos_thumbnails::storage::{self, Memory};

    use super::*;

    fn metrics() -> Metrics {
        let policy = Policy::new(
            Bucket::new("b"),
            "images/",
            "thumbnails/",
            Recipe::standard(),
        );
        let flow = Thumbnailer::new(Arc::new(Memory::default()), policy.unwrap());
        Metrics::new(Arc::new(flow), None)
    }

    /// How many samples of that metric there are.
    fn count(text: &str, name: &str) -> usize {
        let start = format!("{PREFIX}_{name}{{");
        text.lines().filter(|line| line.starts_with(&start)).count()
    }

    #[test]
    fn what_can_be_counted_is_there_before_its_first_time() {
        let metrics = metrics();
        let text = metrics.text(Load::new(0, 0));
        for sample in [
            "errors_total{type=\"store\"} 0",
            "status_codes_total{status=\"503\"} 0",
            "status_codes_total{status=\"444\"} 0",
            "events_total{outcome=\"made\",reason=\"\"} 0",
            "events_total{outcome=\"rejected\",reason=\"truncated\"} 0",
            "cold_starts_total 0",
        ] {
            let line = format!("{PREFIX}_{sample}");
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        // Nothing that is counted makes a new one.
        for error in [
            Error::Foreign(Foreign::Endpoint),
            Error::Store(storage::Error::new(storage::Kind::Unavailable, "GetObject")),
            Error::Unsettled,
            Error::Deadline,
            Error::Busy,
        ] {
            metrics.error(type_of(&error));
        }
        metrics.error(NO_SECRET);
        metrics.malformed();
        metrics.abandoned(1, Abandoned::Panic);
        metrics.abandoned(1, Abandoned::Deadline);
        for status in [200, 400, 403, 413, 415, 429, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            metrics.answered(status, Duration::ZERO);
        }
        metrics.hung_up();
        metrics.gave_way();
        let after = metrics.text(Load::new(0, 0));
        for name in ["errors_total", "status_codes_total"] {
            assert_eq!(count(&after, name), count(&text, name), "{after}");
        }
        assert!(!after.contains("errors_total{type=\"store\"} 0"));
    }

    #[test]
    fn an_instance_has_one_cold_start_however_its_first_event_ends() {
        let metrics = metrics();
        metrics.begun();
        metrics.error("store");
        metrics.begun();
        let text = metrics.text(Load::new(0, 0));
        assert!(text.contains("cold_starts_total 1\n"), "{text}");
    }

    #[test]
    fn what_has_no_answer_and_what_has_no_outcome_is_counted() {
        let metrics = metrics();
        metrics.hung_up();
        metrics.gave_way();
        metrics.malformed();
        metrics.abandoned(1, Abandoned::Panic);
        metrics.abandoned(3, Abandoned::Deadline);
        let text = metrics.text(Load::new(0, 0));
        for sample in [
            "requests_total 2",
            "status_codes_total{status=\"499\"} 1",
            "status_codes_total{status=\"444\"} 1",
            "request_duration_seconds_count 0",
            "errors_total{type=\"malformed\"} 1",
            "errors_total{type=\"panic\"} 1",
            "errors_total{type=\"deadline\"} 3",
        ] {
            let line = format!("{PREFIX}_{sample}");
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
    }
}
