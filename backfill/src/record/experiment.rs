//! What an experiment writes down: one JSON object per line (NDJSON), in `record.ndjson` of its folder.
//!
//! The first line is the [`Experiment`]. Then come the samples in the order in which they were taken. A
//! *sample* is one run of one mode over the first so many originals: its [`Call`]s, one per original in the
//! order in which they ended, and then the [`Sample`] itself, in which the clocks are. What is discarded is
//! a sample, too, and says [why](Sample::discarded); of warm-ups the calls are left out. Where the
//! experiment went on after it had ended early there is a [`Resumed`], and after its last sample an [`Ended`].
//! A sample during which it was interrupted is not there: it is taken again.
//!
//! | question | answer |
//! |---|---|
//! | which samples count | those whose [`discarded`](Sample::discarded) is `None`: for each mode, count and repetition there is one |
//! | how long did it take | [`Sample::clocks`], of which both are named |
//! | which calls were under way when | [`Times`] of its calls |
//! | what was used | [`Sample::instances`], [`Sample::client`], [`Sample::traffic`] |

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Clocks, Environment, InstanceSize, Key, Mode, Stage, Traffic, Verdict};

/// One line of an experiment's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Experiment(Box<Experiment>),
    /// One original of the sample that comes next.
    Call(Box<Call>),
    /// A sample, after its calls.
    Sample(Box<Sample>),
    /// Here an experiment that had ended early went on.
    Resumed(Box<Resumed>),
    /// All samples are taken.
    Ended(Ended),
}

/// An experiment as it was begun: enough to go on with it, and to say what was measured. It is
/// `manifest.json` of its folder, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Its id, which is its folder's name: the design's name and that of a run.
    pub experiment: String,
    /// What was asked for.
    pub design: Design,
    /// The command line, without the program's name and without secrets.
    pub arguments: Vec<String>,
    /// The settings that the environment gave, but for the secrets.
    pub variables: BTreeMap<String, String>,
    /// The machine of this program, which is that of the modes sequential and parallel.
    pub environment: Environment,
    /// The bucket's endpoint: where the store is.
    pub endpoint: String,
    /// Fingerprint of the recipes.
    pub recipe: String,
    /// The recipe for people.
    pub recipe_text: String,
    /// The function of fan-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Function>,
    /// The originals.
    pub data_set: DataSet,
    /// The dates of the oldest and the newest row of the price table, such as `2024-09-03 to 2025-07-08`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<String>,
    /// The size of the function's instances, as it was said. Absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceSize>,
    /// Bytes of memory that the pictures in work in this process have, in sequential and parallel: one for which there is
    /// no room waits, and its wait is in the times. Absent in older records, and where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Events under way at most, by mode.
    pub in_flight: BTreeMap<Mode, usize>,
    /// When it was begun, by this machine's clock.
    pub started: DateTime<Utc>,
}

/// What is asked for: the file that `backfill experiment run` takes, in TOML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// A name for it, of lower-case letters, digits and `-`.
    pub name: String,
    /// The modes that are compared.
    pub modes: Vec<Mode>,
    /// The numbers of originals, each of them the first so many by name.
    pub counts: Vec<u32>,
    /// How often each mode is measured with each count.
    pub repetitions: u32,
    /// How often each mode is run before it is measured, with the least count. These samples are discarded.
    /// After an experiment went on they are run again, as its process is a new one. Default 1.
    #[serde(default = "one")]
    pub warm_ups: u32,
    /// In which state fan-out has to find the function. Default `any`.
    #[serde(default)]
    pub temperature: Temperature,
    /// For `cold`: how long nothing is sent to the function before a sample, so that it is scaled to zero, such as
    /// `"2m"`. Default two minutes, as Code Engine takes one or somewhat more.
    #[serde(default = "two_minutes", with = "humane")]
    pub cold_after: Duration,
    /// How often one sample is tried until it is of the right temperature and nothing failed; after that the
    /// experiment ends early. One that goes on tries as often again. Default 3.
    #[serde(default = "three")]
    pub tries: u32,
    /// By which chance the order of the samples is drawn. Default 0.
    #[serde(default)]
    pub seed: u64,
    /// Events under way at most, by mode. Default as for a run: sequential 1, parallel 4 per core, fan-out 64.
    #[serde(default)]
    pub in_flight: BTreeMap<Mode, u16>,
    /// The recipe by its name, `default` or `paper`. Default that of the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Below which prefix, which ends in `/`, the thumbnails are written: nothing of production's, and nothing that overlaps with it.
    pub output_prefix: String,
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}

fn two_minutes() -> Duration {
    Duration::from_mins(2)
}

/// Durations as people write them.
mod humane {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map_err(D::Error::custom)
    }
}

/// In which state the function is found by fan-out. In this process there is nothing to start, and so no
/// temperature: sequential and parallel are measured as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temperature {
    /// As it comes. How many instances were cold is recorded all the same.
    #[default]
    Any,
    /// Every instance has to start within the sample: nothing is sent before for [so long](Design::cold_after).
    Cold,
    /// Every instance has handled an event before: a sample that met another one is discarded, and has warmed the
    /// instances for its next try.
    Warm,
}

/// The function of fan-out, by its own account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Where it is.
    pub url: String,
    /// Its version.
    pub version: String,
    /// The git revision that it was built of, where its build was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Fingerprint of its limits.
    pub limits: String,
}

/// The originals of an experiment: the first so many by name, as many as the greatest count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSet {
    /// How many.
    pub pictures: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256, in hex, of a line `path<TAB>bytes<TAB>etag<LF>` per original, in ascending order of their
    /// keys: the path is what follows the source prefix. The store's `ETag` stands for the content: of what
    /// was put at once it is the MD5.
    pub sha256: String,
}

