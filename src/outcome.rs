//! What became of one event: plain values, the same in logs, answers, records and reports.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::object::{ETag, Key};

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The event's `id`.
    pub event_id: String,
    /// The original's key.
    pub key: Key,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, where the verdict alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The reason for people, with its details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The version of the original that the thumbnails show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<ETag>,
    /// Fingerprint of the recipe that the original is for; where it is for none, or none was asked
    /// for, that of all recipes together.
    pub recipe: String,
    /// The original, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// The thumbnails that were made, by ascending size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thumbnails: Vec<Thumbnail>,
    /// How much of the original is right, where the thumbnails show a damaged one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degraded>,
    /// What of the original's metadata the thumbnails do without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Ignored>,
    /// The sender asked for a backfill's run without the right to: the event was handled as an
    /// ordinary one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub run_refused: bool,
    /// Calls to the store and their bytes.
    pub traffic: Traffic,
    /// How long each stage took.
    #[serde(rename = "timings_us")]
    pub timings: Timings,
    /// Who did it, when, and what that took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<Execution>,
}

/// By what a sender tells instances from each other, cold ones from warm ones, and their clocks from its own.
/// Times are microseconds since the Unix epoch, by the instance's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// The instance: a name by chance, of one flow in one process from its begin to its end.
    pub instance: String,
    /// How many events it had taken on before this one: of none, it was cold.
    pub before: u64,
    /// When it was ready for events.
    pub ready_at_us: u64,
    /// When this event arrived in the flow.
    pub began_at_us: u64,
    /// When its outcome was known.
    pub ended_at_us: u64,
    /// Time of a processor that the picture took: from bytes to bytes.
    pub cpu_us: u64,
    /// Time of processors that the whole process had used when the event arrived, and when its outcome was known.
    pub process_cpu_us: [u64; 2],
    /// The most memory that the process had held by then, in bytes, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

impl Outcome {
    /// Of an event for which nothing was done yet, by the recipe of that fingerprint.
    pub(crate) fn new(event_id: &str, key: &Key, recipe: String) -> Self {
        Self {
            event_id: event_id.to_owned(),
            key: key.clone(),
            verdict: Verdict::Skipped,
            reason: None,
            message: None,
            etag: None,
            recipe,
            original: None,
            thumbnails: Vec::new(),
            degraded: None,
            ignored: Vec::new(),
            run_refused: false,
            traffic: Traffic::default(),
            timings: Timings::default(),
            execution: None,
        }
    }
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All thumbnails were made and stand in the store.
    Made,
    /// They stood there already, of this version and recipe.
    Duplicate,
    /// The original is gone, and its thumbnails were removed.
    Removed,
    /// Nothing was to be done.
    Skipped,
    /// The picture can never succeed as it is; a failure record says why.
    Rejected,
}

/// Why an event ended as it did. One vocabulary for logs, records and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The key is not below the source prefix.
    OutsidePrefix,
    /// The key is one of our own outputs or failure records.
    OwnOutput,
    /// The original is for none of the recipes.
    NoRecipe,
    /// A key that ends with `/` and holds nothing: a folder, as some clients make them.
    FolderPlaceholder,
    /// The original is gone, and so are its thumbnails (or removal is off).
    Gone,
    /// The keys of its thumbnails would be longer than 1024 bytes.
    KeyTooLong,
    /// The thumbnails' keys belong to another original.
    Collision,
    /// The object has no bytes.
    Empty,
    /// The content is no picture.
    NotAPicture,
    /// A picture in a format, or a form of it, that is not read.
    Unsupported,
    /// The picture is damaged.
    Malformed,
    /// The picture ends early.
    Truncated,
    /// The file is longer than allowed.
    TooManyBytes,
    /// The picture has more pixels than allowed.
    TooManyPixels,
    /// The picture is wider or higher than allowed.
    SideTooLong,
    /// Decoding the picture would take more memory than allowed.
    TooMuchMemory,
    /// The JPEG has more scans than any encoder makes.
    TooManyScans,
    /// The work was ended at its deadline.
    Stopped,
    /// The work failed by a fault of ours.
    Internal,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// Length of the object in bytes.
    pub bytes: u64,
    /// Its format by content, such as `JPEG`.
    pub format: String,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
}

