//! What a person sees: one line per picture, and a summary.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::time::Duration;

use cos_thumbnails::outcome::{Outcome, Stage};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::cloud::{Cloud, Options};
use crate::notifier::{Delivery, causes};

/// Where people and programs read: people on standard output, or on standard error where a program
/// reads the former.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    terminal: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let terminal = if json {
            io::stderr().is_terminal()
        } else {
            io::stdout().is_terminal()
        };
        Self { json, terminal }
    }

    /// A line for people. That nobody reads any more is no reason to stop serving.
    pub(crate) fn say(&self, line: &str) {
        let _ = if self.json {
            writeln!(io::stderr(), "{line}")
        } else {
            writeln!(io::stdout(), "{line}")
        };
    }

    /// One line for what became of an event. On a terminal a long key is cut to leave room.
    pub(crate) fn tell(&self, delivery: &Delivery) {
        let mut key = delivery.event.change().object.key.to_string();
        if self.terminal {
            key = shortened(&key);
        }
        self.say(&format!("{key}  {}", delivery_text(delivery)));
    }

    /// The first lines, and for programs the ready line.
    pub(crate) fn begin(&self, cloud: &Cloud) {
        let (store, key) = (&cloud.store_config, &cloud.credentials);
        self.say(&format!(
            "store     {}   bucket {}, region {}, access key {}\n\
             function  {}\n\
             engine    {}   Code Engine's jobs below /v2, IAM's tokens\n\
             page      {}   drop pictures there, and see what becomes of them\n\
             Put a picture under {} by any S3 client; for the programs here:\n  \
             export COS_ENDPOINT={} COS_REGION={} COS_BUCKET={}",
            store.endpoint,
            store.bucket,
            store.region,
            key.access_key_id,
            cloud.function_url,
            cloud.control.url(),
            cloud.page.url(),
            cloud.policy.source_prefix(),
            store.endpoint,
            store.region,
            store.bucket,
        ));
        if let Some(scaling) = &cloud.scaling {
            self.say(&format!("instances {scaling}"));
        }
        if let Some(mischief) = &cloud.mischief {
            self.say(&format!("mischief  {mischief}"));
        }
        let secret = &key.secret_access_key;
        if *secret == Options::default().credentials.secret_access_key {
            let id = &key.access_key_id;
            self.say(&format!(
                "  export COS_ACCESS_KEY_ID={id} COS_SECRET_ACCESS_KEY={secret}"
            ));
        }
        self.say(&cloud.control.exports());
        if self.json {
            let mut ready = cloud.control.ready();
            let own = json!({
                "store": store.endpoint,
                "function": cloud.function_url,
                "page": cloud.page.url(),
                "bucket": store.bucket,
                "region": store.region,
                "access_key_id": key.access_key_id,
                "secret_access_key": secret,
            });
            if let (Value::Object(ready), Value::Object(own)) = (&mut ready, own) {
                ready.extend(own);
            }
            let _ = writeln!(io::stdout(), "{ready}");
        }
    }

    /// Opens the live page in the browser, or says why it does not.
    pub(crate) async fn open(&self, url: &str) {
        let page = url.to_owned();
        // It looks for a moment whether the browser fails.
        let opening = spawn_blocking(move || open::that_detached(page));
        if let Err(error) = opening.await.unwrap_or_else(|error| Err(error.into())) {
            self.say(&format!("no browser can be opened for {url}: {error}"));
        }
    }

    /// A progress bar on a terminal, nothing elsewhere.
    #[expect(
        clippy::expect_used,
        reason = "the template is a constant, which a test draws"
    )]
    pub(crate) fn bar(total: u64, of: &'static str) -> ProgressBar {
        let style =
            ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {per_sec:.1}, {eta} left");
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
            .with_style(style.expect("a valid template"))
            .with_message(of);
        // From the start, not from the first picture.
        bar.tick();
        bar
    }
}

/// Verdict, size, and how long it took by stage.
fn delivery_text(delivery: &Delivery) -> String {
    let mut text = match &delivery.result {
        Ok(outcome) => outcome_text(outcome),
        Err(failure) => format!("failed: {}", causes(failure)),
    };
    if delivery.attempts > 1 {
        let _ = write!(text, "  {} attempts", delivery.attempts);
    }
    let fate = delivery.fate.to_string();
    if !fate.is_empty() {
        let _ = write!(text, "  mischief: {fate}");
    }
    text
}

/// The two ends of a long key, such that all the rest still has room in 120 columns.
fn shortened(key: &str) -> String {
    const MOST: usize = 28;
    const LAST: usize = 7;
    let letters = key.chars().count();
    if letters <= MOST {
        return key.to_owned();
    }
    let first: String = key.chars().take(MOST - 1 - LAST).collect();
    let last: String = key.chars().skip(letters - LAST).collect();
    format!("{first}…{last}")
}