/// One original of a sample: all that there is to know of its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The [sample](Sample::sample).
    pub sample: u32,
    /// Its place in the sample, from 1, in the order in which they were sent.
    pub n: u64,
    /// The original's key.
    pub key: Key,
    /// How often it was sent.
    pub attempts: u32,
    /// When what happened.
    pub times: Times,
    /// How long each stage took, in microseconds.
    pub stages_us: BTreeMap<Stage, u64>,
    /// Which of the sample's [instances](Sample::instances) did it. Absent where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<usize>,
    /// Whether it was the first event that its instance ever handled.
    pub cold: bool,
    /// Time of a processor that the picture itself took, in microseconds: decoding, resizing, encoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<u64>,
    /// The most memory that its instance's process had held by then, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
    /// Calls to the store and their bytes, in and out.
    pub traffic: Traffic,
    /// How it ended: `"verdict": ".."` or `"error": ".."`.
    #[serde(flatten)]
    pub end: CallEnd,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEnd {
    /// The flow came to its end.
    Verdict(Verdict),
    /// It did not, after all attempts.
    Error(String),
}

/// When what happened to a call, in microseconds since the sample began, by the clock of this machine. What
/// happened in the function is by the function's clock, less the [offset](Instance::offset_us) of its instance,
/// and so as uncertain as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// It was to be sent: its turn had come.
    pub submitted_us: u64,
    /// Its last attempt was sent.
    pub sent_us: u64,
    /// Its event arrived in the flow: what waiting, travelling and starting took lies between. Absent, as the
    /// next two, where it has no outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_started_us: Option<u64>,
    /// Its thumbnails were made, and not stored yet: where the paper's clock ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_us: Option<u64>,
    /// Its thumbnails were stored, and the original looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_us: Option<u64>,
    /// Its answer, or its last error, was seen here.
    pub seen_us: u64,
}

/// One run of one mode over so many originals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its number, from 1, in the order in which all samples were taken.
    pub sample: u32,
    /// The mode.
    pub mode: Mode,
    /// How many originals.
    pub count: u32,
    /// Which repetition of this mode and count it is, from 1.
    pub repetition: u32,
    /// Which try of this repetition it is, from 1.
    pub attempt: u32,
    /// Why it does not count, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded: Option<Discarded>,
    /// The id of its run, which its events carry as `backfillrun`.
    pub run: String,
    /// When it began, by this machine's clock.
    pub started: DateTime<Utc>,
    /// Bytes of its originals.
    pub bytes: u64,
    /// How many ended with each verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// How many have no outcome.
    pub failed: u64,
    /// Attempts beyond each call's first.
    pub retries: u64,
    /// The two clocks.
    pub clocks: Clocks,
    /// How wrong the paper clock can be, to the worse side, as the [clocks of instances](Instance::offset_us) are known
    /// only so well. Absent where there is one clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper_error_us: Option<u64>,
    /// Who did the work: in sequential and parallel this process alone.
    pub instances: Vec<Instance>,
    /// How many of the instances were cold.
    pub cold_instances: u32,
    /// What this program's own process used for it. In sequential and parallel that is all; what else runs in the
    /// process counts, too.
    pub client: Usage,
    /// The store's traffic by the outcomes; failed attempts are not in it.
    pub traffic: Traffic,
}

impl Sample {
    /// How many of its pictures were rejected: they took time, and nothing was made of them.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.verdicts.get(&Verdict::Rejected).copied().unwrap_or(0)
    }
}

/// Why a sample does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discarded {
    /// It was run for what runs before a measurement.
    WarmUp,
    /// It met instances of the wrong temperature: the right one is the [design's](Design::temperature).
    Temperature,
    /// Calls had no outcome, or did not make the thumbnails anew.
    Failed,
}

/// One process that handled events of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name: random, one per process.
    pub id: String,
    /// How many events it had handled before this sample: warm is one that had handled any.
    pub before: u64,
    /// Whether it started within this sample. One that had started before and handled nothing yet, as when it was
    /// asked for its version, is neither cold nor warm.
    pub cold: bool,
    /// How many of the sample's calls it handled.
    pub calls: u64,
    /// When its process began to be ready, in microseconds since the sample began, less the offset; before the
    /// sample where it is negative.
    pub ready_us: i64,
    /// How much its clock is ahead of this machine's, in microseconds. Each call is an exchange as in NTP (RFC 5905,
    /// 8), by when it was sent, handled and answered; that with the least delay says within which bounds the offset is,
    /// and of these it is the nearest to 0. Not their middle: what a cold start takes is on the way there alone. 0 for
    /// this process.
    pub offset_us: i64,
    /// How wrong that can be: up to the bound that is farther, at most that exchange's delay.
    pub offset_error_us: u64,
    /// What it used.
    pub usage: Usage,
}

/// What a process used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Time of processors between the begin of its first call and the end of its last one, in microseconds, with
    /// what the process did beside.
    pub cpu_us: u64,
    /// The most memory that it had held by then, in bytes. Absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

/// An experiment that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// When, by this machine's clock.
    pub at: DateTime<Utc>,
    /// The machine that it goes on on.
    pub environment: Environment,
}

/// The end of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When, by this machine's clock.
    pub at: DateTime<Utc>,
    /// Samples that count.
    pub samples: u32,
    /// Samples that were warm-ups.
    pub warm_ups: u32,
    /// Samples that were discarded for their temperature.
    pub wrong_temperature: u32,
    /// Samples that were discarded as calls failed.
    pub failed: u32,
}