/// How much of a damaged original is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    /// Rows of pixels as stored, from the top, that are known to be right.
    pub intact_rows: u32,
    /// All rows of pixels as stored.
    pub rows: u32,
}

/// Metadata that was not looked at. It spoils no picture, so that it is no [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// The ICC profile is longer than allowed: the colours count as sRGB.
    IccTooLong,
    /// The EXIF block is longer than allowed: the picture counts as upright.
    ExifTooLong,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// Its key.
    pub key: Key,
    /// The bounding box's side in pixels.
    pub size: u32,
    /// Its format, such as `jpeg`.
    #[serde(default)]
    pub format: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Length in bytes.
    pub bytes: u64,
}

/// Calls to the store and their bytes, without what the store's client retried by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// GET requests.
    pub gets: u32,
    /// HEAD requests.
    pub heads: u32,
    /// PUT requests.
    pub puts: u32,
    /// DELETE requests.
    pub deletes: u32,
    /// Bytes of bodies read.
    pub bytes_read: u64,
    /// Bytes of bodies written.
    pub bytes_written: u64,
}

/// A part of the way from event to outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Waiting for another event of the same key, or of one whose thumbnails have the same keys.
    Turn,
    /// Looking at the mark and its siblings.
    Check,
    /// Reading the original.
    Fetch,
    /// Waiting for memory, and for a processor.
    Queue,
    /// From bytes to pixels.
    Decode,
    /// To the thumbnails' sizes.
    Resize,
    /// From pixels to bytes.
    Encode,
    /// Writing the thumbnails but for the mark.
    Store,
    /// Writing the mark.
    Commit,
    /// Looking at the original again.
    Recheck,
    /// Writing a failure record.
    Record,
    /// Removing thumbnails.
    Remove,
    /// Everything, from the event's arrival in the flow to its outcome.
    Total,
}

/// How long each stage took, summed over repetitions. In JSON: whole microseconds by stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Stage, u64>", into = "BTreeMap<Stage, u64>")]
pub struct Timings(BTreeMap<Stage, Duration>);

impl Timings {
    /// Adds to a stage's time.
    pub fn add(&mut self, stage: Stage, duration: Duration) {
        *self.0.entry(stage).or_default() += duration;
    }

    /// Adds all of another's times.
    pub fn merge(&mut self, other: &Self) {
        for (stage, duration) in other.iter() {
            self.add(stage, duration);
        }
    }

    /// A stage's time, if it took place.
    #[must_use]
    pub fn get(&self, stage: Stage) -> Option<Duration> {
        self.0.get(&stage).copied()
    }

    /// The stages that took place, in the order of the flow.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, Duration)> + '_ {
        self.0.iter().map(|(&stage, &duration)| (stage, duration))
    }
}

impl From<BTreeMap<Stage, u64>> for Timings {
    fn from(micros: BTreeMap<Stage, u64>) -> Self {
        Self(
            micros
                .into_iter()
                .map(|(stage, us)| (stage, Duration::from_micros(us)))
                .collect(),
        )
    }
}

impl From<Timings> for BTreeMap<Stage, u64> {
    fn from(timings: Timings) -> Self {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        timings
            .0
            .into_iter()
            .map(|(stage, time)| (stage, micros(time)))
            .collect()
    }
}

macro_rules! shown_as_in_json {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.serialize(f)
            }
        }
    )*};
}
shown_as_in_json!(Verdict, Reason, Ignored, Stage);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn timings_are_whole_microseconds_by_stage() {
        let mut timings = Timings::default();
        timings.add(Stage::Fetch, Duration::from_nanos(1_500_900));
        timings.add(Stage::Fetch, Duration::from_millis(1));
        let json = serde_json::to_string(&timings).unwrap();
        assert_eq!(json, r#"{"fetch":2500}"#);
        let read: Timings = serde_json::from_str(&json).unwrap();
        assert_eq!(read.get(Stage::Fetch), Some(Duration::from_micros(2500)));
    }

    #[test]
    fn reasons_are_shown_in_the_words_of_the_records() {
        assert_eq!(Reason::NotAPicture.to_string(), "not_a_picture");
        assert_eq!(Verdict::Made.to_string(), "made");
    }
}