fn outcome_text(outcome: &Outcome) -> String {
    let mut text = outcome.verdict.to_string();
    if let Some(reason) = &outcome.reason {
        let _ = write!(text, ": {reason}");
    }
    if let Some(message) = &outcome.message {
        let _ = write!(text, ": {message}");
    }
    if let Some(original) = &outcome.original {
        let (width, height) = (original.width, original.height);
        let _ = write!(text, "  {width}x{height} {}", size(original.bytes));
    }
    if let Some(total) = outcome.timings.get(Stage::Total) {
        let _ = write!(text, "  {} ms", whole_milliseconds(total));
    }
    let stages: Vec<_> = outcome
        .timings
        .iter()
        .filter(|(stage, time)| is_shown(*stage, *time))
        .map(|(stage, time)| format!("{stage} {}", whole_milliseconds(time)))
        .collect();
    if !stages.is_empty() {
        let _ = write!(text, ": {}", stages.join(" "));
    }
    text
}

/// Such as `25 kB` and `2.3 MB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{} kB", (bytes + 500) / 1000),
        _ => {
            let tenths = (bytes + 50_000) / 100_000;
            format!("{}.{} MB", tenths / 10, tenths % 10)
        }
    }
}

/// The work itself is always shown; waiting and looking only where it took time, so that a line
/// stays short enough to be read.
fn is_shown(stage: Stage, time: Duration) -> bool {
    use Stage::{Decode, Encode, Fetch, Resize, Store, Total};
    match stage {
        Total => false,
        Fetch | Decode | Resize | Encode | Store => true,
        _ => whole_milliseconds(time) > 0,
    }
}

/// To the nearest.
fn whole_milliseconds(time: Duration) -> u128 {
    (time.as_micros() + 500) / 1000
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Counts and times of the pictures that the program put itself.
#[derive(Debug)]
pub(crate) struct Summary {
    made: u64,
    not_made: u64,
    times: Histogram<u64>,
}

impl Summary {
    pub(crate) fn new() -> Self {
        // Bounds and precision are valid, so the default is never taken.
        let times = Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are allowed"));
        Self {
            made: 0,
            not_made: 0,
            times,
        }
    }

    /// Counts a picture: how long it took from the begin of the PUT until its thumbnails stood, if they do.
    pub(crate) fn add(&mut self, took: Option<Duration>) {
        let Some(took) = took else {
            self.not_made += 1;
            return;
        };
        self.made += 1;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // It grows with what is recorded.
        let _ = self.times.record(micros);
    }

    /// In one line.
    #[expect(clippy::cast_precision_loss, reason = "nobody puts 2^52 pictures")]
    pub(crate) fn text(&self, wall: Duration) -> String {
        let (made, all) = (self.made, self.made + self.not_made);
        let mut text = format!("thumbnails for {made} of {all} pictures");
        if made > 0 {
            let at = |quantile| {
                milliseconds(Duration::from_micros(
                    self.times.value_at_quantile(quantile),
                ))
            };
            let rate = (made as f64) / wall.as_secs_f64().max(f64::EPSILON);
            let (p50, p99) = (at(0.5), at(0.99));
            let _ = write!(
                text,
                "; from the begin of the PUT to the last thumbnail p50 {p50}, p99 {p99}; \
                 {rate:.1} pictures/s"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_key_is_shown_by_its_ends() {
        assert_eq!(shortened("images/é.jpg"), "images/é.jpg");
        let long = shortened("images/generated-001-4000x3000-progressive.jpg");
        assert_eq!(long, "images/generated-001…ive.jpg");
        assert_eq!(shortened(&"é".repeat(29)).chars().count(), 28);
        assert_eq!(shortened(&"é".repeat(28)), "é".repeat(28));
    }

    #[test]
    fn sizes_are_rounded() {
        let shown = [0, 999, 1000, 25_499, 1_000_000, 2_349_999, 2_350_000].map(size);
        let expected = [
            "0 B", "999 B", "1 kB", "25 kB", "1.0 MB", "2.3 MB", "2.4 MB",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_summary_has_times_and_counts() {
        let mut summary = Summary::new();
        let text = summary.text(Duration::from_secs(1));
        assert_eq!(text, "thumbnails for 0 of 0 pictures");
        for milliseconds in [10, 20, 3000] {
            summary.add(Some(Duration::from_millis(milliseconds)));
        }
        summary.add(None);
        let text = summary.text(Duration::from_secs(2));
        assert!(
            text.starts_with("thumbnails for 3 of 4 pictures; "),
            "{text}"
        );
        assert!(text.contains("p50 20.0 ms"), "{text}");
        assert!(text.contains("p99 3000"), "{text}");
        assert!(text.ends_with("; 1.5 pictures/s"), "{text}");
    }
}
